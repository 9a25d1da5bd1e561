/**
 * Divides sources of made-up keys as a run does, and counts exactly what each worker got and what dividing cost in requests: by looks before anything is
 * listed, and then, where a worker would have more than twice a shard's worth, what it leaves. `npm run bench -- sharding [keys] [entries of a shard]`
 */
import type { EntryKey, KeyRange } from '../../functions/core/entry.ts';
import { keyFromLatin1 } from '../../functions/core/entry.ts';
import { boundsOfRemainder } from '../../functions/operations/divide-left.ts';
import { MAX_SHARD_ENTRIES, rangesAt, SHARD_ENTRIES } from '../../functions/operations/divide-source.ts';
import { probeBounds } from '../../functions/operations/probe-bounds.ts';
import { countUpTo, DISTRIBUTIONS, type KeySet, peekInto } from './key-sets.ts';

const PAGE_KEYS = 1000;
const SIDE_BY_SIDE = 64;
/** Of a shard's worth, what one worker has at most. */
const MOST_SHARDS = MAX_SHARD_ENTRIES / SHARD_ENTRIES;

/** What a division came to. */
export interface Division {
  readonly shards: number;
  readonly requests: number;
  /** Pages that dividing costs: those that were looked at, and the part of one at each border. */
  readonly overhead: number;
  readonly largest: number;
  readonly mean: number;
}

/** How a set of keys is divided: before anything is listed, and in the end. */
export async function divide(
  set: KeySet,
  shardEntries: number,
): Promise<{ readonly first: Division; readonly last: Division }> {
  let requests = 0;
  const peek = async (range: KeyRange): Promise<EntryKey[]> => {
    requests += 1;
    return peekInto(set, range);
  };
  const bounds = await probeBounds(peek, {}, { shardEntries, sideBySide: SIDE_BY_SIDE });
  const ranges = rangesAt(bounds);
  const countTo = (key: EntryKey | undefined): number => (key === undefined ? set.count : countUpTo(set, key));
  const sizeOf = ({ after, upTo }: KeyRange): number => countTo(upTo) - (after === undefined ? 0 : countTo(after));
  const asDivision = (sizes: readonly number[]): Division => ({
    shards: sizes.length,
    requests,
    overhead: requests + sizes.length - 1,
    largest: sizes.reduce((most, size) => Math.max(most, size), 0),
    mean: set.count / sizes.length,
  });
  const first = asDivision(ranges.map(sizeOf));
  /** What a worker takes of a range, and what others take of what it leaves. */
  const settle = async (range: KeyRange): Promise<number[]> => {
    const size = sizeOf(range);
    const taken = MOST_SHARDS * shardEntries;
    if (size <= taken) return [size];
    const begin = range.after === undefined ? 0 : countTo(range.after);
    const rest = { after: keyFromLatin1(set.keyAt(begin + taken - 1)), upTo: range.upTo };
    const sizes = [taken];
    for (const part of rangesAt(await boundsOfRemainder({ range: rest, pace: shardEntries }, peek), rest))
      sizes.push(...(await settle(part)));
    return sizes;
  };
  const sizes: number[] = [];
  for (const range of ranges) sizes.push(...(await settle(range)));
  return { first, last: asDivision(sizes) };
}

export async function benchSharding(keys = 100_000_000, shardEntries = 100_000): Promise<void> {
  console.log(`${keys} keys, ${shardEntries} a shard, ${SIDE_BY_SIDE} requests side by side`);
  print(
    '',
    'shards',
    'largest/mean',
    'looks',
    'overhead',
    'in the end:',
    'shards',
    'largest/mean',
    'looks',
    'overhead',
  );
  for (const [name, make] of Object.entries(DISTRIBUTIONS)) {
    const { first, last } = await divide(make(keys, 42), shardEntries);
    const figures = ({ shards, requests, overhead, largest, mean }: Division) => [
      shards,
      (largest / mean).toFixed(2),
      requests,
      `${((100 * overhead * PAGE_KEYS) / keys).toFixed(1)} %`,
    ];
    print(name, ...figures(first), '', ...figures(last));
  }
}

function print(name: string, ...columns: readonly (string | number)[]): void {
  console.log(name.padEnd(22) + columns.map((column) => String(column).padStart(13)).join(''));
}
