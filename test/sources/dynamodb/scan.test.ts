import { afterEach, describe, expect, it } from 'vitest';
import type { ReadOptions, ScannedPage } from '../../../functions/core/ports.ts';
import { itemScan } from '../../../functions/sources/dynamodb/scan.ts';
import { type FakeDynamoDb, type FakeTableOptions, failure, startDynamoDb } from '../../fakes/dynamodb-server.ts';
import { fakeTiming } from '../../fakes/timing.ts';

const NOW = new Date('2025-01-02T03:04:05.678Z');
let server: FakeDynamoDb | undefined;
afterEach(async () => server?.stop());

const itemsOf = (count: number, bytes = 5) =>
  Array.from({ length: count }, (_, at) => ({
    pk: { S: `p${at % 7}` },
    sk: { N: String(at) },
    text: { S: 'x'.repeat(bytes) },
  }));

async function open(
  options: Partial<FakeTableOptions> & { readonly read?: ReadOptions } = {},
): Promise<{ fake: FakeDynamoDb; scanner: ReturnType<typeof itemScan>; timing: ReturnType<typeof fakeTiming> }> {
  const key = [
    ['pk', 'S'],
    ['sk', 'N'],
  ] as const;
  const fake = await startDynamoDb({ key, ...options });
  server = fake;
  const timing = fakeTiming();
  return {
    fake,
    timing,
    scanner: itemScan({ client: fake.client, table: 'orders' }, options.read ?? {}, timing),
  };
}

async function pagesOf(scanner: ReturnType<typeof itemScan>, cursor: string): Promise<readonly ScannedPage[]> {
  const pages: ScannedPage[] = [];
  for await (const page of scanner.scan(cursor)) pages.push(page);
  return pages;
}

const cursorOf = (...segments: readonly string[]) =>
  JSON.stringify({
    key: [
      { name: 'pk', type: 'S' },
      { name: 'sk', type: 'N' },
    ],
    itemBytes: 0,
    segments,
  });

const lastKeyOf = (key: string) => `{"Items":[],"Count":0,"LastEvaluatedKey":${key}}`;

const textsOf = (pages: readonly ScannedPage[]) =>
  pages.flatMap(({ entries }) => entries.map(({ key, content }) => `${key} ${content?.toString('utf8')}`));
const expected = (count: number, bytes = 5) =>
  itemsOf(count, bytes)
    .map(({ pk, sk, text }) => {
      const key = `"pk":{"S":"${pk.S}"},"sk":{"N":"${sk.N}"}`;
      return `{${key}} {${key},"text":{"S":"${text.S}"}}`;
    })
    .sort();

