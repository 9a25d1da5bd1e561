import { DescribeScalableTargetsCommand } from '@aws-sdk/client-application-auto-scaling';
import {
  DescribeContinuousBackupsCommand,
  DescribeContributorInsightsCommand,
  DescribeKinesisStreamingDestinationCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  GetResourcePolicyCommand,
  ListTagsOfResourceCommand,
} from '@aws-sdk/client-dynamodb';
import { beforeEach, describe, expect, it } from 'vitest';
import { AccessDeniedError, NotFoundError, TransientError } from '../../../functions/core/errors.ts';
import { readTableSettings } from '../../../functions/sources/dynamodb/settings.ts';
import {
  answerAsPlain,
  answerAsWhole,
  autoScaling,
  clients,
  dynamoDb,
  KEY_ARN,
  plain,
  refusal,
  STREAM_ARN,
  settings,
  whole,
} from './table.ts';

const read = () => readTableSettings(clients, 'orders');

/** Every setting that has a request of its own, and how that request is made to fail. */
const parts: readonly (readonly [setting: string, fail: (error: Error) => unknown])[] = [
  ['timeToLive', (error) => dynamoDb.on(DescribeTimeToLiveCommand).rejects(error)],
  ['tags', (error) => dynamoDb.on(ListTagsOfResourceCommand, { NextToken: 'next' }).rejects(error)],
  ['pointInTimeRecovery', (error) => dynamoDb.on(DescribeContinuousBackupsCommand).rejects(error)],
  [
    'contributorInsights',
    (error) => dynamoDb.on(DescribeContributorInsightsCommand, { IndexName: 'by-state' }).rejects(error),
  ],
  ['kinesisDestinations', (error) => dynamoDb.on(DescribeKinesisStreamingDestinationCommand).rejects(error)],
  ['autoScaling', (error) => autoScaling.on(DescribeScalableTargetsCommand).rejects(error)],
  ['resourcePolicy', (error) => dynamoDb.on(GetResourcePolicyCommand).rejects(error)],
];

beforeEach(answerAsWhole);

