import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { piecesOf } from '../../../functions/core/content.ts';
import {
  type Attributes,
  type EntryKey,
  keyFromBytes,
  keyFromText,
  type PresentEntry,
} from '../../../functions/core/entry.ts';
import { IntegrityError } from '../../../functions/core/errors.ts';
import { openItem } from '../../../functions/sources/dynamodb/open.ts';
import { tableShape } from '../../../functions/sources/dynamodb/table.ts';
import { itemWriter } from '../../../functions/sources/dynamodb/writer.ts';
import { type FakeDynamoDb, type FakeTableOptions, failure, startDynamoDb } from '../../fakes/dynamodb-server.ts';
import { fakeTiming } from '../../fakes/timing.ts';
import { TYPED_ATTRIBUTES } from '../../fixtures/typed-items.ts';

let server: FakeDynamoDb | undefined;
afterEach(async () => server?.stop());

async function open(options: Partial<FakeTableOptions> & { readonly maxWriteUnitsPerSecond?: number } = {}) {
  const fake = await startDynamoDb({ key: [['pk', 'S']], maxAttempts: 1, ...options });
  server = fake;
  const timing = fakeTiming();
  const table = { client: fake.client, table: 'orders', shape: tableShape(fake.client, 'orders') };
  return { fake, timing, table, writer: itemWriter(table, options, timing) };
}

type Writer = Awaited<ReturnType<typeof open>>['writer'];

const keyOf = (pk: string): EntryKey => keyFromText(`{"pk":{"S":${JSON.stringify(pk)}}}`);
const entryOf = (key: EntryKey, content: string, attributes: Attributes = { type: 'item' }): PresentEntry => ({
  key,
  state: 'present',
  fingerprint: '',
  attributes,
  sha256: createHash('sha256').update(content).digest('hex'),
  sizeBytes: Buffer.byteLength(content),
  extents: [],
});
async function* pieces(content: string): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(content);
  yield bytes.subarray(0, 3);
  yield bytes.subarray(3);
}
const write = (writer: Writer, pk: string, rest = '') => {
  const content = `{"pk":{"S":${JSON.stringify(pk)}}${rest}}`;
  return writer.write(entryOf(keyOf(pk), content), pieces(content));
};
const names = (count: number) => Array.from({ length: count }, (_, at) => `item-${at}`);
const sizesOf = (fake: FakeDynamoDb) =>
  fake.bodiesOf('BatchWriteItem').map((body) => JSON.parse(body).RequestItems.orders.length);

describe('writing items', () => {
  it.each(TYPED_ATTRIBUTES)('sends the content as it is: %s', async (_, json) => {
    const { writer, fake } = await open({ key: [['zz', 'S']] });
    const content = `{${json},"zz":{"S":"a"}}`;
    expect(await writer.write(entryOf(keyFromText('{"zz":{"S":"a"}}'), content), pieces(content))).toEqual([]);
    expect(fake.bodiesOf('BatchWriteItem')[0]).toContain(`{"PutRequest":{"Item":${content}}}`);
  });

  it('gathers what is written side by side into requests of 25', async () => {
    const { writer, fake } = await open();
    await Promise.all(names(100).map((pk) => write(writer, pk)));
    expect(fake.items.size).toBe(100);
    expect(sizesOf(fake)).toEqual([25, 25, 25, 25]);
    expect(fake.bodiesOf('DescribeTable')).toHaveLength(1);
  });

  it('keeps a request below 16 MB', async () => {
    const { writer, fake } = await open();
    const large = `,"x":{"S":"${'x'.repeat(1_000_000)}"}`;
    await Promise.all(names(25).map((pk) => write(writer, pk, large)));
    expect(fake.items.size).toBe(25);
    for (const body of fake.bodiesOf('BatchWriteItem')) expect(body.length).toBeLessThan(16_000_000);
  });

  it('writes one key twice in the order of the calls, never in one request', async () => {
    const { writer, fake } = await open();
    const versions = names(40).map((version) => `,"v":{"S":"${version}"}`);
    await Promise.all(versions.map((version) => write(writer, 'same', version)));
    expect(sizesOf(fake)).toEqual(versions.map(() => 1));
    expect([...fake.items.values()]).toEqual([{ pk: { S: 'same' }, v: { S: 'item-39' } }]);
  });

  it('sends nothing when the content breaks off', async () => {
    const { writer, fake } = await open();
    const content = '{"pk":{"S":"a"}}';
    async function* broken() {
      yield* pieces(content);
      throw new IntegrityError('not what it should be');
    }
    await expect(writer.write(entryOf(keyOf('a'), content), broken())).rejects.toThrow('not what it should be');
    expect(fake.bodiesOf('BatchWriteItem')).toEqual([]);
  });

  it('removes by key, and takes absence for success', async () => {
    const { writer, fake } = await open({ items: [{ pk: { S: 'a' } }, { pk: { S: 'b' } }] });
    await Promise.all([writer.remove(keyOf('a')), writer.remove(keyOf('absent'))]);
    expect([...fake.items.values()]).toEqual([{ pk: { S: 'b' } }]);
  });
});