describe('a scan of a table', () => {
  it('meets every item once, over segments and pages', async () => {
    const { scanner, fake } = await open({ items: itemsOf(500), pageItems: 9 });
    const pages = await pagesOf(scanner, (await scanner.beginScan(NOW)).cursor);
    expect(textsOf(pages).sort()).toEqual(expected(500));
    expect(pages.at(-1)?.cursor).toBeUndefined();
    expect(pages.slice(0, -1).every(({ cursor }) => cursor !== undefined)).toBe(true);
    expect(fake.bodiesOf('DescribeTable')).toHaveLength(1);
  });

  it('gives, from the cursor of every page, exactly the pages that came after it', async () => {
    const { scanner } = await open({ items: itemsOf(100), pageItems: 5 });
    const pages = await pagesOf(scanner, (await scanner.beginScan(NOW)).cursor);
    for (const [at, { cursor }] of pages.entries()) {
      if (cursor === undefined) continue;
      const rest = await pagesOf(scanner, cursor);
      expect(textsOf(rest).sort()).toEqual(textsOf(pages.slice(at + 1)).sort());
      expect(textsOf(await pagesOf(scanner, cursor))).toEqual(textsOf(rest));
    }
  });

  it('ends for a table of no items, and says so with a page', async () => {
    const { scanner } = await open();
    const pages = await pagesOf(scanner, (await scanner.beginScan(NOW)).cursor);
    expect(textsOf(pages)).toEqual([]);
    expect(pages.at(-1)).toEqual({ entries: [], cursor: undefined });
  });

  it('is consistent as of when it began, and reads all', async () => {
    const { scanner } = await open();
    expect(await scanner.beginScan(NOW, { consistentAt: '2025-01-01T00:00:00.000Z', settings: {} })).toMatchObject({
      consistentAt: '2025-01-02T03:04:05.678Z',
      changesOnly: false,
    });
  });

  it.each([
    [{}, true],
    [{ consistentReads: true }, true],
    [{ consistentReads: false }, false],
  ] as const)('reads as told by %j', async (read, consistent) => {
    const { scanner, fake } = await open({ read });
    await pagesOf(scanner, (await scanner.beginScan(NOW)).cursor);
    for (const body of fake.bodiesOf('Scan')) expect(JSON.parse(body)).toMatchObject({ ConsistentRead: consistent });
  });

  it('has a few pages in flight, however slowly they are taken', async () => {
    const { scanner, fake } = await open({ items: itemsOf(400), pageItems: 1 });
    let taken = 0;
    for await (const _ of scanner.scan((await scanner.beginScan(NOW)).cursor)) {
      taken += 1;
      expect(fake.bodiesOf('Scan').length - taken).toBeLessThanOrEqual(4);
      if (taken === 50) break;
    }
  });

  it('says that the table is gone, at the beginning and half-way', async () => {
    const absent = await open({ script: () => failure('ResourceNotFoundException') });
    await expect(absent.scanner.beginScan(NOW)).rejects.toMatchObject({ name: 'NotFoundError' });
    await absent.fake.stop();
    const dropped = await open({
      items: itemsOf(100),
      pageItems: 5,
      script: ({ operation }, nth) =>
        operation === 'Scan' && nth > 8 ? failure('ResourceNotFoundException') : undefined,
    });
    const { cursor } = await dropped.scanner.beginScan(NOW);
    await expect(pagesOf(dropped.scanner, cursor)).rejects.toMatchObject({ name: 'NotFoundError' });
  });

  it('goes by the key that the table has now, when it was made anew since the last scan', async () => {
    const { scanner, fake } = await open({
      key: [['pk', 'S']],
      script: ({ operation }, nth) =>
        operation === 'DescribeTable' && nth === 1
          ? {
              body: JSON.stringify({
                Table: {
                  KeySchema: [
                    { AttributeName: 'pk', KeyType: 'HASH' },
                    { AttributeName: 'sk', KeyType: 'RANGE' },
                  ],
                  AttributeDefinitions: [
                    { AttributeName: 'pk', AttributeType: 'S' },
                    { AttributeName: 'sk', AttributeType: 'N' },
                  ],
                },
              }),
            }
          : undefined,
    });
    await pagesOf(scanner, (await scanner.beginScan(NOW)).cursor);
    for (const item of itemsOf(3)) fake.items.set(item.sk.N, { ...item, pk: { S: 'same' } });
    const pages = await pagesOf(scanner, (await scanner.beginScan(NOW)).cursor);
    expect(new Set(pages.flatMap(({ entries }) => entries.map(({ key }) => key))).size).toBe(3);
  });

  it('looks for the table again after it was not there', async () => {
    const { scanner } = await open({
      script: ({ operation }, nth) =>
        operation === 'DescribeTable' && nth === 0 ? failure('ResourceNotFoundException') : undefined,
    });
    await expect(scanner.beginScan(NOW)).rejects.toMatchObject({ name: 'NotFoundError' });
    await expect(scanner.beginScan(NOW)).resolves.toBeDefined();
  });

  it('goes on after throttles that pass, and is a passing failure after those that do not', async () => {
    const throttle = failure('ProvisionedThroughputExceededException');
    const passing = await open({
      items: itemsOf(50),
      script: ({ operation }, nth) => (operation === 'Scan' && nth % 3 === 0 ? throttle : undefined),
    });
    const { cursor } = await passing.scanner.beginScan(NOW);
    expect(textsOf(await pagesOf(passing.scanner, cursor))).toHaveLength(50);
    await passing.fake.stop();
    const lasting = await open({ script: ({ operation }) => (operation === 'Scan' ? throttle : undefined) });
    await expect(pagesOf(lasting.scanner, cursor)).rejects.toMatchObject({ name: 'TransientError' });
  });

  it.each([
    ['no items at all', '{"Count":0}'],
    ['fewer items than it counts', '{"Items":[],"Count":1}'],
    ['an item without its key', '{"Items":[{"pk":{"S":"a"}}],"Count":1}'],
    ['an item of another type of key', '{"Items":[{"pk":{"S":"a"},"sk":{"S":"a"}}],"Count":1}'],
    ['a value of a type that is not known', '{"Items":[{"pk":{"S":"a"},"sk":{"N":"1"},"x":{"Q":1}}],"Count":1}'],
    ['a last key that is not whole', lastKeyOf('{"pk":{"S":"a"}}')],
    ['a last key of a longer key', lastKeyOf('{"pk":{"S":"a"},"sk":{"N":"1"},"tk":{"N":"1"}}')],
    ['a last key that is none', lastKeyOf('{"pk":1,"sk":{"N":"1"}}')],
  ])('never takes a page for whole that has %s', async (_, body) => {
    const { scanner } = await open({ script: ({ operation }) => (operation === 'Scan' ? { body } : undefined) });
    const { cursor } = await scanner.beginScan(NOW);
    await expect(pagesOf(scanner, cursor)).rejects.toMatchObject({ name: 'IntegrityError' });
  });

  it.each(['', '[]', '{}', cursorOf(), cursorOf('middle'), cursorOf('{'), cursorOf('{"pk":1}')])(
    'refuses %j as a cursor',
    async (cursor) => {
      const { scanner } = await open();
      await expect(pagesOf(scanner, cursor)).rejects.toMatchObject({ name: 'InvalidInputError' });
    },
  );
});

