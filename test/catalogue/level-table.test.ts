import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { levelTable } from '../../functions/catalogue/level-table.ts';
import { IntegrityError, InvalidInputError, TransientError } from '../../functions/core/errors.ts';
import { drain, numbers } from '../fixtures/catalogue-samples.ts';

const clock = { now: () => new Date('2026-11-25T10:00:00.000Z') };
let level: ClassicLevel;

beforeEach(async () => {
  level = new ClassicLevel(await mkdtemp(join(tmpdir(), 'holdfast-level-')));
});
afterEach(async () => {
  await level.close();
  await rm(level.location, { recursive: true });
});

const itemOf = (n: number) => ({ pk: 'p', sk: String(n).padStart(4, '0'), record: `{"n":${n}}` });

describe('a table in LevelDB', () => {
  test('keeps an item out of the index that it has left', async () => {
    const table = levelTable(level, clock);
    const listed = async (partition: string) =>
      (await drain(table.query({ partition, index: 'gsi1' }))).map(({ record }) => record);
    await table.put({ ...itemOf(1), gsi1pk: 'a', gsi1sk: '1' });
    expect(await listed('a')).toEqual(['{"n":1}']);
    await table.put({ ...itemOf(1), gsi1pk: 'b', gsi1sk: '1' });
    expect([await listed('a'), await listed('b')]).toEqual([[], ['{"n":1}']]);
    await table.putMany([itemOf(1)]);
    expect(await listed('b')).toEqual([]);
    await table.put({ ...itemOf(1), gsi1pk: 'c', gsi1sk: '1' });
    await table.deleteMany([itemOf(1)]);
    expect(await listed('c')).toEqual([]);
    expect(await level.keys().all()).toEqual([]);
  });

  test('lists a partition and a beginning without their neighbours, over many pages, in either direction', async () => {
    const table = levelTable(level, clock);
    await table.putMany([
      ...numbers(250).map(itemOf),
      ...['o', 'p\u0001', 'pp', 'q'].map((pk) => ({ pk, sk: '0001', record: '{}' })),
    ]);
    const records = numbers(250).map((n) => `{"n":${n}}`);
    const all = await drain(table.query({ partition: 'p' }));
    expect(all.map(({ record }) => record)).toEqual(records);
    const backwards = await drain(table.query({ partition: 'p', newestFirst: true }));
    expect(backwards).toEqual(all.toReversed());
    expect((await drain(table.query({ partition: 'p', prefix: '020' }))).length).toBe(10);
  });

  test('gives one of many writers on the same condition what they all want', async () => {
    const table = levelTable(level, clock);
    const outcomes = await Promise.all(
      numbers(20).map((n) => table.put({ ...itemOf(1), token: n }, { kind: 'absent' })),
    );
    expect(outcomes.filter((written) => written)).toEqual([true]);
    const taken = await Promise.all(
      numbers(20).map((n) =>
        table.put({ ...itemOf(1), record: `{"by":${n}}` }, { kind: 'unchanged', record: '{"n":1}' }),
      ),
    );
    expect(taken.filter((written) => written)).toEqual([true]);
  });

  test('goes on after a write that failed', async () => {
    const table = levelTable(level, clock);
    await expect(table.put({ ...itemOf(1), pk: 'a\0b' })).rejects.toBeInstanceOf(InvalidInputError);
    expect(await table.put(itemOf(1))).toBe(true);
  });

  test('names a record that is damaged', async () => {
    const table = levelTable(level, clock);
    await table.put(itemOf(1));
    for (const damaged of ['{', '{}', '']) {
      await level.put('item\0p\x000001', damaged);
      const reading = table.get(itemOf(1));
      await expect(reading).rejects.toBeInstanceOf(IntegrityError);
      await expect(reading).rejects.toThrow('the record under item/p/0001 of the embedded catalogue');
      await expect(drain(table.query({ partition: 'p' }))).rejects.toBeInstanceOf(IntegrityError);
    }
  });

  test.each([
    ['LEVEL_CORRUPTION', IntegrityError, 'move that directory away and run holdfast catalogue rebuild'],
    ['LEVEL_IO_ERROR', TransientError, 'see that its disk is there and not full'],
    ['LEVEL_DATABASE_NOT_OPEN', TransientError, 'it was closed meanwhile'],
  ])('classes %s by what the caller does', async (code, kind, mend) => {
    const fails = async () => {
      throw Object.assign(new Error('as LevelDB says it'), { code });
    };
    const failing = levelTable(Object.assign(Object.create(level), { getMany: fails, batch: fails }), clock);
    for (const act of [
      () => failing.get(itemOf(1)),
      () => failing.put(itemOf(1)),
      () => failing.putMany([itemOf(1)]),
    ]) {
      await expect(act()).rejects.toBeInstanceOf(kind);
      await expect(act()).rejects.toThrow(mend);
    }
  });

  test('lets an error that it does not know pass', async () => {
    const bug = new Error('a bug');
    const failing = levelTable(Object.assign(Object.create(level), { getMany: () => Promise.reject(bug) }), clock);
    await expect(failing.get(itemOf(1))).rejects.toBe(bug);
  });
});
