/** One call's view of a restore, and the two streams that it works on. */
import { type EntryKey, inRange, type KeyRange, type ListedEntry, type PresentEntry } from '../core/entry.ts';
import { NotFoundError } from '../core/errors.ts';
import type { Manifest } from '../core/manifest.ts';
import type { RestoreInput } from '../core/messages.ts';
import type { Deadline, SourceReader, Target, UnlistedEntry, Vault } from '../core/ports.ts';
import { parseUri } from '../core/uri.ts';
import { presentEntries } from './read-chain.ts';
import type { RestoreCursor, RestoreSession } from './restore-session.ts';

export interface Restoring {
  readonly input: RestoreInput;
  readonly session: RestoreSession;
  readonly cursor: RestoreCursor;
  readonly vault: Vault;
  readonly chain: readonly Manifest[];
  readonly target: Target;
  readonly chosen: (key: EntryKey) => boolean;
  readonly deadline: Deadline;
  readonly onEntry: () => void;
}

/** What is in the target; a directory that is not there yet is an empty one. A bucket is never made here. */
export async function* listTarget(target: SourceReader, range: KeyRange): AsyncGenerator<ListedEntry | UnlistedEntry> {
  try {
    // A directory that cannot be listed may begin before the range: then it was dealt with before.
    for await (const item of target.list(range)) if (inRange(item.key, range)) yield item;
  } catch (error) {
    if (!(error instanceof NotFoundError) || parseUri(target.uri).scheme !== 'file') throw error;
  }
}

/** What is to be restored, from the cursor on. */
export async function* chosenEntries({ vault, chain, chosen, cursor }: Restoring): AsyncGenerator<PresentEntry> {
  for await (const entry of presentEntries(vault, chain, { after: cursor.after })) if (chosen(entry.key)) yield entry;
}
