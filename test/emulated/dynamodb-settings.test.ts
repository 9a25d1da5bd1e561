import { setTimeout as after } from 'node:timers/promises';
import {
  ApplicationAutoScalingClient,
  PutScalingPolicyCommand,
  PutScheduledActionCommand,
  RegisterScalableTargetCommand,
} from '@aws-sdk/client-application-auto-scaling';
import {
  CreateTableCommand,
  type CreateTableInput,
  DynamoDBClient,
  PutResourcePolicyCommand,
  TagResourceCommand,
  UpdateContinuousBackupsCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Attributes } from '../../functions/core/entry.ts';
import { InvalidInputError, NotFoundError } from '../../functions/core/errors.ts';
import { applyTableSettings } from '../../functions/sources/dynamodb/apply.ts';
import { deleteTable, tableCreation } from '../../functions/sources/dynamodb/create.ts';
import { readTableSettings, type TableClients } from '../../functions/sources/dynamodb/settings.ts';
import { judge } from './judge.ts';
import { type Emulator, emulatorEnv, startDynamoDbLocal, startMoto } from './services.ts';

/** Field case T5, as far as every emulator makes it. */
const orders: CreateTableInput = {
  TableName: 'orders',
  BillingMode: 'PAY_PER_REQUEST',
  AttributeDefinitions: [
    { AttributeName: 'customer', AttributeType: 'S' },
    { AttributeName: 'placedAt', AttributeType: 'N' },
    { AttributeName: 'state', AttributeType: 'S' },
    { AttributeName: 'total', AttributeType: 'N' },
  ],
  KeySchema: [
    { AttributeName: 'customer', KeyType: 'HASH' },
    { AttributeName: 'placedAt', KeyType: 'RANGE' },
  ],
  GlobalSecondaryIndexes: [
    {
      IndexName: 'by-state',
      KeySchema: [
        { AttributeName: 'state', KeyType: 'HASH' },
        { AttributeName: 'placedAt', KeyType: 'RANGE' },
      ],
      Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['total', 'carrier'] },
    },
  ],
  LocalSecondaryIndexes: [
    {
      IndexName: 'by-total',
      KeySchema: [
        { AttributeName: 'customer', KeyType: 'HASH' },
        { AttributeName: 'total', KeyType: 'RANGE' },
      ],
      Projection: { ProjectionType: 'KEYS_ONLY' },
    },
  ],
  StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
  DeletionProtectionEnabled: true,
};
const simple: CreateTableInput = {
  TableName: 'simple',
  BillingMode: 'PAY_PER_REQUEST',
  AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
  KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
};

const clientsOf = (endpoint: string): TableClients => {
  const options = {
    endpoint,
    region: emulatorEnv.AWS_REGION,
    credentials: { accessKeyId: emulatorEnv.AWS_ACCESS_KEY_ID, secretAccessKey: emulatorEnv.AWS_SECRET_ACCESS_KEY },
  };
  return { dynamoDb: new DynamoDBClient(options), autoScaling: new ApplicationAutoScalingClient(options) };
};

/** Emulators make their changes at once, or soon. */
const emulated = { sleep: () => after(20) };

/** Without what belongs to one table only; a policy names the table. */
const apartFromIds = ({ settings }: { readonly settings: Attributes }, table: string): unknown => {
  const { table: _, tableArn: __, tableId: ___, createdAt: ____, ...others } = settings;
  return JSON.parse(JSON.stringify(others).replaceAll(`table/${table}`, 'table/…'));
};

