/** An EventBridge schedule for each plan and kind: it starts the backup machine, in the plan's own time zone. */
import { SNAPSHOT_KINDS } from '../../core/closed-sets.ts';
import { InvalidInputError } from '../../core/errors.ts';
import type { HoldfastConfig } from '../../core/plan.ts';
import { getAtt, logicalId, type Resources } from './cloudformation.ts';

/** A start that could not be made within an hour goes to the dead-letter queue, where an alarm sees it. */
const RETRY = { MaximumEventAgeInSeconds: 3600, MaximumRetryAttempts: 10 } as const;

/** @throws InvalidInputError for a time zone that is not in the IANA list. */
export function scheduleResources(config: HoldfastConfig): Resources {
  const resources: Record<string, Resources[string]> = {};
  for (const [plan, { schedule }] of Object.entries(config.plans)) {
    if (schedule === undefined) continue;
    assertTimeZone(plan, schedule.timezone);
    for (const kind of SNAPSHOT_KINDS) {
      const expression = schedule[kind];
      if (expression === undefined) continue;
      resources[logicalId('Schedule', plan, kind)] = {
        Type: 'AWS::Scheduler::Schedule',
        Properties: {
          Description: `Holdfast: ${kind} snapshots of plan ${plan}`,
          ScheduleExpression: expression,
          ScheduleExpressionTimezone: schedule.timezone,
          FlexibleTimeWindow: { Mode: 'OFF' },
          Target: {
            Arn: getAtt('BackupMachine', 'Arn'),
            RoleArn: getAtt('ScheduleRole', 'Arn'),
            // The scheduled time and not the time of delivery: a start that is delivered twice is one run.
            Input: JSON.stringify({ plan, kind, scheduledAt: '<aws.scheduler.scheduled-time>' }),
            RetryPolicy: RETRY,
            DeadLetterConfig: { Arn: getAtt('ScheduleDeadLetterQueue', 'Arn') },
          },
        },
      };
    }
  }
  return resources;
}

function assertTimeZone(plan: string, timeZone: string): void {
  try {
    // Intl also knows offsets such as +01:00, which are no names.
    if (/^[A-Za-z]/.test(timeZone)) return void new Intl.DateTimeFormat('en', { timeZone });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  throw new InvalidInputError(
    `plan "${plan}": "${timeZone}" is no time zone; write a name of the IANA list such as Europe/London`,
  );
}
