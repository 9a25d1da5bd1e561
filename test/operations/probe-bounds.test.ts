import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EntryKey, type KeyRange, keyFromBytes } from '../../functions/core/entry.ts';
import { probeBounds } from '../../functions/operations/probe-bounds.ts';
import { DISTRIBUTIONS, peekInto } from '../bench/key-sets.ts';
import { divide } from '../bench/sharding.ts';

/** A source of these keys, and how often it was looked at. */
function sourceOf(keys: readonly EntryKey[]) {
  const set = { count: keys.length, keyAt: (rank: number) => keys[rank] ?? '' };
  const peeked = { times: 0 };
  return {
    peeked,
    peek: async (range: KeyRange) => {
      peeked.times += 1;
      return peekInto(set, range);
    },
  };
}

/** Keys of few letters, so that they are long prefixes of one another, and of many bytes. */
const keysOf = (letters: string, base: number) =>
  fc
    .uniqueArray(fc.string({ unit: fc.constantFrom(...letters), maxLength: 9 }), {
      minLength: 0,
      maxLength: 400,
      size: 'max',
    })
    .map((names) =>
      [...names.flatMap((name) => Array.from({ length: base }, (_, at) => `${name}${at.toString(36)}`))]
        .map((name) => keyFromBytes(Buffer.from(name, 'latin1')))
        .sort()
        .filter((key, at, all) => key !== all[at - 1]),
    );

describe('probing a source for bounds', () => {
  it('asks once of a source of fewer keys than an answer holds, and divides nothing', async () => {
    const { peek, peeked } = sourceOf([keyFromBytes(Buffer.from('a')), keyFromBytes(Buffer.from('b'))]);
    expect(await probeBounds(peek, {}, { shardEntries: 100_000, sideBySide: 8 })).toEqual([]);
    expect(peeked.times).toBe(1);
  });

  it('gives keys of the range in strict order, none of whose parts is empty, by no more requests than a listing takes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(keysOf('ab/', 30), keysOf('a/\u00ff\u0000', 12), keysOf('0123456789', 20)),
        fc.integer({ min: 1000, max: 5000 }),
        async (keys, shardEntries) => {
          const { peek, peeked } = sourceOf(keys);
          const bounds = await probeBounds(peek, {}, { shardEntries, sideBySide: 4 });
          const last = keys.at(-1);
          bounds.forEach((bound, at) => {
            expect(keys).toContain(bound);
            expect(last !== undefined && bound < last).toBe(true);
            expect(at === 0 || bound > (bounds[at - 1] ?? '')).toBe(true);
          });
          expect(peeked.times).toBeLessThanOrEqual(keys.length < 1000 ? 1 : 100 + keys.length / 500);
        },
      ),
      { numRuns: 40, seed: 7 },
    );
  });

  it.each(Object.entries(DISTRIBUTIONS))(
    'divides a million keys evenly for less than a quarter of a listing: %s',
    async (name, make) => {
      const { last } = await divide(make(1_000_000, 42), 100_000);
      const { shards, overhead, largest, mean } = last;
      expect(shards).toBeGreaterThanOrEqual(5);
      expect(largest / mean).toBeLessThan(UNEVEN.has(name) ? 2.1 : 2);
      expect(overhead).toBeLessThan(UNEVEN.has(name) ? 250 : 200);
    },
  );

  it.each(Object.entries(DISTRIBUTIONS))(
    'takes a small source for one part by a handful of requests: %s',
    async (_, make) => {
      const { shards, requests } = (await divide(make(5000, 42), 100_000)).last;
      expect(shards).toBe(1);
      expect(requests).toBeLessThanOrEqual(24);
    },
  );
});

/** Folders of words, whose sizes nothing tells but a look into each. */
const UNEVEN: ReadonlySet<string> = new Set(['deep tree', 'mixture']);
