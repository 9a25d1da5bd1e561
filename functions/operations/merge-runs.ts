/** Merges staged runs by key. */
import { type EntryKey, inRange, type KeyRange } from '../core/entry.ts';
import type { ScannedEntry, WorkPlace } from '../core/ports.ts';
import { FRAME_BYTES, framesOf, openRun, type StagedRun } from '../core/staged-run.ts';
import type { VaultKeys } from '../core/vault-keys.ts';

/** Sealed bytes that are read ahead, of all runs together; and frames, since bytes that compress well are many more when opened. */
const READ_BYTES = 32 << 20;
const READ_FRAMES = READ_BYTES / FRAME_BYTES;

/** One run being read; `order` tells which of two runs is the newer. */
interface RunReader {
  readonly order: number;
  readonly entries: AsyncGenerator<ScannedEntry[]>;
  batch: readonly ScannedEntry[];
  at: number;
}

/**
 * The entries of the range, in byte order of keys, in batches; of one key the newest run's. Memory is a part of each run, 32 MiB in all or a frame of each.
 * @throws NotFoundError, IntegrityError naming the run.
 */
export async function* mergeRuns(
  place: { readonly work: WorkPlace; readonly keys: VaultKeys },
  runs: readonly StagedRun[],
  range: KeyRange,
): AsyncGenerator<ScannedEntry[]> {
  const readers: RunReader[] = runs.map((run, order) => ({
    order,
    entries: readRun(place, run, range, runs.length),
    batch: [],
    at: 0,
  }));
  try {
    const heap = heapOf<RunReader>(comesBefore);
    for (const reader of readers) if (await advance(reader)) heap.push(reader);
    let last: EntryKey | undefined;
    let merged: ScannedEntry[] = [];
    for (let reader = heap.pop(); reader !== undefined; reader = heap.pop()) {
      const entry = reader.batch[reader.at];
      if (entry !== undefined && entry.key !== last) merged.push(entry);
      last = entry?.key;
      reader.at += 1;
      if (reader.at === reader.batch.length) {
        // What was read is given on before more is, so that no more than one batch of each run is held.
        if (merged.length > 0) yield merged;
        merged = [];
        if (!(await advance(reader))) continue;
      }
      heap.push(reader);
    }
  } finally {
    for (const { entries } of readers) await entries.return(undefined);
  }
}

/** Whether there is another batch. */
async function advance(reader: RunReader): Promise<boolean> {
  const next = await reader.entries.next();
  [reader.batch, reader.at] = [next.done === true ? [] : next.value, 0];
  return next.done !== true;
}

function comesBefore(a: RunReader, b: RunReader): boolean {
  const [left, right] = [a.batch[a.at]?.key ?? '', b.batch[b.at]?.key ?? ''];
  return left < right || (left === right && a.order > b.order);
}

/** Batches of a run's entries in the range, none of them empty. */
async function* readRun(
  { work, keys }: { readonly work: WorkPlace; readonly keys: VaultKeys },
  run: StagedRun,
  range: KeyRange,
  /** How many are read side by side. */
  runs: number,
): AsyncGenerator<ScannedEntry[]> {
  const { from, to } = framesOf(run, range);
  for (let first = from; first < to; ) {
    const begin = run.frames[first]?.[2] ?? 0;
    const endOf = (number: number): number => (run.frames[number]?.[2] ?? 0) + (run.frames[number]?.[3] ?? 0);
    let next = first + 1;
    while (next < to && next - first < READ_FRAMES / runs && endOf(next) - begin <= READ_BYTES / runs) next += 1;
    const sealed = await work.get(run.name, { offset: begin, length: endOf(next - 1) - begin });
    const entries = openRun(keys, run, sealed, { from: first, to: next }).filter(({ key }) => inRange(key, range));
    if (entries.length > 0) yield entries;
    first = next;
  }
}

/** A binary heap: `pop` gives the item that comes before all others. */
function heapOf<T>(before: (a: T, b: T) => boolean) {
  const items: T[] = [];
  const rises = (at: number, over: number): boolean => {
    const [a, b] = [items[at], items[over]];
    return a !== undefined && b !== undefined && before(a, b);
  };
  const swap = (a: number, b: number): void => {
    [items[a], items[b]] = [items[b] as T, items[a] as T];
  };
  return {
    push(item: T): void {
      items.push(item);
      for (let at = items.length - 1; at > 0 && rises(at, (at - 1) >> 1); at = (at - 1) >> 1) swap(at, (at - 1) >> 1);
    },
    pop(): T | undefined {
      const top = items[0];
      const last = items.pop();
      if (last === undefined || items.length === 0) return top;
      items[0] = last;
      for (let at = 0; ; ) {
        const [left, right] = [2 * at + 1, 2 * at + 2];
        const child = rises(right, left) ? right : left;
        if (!rises(child, at)) return top;
        swap(at, child);
        at = child;
      }
    },
  };
}