describe('a budget of read units', () => {
  it.each([
    ['small items', 300, 100, 10],
    ['items of several units', 60, 20_000, 20],
    ['a budget below one item', 10, 20_000, 1],
  ])('is kept to for %s', async (_, count, bytes, maxReadUnitsPerSecond) => {
    const { scanner, fake, timing } = await open({
      items: itemsOf(count, bytes),
      read: { maxReadUnitsPerSecond },
    });
    const units: number[] = [];
    const pages = await pagesOf(scanner, (await scanner.beginScan(NOW)).cursor);
    for (const { entries } of pages)
      units.push(Math.ceil(entries.reduce((sum, { content }) => sum + (content?.length ?? 0), 0) / 4096));
    expect(textsOf(pages)).toHaveLength(count);
    const total = units.reduce((sum, one) => sum + one, 0);
    // One second's worth and the last pages, which nothing waits for, may be ahead of the budget.
    const ahead = maxReadUnitsPerSecond + 4 * Math.max(...units);
    expect(total).toBeLessThanOrEqual((timing.nowMillis() / 1000) * maxReadUnitsPerSecond + ahead);
    // The first pages are asked for before the size of an item is known.
    const limits = fake.bodiesOf('Scan').map((body) => JSON.parse(body).Limit);
    expect(Math.max(...units.slice(4), 0)).toBeLessThanOrEqual(Math.max(maxReadUnitsPerSecond / 2, bytes / 4096 + 1));
    expect(limits.every((limit) => limit >= 1)).toBe(true);
  });

  it('waits for what pages really took, however little was expected of them', async () => {
    const page = (nth: number) => ({
      Items: [],
      Count: 0,
      ConsumedCapacity: { CapacityUnits: 50 },
      ...(nth < 5 ? { LastEvaluatedKey: { pk: { S: 'a' }, sk: { N: String(nth) } } } : {}),
    });
    const { scanner, timing } = await open({
      read: { maxReadUnitsPerSecond: 10 },
      script: ({ operation }, nth) => (operation === 'Scan' ? { body: JSON.stringify(page(nth)) } : undefined),
    });
    expect(await pagesOf(scanner, cursorOf('start'))).toHaveLength(6);
    expect(timing.nowMillis()).toBeGreaterThanOrEqual((5 * 50 - 10) * 100);
  });

  it('is not asked about where there is none', async () => {
    const { scanner, fake } = await open({ items: itemsOf(5) });
    await pagesOf(scanner, (await scanner.beginScan(NOW)).cursor);
    for (const body of fake.bodiesOf('Scan')) expect(JSON.parse(body)).not.toHaveProperty('Limit');
  });
});
