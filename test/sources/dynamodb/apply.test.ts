import {
  DescribeContinuousBackupsCommand,
  DescribeKinesisStreamingDestinationCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  ListTagsOfResourceCommand,
  type TableDescription,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Attributes } from '../../../functions/core/entry.ts';
import { TransientError } from '../../../functions/core/errors.ts';
import { applyTableSettings } from '../../../functions/sources/dynamodb/apply.ts';
import { readTableSettings } from '../../../functions/sources/dynamodb/settings.ts';
import {
  ARN,
  action,
  alone,
  answerAsPlain,
  answerAsWhole,
  attributeDefinitions,
  byState,
  changed,
  changes,
  clients,
  dynamoDb,
  indexTarget,
  inputsOf,
  KEY_ARN,
  made,
  plain,
  policyOf,
  refusal,
  STREAM_ARN,
  scalingPolicy,
  settings,
  target,
  whole,
} from './table.ts';

const TableName = 'orders';
let pauses = 0;
const sleep = async () => {
  pauses += 1;
};
const apply = (wanted: Attributes = settings) => applyTableSettings(clients, TableName, wanted, { sleep });

const REPLICAS = 'replicas: the table was replicated to us-east-1; a restore makes no replicas, add them yourself';

beforeEach(() => {
  pauses = 0;
  answerAsPlain(made);
});

