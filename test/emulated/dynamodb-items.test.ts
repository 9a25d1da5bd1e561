/** Items of a table against DynamoDB Local, AWS's own emulator: there and back, and judged by a scan of another table's worth. */
import { createHash, randomBytes } from 'node:crypto';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findKeyText, inRange, type PresentEntry } from '../../functions/core/entry.ts';
import { itemKeyRanges } from '../../functions/core/item-key.ts';
import type { ScannedEntry } from '../../functions/core/ports.ts';
import { canonicalItem } from '../../functions/core/typed-json.ts';
import { REAL_TIME } from '../../functions/sources/dynamodb/budget.ts';
import { openItem } from '../../functions/sources/dynamodb/open.ts';
import { itemScan } from '../../functions/sources/dynamodb/scan.ts';
import { tableShape } from '../../functions/sources/dynamodb/table.ts';
import { batchWriteRaw } from '../../functions/sources/dynamodb/wire.ts';
import { itemWriter } from '../../functions/sources/dynamodb/writer.ts';
import { TYPED_ATTRIBUTES } from '../fixtures/typed-items.ts';
import { type Emulator, emulatorEnv, startDynamoDbLocal } from './services.ts';

type KeyTypes = readonly (readonly [name: string, type: 'S' | 'N' | 'B'])[];

let local: Emulator;
let client: DynamoDBClient;
beforeAll(async () => {
  local = await startDynamoDbLocal();
  client = new DynamoDBClient({
    endpoint: local.endpoint,
    region: emulatorEnv.AWS_REGION,
    credentials: { accessKeyId: emulatorEnv.AWS_ACCESS_KEY_ID, secretAccessKey: emulatorEnv.AWS_SECRET_ACCESS_KEY },
  });
});
afterAll(async () => {
  client?.destroy();
  await local?.stop();
});

let tables = 0;
async function createTable(key: KeyTypes) {
  tables += 1;
  const table = `items-${tables}`;
  await client.send(
    new CreateTableCommand({
      TableName: table,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: key.map(([AttributeName], at) => ({ AttributeName, KeyType: at === 0 ? 'HASH' : 'RANGE' })),
      AttributeDefinitions: key.map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
    }),
  );
  const place = { client, table, shape: tableShape(client, table) };
  return { ...place, place, scanner: itemScan(place, {}, REAL_TIME), writer: itemWriter(place, {}, REAL_TIME) };
}
type Table = Awaited<ReturnType<typeof createTable>>;

async function entriesOf({ scanner }: Table): Promise<readonly ScannedEntry[]> {
  const entries: ScannedEntry[] = [];
  for await (const page of scanner.scan((await scanner.beginScan(new Date())).cursor)) entries.push(...page.entries);
  return entries.sort((a, b) => (a.key < b.key ? -1 : 1));
}

const textOf = ({ content }: ScannedEntry): string => content?.toString('utf8') ?? 'gone';

/** Texts compare fast; buffers of this size do not. */
function expectSame(found: readonly ScannedEntry[], expected: readonly ScannedEntry[]): void {
  expect(found.map(({ key }) => key)).toEqual(expected.map(({ key }) => key));
  expect(found.map(textOf)).toEqual(expected.map(textOf));
}

/** DynamoDB Local writes out what has an exponent: as a text it is another, as a number the same. */
const writtenOut = (item: string): string =>
  canonicalItem(
    JSON.parse(item.replaceAll('1E+125', `1${'0'.repeat(125)}`).replaceAll('-9.9E-130', `-0.${'0'.repeat(129)}99`)),
    (why) => new Error(why),
  );

async function* once(content: Buffer) {
  yield content;
}

async function writeAll({ writer }: Table, entries: readonly ScannedEntry[]): Promise<void> {
  await Promise.all(
    entries.map(async ({ key, content = Buffer.alloc(0) }) => {
      const entry: PresentEntry = {
        key,
        state: 'present',
        fingerprint: '',
        attributes: { type: 'item' },
        sha256: createHash('sha256').update(content).digest('hex'),
        sizeBytes: content.length,
        extents: [],
      };
      expect(await writer.write(entry, once(content))).toEqual([]);
    }),
  );
}

/** Puts items, as text, into a table; reads them; writes them into a second one; and reads that. */
async function thereAndBack(key: KeyTypes, items: readonly string[]) {
  const [source, target] = [await createTable(key), await createTable(key)];
  for (let at = 0; at < items.length; at += 10) {
    const puts = items.slice(at, at + 10).map((item) => `{"PutRequest":{"Item":${item}}}`);
    expect((await batchWriteRaw(client, source.table, puts)).body.UnprocessedItems).toEqual({});
  }
  const taken = await entriesOf(source);
  await writeAll(target, taken);
  return { source, target, taken, restored: await entriesOf(target) };
}

