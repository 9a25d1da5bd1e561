import { type EntryKey, type ListedEntry, type PresentEntry, quoteKey } from '../core/entry.ts';
import type { SourceReader, UnlistedEntry } from '../core/ports.ts';
import { mapInOrder } from './map-in-order.ts';
import { isOutOfTime } from './out-of-time.ts';
import { findDifference, restoreEntries } from './restore-entries.ts';
import { addProblem, type RestoreSession } from './restore-session.ts';
import { chosenEntries, listTarget, type Restoring } from './restoring.ts';
import { zipByKey } from './zip-by-key.ts';

/** Entries of the target that are looked at side by side, where it does not say. */
const LOOKERS = 16;

/** Entries whose contents are compared side by side; each must be read to its end before a restore can stop. */
const COMPARED = 8;

/** How far the entries to write are read: further than they are written. */
interface ReadAhead {
  /** How many entries had been skipped before each one that is not written yet. */
  readonly skippedBefore: number[];
  skipped: number;
  /** Whether all that this call looks at is read. */
  ended: boolean;
  /** The key after which time was short. */
  stoppedAt: EntryKey | undefined;
}

/** Writes the chosen entries, or only counts them in a dry run. Returns the key after which it stopped when time was short. */
export async function writeEntries(restoring: Restoring): Promise<EntryKey | undefined> {
  const { vault, target, session, input, deadline, onEntry } = restoring;
  const ahead: ReadAhead = { skippedBefore: [], skipped: session.skipped, ended: false, stoppedAt: undefined };
  const wanted = entriesToWrite(restoring, ahead);
  let last: EntryKey | undefined;
  const done = (entry: PresentEntry) => {
    last = entry.key;
    session.skipped = ahead.skippedBefore.shift() ?? ahead.skipped;
  };
  if (input.dryRun) {
    for await (const entry of wanted) {
      countRestored(session, entry);
      done(entry);
    }
  } else
    for await (const result of restoreEntries(vault, wanted, target, () => isOutOfTime(deadline))) {
      if (result.state === 'restored') {
        countRestored(session, result.entry);
        for (const name of result.notHeld) session.notHeld[name] = (session.notHeld[name] ?? 0) + 1;
      } else {
        session.failed += 1;
        addProblem(session, `${quoteKey(result.entry.key)} failed: ${result.reason}`);
      }
      done(result.entry);
      onEntry();
    }
  if (!ahead.ended || ahead.skippedBefore.length > 0) return last;
  session.skipped = ahead.skipped;
  return ahead.stoppedAt;
}

function countRestored(session: RestoreSession, entry: PresentEntry): void {
  session.restored += 1;
  session.bytes += entry.sizeBytes;
}

/** The chosen entries that must be written; the others are counted as skipped. Ends early, and says where, when time is short. */
async function* entriesToWrite(restoring: Restoring, ahead: ReadAhead): AsyncGenerator<PresentEntry> {
  const { deadline } = restoring;
  for await (const { key, left, skip } of lookedAt(restoring)) {
    if (left !== undefined) {
      if (skip) ahead.skipped += 1;
      else {
        ahead.skippedBefore.push(ahead.skipped);
        yield left;
      }
    }
    if (isOutOfTime(deadline)) {
      ahead.stoppedAt = key;
      break;
    }
  }
  ahead.ended = true;
}

/** A chosen entry or a key of the target, and whether the entry can stay unwritten. */
interface LookedAt {
  readonly key: EntryKey;
  readonly left?: PresentEntry;
  readonly skip: boolean;
}

/** In key order, as far as the target must be looked at. */
async function* lookedAt(restoring: Restoring): AsyncGenerator<LookedAt> {
  const { input, cursor, target, session } = restoring;
  const entries = chosenEntries(restoring);
  if (!input.exact && (input.onConflict !== 'skip' || session.made)) {
    for await (const left of entries) yield { key: left.key, left, skip: false };
  } else if (!input.exact && !('list' in target)) {
    // Each when its turn comes, so that what somebody adds meanwhile is seen as well.
    yield* mapInOrder(entries, target.writers ?? LOOKERS, async (left) => {
      const { state } = await target.open({ key: left.key, fingerprint: undefined, sizeBytes: undefined });
      return { key: left.key, left, skip: state !== 'gone' };
    });
  } else {
    const listing = await restoring.listing();
    const pairs = zipByKey(entries, listTarget(listing, { after: cursor.after }));
    yield* mapInOrder(pairs, COMPARED, async ({ key, left, right }) => {
      if (left === undefined) return { key, skip: false };
      return { key, left, skip: right !== undefined && (!input.exact || (await isEqual(left, right, listing))) };
    });
  }
}

async function isEqual(
  entry: PresentEntry,
  found: ListedEntry | UnlistedEntry,
  listing: SourceReader,
): Promise<boolean> {
  if ('unprotected' in found) return false;
  return (await findDifference(entry, found, listing)) === undefined;
}