describe('moto', () => {
  let emulator: Emulator;
  let clients: TableClients;
  beforeAll(async () => {
    emulator = await startMoto();
    clients = clientsOf(emulator.endpoint);
    await makeOrders(clients);
  });
  afterAll(async () => {
    clients.dynamoDb.destroy();
    clients.autoScaling.destroy();
    await emulator.stop();
  });

  it('gives a new table everything that the captured one has', async () => {
    const captured = await readTableSettings(clients, 'orders');
    expect(captured.notCaptured.map((line) => line.split(':')[0])).toEqual([
      'contributorInsights',
      'kinesisDestinations',
    ]);
    const creation = tableCreation(clients, 'restored');
    expect(await creation.isThere()).toBe(false);
    await creation.create(captured.settings, { bare: false });
    expect(await creation.isThere()).toBe(true);
    expect(await applyTableSettings(clients, 'restored', captured.settings, emulated)).toEqual([]);

    const restored = await readTableSettings(clients, 'restored');
    expect(apartFromIds(restored, 'restored')).toEqual(apartFromIds(captured, 'orders'));
    const [judged, original]: readonly unknown[] = await Promise.all(
      ['restored', 'orders'].map(async (name) => JSON.parse(await judge(emulator.endpoint, 'table', name))),
    );
    expect(judged).toEqual(original);
  });

  it('gives a table that is there with its keys all but its local index', async () => {
    const { settings } = await readTableSettings(clients, 'orders');
    await clients.dynamoDb.send(
      new CreateTableCommand({
        TableName: 'existing',
        BillingMode: 'PROVISIONED',
        ProvisionedThroughput: { ReadCapacityUnits: 2, WriteCapacityUnits: 2 },
        AttributeDefinitions: orders.AttributeDefinitions?.slice(0, 2),
        KeySchema: orders.KeySchema,
        Tags: [{ Key: 'left-over', Value: 'yes' }],
      }),
    );
    await tableCreation(clients, 'existing').create(settings, { bare: false });
    const lines = await applyTableSettings(clients, 'existing', settings, emulated);
    expect(lines).toEqual([expect.stringMatching(/^index by-total: a local index can only be made together/)]);
    const found = await readTableSettings(clients, 'existing');
    expect(found.settings).toMatchObject({ tags: settings.tags, globalIndexes: settings.globalIndexes });
    expect(await applyTableSettings(clients, 'existing', settings, emulated)).toEqual(lines);
  });
});

async function makeOrders({ dynamoDb, autoScaling }: TableClients): Promise<void> {
  const { TableDescription } = await dynamoDb.send(
    new CreateTableCommand({
      ...orders,
      TableClass: 'STANDARD_INFREQUENT_ACCESS',
      SSESpecification: {
        Enabled: true,
        SSEType: 'KMS',
        KMSMasterKeyId: 'arn:aws:kms:us-east-1:123456789012:key/0d9b9b5e-0000-4000-8000-000000000000',
      },
      OnDemandThroughput: { MaxReadRequestUnits: 500 },
    }),
  );
  const ResourceArn = TableDescription?.TableArn;
  // More than one page of them.
  const Tags = Array.from({ length: 23 }, (_, n) => ({ Key: `tag-${n}`, Value: `value ${n}` }));
  await dynamoDb.send(new TagResourceCommand({ ResourceArn, Tags }));
  await dynamoDb.send(
    new UpdateTimeToLiveCommand({
      TableName: 'orders',
      TimeToLiveSpecification: { AttributeName: 'endsAt', Enabled: true },
    }),
  );
  await dynamoDb.send(
    new UpdateContinuousBackupsCommand({
      TableName: 'orders',
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: 20 },
    }),
  );
  const Principal = { AWS: 'arn:aws:iam::123456789012:root' };
  const Resource = [ResourceArn, `${ResourceArn}/index/by-state`];
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal, Action: 'dynamodb:Query', Resource }],
  });
  await dynamoDb.send(new PutResourcePolicyCommand({ ResourceArn, Policy }));
  for (const [of, ScalableDimension] of [
    ['table/orders', 'dynamodb:table:ReadCapacityUnits'],
    ['table/orders/index/by-state', 'dynamodb:index:WriteCapacityUnits'],
  ] as const) {
    const target = { ServiceNamespace: 'dynamodb', ResourceId: of, ScalableDimension } as const;
    await autoScaling.send(new RegisterScalableTargetCommand({ ...target, MinCapacity: 5, MaxCapacity: 50 }));
    await autoScaling.send(
      new PutScalingPolicyCommand({
        ...target,
        PolicyName: 'at-70-percent',
        PolicyType: 'TargetTrackingScaling',
        TargetTrackingScalingPolicyConfiguration: {
          TargetValue: 70,
          PredefinedMetricSpecification: { PredefinedMetricType: 'DynamoDBReadCapacityUtilization' },
          ScaleInCooldown: 60,
        },
      }),
    );
    await autoScaling.send(
      new PutScheduledActionCommand({
        ...target,
        ScheduledActionName: 'before the sale',
        Schedule: 'cron(0 6 ? * MON *)',
        Timezone: 'Europe/London',
        StartTime: new Date('2999-01-01T00:00:00Z'),
        ScalableTargetAction: { MinCapacity: 20 },
      }),
    );
  }
}

