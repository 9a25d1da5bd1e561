/** Divides a source into shards: ranges of keys that workers handle side by side. */
import { type EntryKey, encodeKey, type KeyRange, keyFromLatin1 } from '../core/entry.ts';
import type { Manifest } from '../core/manifest.ts';
import type { TakeSnapshotInput } from '../core/messages.ts';
import { PEEKED_KEYS, type Source, type SourceReader } from '../core/ports.ts';
import { probeBounds } from './probe-bounds.ts';
import type { Staging } from './stage-entries.ts';

/** Entries that one worker handles; a source of fewer has one shard. Each further shard costs the listing one page that is not full: 1 % of its pages. */
export const SHARD_ENTRIES = 100_000;

/** Entries after which a worker leaves the rest of its shard to others. No shard of a base is larger, unless one segment is, so that only a source that grew is divided anew. */
export const MAX_SHARD_ENTRIES = 2 * SHARD_ENTRIES;

/** Requests that look for bounds side by side. */
const PROBES = 16;

/** A tenth of a shard's worth: a source that ends within them is one shard. */
const SMALL_LOOKS = 10;

/**
 * Keys at which to divide a source that is not staged: by what its chain holds, or by looking into it here and there where there is none. A place
 * that cannot be looked into is listed by one worker.
 */
export async function boundsOfSource(source: Source, chain: readonly Manifest[]): Promise<EntryKey[]> {
  if (!('list' in source) || source.peek === undefined) return [];
  if (chain.length > 0) return boundsOfChain(chain);
  if (await isSmall(source.peek)) return [];
  return probeBounds(source.peek, {}, { shardEntries: SHARD_ENTRIES, sideBySide: PROBES });
}

/** Walks through what a few looks show: looks here and there would guess at what is known then. */
async function isSmall(peek: NonNullable<SourceReader['peek']>): Promise<boolean> {
  let after: EntryKey | undefined;
  for (let looks = 0; looks < SMALL_LOOKS; looks += 1) {
    const keys = await peek({ after });
    if (keys.length < PEEKED_KEYS) return true;
    after = keys.at(-1);
  }
  return false;
}

/**
 * Keys at which to divide, from the segment boundaries of a chain: each shard gets about `SHARD_ENTRIES` entries. A delta counts as much as it added more
 * than it removed, spread evenly over its entries.
 */
export function boundsOfChain(chain: readonly Manifest[]): EntryKey[] {
  const segments = chain.flatMap((manifest) => {
    const growth = growthOfEntry(manifest);
    return manifest.segments.map(({ firstKey, lastKey, entries }) => ({ firstKey, lastKey, growth: entries * growth }));
  });
  const ends = [...new Set(segments.map(({ lastKey }) => lastKey))].sort();
  // By how much the growth at each end differs from that at the end before, so that a segment costs two steps however many ends it spans.
  const differences = new Map<number, number>();
  const differ = (at: number, by: number) => differences.set(at, (differences.get(at) ?? 0) + by);
  for (const { firstKey, lastKey, growth } of segments) {
    const [from, to] = [firstAtLeast(ends, firstKey), firstAtLeast(ends, lastKey)];
    differ(from, growth / (to - from + 1));
    differ(to + 1, -growth / (to - from + 1));
  }
  let growth = 0;
  const steps = ends.map((end, at) => {
    growth += differences.get(at) ?? 0;
    return { key: keyFromLatin1(end), entries: growth };
  });
  return cutAt(steps.slice(0, -1));
}

/** By how many entries the source grew for each that the manifest's own segments hold. */
function growthOfEntry({ kind, counts, segments }: Manifest): number {
  if (kind === 'full') return 1;
  const entries = segments.reduce((sum, segment) => sum + segment.entries, 0);
  return (counts.added - counts.removed) / Math.max(1, entries);
}

/** The index of the first of the sorted keys that is `key` or comes after it. */
function firstAtLeast(keys: readonly string[], key: string): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The same from what was staged, whose frames overlap: a frame counts where it begins. */
export function boundsOfStaged({ runs }: Staging): EntryKey[] {
  const frames = runs.flatMap((run) => run.frames.map(([firstKey, entries]) => ({ firstKey, entries })));
  frames.sort((a, b) => (a.firstKey < b.firstKey ? -1 : 1));
  return cutAt(
    frames.slice(1).map(({ firstKey }, at) => ({ key: keyFromLatin1(firstKey), entries: frames[at]?.entries ?? 0 })),
  );
}

/** @param steps Keys in byte order, each with the entries since the step before, itself included. */
function cutAt(steps: readonly { readonly key: EntryKey; readonly entries: number }[]): EntryKey[] {
  const bounds: EntryKey[] = [];
  let entries = 0;
  const cutBehind = (key: EntryKey): void => {
    if (key !== bounds.at(-1)) bounds.push(key);
    entries = 0;
  };
  for (const [at, step] of steps.entries()) {
    const before = steps[at - 1];
    if (before !== undefined && entries > 0 && entries + step.entries >= MAX_SHARD_ENTRIES) cutBehind(before.key);
    entries += step.entries;
    if (entries >= SHARD_ENTRIES) cutBehind(step.key);
  }
  return bounds;
}

/** The parts of a range before each bound and behind the last. */
export function rangesAt(bounds: readonly EntryKey[], { after, upTo }: KeyRange = {}): KeyRange[] {
  return [after, ...bounds].map((from, at) => ({ after: from, upTo: bounds[at] ?? upTo }));
}

/** A shard for each range, numbered from `first`; `work` is what they have in common. */
export function shardsOf(
  ranges: readonly KeyRange[],
  first: number,
  work: Omit<TakeSnapshotInput, 'shard' | 'after' | 'upTo' | 'progress'>,
): TakeSnapshotInput[] {
  return ranges.map(({ after, upTo }, at) => ({
    ...work,
    shard: first + at,
    ...(after === undefined ? {} : { after: encodeKey(after) }),
    ...(upTo === undefined ? {} : { upTo: encodeKey(upTo) }),
  }));
}
