import {
  BatchGetItemCommand,
  BatchWriteItemCommand,
  ConditionalCheckFailedException,
  DynamoDBClient,
  GetItemCommand,
  ProvisionedThroughputExceededException,
  PutItemCommand,
  QueryCommand,
  ResourceNotFoundException,
  type ServiceInputTypes,
  type ServiceOutputTypes,
} from '@aws-sdk/client-dynamodb';
import { type AwsCommand, mockClient } from 'aws-sdk-client-mock';
import { beforeEach, expect, test } from 'vitest';
import { dynamoTable } from '../../functions/catalogue/table.ts';
import { IntegrityError, NotFoundError, TransientError } from '../../functions/core/errors.ts';
import { drain, numbers } from '../fixtures/catalogue-samples.ts';

const mock = mockClient(DynamoDBClient);
const client = new DynamoDBClient({ region: 'us-east-1' });
const slept: number[] = [];
const table = dynamoTable(client, 'cat', {
  clock: { now: () => new Date('2026-11-25T10:00:00.000Z') },
  sleep: async (millis) => slept.push(millis),
});

beforeEach(() => {
  mock.reset();
  slept.length = 0;
});

const keyOf = (n: number) => ({ pk: `p${n}`, sk: 's' });
const marshalled = (n: number) => ({ pk: { S: `p${n}` }, sk: { S: 's' } });
const inputs = <Input extends ServiceInputTypes, Output extends ServiceOutputTypes>(
  command: new (input: Input) => AwsCommand<Input, Output>,
): Input[] => mock.commandCalls(command).map((call) => call.args[0].input);

test('an item is read consistently', async () => {
  mock.on(GetItemCommand).resolves({ Item: { ...marshalled(1), record: { S: '{}' }, token: { N: '3' } } });
  expect((await table.get(keyOf(1))).item).toEqual({ pk: 'p1', sk: 's', record: '{}' });
  expect(inputs(GetItemCommand)).toEqual([{ TableName: 'cat', Key: marshalled(1), ConsistentRead: true }]);
});

test('an item is written with the attributes that it has and no condition unless one is asked for', async () => {
  mock.on(PutItemCommand).resolves({});
  expect(await table.put({ pk: 'p', sk: 's', gsi1pk: 'g', gsi1sk: 'h', record: '{}', token: 7 })).toBe(true);
  const Item = {
    gsi1pk: { S: 'g' },
    gsi1sk: { S: 'h' },
    pk: { S: 'p' },
    sk: { S: 's' },
    record: { S: '{}' },
    token: { N: '7' },
  };
  expect(inputs(PutItemCommand)).toEqual([{ TableName: 'cat', Item }]);
});

test.each([
  [{ kind: 'absent' as const }, { ConditionExpression: 'attribute_not_exists(pk)' }],
  [{ kind: 'present' as const }, { ConditionExpression: 'attribute_exists(pk)' }],
  [
    { kind: 'unchanged' as const, record: '{"a":1}' },
    {
      ConditionExpression: '#record = :record',
      ExpressionAttributeNames: { '#record': 'record' },
      ExpressionAttributeValues: { ':record': { S: '{"a":1}' } },
    },
  ],
  [
    { kind: 'token-not-above' as const, token: 4 },
    {
      ConditionExpression: 'attribute_not_exists(pk) OR #token <= :token',
      ExpressionAttributeNames: { '#token': 'token' },
      ExpressionAttributeValues: { ':token': { N: '4' } },
    },
  ],
  [
    { kind: 'token' as const, token: 4 },
    {
      ConditionExpression: '#token = :token',
      ExpressionAttributeNames: { '#token': 'token' },
      ExpressionAttributeValues: { ':token': { N: '4' } },
    },
  ],
])('the condition %o is put exactly so', async (condition, expected) => {
  mock.on(PutItemCommand).resolves({});
  await table.put({ ...keyOf(1), record: '{}' }, condition);
  expect(inputs(PutItemCommand)).toEqual([
    { TableName: 'cat', Item: { ...marshalled(1), record: { S: '{}' } }, ...expected },
  ]);
});

