/** Compares a source's listing with the merged chain in one sorted pass; memory does not grow with the source. */
import { type EntryKey, inRange, type KeyRange, type ListedEntry } from '../core/entry.ts';
import { IntegrityError } from '../core/errors.ts';
import type { ListedPage, UnlistedEntry } from '../core/ports.ts';
import { mergeByKey } from './merge-by-key.ts';
import type { MergedEntry } from './read-chain.ts';

export interface SourceDifference {
  readonly key: EntryKey;
  readonly listed?: ListedEntry | undefined;
  /** The entry, or all below it, could not be listed: what the chain holds there is kept. */
  readonly unlisted?: { readonly reason: string; readonly own: boolean };
  readonly merged?: MergedEntry | undefined;
}

/** A difference of a key that the source lists. */
export type ListedDifference = SourceDifference & { readonly listed: ListedEntry };

/** Every key of either side, in byte order, in batches. @throws IntegrityError when the listing is out of order. */
export function diffSource(
  listing: AsyncIterable<ListedPage>,
  chain: AsyncIterable<readonly MergedEntry[]>,
  range: KeyRange = {},
): AsyncGenerator<SourceDifference[]> {
  let blocked: UnlistedEntry | undefined;
  const chainOnly = (merged: MergedEntry): SourceDifference =>
    // What the chain holds below something that could not be listed is not "removed".
    blocked !== undefined && merged.key.startsWith(blocked.key)
      ? { key: merged.key, merged, unlisted: { reason: blocked.unprotected, own: false } }
      : { key: merged.key, merged };
  return mergeByKey(inOrder(listing), chain, (line, merged) => {
    if (line === undefined) return merged && chainOnly(merged);
    const { key } = line;
    if (!('unprotected' in line)) return { key, listed: line, merged };
    if (line.subtree === true) blocked = line;
    // What begins before the range and reaches into it is named by the worker in whose range it begins.
    return inRange(key, range) ? { key, unlisted: { reason: line.unprotected, own: true }, merged } : undefined;
  });
}

async function* inOrder(listing: AsyncIterable<ListedPage>): AsyncGenerator<ListedPage> {
  let last: EntryKey | undefined;
  for await (const page of listing) {
    for (const { key } of page) {
      if (last !== undefined && key <= last) throw new IntegrityError('the listing of the source is out of order');
      last = key;
    }
    yield page;
  }
}
