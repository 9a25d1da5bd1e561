/** What a person sees of a deployed stack in CloudWatch and on the bus. */
import { z } from 'zod';
import type { Aws } from './ministack.ts';

/** A metric as CloudWatch tells them apart, and a value of it. */
export interface Datapoint {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One text for one metric, whatever the order of its dimensions. */
export const metricKey = ({ namespace, name, dimensions }: Omit<Datapoint, 'value'>): string =>
  JSON.stringify([namespace, name, Object.entries(dimensions).sort()]);

const logged = z.object({ events: z.array(z.looseObject({ message: z.string() })) });
const groups = z.object({ logGroups: z.array(z.looseObject({ logGroupName: z.string() })) });
const embedded = z.looseObject({
  _aws: z.object({
    CloudWatchMetrics: z.array(
      z.object({
        Namespace: z.string(),
        Dimensions: z.array(z.array(z.string())),
        Metrics: z.array(z.looseObject({ Name: z.string() })),
      }),
    ),
  }),
});

/**
 * The datapoints that CloudWatch would take out of the functions' logs (CloudWatch user guide, "Specification: Embedded metric format");
 * the emulator keeps the logs and does not read them.
 */
export async function metricsInLogs(aws: Aws, prefix: string): Promise<readonly Datapoint[]> {
  const { logGroups } = groups.parse(
    await aws('logs', 'describe-log-groups', '--log-group-name-prefix', `/aws/lambda/${prefix}-`),
  );
  const found: Datapoint[] = [];
  for (const { logGroupName } of logGroups) {
    const { events } = logged.parse(await aws('logs', 'filter-log-events', '--log-group-name', logGroupName));
    for (const line of events.flatMap(({ message }) => message.split('\n'))) {
      if (!line.includes('"CloudWatchMetrics"')) continue;
      const document: Record<string, unknown> = JSON.parse(line.slice(line.indexOf('{')));
      const { _aws } = embedded.parse(document);
      for (const { Namespace, Dimensions, Metrics } of _aws.CloudWatchMetrics)
        for (const names of Dimensions)
          for (const { Name } of Metrics)
            found.push({
              namespace: Namespace,
              name: Name,
              dimensions: Object.fromEntries(names.map((name) => [name, z.string().parse(document[name])])),
              value: z.number().parse(document[Name]),
            });
    }
  }
  return found;
}

const metric = z.object({
  Namespace: z.string(),
  MetricName: z.string(),
  Dimensions: z.array(z.object({ Name: z.string(), Value: z.string() })),
});
const alarmSchema = z.looseObject({
  AlarmName: z.string(),
  StateValue: z.string(),
  TreatMissingData: z.string(),
  AlarmActions: z.array(z.string()),
  ...metric.partial().shape,
  Metrics: z.array(z.looseObject({ MetricStat: z.object({ Metric: metric }).optional() })).optional(),
});

export interface SeenAlarm {
  readonly name: string;
  readonly state: string;
  readonly missing: string;
  readonly actions: readonly string[];
  readonly metric: Omit<Datapoint, 'value'>;
}

/** The alarms of a stage. */
export async function alarmsSeen(aws: Aws, prefix: string): Promise<readonly SeenAlarm[]> {
  const { MetricAlarms } = z
    .object({ MetricAlarms: z.array(alarmSchema) })
    .parse(await aws('cloudwatch', 'describe-alarms', '--alarm-name-prefix', prefix));
  return MetricAlarms.map((alarm) => {
    const stat = alarm.Metrics?.map((one) => one.MetricStat?.Metric).find((one) => one !== undefined);
    const { Namespace, MetricName, Dimensions } = stat ?? metric.parse(alarm);
    return {
      name: alarm.AlarmName,
      state: alarm.StateValue,
      missing: alarm.TreatMissingData,
      actions: alarm.AlarmActions,
      metric: {
        namespace: Namespace,
        name: MetricName,
        dimensions: Object.fromEntries(Dimensions.map(({ Name, Value }) => [Name, Value])),
      },
    };
  });
}

/** Puts a datapoint where CloudWatch itself would. */
export async function putDatapoint(aws: Aws, { namespace, name, dimensions, value }: Datapoint): Promise<void> {
  const data = {
    MetricName: name,
    Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
    Value: value,
  };
  await aws('cloudwatch', 'put-metric-data', '--namespace', namespace, '--metric-data', JSON.stringify([data]));
}

const queueSchema = z.object({ QueueUrl: z.string() });
const attributes = z.object({ Attributes: z.object({ QueueArn: z.string() }) });

export interface Queue {
  readonly url: string;
  readonly arn: string;
}

/** A queue that topics and rules of the account may fill: without a policy that says so none may. */
export async function makeQueue(aws: Aws, name: string): Promise<Queue> {
  const { QueueUrl: url } = queueSchema.parse(await aws('sqs', 'create-queue', '--queue-name', name));
  const { Attributes } = attributes.parse(
    await aws('sqs', 'get-queue-attributes', '--queue-url', url, '--attribute-names', 'QueueArn'),
  );
  const Principal = { Service: ['sns.amazonaws.com', 'events.amazonaws.com'] };
  const grant = { Effect: 'Allow', Principal, Action: 'sqs:SendMessage', Resource: Attributes.QueueArn };
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [grant] });
  await aws('sqs', 'set-queue-attributes', '--queue-url', url, '--attributes', JSON.stringify({ Policy }));
  return { url, arn: Attributes.QueueArn };
}

const received = z
  .object({ Messages: z.array(z.looseObject({ Body: z.string(), ReceiptHandle: z.string() })).default([]) })
  .optional();

/** Everything in a queue, which is then empty; each body as JSON. */
export async function drain(aws: Aws, { url }: Queue): Promise<readonly unknown[]> {
  const bodies: unknown[] = [];
  for (;;) {
    const answer = received.parse(
      await aws('sqs', 'receive-message', '--queue-url', url, '--max-number-of-messages', '10'),
    );
    const messages = answer?.Messages ?? [];
    if (messages.length === 0) return bodies;
    bodies.push(...messages.map(({ Body }) => JSON.parse(Body)));
    const entries = messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
    await aws('sqs', 'delete-message-batch', '--queue-url', url, '--entries', JSON.stringify(entries));
  }
}