test('a condition that does not hold is an answer and not an error', async () => {
  mock.on(PutItemCommand).rejects(new ConditionalCheckFailedException({ $metadata: {}, message: 'no' }));
  expect(await table.put({ ...keyOf(1), record: '{}' }, { kind: 'absent' })).toBe(false);
});

test('a list follows LastEvaluatedKey to the end, also through an empty page', async () => {
  const item = (n: number) => ({ ...marshalled(n), record: { S: `${n}` } });
  mock
    .on(QueryCommand)
    .resolvesOnce({ Items: [item(1), item(2)], LastEvaluatedKey: marshalled(2) })
    .resolvesOnce({ Items: [], LastEvaluatedKey: marshalled(3) })
    .resolvesOnce({ Items: [item(4)] });
  const records = (await drain(table.query({ partition: 'P', prefix: 'X#' }))).map((found) => found.record);
  expect(records).toEqual(['1', '2', '4']);
  const first = {
    TableName: 'cat',
    ConsistentRead: true,
    KeyConditionExpression: '#pk = :pk AND begins_with(#sk, :prefix)',
    ExpressionAttributeNames: { '#pk': 'pk', '#sk': 'sk' },
    ExpressionAttributeValues: { ':pk': { S: 'P' }, ':prefix': { S: 'X#' } },
    ScanIndexForward: true,
    Limit: 100,
  };
  expect(inputs(QueryCommand)).toEqual([
    first,
    { ...first, ExclusiveStartKey: marshalled(2) },
    { ...first, ExclusiveStartKey: marshalled(3) },
  ]);
});

test('a reader who stops early pays for one page', async () => {
  mock
    .on(QueryCommand)
    .resolves({ Items: [{ ...marshalled(1), record: { S: '1' } }], LastEvaluatedKey: marshalled(1) });
  for await (const _ of table.query({ partition: 'P' })) break;
  expect(inputs(QueryCommand)).toHaveLength(1);
});

test('an index gives keys, whose records are read consistently and come in the order of the index', async () => {
  mock.on(QueryCommand).resolves({ Items: [3, 1, 2].map(marshalled) });
  // Answers come in no order, and item 2 is gone since.
  mock.on(BatchGetItemCommand).resolves({
    Responses: { cat: [1, 3].map((n) => ({ ...marshalled(n), record: { S: `${n}` } })) },
  });
  const found = await drain(table.query({ partition: 'P', index: 'gsi1', newestFirst: true }));
  expect(found.map((item) => item.record)).toEqual(['3', '1']);
  expect(inputs(QueryCommand)).toEqual([
    {
      TableName: 'cat',
      IndexName: 'gsi1',
      KeyConditionExpression: '#pk = :pk',
      ExpressionAttributeNames: { '#pk': 'gsi1pk' },
      ExpressionAttributeValues: { ':pk': { S: 'P' } },
      ScanIndexForward: false,
      Limit: 100,
    },
  ]);
  expect(inputs(BatchGetItemCommand)).toEqual([
    { RequestItems: { cat: { Keys: [3, 1, 2].map(marshalled), ConsistentRead: true } } },
  ]);
});

test('a list that fails half-way throws after what it gave, and never ends as if complete', async () => {
  mock
    .on(QueryCommand)
    .resolvesOnce({ Items: [{ ...marshalled(1), record: { S: '1' } }], LastEvaluatedKey: marshalled(1) })
    .rejects(new ProvisionedThroughputExceededException({ $metadata: {}, message: 'slow' }));
  await expect(drain(table.query({ partition: 'P' }))).rejects.toBeInstanceOf(TransientError);
});

test('a page without its items is an IntegrityError', async () => {
  mock.on(QueryCommand).resolves({});
  await expect(drain(table.query({ partition: 'P' }))).rejects.toBeInstanceOf(IntegrityError);
});

test('250 keys are read 100 at a time and written 25 at a time, each once', async () => {
  mock.on(BatchGetItemCommand).resolves({ Responses: { cat: [] } });
  mock.on(BatchWriteItemCommand).resolves({});
  const keys = numbers(250).map(keyOf);
  await table.getMany([...keys, ...keys]);
  await table.putMany(keys.map((key) => ({ ...key, record: '{}' })));
  await table.deleteMany([...keys, ...keys]);
  const read = inputs(BatchGetItemCommand).map((input) => input.RequestItems?.cat?.Keys?.length);
  expect(read).toEqual([100, 100, 50]);
  const written = inputs(BatchWriteItemCommand).map((input) => input.RequestItems?.cat?.length);
  expect(written).toEqual(Array.from({ length: 20 }, () => 25));
});

