/** The target's listing in key order, where a restore looks at what is there. */
import { InvalidInputError } from '../core/errors.ts';
import type { Deadline, Source, SourceReader, Target } from '../core/ports.ts';
import type { RestoreSession } from './restore-session.ts';
import type { Restoring } from './restoring.ts';
import { getStaging, putStaging, type Staging, type StagingPlace, stageEntries } from './stage-entries.ts';
import { stagedReader } from './staged-entries.ts';

/** Begins to stage a target that lists in an order of its own; false where there is nothing to stage. */
export async function startStaging({ target, session, staging }: Restoring, now: Date): Promise<boolean> {
  if ('list' in target || session.made) return false;
  const { cursor } = await target.beginScan(now);
  await putStaging(staging, 0, { cursor, runs: [] });
  session.staged = 0;
  return true;
}

/** Stages as much as there is time for; true when all is staged. */
export async function stageTarget({ target, session, staging, deadline }: Restoring): Promise<boolean> {
  const part = session.staged;
  if ('list' in target || part === undefined)
    throw new InvalidInputError(`${target.uri} is not being staged; restore again`);
  const now = await stageEntries(target, await getStaging(staging, part), staging, { deadline, onEntries: () => {} });
  await putStaging(staging, part + 1, now.staging);
  session.staged = part + 1;
  return now.staging.cursor === undefined;
}

const NO_HURRY: Deadline = { remainingMillis: () => Number.POSITIVE_INFINITY };

/** A place's listing in key order, staged in one go where it must be: for a sandbox, which holds what one call has written. */
export async function stageWhole(place: Source, staging: StagingPlace, now: Date): Promise<SourceReader> {
  if ('list' in place) return place;
  let whole: Staging = { cursor: (await place.beginScan(now)).cursor, runs: [] };
  while (whole.cursor !== undefined)
    whole = (await stageEntries(place, whole, staging, { deadline: NO_HURRY, onEntries: () => {} })).staging;
  return stagedReader(place, staging, whole);
}

/** @throws InvalidInputError when the target lists in an order of its own and was not staged. */
export async function listingOf(target: Target, session: RestoreSession, staging: StagingPlace): Promise<SourceReader> {
  if ('list' in target) return target;
  if (session.made) return stagedReader(target, staging, { runs: [] });
  if (session.staged === undefined) throw new InvalidInputError(`${target.uri} was not staged; restore again`);
  return stagedReader(target, staging, await getStaging(staging, session.staged));
}
