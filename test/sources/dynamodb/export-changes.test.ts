import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { InvalidInputError } from '../../../functions/core/errors.ts';
import { fakeExports, itemOf, stateAt, type Write } from '../../fixtures/dynamodb-export.ts';
import { at, collect, DAY, entriesOf, HOUR, keyOf, readerOf, since, T0, valuesOf, wanted } from './export-reader.ts';

let fake = fakeExports();
let source = readerOf(fake);
beforeEach(() => {
  fake = fakeExports();
  fake.earliest = T0 - 30 * DAY;
  source = readerOf(fake);
});

describe('an increment', () => {
  beforeEach(() => {
    fake.history = [
      { at: T0 - 2 * HOUR, pk: 'kept', value: '1' },
      { at: T0 - 2 * HOUR, pk: 'changed', value: '1' },
      { at: T0 - 2 * HOUR, pk: 'gone', value: '1' },
      { at: T0 - HOUR, pk: 'new', value: '1' },
      { at: T0 - 10, pk: 'changed', value: '2' },
      { at: T0 - 10, pk: 'gone', value: undefined },
      { at: T0, pk: 'later', value: '1' },
    ];
  });

  it('gives what was put, changed and deleted, and nothing else', async () => {
    const { start, entries } = await source.readFrom(T0, since(T0 - HOUR));
    expect(start).toMatchObject({ consistentAt: '2026-03-10T12:00:00.000Z', changesOnly: true });
    expect(valuesOf(entries)).toEqual(wanted({ new: '1', changed: '2', gone: undefined }));
  });

  it('asks for the changes from the very second of the base', async () => {
    await source.readFrom(T0, since(T0 - HOUR));
    expect(fake.started).toMatchObject([
      {
        ExportType: 'INCREMENTAL_EXPORT',
        IncrementalExportSpecification: {
          ExportFromTime: at(T0 - HOUR),
          ExportToTime: at(T0),
          ExportViewType: 'NEW_AND_OLD_IMAGES',
        },
      },
    ]);
    expect(fake.started[0]).not.toHaveProperty('ExportTime');
  });

  it('of several days reads window after window, and a change met twice is last met as it is now', async () => {
    fake.history.push(
      { at: T0 + 2 * DAY, pk: 'changed', value: '3' },
      { at: T0 + 2 * DAY, pk: 'new', value: undefined },
    );
    const { entries } = await source.readFrom(T0 + 3 * DAY - HOUR, since(T0 - HOUR));
    expect(fake.started).toHaveLength(3);
    expect(entries.filter(({ key }) => key === keyOf('changed')).map(({ content }) => content?.toString())).toEqual(
      ['2', '3'].map((value) => JSON.stringify(itemOf('changed', value))),
    );
    expect(valuesOf(entries)).toEqual(wanted({ new: undefined, changed: '3', gone: undefined, later: '1' }));
  });

  it('starts a few of many windows ahead, and all of them once', async () => {
    fake.polls = 1;
    const base = since(T0 - HOUR);
    const { cursor } = await source.beginScan(at(T0 + 20 * DAY), base);
    for await (const _ of source.scan(cursor)) break;
    expect(fake.started).toHaveLength(10);
    await source.readAll(cursor);
    expect(fake.exports.size).toBe(21);
  });

  it('tells as deleted what was put right before the base and deleted right after it', async () => {
    fake.history = [
      { at: T0 - 1, pk: 'short', value: '1' },
      { at: T0 + 1, pk: 'short', value: undefined },
    ];
    const { entries } = await source.readFrom(T0 + 2, since(T0));
    expect(valuesOf(entries)).toEqual(wanted({ short: undefined }));
  });

  it('within 15 minutes of the base waits until they are over', async () => {
    fake.clock = T0;
    const start = await source.beginScan(at(T0), since(T0 - 600));
    expect(start.consistentAt).toBe(at(T0 + 300).toISOString());
    const [first] = await collect(source.scan(start.cursor));
    expect(first).toMatchObject({ entries: [], waitSeconds: 300 });
    expect(fake.started).toEqual([]);
    fake.clock = T0 + 300;
    expect(valuesOf(entriesOf(await source.readAll(first?.cursor ?? '')))).toEqual(
      wanted({ changed: '2', gone: undefined, later: '1' }),
    );
  });

  it('tries again each minute where DynamoDB does not have the time yet, and at last says so', async () => {
    fake.clock = T0 - 1;
    const { cursor } = await source.beginScan(at(T0), since(T0 - HOUR));
    const [first] = await collect(source.scan(cursor));
    expect(first).toMatchObject({ entries: [], waitSeconds: 60 });
    await expect(source.readAll(cursor)).rejects.toThrow(InvalidInputError);
    await expect(source.readAll(cursor)).rejects.toThrow('to time cannot be greater than the current time');
    fake.clock = T0;
    expect(entriesOf(await source.readAll(first?.cursor ?? ''))).toHaveLength(3);
  });
});

describe('a full and increments of it', () => {
  const write = fc.record({
    // Most of them within the first increments.
    at: fc.oneof(
      { weight: 3, arbitrary: fc.integer({ min: T0, max: T0 + 40 * 60 }) },
      { weight: 1, arbitrary: fc.integer({ min: T0, max: T0 + 3 * DAY }) },
    ),
    pk: fc.constantFrom('a', 'b', 'c', 'd'),
    value: fc.option(fc.constantFrom('1', '2', '3'), { nil: undefined, freq: 2 }),
  });

  it('together are the state at the last one, whatever was written and whenever they were taken', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(write, { maxLength: 40 }),
        fc.array(fc.oneof(fc.integer({ min: 1, max: 20 * 60 }), fc.integer({ min: 1, max: 2 * DAY })), {
          minLength: 1,
          maxLength: 5,
        }),
        async (writes: Write[], pauses) => {
          fake.exports.clear();
          fake.history = writes.toSorted((a, b) => a.at - b.at);
          let { start, entries } = await source.readFrom(T0 + 10 * 60);
          const state = new Map(entries.map(({ key, content }) => [key, content?.toString()]));
          for (const pause of pauses) {
            const now = Date.parse(start.consistentAt) / 1000 + pause;
            ({ start, entries } = await source.readFrom(now, since(Date.parse(start.consistentAt) / 1000)));
            for (const { key, content } of entries)
              if (content === undefined) state.delete(key);
              else state.set(key, content.toString());
          }
          const last = Object.fromEntries(stateAt(fake.history, Date.parse(start.consistentAt) / 1000));
          expect(Object.fromEntries(state)).toEqual(wanted(last));
        },
      ),
      { seed: 1, numRuns: 100 },
    );
  });
});
