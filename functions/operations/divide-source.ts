/** Divides a source into shards: ranges of keys that workers handle side by side. */
import { type EntryKey, encodeKey, keyFromLatin1 } from '../core/entry.ts';
import type { Manifest } from '../core/manifest.ts';
import type { TakeSnapshotInput } from '../core/messages.ts';
import type { Staging } from './stage-entries.ts';

/** Entries that one worker handles; a source of fewer has one shard. */
const SHARD_ENTRIES = 100_000;

/** Keys at which to divide, from the segment boundaries of a full: each shard gets about `SHARD_ENTRIES` entries. */
export function boundsOfFull(full: Manifest | undefined): EntryKey[] {
  const segments = full?.segments.slice(0, -1) ?? [];
  return cutAt(segments.map(({ lastKey, entries }) => ({ key: keyFromLatin1(lastKey), entries })));
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
  for (const step of steps) {
    entries += step.entries;
    if (entries < SHARD_ENTRIES) continue;
    if (step.key !== bounds.at(-1)) bounds.push(step.key);
    entries = 0;
  }
  return bounds;
}

/** One shard before each bound and one behind the last; `work` is what they have in common. */
export function shardsAt(
  bounds: readonly EntryKey[],
  work: Omit<TakeSnapshotInput, 'shard' | 'after' | 'upTo' | 'progress'>,
): TakeSnapshotInput[] {
  return [undefined, ...bounds].map((after, shard) => {
    const upTo = bounds[shard];
    return {
      ...work,
      shard,
      ...(after === undefined ? {} : { after: encodeKey(after) }),
      ...(upTo === undefined ? {} : { upTo: encodeKey(upTo) }),
    };
  });
}