describe('applying settings', () => {
  it('changes nothing of a table that is as it was captured', async () => {
    answerAsWhole();
    const { settings: captured } = await readTableSettings(clients, TableName);
    expect(await apply(captured)).toEqual([]);
    expect(changes()).toEqual([]);
    expect(pauses).toBe(0);
  });

  it('gives a table that was just made all that it lacks, and names its replicas', async () => {
    expect(await apply()).toEqual([REPLICAS]);
    const WarmThroughput = { ReadUnitsPerSecond: 12_000, WriteUnitsPerSecond: 5_000 };
    const ofIndex = (change: object) => [{ Update: { IndexName: 'by-state', ...change } }];
    const scaled = (ResourceId: string) => ({ ServiceNamespace: 'dynamodb', ResourceId });
    const { IndexName: __, ...onIndex } = indexTarget;
    expect(changed().map(({ name, input }) => [name, input])).toEqual([
      [
        'UpdateTable',
        {
          TableName,
          OnDemandThroughput: { MaxWriteRequestUnits: 500 },
          GlobalSecondaryIndexUpdates: ofIndex({ OnDemandThroughput: { MaxReadRequestUnits: 100 } }),
        },
      ],
      ['UpdateTable', { TableName, GlobalSecondaryIndexUpdates: ofIndex({ WarmThroughput }) }],
      ['UpdateTable', { TableName, StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_IMAGE' } }],
      ['UpdateTable', { TableName, DeletionProtectionEnabled: true }],
      ['UpdateTimeToLive', { TableName, TimeToLiveSpecification: { AttributeName: 'endsAt', Enabled: true } }],
      ['TagResource', { ResourceArn: ARN, Tags: settings.tags }],
      [
        'UpdateContinuousBackups',
        { TableName, PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: 20 } },
      ],
      [
        'UpdateContributorInsights',
        { TableName, ContributorInsightsAction: 'ENABLE', ContributorInsightsMode: 'ACCESSED_AND_THROTTLED_KEYS' },
      ],
      [
        'UpdateContributorInsights',
        {
          TableName,
          IndexName: 'by-state',
          ContributorInsightsAction: 'ENABLE',
          ContributorInsightsMode: 'THROTTLED_KEYS',
        },
      ],
      [
        'EnableKinesisStreamingDestination',
        {
          TableName,
          StreamArn: STREAM_ARN,
          EnableKinesisStreamingConfiguration: { ApproximateCreationDateTimePrecision: 'MICROSECOND' },
        },
      ],
      ['PutResourcePolicy', { ResourceArn: ARN, Policy: JSON.stringify(policyOf(ARN)) }],
      ['RegisterScalableTarget', { ...scaled('table/orders'), ...target }],
      ['RegisterScalableTarget', { ...scaled('table/orders/index/by-state'), ...onIndex }],
      ['PutScalingPolicy', { ...scaled('table/orders'), ...scalingPolicy }],
      ['PutScheduledAction', { ...scaled('table/orders'), ...action, StartTime: new Date(action.StartTime) }],
    ]);
  });

  it('leaves alone what was not captured', async () => {
    answerAsWhole();
    const named = ['timeToLive', 'tags', 'pointInTimeRecovery', 'contributorInsights', 'kinesisDestinations'];
    const uncaptured = [...named, 'autoScaling', 'resourcePolicy'];
    const described = Object.fromEntries(Object.entries(settings).filter(([name]) => !uncaptured.includes(name)));
    expect(await apply(described)).toEqual([]);
    expect(changes()).toEqual([]);
  });

  it('says so when the snapshot holds no settings of a table', async () => {
    expect(await apply({})).toEqual([
      expect.stringMatching(/^settings: dynamodb:\/\/orders: the snapshot does not say/),
    ]);
    expect(dynamoDb.calls()).toEqual([]);
  });

  it('waits for the table between one change of it and the next', async () => {
    const updating: TableDescription = { ...made, TableStatus: 'UPDATING' };
    dynamoDb
      .on(DescribeTableCommand)
      .resolvesOnce({ Table: updating })
      .resolvesOnce({ Table: made })
      .resolvesOnce({ Table: made })
      .resolvesOnce({ Table: updating })
      .resolvesOnce({ Table: updating })
      .resolves({ Table: made });
    expect(await apply(alone)).toEqual([]);
    // One for the change that was under way, one after each of four, and two more after the first of these.
    expect(pauses).toBe(1 + 4 + 2);
  });

  it('gives up when the table does not become ready, so that it is called again', async () => {
    dynamoDb.on(DescribeTableCommand).resolves({ Table: { ...made, TableStatus: 'UPDATING' } });
    await expect(apply()).rejects.toThrow(TransientError);
    expect(changes()).toEqual([]);
  });
});

describe('an index that is missing', () => {
  const unindexed: TableDescription = { ...made, AttributeDefinitions: plain.AttributeDefinitions };
  const indexing: TableDescription = { ...made, GlobalSecondaryIndexes: [{ ...byState, IndexStatus: 'CREATING' }] };
  const { GlobalSecondaryIndexes: _none, ...without } = unindexed;

  it('is made, and waited for before what speaks of it is set', async () => {
    answerAsPlain(without);
    dynamoDb.on(UpdateTableCommand).callsFake((input: unknown) => {
      if (Object(input).GlobalSecondaryIndexUpdates !== undefined)
        dynamoDb
          .on(DescribeTableCommand)
          .resolvesOnce({ Table: indexing })
          .resolvesOnce({ Table: indexing })
          .resolves({ Table: made });
      return {};
    });
    expect(await apply(alone)).toEqual([]);
    const names = changes();
    expect(names.slice(names.lastIndexOf('UpdateTable'))).toEqual([
      'UpdateTable',
      'UpdateContributorInsights',
      'UpdateContributorInsights',
      'EnableKinesisStreamingDestination',
      'PutResourcePolicy',
      'RegisterScalableTarget',
      'RegisterScalableTarget',
      'PutScalingPolicy',
      'PutScheduledAction',
    ]);
    expect(inputsOf('UpdateTable').at(-1)).toEqual({
      TableName,
      AttributeDefinitions: attributeDefinitions,
      GlobalSecondaryIndexUpdates: [{ Create: settings.globalIndexes[0] }],
    });
  });

  it('that takes its time is found being made by the next call, and not made twice', async () => {
    answerAsPlain(indexing);
    await expect(apply(alone)).rejects.toThrow(TransientError);
    expect(inputsOf('UpdateTable')).not.toContainEqual(
      expect.objectContaining({ AttributeDefinitions: expect.anything() }),
    );
    expect(changes()).toContain('UpdateTimeToLive');
    expect(changes()).not.toContain('UpdateContributorInsights');
  });
});

describe('a table that has more than the snapshot', () => {
  const bare: Attributes = {
    ...settings,
    capacity: { BillingMode: 'PAY_PER_REQUEST' },
    globalIndexes: [],
    localIndexes: [],
    attributeDefinitions: attributeDefinitions.slice(0, 2),
    tableClass: 'STANDARD',
    encryption: null,
    deletionProtection: false,
    stream: null,
    replicas: [],
    timeToLive: null,
    tags: [{ Key: 'stage', Value: 'test' }],
    pointInTimeRecovery: null,
    contributorInsights: [],
    kinesisDestinations: [],
    autoScaling: { targets: [], policies: [], actions: [] },
    resourcePolicy: null,
  };

  it('loses what the snapshot says was off, but nothing that protects and no index', async () => {
    answerAsWhole();
    expect(await apply(bare)).toEqual([
      'index by-total: it was not there at the snapshot; it is left as it is',
      'index by-state: it was not there at the snapshot; it is left as it is',
      'deletionProtection: it was off at the snapshot and is on now; it is left on',
      'pointInTimeRecovery: it was off at the snapshot and is on now; it is left on',
      'encryption: the key was of DynamoDB itself at the snapshot and is one of KMS now; it is left so',
    ]);
    const of = {
      ServiceNamespace: 'dynamodb',
      ResourceId: 'table/orders',
      ScalableDimension: target.ScalableDimension,
    };
    expect(changed().map(({ name, input }) => [name, input])).toEqual([
      ['UpdateTable', { TableName, OnDemandThroughput: { MaxWriteRequestUnits: -1 } }],
      ['UpdateTable', { TableName, TableClass: 'STANDARD' }],
      ['UpdateTable', { TableName, StreamSpecification: { StreamEnabled: false } }],
      ['UpdateTimeToLive', { TableName, TimeToLiveSpecification: { AttributeName: 'endsAt', Enabled: false } }],
      ['UntagResource', { ResourceArn: ARN, TagKeys: ['owner'] }],
      ['TagResource', { ResourceArn: ARN, Tags: [{ Key: 'stage', Value: 'test' }] }],
      ['UpdateContributorInsights', { TableName, ContributorInsightsAction: 'DISABLE' }],
      ['UpdateContributorInsights', { TableName, IndexName: 'by-state', ContributorInsightsAction: 'DISABLE' }],
      ['DisableKinesisStreamingDestination', { TableName, StreamArn: STREAM_ARN }],
      ['DeleteResourcePolicy', { ResourceArn: ARN }],
      ['DeregisterScalableTarget', of],
      [
        'DeregisterScalableTarget',
        { ...of, ResourceId: 'table/orders/index/by-state', ScalableDimension: indexTarget.ScalableDimension },
      ],
    ]);
  });

  it('loses policies and scheduled actions of a target that stays', async () => {
    answerAsWhole();
    const fewer = { targets: settings.autoScaling.targets, policies: [], actions: [] };
    expect(await apply({ ...settings, autoScaling: fewer })).toEqual([]);
    expect(changes()).toEqual(['DeleteScalingPolicy', 'DeleteScheduledAction']);
  });
});

describe('each setting', () => {
  it('time to live on another attribute is switched off and on again', async () => {
    const TimeToLiveDescription = { TimeToLiveStatus: 'ENABLED' as const, AttributeName: 'old' };
    dynamoDb.on(DescribeTimeToLiveCommand).resolves({ TimeToLiveDescription });
    dynamoDb
      .on(UpdateTimeToLiveCommand)
      .resolvesOnce({})
      .rejects(refusal('ValidationException', 'modified multiple times'));
    expect(await apply(alone)).toEqual(['timeToLive: ValidationException (modified multiple times)']);
    expect(inputsOf('UpdateTimeToLive')).toMatchObject([
      { TimeToLiveSpecification: { AttributeName: 'old', Enabled: false } },
      { TimeToLiveSpecification: { AttributeName: 'endsAt', Enabled: true } },
    ]);
  });

  it('a stream with another view is ended before the next begins', async () => {
    const StreamSpecification = { StreamEnabled: true, StreamViewType: 'KEYS_ONLY' as const };
    answerAsPlain({ ...whole, StreamSpecification });
    await apply(alone);
    expect(inputsOf('UpdateTable')).toEqual([
      { TableName, StreamSpecification: { StreamEnabled: false } },
      { TableName, StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_IMAGE' } },
    ]);
  });

  it('a tag of the same value is left, and one of another value is set', async () => {
    const Tags = [
      { Key: 'owner', Value: 'shop' },
      { Key: 'stage', Value: 'test' },
    ];
    dynamoDb.on(ListTagsOfResourceCommand).resolves({ Tags });
    await apply(alone);
    expect(inputsOf('TagResource')).toEqual([{ ResourceArn: ARN, Tags: [{ Key: 'stage', Value: 'prod' }] }]);
    expect(inputsOf('UntagResource')).toEqual([]);
  });

  const recoversDays = (RecoveryPeriodInDays: number) =>
    dynamoDb.on(DescribeContinuousBackupsCommand).resolves({
      ContinuousBackupsDescription: {
        ContinuousBackupsStatus: 'ENABLED',
        PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: 'ENABLED', RecoveryPeriodInDays },
      },
    });

  it('point-in-time recovery of a shorter period is lengthened', async () => {
    recoversDays(7);
    expect(await apply(alone)).toEqual([]);
    expect(inputsOf('UpdateContinuousBackups')).toEqual([
      { TableName, PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: 20 } },
    ]);
  });

  it('point-in-time recovery of a longer period is left, since its history would be lost, and named', async () => {
    recoversDays(35);
    expect(await apply(alone)).toEqual([
      'pointInTimeRecovery: it reaches further back now than at the snapshot; it is left so',
    ]);
    expect(inputsOf('UpdateContinuousBackups')).toEqual([]);
  });

  it('a scheduled action whose start has passed is set without it', async () => {
    const passed = { ...action, StartTime: '2020-01-01T00:00:00.000Z' };
    const scaling = { ...settings.autoScaling, actions: [passed] };
    expect(await apply({ ...alone, autoScaling: scaling })).toEqual([]);
    const { StartTime: _passed, ...unbegun } = passed;
    const set = { ServiceNamespace: 'dynamodb', ResourceId: 'table/orders', ...unbegun };
    expect(inputsOf('PutScheduledAction')).toEqual([set]);
  });

  it('a stream of Kinesis gets no changes of a copy of its table, and that is named', async () => {
    const elsewhere = 'arn:aws:kinesis:eu-west-1:111122223333:stream/elsewhere';
    dynamoDb
      .on(DescribeTableCommand)
      .resolves({ Table: { ...made, TableName: 'copy', TableArn: ARN.replace('orders', 'copy') } })
      .on(DescribeKinesisStreamingDestinationCommand)
      .resolves({ KinesisDataStreamDestinations: [{ StreamArn: elsewhere, DestinationStatus: 'ACTIVE' }] });
    expect(await apply({ ...alone, resourcePolicy: null })).toEqual([
      `kinesisDestinations ${STREAM_ARN}: a copy does not send its changes where the table that it is a copy of sends its own; add it yourself where it shall`,
    ]);
    expect(changes().filter((name) => name.includes('Kinesis'))).toEqual([]);
  });

  it('a policy speaks of the table that it is set on, and what it cannot speak of is named', async () => {
    const copy = 'arn:aws:dynamodb:us-east-1:999900001111:table/copy';
    dynamoDb.on(DescribeTableCommand).resolves({ Table: { ...made, TableArn: copy } });
    const other = 'arn:aws:dynamodb:eu-west-1:111122223333:table/orders-2';
    const policy = policyOf(ARN);
    const Statement = [...policy.Statement, { Effect: 'Deny', Principal: '*', Action: 'dynamodb:*', Resource: other }];
    const wanted = { ...alone, kinesisDestinations: [], resourcePolicy: { ...policy, Statement } };
    expect(await apply(wanted)).toEqual([
      `resourcePolicy: it names ${other}, which is no part of this table; correct it where it should be`,
    ]);
    expect(inputsOf('PutResourcePolicy')).toEqual([
      {
        ResourceArn: copy,
        Policy: JSON.stringify({ ...policyOf(copy), Statement: [...policyOf(copy).Statement, Statement[1]] }),
      },
    ]);
  });
});

