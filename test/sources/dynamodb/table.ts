/** The table of field case T5 as AWS describes it, call by call, and what sets it apart from a new one. */
import {
  ApplicationAutoScalingClient,
  DescribeScalableTargetsCommand,
  DescribeScalingPoliciesCommand,
  DescribeScheduledActionsCommand,
} from '@aws-sdk/client-application-auto-scaling';
import {
  DescribeContinuousBackupsCommand,
  DescribeContributorInsightsCommand,
  DescribeKinesisStreamingDestinationCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
  DynamoDBServiceException,
  GetResourcePolicyCommand,
  ListTagsOfResourceCommand,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import type { Attributes } from '../../../functions/core/entry.ts';
import type { TableClients } from '../../../functions/sources/dynamodb/settings.ts';

export const ARN = 'arn:aws:dynamodb:eu-west-1:111122223333:table/orders';
export const KEY_ARN = 'arn:aws:kms:eu-west-1:111122223333:key/0d9b9b5e-0000-4000-8000-000000000000';
export const STREAM_ARN = 'arn:aws:kinesis:eu-west-1:111122223333:stream/changes';

export const clients: TableClients = {
  dynamoDb: new DynamoDBClient({ region: 'eu-west-1' }),
  autoScaling: new ApplicationAutoScalingClient({ region: 'eu-west-1' }),
};
export const dynamoDb = mockClient(DynamoDBClient);
export const autoScaling = mockClient(ApplicationAutoScalingClient);

export const refusal = (name: string, message = 'no', status = 400) =>
  new DynamoDBServiceException({ name, message, $fault: 'client', $metadata: { httpStatusCode: status } });

export const keySchema = [
  { AttributeName: 'customer', KeyType: 'HASH' as const },
  { AttributeName: 'placedAt', KeyType: 'RANGE' as const },
];
export const attributeDefinitions = [
  { AttributeName: 'customer', AttributeType: 'S' as const },
  { AttributeName: 'placedAt', AttributeType: 'N' as const },
  { AttributeName: 'state', AttributeType: 'S' as const },
  { AttributeName: 'total', AttributeType: 'N' as const },
];
export const byState = {
  IndexName: 'by-state',
  KeySchema: [{ AttributeName: 'state', KeyType: 'HASH' as const }],
  Projection: { ProjectionType: 'INCLUDE' as const, NonKeyAttributes: ['carrier', 'note'] },
};
export const byTotal = {
  IndexName: 'by-total',
  KeySchema: [
    { AttributeName: 'customer', KeyType: 'HASH' as const },
    { AttributeName: 'total', KeyType: 'RANGE' as const },
  ],
  Projection: { ProjectionType: 'KEYS_ONLY' as const },
};

const none = { ReadCapacityUnits: 0, WriteCapacityUnits: 0 };
/** A new table with the keys, and nothing asked for. */
export const plain: TableDescription = {
  TableName: 'orders',
  TableArn: ARN,
  TableId: 'c0ffee00-0000-4000-8000-000000000001',
  CreationDateTime: new Date('2026-01-02T03:04:05.678Z'),
  TableStatus: 'ACTIVE',
  AttributeDefinitions: attributeDefinitions.slice(0, 2),
  KeySchema: keySchema,
  BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
  ProvisionedThroughput: { ...none, NumberOfDecreasesToday: 0 },
  WarmThroughput: { ReadUnitsPerSecond: 12_000, WriteUnitsPerSecond: 4_000, Status: 'ACTIVE' },
};
export const whole: TableDescription = {
  ...plain,
  // As AWS answers: in no order.
  AttributeDefinitions: attributeDefinitions.toReversed(),
  GlobalSecondaryIndexes: [
    {
      ...byState,
      Projection: { ...byState.Projection, NonKeyAttributes: byState.Projection.NonKeyAttributes.toReversed() },
      IndexStatus: 'ACTIVE',
      IndexArn: `${ARN}/index/by-state`,
      ProvisionedThroughput: none,
      OnDemandThroughput: { MaxReadRequestUnits: 100, MaxWriteRequestUnits: -1 },
      WarmThroughput: { ReadUnitsPerSecond: 12_000, WriteUnitsPerSecond: 5_000, Status: 'ACTIVE' },
    },
  ],
  LocalSecondaryIndexes: [{ ...byTotal, IndexArn: `${ARN}/index/by-total`, ItemCount: 3 }],
  OnDemandThroughput: { MaxReadRequestUnits: -1, MaxWriteRequestUnits: 500 },
  StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_IMAGE' },
  SSEDescription: { Status: 'ENABLED', SSEType: 'KMS', KMSMasterKeyArn: KEY_ARN },
  TableClassSummary: { TableClass: 'STANDARD_INFREQUENT_ACCESS' },
  DeletionProtectionEnabled: true,
  Replicas: [{ RegionName: 'us-east-1' }, { RegionName: 'eu-west-1' }],
};

export const policyOf = (arn: string) => ({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: { AWS: 'arn:aws:iam::444455556666:root' },
      Action: 'dynamodb:Query',
      Resource: [arn, `${arn}/index/*`],
    },
  ],
});
export const target = {
  ScalableDimension: 'dynamodb:table:WriteCapacityUnits' as const,
  MinCapacity: 5,
  MaxCapacity: 50,
};
export const indexTarget = {
  IndexName: 'by-state',
  ScalableDimension: 'dynamodb:index:ReadCapacityUnits' as const,
  MinCapacity: 1,
  MaxCapacity: 9,
};
export const scalingPolicy = {
  ScalableDimension: target.ScalableDimension,
  PolicyName: 'at-70-percent',
  PolicyType: 'TargetTrackingScaling' as const,
  TargetTrackingScalingPolicyConfiguration: {
    TargetValue: 70,
    PredefinedMetricSpecification: { PredefinedMetricType: 'DynamoDBWriteCapacityUtilization' as const },
  },
};
export const action = {
  ScalableDimension: target.ScalableDimension,
  ScheduledActionName: 'sale',
  Schedule: 'cron(0 6 ? * MON *)',
  Timezone: 'Europe/London',
  StartTime: '2999-01-01T00:00:00.000Z',
  ScalableTargetAction: { MinCapacity: 20 },
};

