import type { EntryKey } from '../core/entry.ts';
import { InvalidInputError, messageOf } from '../core/errors.ts';
import { justBefore } from '../core/key-ranges.ts';
import { isOutOfTime } from './out-of-time.ts';
import { concernsPlace } from './restore-entries.ts';
import { addProblem } from './restore-session.ts';
import { chosenEntries, listTarget, type Restoring } from './restoring.ts';
import { sideBySide } from './side-by-side.ts';
import { zipByKey } from './zip-by-key.ts';

/** Removals that are under way side by side, where the target does not say. */
const REMOVERS = 16;

/**
 * For `exact`: removes from the target what the snapshot does not have. Directories go after what is in them. Returns the key after which it stopped
 * when time was short.
 */
export async function removeExtras(restoring: Restoring): Promise<EntryKey | undefined> {
  const { target, session, cursor, chosen, deadline, input } = restoring;
  const listing = await restoring.listing();
  const open: { readonly key: EntryKey; needed: boolean }[] = [];
  const atWork = sideBySide(target.writers ?? REMOVERS);
  const remove = async (key: EntryKey): Promise<void> => {
    try {
      if (!input.dryRun) await target.remove(key);
      session.removed += 1;
    } catch (error) {
      if (!(error instanceof InvalidInputError) || concernsPlace(error)) throw error;
      session.failed += 1;
      addProblem(session, messageOf(error));
    }
  };
  const closeBefore = async (key: EntryKey | undefined): Promise<void> => {
    for (
      let last = open.at(-1);
      last !== undefined && (key === undefined || !key.startsWith(last.key));
      last = open.at(-1)
    ) {
      open.pop();
      if (last.needed) continue;
      await atWork.done();
      await remove(last.key);
    }
  };
  const removedBefore = session.removed;
  let stoppedAt: EntryKey | undefined;
  for await (const { key, left, right } of zipByKey(
    chosenEntries(restoring),
    listTarget(listing, { after: cursor.after }),
  )) {
    await closeBefore(key);
    if (left !== undefined) for (const directory of open) directory.needed = true;
    else if (right !== undefined && chosen.has(key)) {
      if (key.endsWith('/')) open.push({ key, needed: false });
      else await atWork.start(() => remove(key));
    }
    if (!isOutOfTime(deadline)) continue;
    await atWork.done();
    // What is left of an open directory is looked at again from its beginning; something was removed, so that this comes to an end.
    if (open[0] !== undefined && (input.dryRun || session.removed === removedBefore)) continue;
    stoppedAt = open[0] === undefined ? key : justBefore(open[0].key);
    break;
  }
  if (stoppedAt === undefined) await closeBefore(undefined);
  await atWork.done();
  return stoppedAt;
}
