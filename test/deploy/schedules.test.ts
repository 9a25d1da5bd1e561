import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { scheduleResources } from '../../functions/runtime/deploy/schedules.ts';
import { onePlan } from './plans.ts';

const schema = z.object({
  Type: z.literal('AWS::Scheduler::Schedule'),
  Properties: z.object({
    ScheduleExpression: z.string(),
    ScheduleExpressionTimezone: z.string(),
    FlexibleTimeWindow: z.object({ Mode: z.string() }),
    Target: z.object({
      Arn: z.unknown(),
      RoleArn: z.unknown(),
      Input: z.string().transform((text): unknown => JSON.parse(text)),
      RetryPolicy: z.object({ MaximumEventAgeInSeconds: z.number(), MaximumRetryAttempts: z.number() }),
      DeadLetterConfig: z.object({ Arn: z.unknown() }),
    }),
  }),
});

const schedulesOf = (more: string) =>
  Object.values(scheduleResources(onePlan({ more }))).map((resource) => schema.parse(resource).Properties);

const WEEKLY = 'schedule: { full: "cron(0 2 ? * SUN *)", incremental: "rate(1 hour)", timezone: Europe/London }';

describe('schedules', () => {
  it('there is one for each kind that the plan names, in its time zone', () => {
    const found = schedulesOf(WEEKLY).map((one) => [one.ScheduleExpression, one.ScheduleExpressionTimezone]);
    expect(found).toEqual([
      ['cron(0 2 ? * SUN *)', 'Europe/London'],
      ['rate(1 hour)', 'Europe/London'],
    ]);
  });

  it('a plan without a time zone runs by UTC', () => {
    expect(schedulesOf('schedule: { full: "rate(1 day)" }')[0]?.ScheduleExpressionTimezone).toBe('UTC');
  });

  it('a plan without a schedule has none', () => {
    expect(schedulesOf('')).toEqual([]);
  });

  it('the machine is told the scheduled time, so that one start delivered twice is one run', () => {
    expect(schedulesOf(WEEKLY).map((one) => one.Target.Input)).toEqual([
      { plan: 'app', kind: 'full', scheduledAt: '<aws.scheduler.scheduled-time>' },
      { plan: 'app', kind: 'incremental', scheduledAt: '<aws.scheduler.scheduled-time>' },
    ]);
  });

  it('start on the minute, retry, and end in the dead-letter queue', () => {
    for (const schedule of schedulesOf(WEEKLY))
      expect(schedule).toMatchObject({
        FlexibleTimeWindow: { Mode: 'OFF' },
        Target: {
          Arn: { 'Fn::GetAtt': ['BackupMachine', 'Arn'] },
          RoleArn: { 'Fn::GetAtt': ['ScheduleRole', 'Arn'] },
          RetryPolicy: { MaximumEventAgeInSeconds: 3600, MaximumRetryAttempts: 10 },
          DeadLetterConfig: { Arn: { 'Fn::GetAtt': ['ScheduleDeadLetterQueue', 'Arn'] } },
        },
      });
  });

  it.each(['Europe/Lodon', '+01:00', 'local'])('%s is refused as a time zone', (timezone) => {
    expect(() => schedulesOf(`schedule: { full: "rate(1 day)", timezone: "${timezone}" }`)).toThrow(/is no time zone/);
  });
});