describe('reading what a table is besides its items', () => {
  it('captures all of it, every list to its last page', async () => {
    expect(await read()).toEqual({ settings, notCaptured: [] });
  });

  it('captures a new table as one of which nothing is set', async () => {
    answerAsPlain();
    const { settings: found, notCaptured } = await read();
    expect(notCaptured).toEqual([]);
    expect(found).toMatchObject({
      capacity: { BillingMode: 'PAY_PER_REQUEST' },
      globalIndexes: [],
      localIndexes: [],
      tableClass: 'STANDARD',
      encryption: null,
      deletionProtection: false,
      stream: null,
      replicas: [],
      timeToLive: null,
      tags: [],
      pointInTimeRecovery: null,
      contributorInsights: [],
      kinesisDestinations: [],
      autoScaling: { targets: [], policies: [], actions: [] },
      resourcePolicy: null,
    });
    expect(found.capacity).toEqual({ BillingMode: 'PAY_PER_REQUEST' });
  });

  it('captures provisioned capacity, and warm throughput where it is above that', async () => {
    const ProvisionedThroughput = { ReadCapacityUnits: 5, WriteCapacityUnits: 6 };
    const provisioned = { ...plain, BillingModeSummary: undefined, ProvisionedThroughput };
    answerAsPlain({ ...provisioned, WarmThroughput: { ReadUnitsPerSecond: 5, WriteUnitsPerSecond: 6 } });
    expect((await read()).settings.capacity).toEqual({ BillingMode: 'PROVISIONED', ProvisionedThroughput });
    const WarmThroughput = { ReadUnitsPerSecond: 50, WriteUnitsPerSecond: 6 };
    answerAsPlain({ ...provisioned, WarmThroughput });
    expect((await read()).settings.capacity).toEqual({
      BillingMode: 'PROVISIONED',
      ProvisionedThroughput,
      WarmThroughput,
    });
  });

  it.each([
    ['ENABLED', 'on'],
    ['ENABLING', 'on'],
    ['UPDATING', 'on'],
    ['DISABLING', 'off'],
    ['DISABLED', 'off'],
  ] as const)('takes what is %s for %s', async (status, taken) => {
    const KMSMasterKeyArn = KEY_ARN;
    const Table = { ...whole, SSEDescription: { Status: status, SSEType: 'KMS' as const, KMSMasterKeyArn } };
    dynamoDb.on(DescribeTableCommand).resolves({ Table });
    const DestinationStatus = status === 'ENABLED' ? 'ACTIVE' : status;
    dynamoDb
      .on(DescribeKinesisStreamingDestinationCommand)
      .resolves({ KinesisDataStreamDestinations: [{ StreamArn: STREAM_ARN, DestinationStatus }] });
    // These two are never being updated.
    const state = status === 'UPDATING' ? 'ENABLED' : status;
    dynamoDb
      .on(DescribeTimeToLiveCommand)
      .resolves({ TimeToLiveDescription: { TimeToLiveStatus: state, AttributeName: 'endsAt' } });
    dynamoDb.on(DescribeContributorInsightsCommand).resolves({ ContributorInsightsStatus: state });
    const on = {
      timeToLive: 'endsAt',
      encryption: settings.encryption,
      kinesisDestinations: [{ StreamArn: STREAM_ARN }],
      contributorInsights: [{}, { IndexName: 'by-state' }],
    };
    const off = { timeToLive: null, encryption: null, kinesisDestinations: [], contributorInsights: [] };
    expect((await read()).settings).toMatchObject(taken === 'on' ? on : off);
  });

  it('names a vector index, which is not captured', async () => {
    dynamoDb.on(DescribeTableCommand).resolves({ Table: { ...whole, VectorIndexes: [{ IndexName: 'near' }] } });
    expect(await read()).toEqual({
      settings,
      notCaptured: ['vectorIndexes: near is a vector index, which is not captured'],
    });
  });
});

describe('what cannot be read', () => {
  it.each(parts)(
    '%s is named when access is denied or the place does not know it, and all else is captured',
    async (name, fail) => {
      const others = Object.fromEntries(Object.entries(settings).filter(([setting]) => setting !== name));
      for (const code of ['AccessDeniedException', 'UnknownOperationException', 'ValidationException']) {
        fail(refusal(code, 'for a reason'));
        expect(await read()).toEqual({ settings: others, notCaptured: [`${name}: ${code} (for a reason)`] });
      }
    },
  );

  it.each(parts)('%s fails the reading when AWS throttles, fails or knows no such table', async (name, fail) => {
    fail(refusal('ThrottlingException'));
    await expect(read()).rejects.toThrow(TransientError);
    fail(refusal('InternalServerError', 'oops', 500));
    await expect(read()).rejects.toThrow(TransientError);
    fail(refusal('ResourceNotFoundException'));
    await expect(read()).rejects.toThrow(NotFoundError);
    await expect(read()).rejects.toThrow(`dynamodb://orders: reading the table's ${name}`);
    fail(refusal('ExpiredTokenException'));
    await expect(read()).rejects.toThrow(AccessDeniedError);
  });

  it('is everything for a table that is missing, or may not be described', async () => {
    dynamoDb.on(DescribeTableCommand).rejects(refusal('ResourceNotFoundException'));
    await expect(read()).rejects.toThrow('dynamodb://orders: there is no such table');
    dynamoDb.on(DescribeTableCommand).rejects(refusal('AccessDeniedException'));
    await expect(read()).rejects.toThrow(AccessDeniedError);
    dynamoDb.on(DescribeTableCommand).rejects(refusal('ThrottlingException'));
    await expect(read()).rejects.toThrow(TransientError);
  });

  it('lets an error that it does not know pass', async () => {
    const bug = new TypeError('a bug');
    dynamoDb.on(DescribeTimeToLiveCommand).rejects(bug);
    await expect(read()).rejects.toBe(bug);
  });
});
