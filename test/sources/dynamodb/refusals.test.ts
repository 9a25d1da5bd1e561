import {
  ApplicationAutoScalingServiceException,
  PutScalingPolicyCommand,
  PutScheduledActionCommand,
  RegisterScalableTargetCommand,
} from '@aws-sdk/client-application-auto-scaling';
import {
  DescribeTableCommand,
  EnableKinesisStreamingDestinationCommand,
  PutResourcePolicyCommand,
  TagResourceCommand,
  UpdateContinuousBackupsCommand,
  UpdateContributorInsightsCommand,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { beforeEach, describe, expect, it } from 'vitest';
import { AccessDeniedError, NotFoundError, TransientError } from '../../../functions/core/errors.ts';
import { applyTableSettings } from '../../../functions/sources/dynamodb/apply.ts';
import { alone, answerAsPlain, autoScaling, changes, clients, dynamoDb, made, refusal, STREAM_ARN } from './table.ts';

const apply = () => applyTableSettings(clients, 'orders', alone, { sleep: async () => {} });

beforeEach(() => answerAsPlain(made));

type Fail = (how: () => never) => unknown;

/** Each request that an application makes, how it is made to fail, and how the lines about it begin. */
const requests: readonly (readonly [request: string, fail: Fail, begin: readonly string[]])[] = [
  [
    'UpdateTable',
    (how) => dynamoDb.on(UpdateTableCommand).callsFake(how),
    ['capacity', 'warmThroughput', 'stream', 'deletionProtection'],
  ],
  ['UpdateTimeToLive', (how) => dynamoDb.on(UpdateTimeToLiveCommand).callsFake(how), ['timeToLive']],
  ['TagResource', (how) => dynamoDb.on(TagResourceCommand).callsFake(how), ['tags']],
  [
    'UpdateContinuousBackups',
    (how) => dynamoDb.on(UpdateContinuousBackupsCommand).callsFake(how),
    ['pointInTimeRecovery'],
  ],
  [
    'UpdateContributorInsights',
    (how) => dynamoDb.on(UpdateContributorInsightsCommand).callsFake(how),
    ['contributorInsights', 'contributorInsights of by-state'],
  ],
  [
    'EnableKinesisStreamingDestination',
    (how) => dynamoDb.on(EnableKinesisStreamingDestinationCommand).callsFake(how),
    [`kinesisDestinations ${STREAM_ARN}`],
  ],
  ['PutResourcePolicy', (how) => dynamoDb.on(PutResourcePolicyCommand).callsFake(how), ['resourcePolicy']],
];

describe.each(requests)('what %s refuses', (_name, fail, begin) => {
  const failWith = (error: Error) =>
    fail(() => {
      throw error;
    });
  const all = async () => {
    await apply();
    return changes();
  };

  it('is named, and all else is set', async () => {
    const expected = await all();
    for (const code of [
      'ValidationException',
      'AccessDeniedException',
      'UnknownOperationException',
      'KMS.DisabledException',
    ]) {
      answerAsPlain(made);
      failWith(refusal(code, 'for a reason'));
      expect(await apply()).toEqual(begin.map((setting) => `${setting}: ${code} (for a reason)`));
      expect(changes()).toEqual(expected);
    }
  });

  it('is tried again later where it is refused for now', async () => {
    for (const code of [
      'ThrottlingException',
      'ResourceInUseException',
      'LimitExceededException',
      'ContinuousBackupsUnavailableException',
    ]) {
      answerAsPlain(made);
      failWith(refusal(code, 'too many at once'));
      await expect(apply()).rejects.toThrow(TransientError);
    }
  });

  it('is named where an allowance is used up', async () => {
    const used = refusal(
      'LimitExceededException',
      'Subscriber limit exceeded: changes are limited in the 24h window ending at 12:00',
    );
    failWith(used);
    expect(await apply()).toHaveLength(begin.length);
  });

  it('is named where something else is missing, and fails where the table is', async () => {
    failWith(refusal('ResourceNotFoundException', 'no such stream'));
    expect(await apply()).toEqual(begin.map((setting) => `${setting}: ResourceNotFoundException (no such stream)`));
    answerAsPlain(made);
    fail(() => {
      dynamoDb.on(DescribeTableCommand).rejects(refusal('ResourceNotFoundException'));
      throw refusal('ResourceNotFoundException');
    });
    await expect(apply()).rejects.toThrow(NotFoundError);
  });

  it('is no matter of the setting where the credentials are of no use, or the error is unknown', async () => {
    failWith(refusal('ExpiredTokenException'));
    await expect(apply()).rejects.toThrow(AccessDeniedError);
    const bug = new TypeError('a bug');
    failWith(bug);
    await expect(apply()).rejects.toBe(bug);
  });
});

describe('auto scaling that is refused', () => {
  const limit = new ApplicationAutoScalingServiceException({
    name: 'LimitExceededException',
    message: 'no more of these',
    $fault: 'client',
    $metadata: { httpStatusCode: 400 },
  });

  it.each([
    [
      'a target',
      (error: Error) => autoScaling.on(RegisterScalableTargetCommand).rejects(error),
      ['dynamodb:table:WriteCapacityUnits', 'by-state dynamodb:index:ReadCapacityUnits'],
    ],
    [
      'a policy',
      (error: Error) => autoScaling.on(PutScalingPolicyCommand).rejects(error),
      ['dynamodb:table:WriteCapacityUnits at-70-percent'],
    ],
    [
      'a scheduled action',
      (error: Error) => autoScaling.on(PutScheduledActionCommand).rejects(error),
      ['dynamodb:table:WriteCapacityUnits sale'],
    ],
  ] as const)('is named, %s', async (_name, fail, names) => {
    for (const error of [limit, refusal('ValidationException', 'no more of these')]) {
      answerAsPlain(made);
      fail(error);
      expect(await apply()).toEqual(names.map((name) => `autoScaling ${name}: ${error.name} (no more of these)`));
      expect(changes()).toHaveLength(15);
    }
  });

  it('is tried again later when it is being changed', async () => {
    autoScaling.on(PutScalingPolicyCommand).rejects(refusal('ConcurrentUpdateException', 'busy', 400));
    await expect(apply()).rejects.toThrow(TransientError);
  });
});
