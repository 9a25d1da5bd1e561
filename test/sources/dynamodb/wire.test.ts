import { crc32 } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { canonicalItem } from '../../../functions/core/typed-json.ts';
import { batchWriteRaw, getRaw, scanRaw } from '../../../functions/sources/dynamodb/wire.ts';
import { type FakeDynamoDb, type FakeTableOptions, failure, startDynamoDb } from '../../fakes/dynamodb-server.ts';
import { TYPED_ATTRIBUTES } from '../../fixtures/typed-items.ts';

let server: FakeDynamoDb | undefined;
const start = async (script: NonNullable<FakeTableOptions['script']>) => {
  server = await startDynamoDb({ key: [['pk', 'S']], script });
  return server;
};
afterEach(async () => server?.stop());

const refuse = (why: string) => new Error(why);

describe('an answer that carries items', () => {
  it.each(TYPED_ATTRIBUTES)('is what was on the wire: %s', async (_, json) => {
    const { client } = await start(() => ({ body: `{"Items":[{${json}}],"Count":1}` }));
    const { Items } = (await scanRaw(client, 'table', [])).body;
    expect(Array.isArray(Items) && canonicalItem(Items[0], refuse)).toBe(`{${json}}`);
  });

  it('is read whole where it comes in many pieces, some of which part a character', async () => {
    const json = `{"a":{"S":"${'ü😀'.repeat(50_000)}"}}`;
    const { client } = await start(() => ({ body: `{"Item":${json}}` }));
    const { Item } = (await getRaw(client, 'table', '{"pk":{"S":"a"}}')).body;
    expect(canonicalItem(Item, refuse)).toBe(json);
  });

  it.each([
    ['has another checksum', { body: '{"Item":{}}', headers: { 'x-amz-crc32': String(crc32('{}')) } }],
    ['is not JSON', { body: '{"Item":' }],
    ['is no object', { body: '[]' }],
  ])('is asked for again when it %s', async (_, broken) => {
    const { client, requests } = await start((_request, nth) => (nth === 0 ? broken : { body: '{"Item":{}}' }));
    expect((await getRaw(client, 'table', '{}')).body).toEqual({ Item: {} });
    expect(requests).toHaveLength(2);
  });

  it('is a passing failure when it stays damaged', async () => {
    const { client } = await start(() => ({ body: '{"Item":{}}', headers: { 'x-amz-crc32': '1' } }));
    await expect(getRaw(client, 'table', '{}')).rejects.toMatchObject({ name: 'TransientError' });
  });
});

describe('an error', () => {
  it('is retried by the client where that may help', async () => {
    const { client, requests } = await start((_request, nth) =>
      nth < 2 ? failure('ProvisionedThroughputExceededException') : { body: '{}' },
    );
    await scanRaw(client, 'table', []);
    expect(requests).toHaveLength(3);
  });

  it('has the name that DynamoDB gave it', async () => {
    const { client } = await start(() => failure('ResourceNotFoundException'));
    await expect(scanRaw(client, 'table', [])).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });
});

it('leaves what was consumed to the SDK, and nothing of the items', async () => {
  const { client } = await start(() => ({
    body: '{"Items":[{"pk":{"S":"x"}}],"Count":1,"ConsumedCapacity":{"TableName":"table","CapacityUnits":2.5}}',
  }));
  const seen: unknown[] = [];
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      seen.push({ ...result.output, $metadata: undefined });
      return result;
    },
    { step: 'initialize' },
  );
  await scanRaw(client, 'table', []);
  expect(seen).toEqual([{ ConsumedCapacity: { TableName: 'table', CapacityUnits: 2.5 }, $metadata: undefined }]);
});

describe('a request that carries items', () => {
  it.each(TYPED_ATTRIBUTES)('is the text that it was given, signed and counted as such: %s', async (_, json) => {
    const { client, bodiesOf } = await start(() => ({ body: '{}' }));
    await batchWriteRaw(client, 'table', [`{"PutRequest":{"Item":{${json}}}}`]);
    expect(bodiesOf('BatchWriteItem')).toEqual([
      `{"RequestItems":{"table":[{"PutRequest":{"Item":{${json}}}}]},"ReturnConsumedCapacity":"TOTAL"}`,
    ]);
  });

  it('names the table and the key as they are', async () => {
    const { client, bodiesOf } = await start(() => ({ body: '{}' }));
    await getRaw(client, 'table', '{"__proto__":{"N":"1E+125"}}');
    expect(bodiesOf('GetItem')).toEqual([
      '{"TableName":"table","Key":{"__proto__":{"N":"1E+125"}},"ConsistentRead":true,"ReturnConsumedCapacity":"TOTAL"}',
    ]);
  });
});