describe('items of a table', () => {
  it('come back text for text: every type, and every awkward name', async () => {
    const items = TYPED_ATTRIBUTES.map(([, json], at) => `{${json},"zz":{"N":"${at}"}}`);
    const { taken, restored } = await thereAndBack([['zz', 'N']], items);
    expect(taken.map(textOf).sort()).toEqual(items.map(writtenOut).sort());
    expectSame(restored, taken);
  });

  const long = {
    S: 's'.repeat(1024),
    N: '-12345678901234567890123456789012345678',
    B: randomBytes(1023).toString('base64'),
  };
  it.each([
    [[['k', 'S']], `{"k":{"S":"${'ü'.repeat(1024)}"}}`],
    [[['k', 'N']], '{"k":{"N":"0.0000001"}}'],
    [[['k', 'B']], `{"k":{"B":"${randomBytes(2046).toString('base64')}"}}`],
    [
      [
        ['h', 'S'],
        ['r', 'N'],
      ],
      `{"h":{"S":"${'h'.repeat(2048)}"},"r":{"N":"${long.N}"}}`,
    ],
    [
      [
        ['h', 'N'],
        ['r', 'B'],
      ],
      `{"h":{"N":"1"},"r":{"B":"${long.B}"}}`,
    ],
    [
      [
        ['h', 'B'],
        ['r', 'S'],
      ],
      `{"h":{"B":"AA=="},"r":{"S":"${long.S}"}}`,
    ],
    [
      [
        ['z', 'S'],
        ['a', 'S'],
      ],
      '{"a":{"S":"range"},"z":{"S":"hash"}}',
    ],
    [
      [
        ['10', 'S'],
        ['9', 'S'],
      ],
      '{"10":{"S":"hash"},"9":{"S":"range"}}',
    ],
    [[['__proto__', 'S']], '{"__proto__":{"S":"own"}}'],
  ] satisfies [KeyTypes, string][])('come back with the key %j', async (key, item) => {
    const { source, target, taken, restored } = await thereAndBack(key, [item]);
    expect(taken.map(textOf)).toEqual([item]);
    expectSame(restored, taken);
    const [entry] = taken;
    if (entry === undefined) throw new Error('nothing was read');
    const [first = ''] = key.flat();
    expect(findKeyText(entry.key)?.startsWith(`{"${first}":`)).toBe(true);
    expect(itemKeyRanges(item).some((range) => inRange(entry.key, range))).toBe(true);
    const listed = { key: entry.key, fingerprint: undefined, sizeBytes: undefined };
    expect(await openItem(source.place, listed)).toMatchObject({
      state: 'open',
      sizeBytes: item.length + (item.includes('ü') ? 1024 : 0),
    });
    await target.writer.remove(entry.key);
    expect(await openItem(target.place, listed)).toEqual({ state: 'gone' });
  });

  it('come back at 400 KB each, more than fit a page or a request', async () => {
    const items = Array.from({ length: 30 }, (_, at) => {
      const half = randomBytes(204_700).toString('base64');
      return `{"b":{"B":"${half}"},"k":{"S":"${at}"},"s":{"S":"${'\\u0001'.repeat(204_800)}"}}`;
    });
    const { taken, restored } = await thereAndBack([['k', 'S']], items);
    expect(taken.map(textOf).sort()).toEqual([...items].sort());
    expectSame(restored, taken);
  });

  it('come back by the thousand, over many pages', async () => {
    const items = Array.from(
      { length: 3000 },
      (_, at) => `{"h":{"S":"${at % 50}"},"r":{"N":"${at}"},"x":{"S":"${'x'.repeat(900)}"}}`,
    );
    const { taken, restored } = await thereAndBack(
      [
        ['h', 'S'],
        ['r', 'N'],
      ],
      items,
    );
    expect(taken.map(textOf).sort()).toEqual([...items].sort());
    expectSame(restored, taken);
  });

  it('that the table refuses are named, the others written', async () => {
    const table = await createTable([['k', 'S']]);
    const good = Array.from({ length: 9 }, (_, at) => `{"k":{"S":"${at}"}}`);
    const large = `{"k":{"S":"large"},"x":{"S":"${'x'.repeat(410_000)}"}}`;
    const entry = (text: string): ScannedEntry => ({ ...keyOnly(text), content: Buffer.from(text) });
    const done = await Promise.allSettled([large, ...good].map((text) => writeAll(table, [entry(text)])));
    expect(done[0]).toMatchObject({
      status: 'rejected',
      reason: { name: 'InvalidInputError', message: expect.stringContaining('large') },
    });
    expect((await entriesOf(table)).map(textOf)).toEqual(good);
  });

  it('of a table that is not there are not found', async () => {
    const place = { client, table: 'absent', shape: tableShape(client, 'absent') };
    await expect(itemScan(place, {}, REAL_TIME).beginScan(new Date())).rejects.toMatchObject({ name: 'NotFoundError' });
  });

  it('none at all are a scan of nothing', async () => {
    expect(await entriesOf(await createTable([['k', 'S']]))).toEqual([]);
  });
});

function keyOnly(text: string): Pick<ScannedEntry, 'key'> {
  const [range] = itemKeyRanges(`{"k":${JSON.stringify(JSON.parse(text).k)}}`);
  if (range?.upTo === undefined) throw new Error('no key');
  return { key: range.upTo };
}