describe.each([
  ['DynamoDB Local', startDynamoDbLocal],
  ['moto', startMoto],
])('%s', (_, start) => {
  let emulator: Emulator;
  let clients: TableClients;
  beforeAll(async () => {
    emulator = await start();
    clients = clientsOf(emulator.endpoint);
    await clients.dynamoDb.send(new CreateTableCommand(orders));
    await clients.dynamoDb.send(new CreateTableCommand(simple));
    await clients.dynamoDb.send(
      new UpdateTimeToLiveCommand({
        TableName: 'orders',
        TimeToLiveSpecification: { AttributeName: 'endsAt', Enabled: true },
      }),
    );
  });
  afterAll(async () => {
    clients.dynamoDb.destroy();
    clients.autoScaling.destroy();
    await emulator.stop();
  });

  it('gives a new table what the place knows, and names what it does not', async () => {
    const captured = await readTableSettings(clients, 'orders');
    await tableCreation(clients, 'restored').create(captured.settings, { bare: false });
    expect(await applyTableSettings(clients, 'restored', captured.settings, emulated)).toEqual([]);
    const restored = await readTableSettings(clients, 'restored');
    expect(apartFromIds(restored, 'restored')).toEqual(apartFromIds(captured, 'orders'));
    expect(restored.settings).toMatchObject({ timeToLive: 'endsAt', stream: 'NEW_AND_OLD_IMAGES' });
    for (const line of captured.notCaptured)
      expect(line).toMatch(
        /^(tags|pointInTimeRecovery|contributorInsights|kinesisDestinations|autoScaling|resourcePolicy): /,
      );
  });

  it('names what the place cannot set', async () => {
    const captured = await readTableSettings(clients, 'orders');
    const settings = {
      ...captured.settings,
      contributorInsights: [{}],
      kinesisDestinations: [{ StreamArn: 'arn:aws:kinesis:us-east-1:123456789012:stream/changes' }],
    };
    const lines = await applyTableSettings(clients, 'orders', settings, emulated);
    expect(lines.map((line) => line.split(/[ :]/)[0])).toEqual(['contributorInsights', 'kinesisDestinations']);
  });

  it('makes a bare table for a sandbox, and removes it', async () => {
    const { settings } = await readTableSettings(clients, 'orders');
    const table = 'holdfast-sandbox-1';
    await tableCreation(clients, table).create(settings, { bare: true });
    const bare = await readTableSettings(clients, table);
    expect(bare.settings).toMatchObject({
      keySchema: orders.KeySchema,
      globalIndexes: [],
      localIndexes: [],
      stream: null,
      deletionProtection: false,
    });
    await deleteTable(clients, table);
    await deleteTable(clients, table);
    await expect(readTableSettings(clients, table)).rejects.toThrow(NotFoundError);
  });

  it('takes a table with these keys as made, and refuses one with others', async () => {
    const { settings } = await readTableSettings(clients, 'orders');
    await tableCreation(clients, 'orders').create(settings, { bare: false });
    const onto = tableCreation(clients, 'simple').create(settings, { bare: false });
    await expect(onto).rejects.toThrow(InvalidInputError);
    await expect(onto).rejects.toThrow(
      'id (S, HASH), and the items of the snapshot have the keys customer (S, HASH), placedAt (N, RANGE)',
    );
  });
});