describe('the key of a table', () => {
  const keyed = { Enabled: true, SSEType: 'KMS', KMSMasterKeyId: KEY_ARN };
  /** Answers changes of the encryption. */
  const onEncryption = (how: (asked: { readonly KMSMasterKeyId?: string }) => unknown) =>
    dynamoDb.on(UpdateTableCommand).callsFake((input: unknown) => {
      const asked = Object(input).SSESpecification;
      if (asked !== undefined) how(asked);
      return {};
    });
  const { SSEDescription: __, ...unkeyed } = made;
  const specifications = () =>
    changed().flatMap(({ input }) => {
      const specification: unknown = Object(input).SSESpecification;
      return specification === undefined ? [] : [specification];
    });

  it('is set by its ARN', async () => {
    answerAsPlain(unkeyed);
    expect(await apply(alone)).toEqual([]);
    expect(specifications()).toEqual([keyed]);
  });

  it("is set by leaving it out where it is AWS's managed one", async () => {
    answerAsPlain(unkeyed);
    onEncryption(({ KMSMasterKeyId }) => {
      if (KMSMasterKeyId !== undefined) throw refusal('ValidationException', 'not that key');
      dynamoDb.on(DescribeTableCommand).resolves({ Table: made });
    });
    expect(await apply(alone)).toEqual([]);
    expect(specifications()).toEqual([keyed, { Enabled: true, SSEType: 'KMS' }]);
  });

  it('is named where it cannot be used, and the table has the managed one then', async () => {
    answerAsPlain(unkeyed);
    onEncryption(({ KMSMasterKeyId }) => {
      if (KMSMasterKeyId !== undefined) throw refusal('KMS.NotFoundException', 'not that key');
    });
    expect(await apply(alone)).toEqual(['encryption: KMS.NotFoundException (not that key)']);
    expect(specifications()).toEqual([keyed, { Enabled: true, SSEType: 'KMS' }]);
  });

  it('is left where it is another and the captured one cannot be used', async () => {
    answerAsPlain({ ...made, SSEDescription: { Status: 'ENABLED', SSEType: 'KMS', KMSMasterKeyArn: `${KEY_ARN}-2` } });
    onEncryption(() => {
      throw refusal('ValidationException', 'not that key');
    });
    expect(await apply(alone)).toEqual(['encryption: ValidationException (not that key)']);
    expect(specifications()).toEqual([keyed]);
  });
});
