/** Alarms on what the stack itself consists of: a schedule that could not start, a machine that failed. */
import type { Json } from '../../core/entry.ts';
import { getAtt, type Resource, type Resources, ref } from './cloudformation.ts';

/** statemachines/<name>.asl.json; in the stack `<Name>Machine`. */
export const MACHINE_NAMES = ['backup', 'verify', 'replicate', 'restore'] as const;

/** `backup` → `BackupMachine` */
export const machineId = (name: string): string => `${name.charAt(0).toUpperCase()}${name.slice(1)}Machine`;

/** Metrics of Step Functions that say that an execution did not end well (Step Functions guide, "Execution metrics"). */
const ENDINGS = [
  { metric: 'ExecutionsFailed', says: 'failed' },
  { metric: 'ExecutionsTimedOut', says: 'timed out' },
  { metric: 'ExecutionsAborted', says: 'was stopped' },
] as const;

/** `prefix` begins every alarm's name and carries the stage. */
export function stackAlarmResources({ prefix }: { readonly prefix: string }): Resources {
  const machines = MACHINE_NAMES.flatMap((machine) =>
    ENDINGS.map(({ metric, says }): [string, Resource] => [
      `${machineId(machine)}${metric}Alarm`,
      alarm(`${prefix} ${machine} machine: an execution ${says}`, {
        AlarmDescription: `Holdfast: an execution of ${prefix}-${machine} ${says}; its history says where and why`,
        Namespace: 'AWS/States',
        MetricName: metric,
        Dimensions: [{ Name: 'StateMachineArn', Value: ref(machineId(machine)) }],
        Statistic: 'Sum',
      }),
    ]),
  );
  return {
    ...Object.fromEntries(machines),
    ScheduleDeadLetterAlarm: alarm(`${prefix} schedules: dead-letter queue not empty`, {
      AlarmDescription:
        'Holdfast: a scheduled run could not be started; the message in the queue names the plan and the time',
      Namespace: 'AWS/SQS',
      MetricName: 'ApproximateNumberOfMessagesVisible',
      Dimensions: [{ Name: 'QueueName', Value: getAtt('ScheduleDeadLetterQueue', 'QueueName') }],
      Statistic: 'Maximum',
    }),
  };
}

function alarm(name: string, properties: { readonly [name: string]: Json }): Resource {
  return {
    Type: 'AWS::CloudWatch::Alarm',
    Properties: {
      AlarmName: name,
      ...properties,
      Period: 300,
      EvaluationPeriods: 1,
      Threshold: 0,
      ComparisonOperator: 'GreaterThanThreshold',
      TreatMissingData: 'notBreaching',
      AlarmActions: [ref('AlarmTopic')],
      OKActions: [ref('AlarmTopic')],
    },
  };
}
