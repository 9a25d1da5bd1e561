/**
 * Divides sources of made-up keys by `probeBounds`, and counts exactly what each shard got and what it cost in requests.
 * `npm run bench -- sharding [keys] [entries of a shard]`
 */
import { probeBounds } from '../../functions/operations/probe-bounds.ts';
import { countUpTo, DISTRIBUTIONS, type KeySet, peekInto } from './key-sets.ts';

const PAGE_KEYS = 1000;
const SIDE_BY_SIDE = 64;

export interface Division {
  readonly shards: number;
  readonly requests: number;
  /** Pages that dividing costs: those that were looked at, and the part of one at each border. */
  readonly overhead: number;
  readonly largest: number;
  readonly mean: number;
}

/** How a set of keys is divided. */
export async function divide(set: KeySet, shardEntries: number): Promise<Division> {
  let requests = 0;
  const bounds = await probeBounds(
    async (range) => {
      requests += 1;
      return peekInto(set, range);
    },
    {},
    { shardEntries, sideBySide: SIDE_BY_SIDE },
  );
  const ends = [...bounds.map((bound) => countUpTo(set, bound)), set.count];
  const sizes = ends.map((end, at) => end - (ends[at - 1] ?? 0));
  return {
    shards: sizes.length,
    requests,
    overhead: requests + sizes.length - 1,
    largest: Math.max(...sizes),
    mean: set.count / sizes.length,
  };
}

export async function benchSharding(keys = 100_000_000, shardEntries = 100_000): Promise<void> {
  console.log(`${keys} keys, ${shardEntries} a shard, ${SIDE_BY_SIDE} requests side by side`);
  print('keys', 'shards', 'largest/mean', 'requests', 'overhead', 'seconds');
  for (const [name, make] of Object.entries(DISTRIBUTIONS)) {
    const begun = process.cpuUsage();
    const { shards, requests, overhead, largest, mean } = await divide(make(keys, 42), shardEntries);
    const seconds = process.cpuUsage(begun).user / 1e6;
    const share = `${((100 * overhead * PAGE_KEYS) / keys).toFixed(1)} %`;
    print(name, shards, (largest / mean).toFixed(2), requests, share, seconds.toFixed(1));
  }
}

function print(name: string, ...columns: readonly (string | number)[]): void {
  console.log(name.padEnd(22) + columns.map((column) => String(column).padStart(13)).join(''));
}
