import { ApplicationAutoScalingClient } from '@aws-sdk/client-application-auto-scaling';
import { S3Client } from '@aws-sdk/client-s3';
import { afterEach, describe, expect, it } from 'vitest';
import { keyFromText } from '../../functions/core/entry.ts';
import type { ReadOptions } from '../../functions/core/ports.ts';
import { dynamoDbSource } from '../../functions/sources/dynamodb.ts';
import { type FakeDynamoDb, failure, startDynamoDb } from '../fakes/dynamodb-server.ts';

let server: FakeDynamoDb | undefined;
afterEach(async () => server?.stop());

async function open(options: Partial<Parameters<typeof startDynamoDb>[0]> = {}, read: ReadOptions = {}) {
  server = await startDynamoDb({ key: [['pk', 'S']], items: [{ pk: { S: 'a' } }], ...options });
  const region = 'us-east-1';
  const clients = {
    dynamoDb: server.client,
    autoScaling: new ApplicationAutoScalingClient({ region }),
    s3: new S3Client({ region }),
  };
  return dynamoDbSource(clients, { scheme: 'dynamodb', table: 'orders' }, read);
}

describe('a table', () => {
  it('is named by its URI and scanned, since it cannot be listed in order', async () => {
    const table = await open();
    expect(table.uri).toBe('dynamodb://orders');
    expect('list' in table).toBe(false);
    const keys: string[] = [];
    for await (const { entries } of table.scan((await table.beginScan(new Date())).cursor))
      keys.push(...entries.map(({ key }) => key));
    expect(keys).toEqual(['{"pk":{"S":"a"}}']);
  });

  it('is exported where the plan says so, and needs a place for that', async () => {
    const table = await open({}, { engine: 'export' });
    await expect(table.beginScan(new Date())).rejects.toThrow(/exportTo/);
  });

  it('gives, takes and removes single items', async () => {
    const table = await open();
    const key = keyFromText('{"pk":{"S":"a"}}');
    const listed = { key, fingerprint: undefined, sizeBytes: undefined };
    expect(await table.open(listed)).toMatchObject({ state: 'open', attributes: { type: 'item' } });
    await table.remove(key);
    expect(await table.open(listed)).toEqual({ state: 'gone' });
  });

  it('is known to be there or not', async () => {
    expect(await (await open()).creation?.isThere()).toBe(true);
    await server?.stop();
    expect(await (await open({ script: () => failure('ResourceNotFoundException') })).creation?.isThere()).toBe(false);
  });

  it('tells an item from another kind of entry', async () => {
    const table = await open();
    expect(table.attributesDiffer({ type: 'item' }, { type: 'item' })).toBeUndefined();
    expect(table.attributesDiffer({ type: 'file' }, { type: 'item' })).toBe('it was stored as file and is item');
  });
});
