import { Readable } from 'node:stream';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { expect, test } from 'vitest';
import { dynamoCatalogue } from '../../functions/catalogue/dynamo-catalogue.ts';
import { ConflictError, IntegrityError } from '../../functions/core/errors.ts';
import { runId, sourceId } from '../fixtures/catalogue-samples.ts';

/** A store of one lease that is answered over HTTP, with the Date header that is asked for. */
function storeThatSays(headers: () => Record<string, string>) {
  let item: { record: { S: string } } | undefined;
  const puts: { ConditionExpression?: string }[] = [];
  const client = new DynamoDBClient({
    region: 'us-east-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 's' },
    requestHandler: {
      async handle(request: { headers: Record<string, string>; body: Uint8Array }) {
        const input = JSON.parse(new TextDecoder().decode(request.body));
        const isPut = request.headers['x-amz-target']?.endsWith('.PutItem');
        if (isPut) {
          item = input.Item;
          puts.push(input);
        }
        const body = JSON.stringify(isPut || item === undefined ? {} : { Item: item });
        return { response: { statusCode: 200, headers: headers(), body: Readable.from([Buffer.from(body)]) } };
      },
    },
  });
  return { client, puts };
}

const [source, a, b] = [sourceId(1), runId(1), runId(2)];

test('a lease is over when the Date header of the store says so, whatever this machine’s clock says', async () => {
  let date = 'Wed, 25 Nov 2026 10:00:00 GMT';
  const { client } = storeThatSays(() => ({ date }));
  const clock = { now: () => new Date('2030-01-01T00:00:00.000Z') };
  const { leases } = dynamoCatalogue(client, 'cat', { clock });
  const lease = await leases.acquire(source, a, 60);
  expect(lease.expiresAt).toBe('2026-11-25T10:01:00.000Z');
  date = 'Wed, 25 Nov 2026 10:00:59 GMT';
  await expect(leases.acquire(source, b, 60)).rejects.toBeInstanceOf(ConflictError);
  expect(await leases.find(source)).toEqual(lease);
  date = 'Wed, 25 Nov 2026 10:01:00 GMT';
  expect(await leases.find(source)).toBeUndefined();
  const taken = await leases.acquire(source, b, 60);
  expect(taken).toEqual({ sourceId: source, holder: b, token: 2, expiresAt: '2026-11-25T10:02:00.000Z' });
});

test.each([[{}], [{ date: 'yesterday' }]])('with the headers %o the clock that was given serves', async (headers) => {
  const clock = { now: () => new Date('2026-11-25T10:00:00.250Z') };
  const { leases } = dynamoCatalogue(storeThatSays(() => headers).client, 'cat', { clock });
  expect((await leases.acquire(source, a, 60)).expiresAt).toBe('2026-11-25T10:01:00.250Z');
});

test('a store that does not tell its time is refused where no clock was given', async () => {
  const { client, puts } = storeThatSays(() => ({}));
  const { leases } = dynamoCatalogue(client, 'cat');
  await expect(leases.acquire(source, a, 60)).rejects.toBeInstanceOf(IntegrityError);
  expect(puts).toEqual([]);
});

test('a lease is written only over what was read', async () => {
  const { client, puts } = storeThatSays(() => ({ date: 'Wed, 25 Nov 2026 10:00:00 GMT' }));
  const { leases } = dynamoCatalogue(client, 'cat');
  const lease = await leases.acquire(source, a, 60);
  await leases.renew(lease, 120);
  await leases.release(lease);
  const conditions = puts.map((put) => put.ConditionExpression);
  expect(conditions).toEqual(['attribute_not_exists(pk)', '#record = :record', '#token = :token']);
});