describe('an entry that the table cannot hold', () => {
  it.each([
    ['a file', keyFromText('a.txt'), 'hello', { type: 'file' }, 'InvalidInputError', 'is not an item'],
    ['an entry without a type', keyOf('a'), '{"pk":{"S":"a"}}', {}, 'InvalidInputError', 'is not an item'],
    ['an item of another key', keyOf('b'), '{"pk":{"S":"a"}}', undefined, 'InvalidInputError', 'another key'],
    ['an item without the key', keyOf('a'), '{"id":{"S":"a"}}', undefined, 'InvalidInputError', '"pk" is absent'],
    [
      'another type of key',
      keyFromText('{"pk":{"N":"1"}}'),
      '{"pk":{"N":"1"}}',
      undefined,
      'InvalidInputError',
      'as S',
    ],
    ['content that is not JSON', keyOf('a'), '{"pk":', undefined, 'IntegrityError', 'is not JSON'],
    ['an untyped item', keyOf('a'), '{"pk":{"S":"a"},"x":1}', undefined, 'IntegrityError', '"x" has not one type'],
    ['more than any item', keyOf('a'), 'x'.repeat(5 << 20), undefined, 'InvalidInputError', 'at most 400 KB'],
  ])('is named and not sent: %s', async (_, key, content, attributes, name, why) => {
    const { writer, fake } = await open();
    const written = writer.write(entryOf(key, content, attributes), pieces(content));
    await expect(written).rejects.toMatchObject({ name, message: expect.stringContaining(why) });
    await expect(written).rejects.toMatchObject({ message: expect.stringContaining('dynamodb://orders') });
    expect(fake.bodiesOf('BatchWriteItem')).toEqual([]);
  });

  it('is found in the midst of a batch, the others being written', async () => {
    const { writer, fake } = await open({
      script: ({ operation, body }) =>
        operation === 'BatchWriteItem' && body.includes('"item-7"')
          ? failure('ValidationException', 'Item size has exceeded the maximum allowed size: secret')
          : undefined,
    });
    const done = await Promise.allSettled(names(25).map((pk) => write(writer, pk)));
    expect(done.flatMap((one, at) => (one.status === 'rejected' ? [at] : []))).toEqual([7]);
    expect(done[7]).toMatchObject({
      reason: { name: 'InvalidInputError', message: expect.stringContaining('"item-7\\"'.replaceAll('\\', '')) },
    });
    expect(
      JSON.stringify(done[7], Object.getOwnPropertyNames(Error.prototype).concat('reason', 'cause', 'message')),
    ).not.toContain('secret');
    expect(fake.items.size).toBe(24);
  });

  it.each(['x', '{"pk":{"S":"a"},"sk":{"S":"b"}}', '{"id":{"S":"a"}}', '{"pk":{"N":"1"}}', '["pk"]'])(
    'is refused as a key to remove or to open: %s',
    async (text) => {
      const { writer, table } = await open();
      const listed = { key: keyFromText(text), fingerprint: undefined, sizeBytes: undefined };
      await expect(writer.remove(listed.key)).rejects.toMatchObject({ name: 'InvalidInputError' });
      await expect(openItem(table, listed)).rejects.toMatchObject({ name: 'InvalidInputError' });
    },
  );

  it('is refused where the key is not even text', async () => {
    const { writer } = await open();
    await expect(writer.remove(keyFromBytes(Buffer.of(0xff)))).rejects.toMatchObject({ name: 'InvalidInputError' });
  });
});

