/**
 * A stretch is a run of consecutive keys that were seen, with nothing unknown between its first and its last; behind it there may be a gap, of which
 * nothing is known but its ends.
 */
import type { EntryKey } from './entry.ts';
import { commonLength } from './key-alphabets.ts';

/** A branching beside the path to a key: siblings of its byte at `depth`, on the side that is looked at. */
export interface Branching {
  readonly depth: number;
  /** The byte of the sibling that is furthest away. */
  readonly byte: number;
  /** Keys between the furthest one below this branching, inclusive, and the key, inclusive. */
  readonly all: number;
  /** The same without those of the furthest sibling, which may be seen in part only. */
  readonly nearer: number;
}

export interface Gap {
  /** Unknown are the keys behind the stretch up to this one, inclusive; undefined: to the end. */
  readonly upTo: EntryKey | undefined;
  /** How many keys are thought to lie in it. */
  readonly estimate: number;
  /** Which share of them lies beside the path to the lower end, deeper than where the ends part; and which beside that to the upper one. */
  readonly shares?: readonly [low: number, high: number];
}

export interface Stretch {
  readonly first: EntryKey;
  readonly last: EntryKey;
  readonly count: number;
  /** Beside the path to `last`, from the deepest up, and beside that to `first`. */
  readonly before: readonly Branching[];
  readonly behind: readonly Branching[];
  gap: Gap | undefined;
}

/** @param keys In byte order, at least one. */
export function stretchOf(keys: readonly EntryKey[], gap: Gap | undefined): Stretch | undefined {
  const [first, last] = [keys[0], keys.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  return { first, last, count: keys.length, before: branchings(keys.toReversed()), behind: branchings(keys), gap };
}

/** Beside the path to the first of the keys, where they part from it. */
function branchings(keys: readonly string[]): Branching[] {
  const own = keys[0] ?? '';
  const found: Branching[] = [];
  let depth = own.length;
  // The first key that parts higher up than those before it ends what the branching holds.
  let open: { depth: number; byte: number; nearer: number } | undefined;
  for (let at = 1; at < keys.length; at += 1) {
    const key = keys[at] ?? '';
    const common = commonLength(own, key);
    const byte = byteAt(key, common);
    if (open !== undefined && common < open.depth) found.push({ ...open, all: at });
    if (open === undefined || common < open.depth) {
      open = { depth: common, byte, nearer: at };
      depth = common;
    } else if (byte !== open.byte) open = { depth, byte, nearer: at };
  }
  if (open !== undefined) found.push({ ...open, all: keys.length });
  return found;
}

/** The byte at a place, -1 where the key has ended. */
export const byteAt = (key: string, at: number): number => (at < key.length ? key.charCodeAt(at) : -1);
