/** Compares a source's listing with the merged chain in one sorted pass; memory does not grow with the source. */
import { type EntryKey, inRange, type KeyRange, type ListedEntry } from '../core/entry.ts';
import { IntegrityError } from '../core/errors.ts';
import type { UnlistedEntry } from '../core/ports.ts';
import type { MergedEntry } from './read-chain.ts';

export interface SourceDifference {
  readonly key: EntryKey;
  readonly listed?: ListedEntry;
  /** The entry, or all below it, could not be listed: what the chain holds there is kept. */
  readonly unlisted?: { readonly reason: string; readonly own: boolean };
  readonly merged?: MergedEntry;
}

/** A difference of a key that the source lists. */
export type ListedDifference = SourceDifference & Required<Pick<SourceDifference, 'listed'>>;

/** Every key of either side, in byte order. @throws IntegrityError when the listing is out of order. */
export async function* diffSource(
  listing: AsyncIterable<ListedEntry | UnlistedEntry>,
  chain: AsyncGenerator<MergedEntry>,
  range: KeyRange = {},
): AsyncGenerator<SourceDifference> {
  const listed = listing[Symbol.asyncIterator]();
  let last: EntryKey | undefined;
  let blocked: UnlistedEntry | undefined;
  const nextListed = async () => {
    const next = await listed.next();
    if (next.done === true) return next;
    if (last !== undefined && next.value.key <= last)
      throw new IntegrityError('the listing of the source is out of order');
    last = next.value.key;
    return next;
  };
  /** What the chain holds below something that could not be listed is not "removed". */
  const chainOnly = (merged: MergedEntry): SourceDifference => {
    const below = blocked !== undefined && merged.key.startsWith(blocked.key);
    return {
      key: merged.key,
      merged,
      ...(below && blocked !== undefined ? { unlisted: { reason: blocked.unprotected, own: false } } : {}),
    };
  };
  try {
    let [a, b] = [await nextListed(), await chain.next()];
    while (a.done !== true || b.done !== true) {
      if (a.done === true || (b.done !== true && b.value.key < a.value.key)) {
        if (b.done !== true) yield chainOnly(b.value);
        b = await chain.next();
        continue;
      }
      const item = a.value;
      const merged = b.done !== true && b.value.key === item.key ? { merged: b.value } : {};
      if ('unprotected' in item && !inRange(item.key, range)) {
        // What cannot be listed begins before the range and reaches into it: named by the worker whose range it begins in.
        blocked = item;
        a = await nextListed();
        continue;
      }
      if ('unprotected' in item) {
        if (item.subtree === true) blocked = item;
        yield { key: item.key, unlisted: { reason: item.unprotected, own: true }, ...merged };
      } else {
        yield { key: item.key, listed: item, ...merged };
      }
      if ('merged' in merged) b = await chain.next();
      a = await nextListed();
    }
  } finally {
    await chain.return(undefined);
    await listed.return?.();
  }
}