/** What reading the whole table gives. */
export const settings = {
  table: 'orders',
  tableArn: ARN,
  tableId: 'c0ffee00-0000-4000-8000-000000000001',
  createdAt: '2026-01-02T03:04:05.678Z',
  attributeDefinitions,
  keySchema,
  capacity: { BillingMode: 'PAY_PER_REQUEST', OnDemandThroughput: { MaxWriteRequestUnits: 500 } },
  globalIndexes: [
    {
      ...byState,
      OnDemandThroughput: { MaxReadRequestUnits: 100 },
      WarmThroughput: { ReadUnitsPerSecond: 12_000, WriteUnitsPerSecond: 5_000 },
    },
  ],
  localIndexes: [byTotal],
  tableClass: 'STANDARD_INFREQUENT_ACCESS',
  encryption: { SSEType: 'KMS', KMSMasterKeyArn: KEY_ARN },
  deletionProtection: true,
  stream: 'NEW_IMAGE',
  replicas: ['us-east-1'],
  timeToLive: 'endsAt',
  tags: [
    { Key: 'owner', Value: 'shop' },
    { Key: 'stage', Value: 'prod' },
  ],
  pointInTimeRecovery: { RecoveryPeriodInDays: 20 },
  contributorInsights: [{ Mode: 'ACCESSED_AND_THROTTLED_KEYS' }, { IndexName: 'by-state', Mode: 'THROTTLED_KEYS' }],
  kinesisDestinations: [{ StreamArn: STREAM_ARN, Precision: 'MICROSECOND' }],
  autoScaling: { targets: [target, indexTarget], policies: [scalingPolicy], actions: [action] },
  resourcePolicy: policyOf(ARN),
} as const satisfies Attributes;

/** The table as `tableCreation` makes it. */
export const made: TableDescription = {
  ...plain,
  AttributeDefinitions: attributeDefinitions,
  GlobalSecondaryIndexes: [{ ...byState, IndexStatus: 'ACTIVE' }],
  LocalSecondaryIndexes: [byTotal],
  SSEDescription: { Status: 'ENABLED', SSEType: 'KMS', KMSMasterKeyArn: KEY_ARN },
  TableClassSummary: { TableClass: 'STANDARD_INFREQUENT_ACCESS' },
};
/** Settings that a restore can set, every one. */
export const alone = { ...settings, replicas: [] } as const satisfies Attributes;

/** A table of which nothing is set; every change is taken. */
export function answerAsPlain(description: TableDescription = plain): void {
  dynamoDb.reset();
  autoScaling.reset();
  dynamoDb.onAnyCommand().resolves({});
  autoScaling.onAnyCommand().resolves({});
  dynamoDb.on(DescribeTableCommand).resolves({ Table: description });
  dynamoDb.on(GetResourcePolicyCommand).rejects(refusal('PolicyNotFoundException'));
}