describe('a table that does not take everything', () => {
  it('gets every item where a tenth comes back unprocessed, seven rounds running', async () => {
    let seed = 7;
    const tenth = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % 10 === 0;
    };
    const { writer, fake } = await open({ leaveOut: (_, nth) => nth < 4 * 7 && tenth() });
    await Promise.all(names(1000).map((pk) => write(writer, pk)));
    expect(fake.items.size).toBe(1000);
    expect(sizesOf(fake).length).toBeGreaterThan(40);
  });

  it('gets an item that comes back seven times', async () => {
    let refused = 0;
    const { writer, fake, timing } = await open({
      leaveOut: ({ pk }) => {
        const stubborn = pk?.S === 'item-3' && refused < 7;
        if (stubborn) refused += 1;
        return stubborn;
      },
    });
    await Promise.all(names(25).map((pk) => write(writer, pk)));
    expect([fake.items.size, sizesOf(fake)]).toEqual([25, [25, 1, 1, 1, 1, 1, 1, 1]]);
    expect(timing.slept).toHaveLength(7);
    for (const [round, millis] of timing.slept.entries()) expect(millis).toBeLessThanOrEqual(100 * 2 ** round);
  });

  it('lets a write resolve as soon as its own item is written, and not before', async () => {
    const { writer, fake } = await open({ leaveOut: ({ pk }, nth) => pk?.S === 'late' && nth < 3 });
    const requests = () => fake.bodiesOf('BatchWriteItem').length;
    const [early, late] = await Promise.all([
      write(writer, 'early').then(requests),
      write(writer, 'late').then(requests),
    ]);
    expect(early).toBeLessThan(late);
    expect(late).toBe(4);
  });

  it('fails each item that it never takes, by its key, and only those', async () => {
    const { writer, fake } = await open({ leaveOut: ({ pk }) => pk?.S === 'item-3' || pk?.S === 'item-9' });
    const done = await Promise.allSettled(names(25).map((pk) => write(writer, pk)));
    expect(done.flatMap((one, at) => (one.status === 'rejected' ? [at] : []))).toEqual([3, 9]);
    expect(done[9]).toMatchObject({ reason: { name: 'TransientError', message: expect.stringContaining('item-9') } });
    expect(fake.items.size).toBe(23);
  });

  it('gets every item in spite of throttling that outlasts the client', async () => {
    const { writer, fake } = await open({
      script: ({ operation }, nth) =>
        operation === 'BatchWriteItem' && nth % 5 !== 4 ? failure('ProvisionedThroughputExceededException') : undefined,
    });
    await Promise.all(names(60).map((pk) => write(writer, pk)));
    expect(fake.items.size).toBe(60);
  });

  it('fails every item when it is throttled without end', async () => {
    const { writer, fake } = await open({
      script: ({ operation }) =>
        operation === 'BatchWriteItem' ? failure('ProvisionedThroughputExceededException') : undefined,
    });
    const done = await Promise.allSettled(names(5).map((pk) => write(writer, pk)));
    for (const [at, one] of done.entries())
      expect(one).toMatchObject({ reason: { name: 'TransientError', message: expect.stringContaining(`item-${at}`) } });
    expect(fake.items.size).toBe(0);
  });

  it('is sent everything again when it returns what nobody sent', async () => {
    const stranger = '{"UnprocessedItems":{"orders":[{"PutRequest":{"Item":{"pk":{"S":"stranger"}}}}]}}';
    const { writer, fake } = await open({
      script: ({ operation }, nth) => (operation === 'BatchWriteItem' && nth === 0 ? { body: stranger } : undefined),
    });
    await Promise.all(names(5).map((pk) => write(writer, pk)));
    expect([fake.items.size, sizesOf(fake)]).toEqual([5, [5, 5]]);
  });

  it.each([
    ['ResourceNotFoundException', 'NotFoundError'],
    ['AccessDeniedException', 'AccessDeniedError'],
    ['InternalServerError', 'TransientError'],
  ])('fails every item of a request that ends in %s', async (vendor, name) => {
    const { writer } = await open({
      script: ({ operation }) => (operation === 'BatchWriteItem' ? failure(vendor) : undefined),
    });
    const done = await Promise.allSettled(names(30).map((pk) => write(writer, pk)));
    expect(done).toHaveLength(30);
    for (const one of done) expect(one).toMatchObject({ status: 'rejected', reason: { name } });
  });
});

describe('a budget of write units', () => {
  it.each([
    ['small items', 200, 10, 20],
    ['items of several units', 30, 5_000, 10],
    ['a budget below one item', 5, 5_000, 1],
  ])('is kept to for %s', async (_, count, bytes, maxWriteUnitsPerSecond) => {
    const { writer, fake, timing } = await open({ maxWriteUnitsPerSecond });
    await Promise.all(names(count).map((pk) => write(writer, pk, `,"x":{"S":"${'x'.repeat(bytes)}"}`)));
    expect(fake.items.size).toBe(count);
    const perItem = Math.ceil((bytes + 60) / 1024);
    expect(timing.nowMillis() / 1000).toBeGreaterThanOrEqual((count * perItem) / maxWriteUnitsPerSecond - perItem - 1);
    expect(Math.max(...sizesOf(fake)) * perItem).toBeLessThanOrEqual(Math.max(maxWriteUnitsPerSecond, perItem));
  });
});

describe('opening an item', () => {
  const listed = { key: keyOf('a'), fingerprint: undefined, sizeBytes: undefined };

  it('gives what is there now, under the hash of its content', async () => {
    const { table } = await open({ items: [{ x: { NS: ['2', '10'] }, pk: { S: 'a' } }] });
    const opened = await openItem(table, listed);
    const content = '{"pk":{"S":"a"},"x":{"NS":["10","2"]}}';
    expect(opened).toMatchObject({
      state: 'open',
      attributes: { type: 'item' },
      sizeBytes: content.length,
      fingerprint: createHash('sha256').update(content).digest('hex'),
    });
    const read: Uint8Array[] = [];
    if (opened.state === 'open') for await (const piece of piecesOf(opened.content)) read.push(piece);
    expect(Buffer.concat(read).toString()).toBe(content);
  });

  it('says that it is gone when it is, and nothing else', async () => {
    expect(await openItem((await open()).table, listed)).toEqual({ state: 'gone' });
    await server?.stop();
    const { table } = await open({
      script: ({ operation }) => (operation === 'GetItem' ? failure('AccessDeniedException') : undefined),
    });
    await expect(openItem(table, listed)).rejects.toMatchObject({ name: 'AccessDeniedError' });
  });
});