test('items that come back unprocessed seven rounds running are all written, each sent until it is taken', async () => {
  const taken: string[] = [];
  let rounds = 0;
  mock.on(BatchWriteItemCommand).callsFake((input) => {
    rounds += 1;
    const requests: { PutRequest: { Item: { pk: { S: string } } } }[] = input.RequestItems.cat;
    const left = rounds <= 7 ? requests.filter((_, index) => index % 10 === 0) : [];
    taken.push(...requests.filter((request) => !left.includes(request)).map((request) => request.PutRequest.Item.pk.S));
    return { UnprocessedItems: left.length === 0 ? {} : { cat: left } };
  });
  await table.putMany(numbers(25).map((n) => ({ ...keyOf(n), record: '{}' })));
  expect(taken.toSorted()).toEqual(
    numbers(25)
      .map((n) => `p${n}`)
      .toSorted(),
  );
  expect(rounds).toBe(8);
  expect(slept).toHaveLength(7);
});

test('keys that come back unprocessed seven rounds running, all of them, are all read in the end', async () => {
  let rounds = 0;
  mock.on(BatchGetItemCommand).callsFake((input) => {
    rounds += 1;
    const { Keys } = input.RequestItems.cat;
    if (rounds <= 7) return { Responses: { cat: [] }, UnprocessedKeys: { cat: { Keys } } };
    return { Responses: { cat: Keys.map((key: object) => ({ ...key, record: { S: '{}' } })) } };
  });
  const found = await table.getMany(numbers(30).map(keyOf), { consistent: true });
  expect(found).toHaveLength(30);
  for (const input of inputs(BatchGetItemCommand)) expect(input.RequestItems?.cat?.ConsistentRead).toBe(true);
});

test('items that are never taken fail the write and say how many', async () => {
  mock
    .on(BatchWriteItemCommand)
    .callsFake((input) => ({ UnprocessedItems: { cat: input.RequestItems.cat.slice(0, 3) } }));
  const write = table.putMany(numbers(10).map((n) => ({ ...keyOf(n), record: '{}' })));
  await expect(write).rejects.toBeInstanceOf(TransientError);
  await expect(write).rejects.toThrow('3 of 10 items could not be written');
});

test('the wait between rounds that bring nothing grows, and stays within five seconds', async () => {
  mock.on(BatchGetItemCommand).callsFake((input) => ({ UnprocessedKeys: input.RequestItems }));
  await expect(table.getMany([keyOf(1)])).rejects.toThrow('1 of 1 items could not be read');
  expect(slept.length).toBeGreaterThan(7);
  for (const [round, millis] of slept.entries())
    expect(millis).toBeLessThanOrEqual(Math.min(5000, 100 * 2 ** (round + 1)));
});

test('a table that is not there is a NotFoundError that names it, with its cause', async () => {
  const cause = new ResourceNotFoundException({ $metadata: {}, message: 'gone' });
  mock.on(GetItemCommand).rejects(cause);
  const read = table.get(keyOf(1));
  await expect(read).rejects.toBeInstanceOf(NotFoundError);
  await expect(read).rejects.toThrow('catalogue table cat');
  await expect(read).rejects.toMatchObject({ cause });
});

test('an unknown error passes untouched', async () => {
  const bug = new RangeError('a bug');
  mock.on(PutItemCommand).rejects(bug);
  await expect(table.put({ ...keyOf(1), record: '{}' })).rejects.toBe(bug);
});

test('an item without a record is an IntegrityError that names its key', async () => {
  mock.on(GetItemCommand).resolves({ Item: marshalled(1) });
  await expect(table.get(keyOf(1))).rejects.toBeInstanceOf(IntegrityError);
  await expect(table.get(keyOf(1))).rejects.toThrow('p1/s');
});
