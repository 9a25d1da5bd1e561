/** One call's view of a restore, and the two streams that it works on. */
import {
  type EntryKey,
  inRange,
  type KeyRange,
  keyFromText,
  type ListedEntry,
  type PresentEntry,
  quoteKey,
} from '../core/entry.ts';
import { InvalidInputError, NotFoundError } from '../core/errors.ts';
import { chooseKeys } from '../core/glob.ts';
import { namedKeys, orderRanges } from '../core/key-ranges.ts';
import type { Manifest } from '../core/manifest.ts';
import type { RestoreInput } from '../core/messages.ts';
import type { Deadline, SourceReader, Target, UnlistedEntry, Vault } from '../core/ports.ts';
import { type PlaceUri, parseUri } from '../core/uri.ts';
import { eachOf } from './each-of.ts';
import { presentEntries } from './read-chain.ts';
import type { RestoreCursor, RestoreSession } from './restore-session.ts';
import type { StagingPlace } from './stage-entries.ts';

/** What a person chose of the entries. */
export interface Chosen {
  readonly has: (key: EntryKey) => boolean;
  /** Whether a choice was made at all. */
  readonly some: boolean;
  /** Ranges that hold all chosen entries; undefined when they may be anywhere. */
  readonly ranges: readonly KeyRange[] | undefined;
}

export interface Restoring {
  readonly input: RestoreInput;
  readonly session: RestoreSession;
  readonly cursor: RestoreCursor;
  readonly vault: Vault;
  readonly chain: readonly Manifest[];
  readonly target: Target;
  /** The target's listing in key order, for who looks at it. */
  readonly listing: () => Promise<SourceReader>;
  /** Where the target is staged for that, if it must be. */
  readonly staging: StagingPlace;
  readonly chosen: Chosen;
  readonly deadline: Deadline;
  readonly onEntry: () => void;
}

/** What is in the target; a directory that is not there yet is an empty one. A bucket is never made here. */
export async function* listTarget(target: SourceReader, range: KeyRange): AsyncGenerator<ListedEntry | UnlistedEntry> {
  try {
    // A directory that cannot be listed may begin before the range: then it was dealt with before.
    for await (const item of eachOf(target.list(range))) if (inRange(item.key, range)) yield item;
  } catch (error) {
    if (!(error instanceof NotFoundError) || parseUri(target.uri).scheme !== 'file') throw error;
  }
}

/** What is to be restored, from the cursor on. */
export async function* chosenEntries({ vault, chain, chosen, cursor }: Restoring): AsyncGenerator<PresentEntry> {
  for (const range of orderRanges(chosen.ranges ?? [{}], cursor.after))
    for await (const entry of presentEntries(vault, chain, range)) if (chosen.has(entry.key)) yield entry;
}

/** @throws InvalidInputError for a bad pattern or key. */
export function choose({ include = [], exclude = [], keys = [] }: RestoreInput, kind: PlaceUri['scheme']): Chosen {
  const matches = chooseKeys(include, exclude);
  const named = keys.map((text) => namedKeys(text, kind));
  return {
    has: (key) => matches(key) && (named.length === 0 || named.some(({ names }) => names(key))),
    some: include.length + exclude.length + keys.length > 0,
    ranges: named.length === 0 ? undefined : named.flatMap(({ ranges }) => ranges),
  };
}

/** @throws InvalidInputError naming the first of the keys that the snapshot does not have. */
export async function assertKeysThere({ input, session, vault, chain }: Restoring): Promise<void> {
  const { sourceUri, recoveryPointId } = session.point;
  for (const text of input.keys ?? []) {
    const { ranges, names } = namedKeys(text, parseUri(sourceUri).scheme);
    let found = false;
    for (const range of ranges)
      for await (const { key } of presentEntries(vault, chain, range)) {
        found ||= names(key);
        if (found) break;
      }
    if (!found)
      throw new InvalidInputError(
        `recovery point ${recoveryPointId} holds no entry with the key ${quoteKey(keyFromText(text))}; see holdfast ls ${recoveryPointId}`,
      );
  }
}