/** The whole table, with every list in more than one page where there are pages. */
export function answerAsWhole(): void {
  answerAsPlain(whole);
  dynamoDb.on(DescribeTimeToLiveCommand).resolves({
    TimeToLiveDescription: { TimeToLiveStatus: 'ENABLED', AttributeName: 'endsAt' },
  });
  dynamoDb.on(ListTagsOfResourceCommand, { ResourceArn: ARN }).resolves({
    Tags: [{ Key: 'stage', Value: 'prod' }],
    NextToken: 'next',
  });
  dynamoDb.on(ListTagsOfResourceCommand, { ResourceArn: ARN, NextToken: 'next' }).resolves({
    Tags: [
      { Key: 'owner', Value: 'shop' },
      { Key: 'aws:cloudformation:stack-name', Value: 'shop' },
    ],
  });
  dynamoDb.on(DescribeContinuousBackupsCommand).resolves({
    ContinuousBackupsDescription: {
      ContinuousBackupsStatus: 'ENABLED',
      PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: 'ENABLED', RecoveryPeriodInDays: 20 },
    },
  });
  dynamoDb.on(DescribeContributorInsightsCommand).resolves({
    ContributorInsightsStatus: 'ENABLED',
    ContributorInsightsMode: 'ACCESSED_AND_THROTTLED_KEYS',
  });
  dynamoDb.on(DescribeContributorInsightsCommand, { IndexName: 'by-state' }).resolves({
    ContributorInsightsStatus: 'ENABLING',
    ContributorInsightsMode: 'THROTTLED_KEYS',
  });
  dynamoDb.on(DescribeKinesisStreamingDestinationCommand).resolves({
    KinesisDataStreamDestinations: [
      { StreamArn: `${STREAM_ARN}-ended`, DestinationStatus: 'DISABLED' },
      { StreamArn: STREAM_ARN, DestinationStatus: 'ACTIVE', ApproximateCreationDateTimePrecision: 'MICROSECOND' },
    ],
  });
  dynamoDb.on(GetResourcePolicyCommand).resolves({ Policy: JSON.stringify(policyOf(ARN)), RevisionId: '1' });
  answerScaling();
}

function answerScaling(): void {
  const of = { ServiceNamespace: 'dynamodb' as const, CreationTime: new Date(0) };
  const [table, index] = ['table/orders', 'table/orders/index/by-state'];
  const ResourceIds = [table, index];
  const { IndexName: _, ...onIndex } = indexTarget;
  const registered = { ...of, RoleARN: 'arn:aws:iam::111122223333:role/service' };
  autoScaling
    .on(DescribeScalableTargetsCommand, { ServiceNamespace: 'dynamodb', ResourceIds })
    .resolves({ ScalableTargets: [{ ...registered, ResourceId: index, ...onIndex }], NextToken: 'more' })
    .on(DescribeScalableTargetsCommand, { ServiceNamespace: 'dynamodb', ResourceIds, NextToken: 'more' })
    .resolves({ ScalableTargets: [{ ...registered, ResourceId: table, ...target }] });
  autoScaling.on(DescribeScalingPoliciesCommand, { ResourceId: table }).resolves({
    ScalingPolicies: [{ ...of, ResourceId: table, PolicyARN: 'arn:policy', Alarms: [], ...scalingPolicy }],
  });
  autoScaling.on(DescribeScheduledActionsCommand, { ResourceId: table }).resolves({
    ScheduledActions: [
      { ...of, ResourceId: table, ScheduledActionARN: 'arn:action', ...action, StartTime: new Date(action.StartTime) },
    ],
  });
}

/** The changes that were asked for, in order of each service: command and input. */
export const changed = (): readonly { readonly name: string; readonly input: unknown }[] =>
  [...dynamoDb.calls(), ...autoScaling.calls()]
    .map(({ args: [command] }) => ({ name: command.constructor.name.replace('Command', ''), input: command.input }))
    .filter(({ name }) => !/^(Describe|List|Get)/.test(name));

export const changes = (): readonly string[] => changed().map(({ name }) => name);

/** The inputs of one kind of change. */
export const inputsOf = (name: string): readonly unknown[] =>
  changed().flatMap((change) => (change.name === name ? [change.input] : []));
