import { NotFoundError } from '../core/errors.ts';
import type { WorkPlace } from '../core/ports.ts';

/** As long as the work bucket of a deployed stack keeps its objects. */
const KEPT_MILLIS = 7 * 24 * 60 * 60 * 1000;

/** Removes from the work place what is a week old: of runs and restores that broke off and that nobody goes on with. Returns how many blobs. */
export async function expireWork(work: WorkPlace, now: Date): Promise<number> {
  let removed = 0;
  try {
    for await (const { name, modifiedAt } of work.list('')) {
      if (!(Date.parse(modifiedAt) < now.getTime() - KEPT_MILLIS)) continue;
      await work.delete(name);
      removed += 1;
    }
  } catch (error) {
    // The folder is made by the first run that puts something there.
    if (!(error instanceof NotFoundError)) throw error;
  }
  return removed;
}
