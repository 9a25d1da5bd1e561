/** Finding the recovery set that a person means: the recovery points of one run. */
import type { RecoveryPoint, Run, SourceRun } from '../core/catalogue-records.ts';
import { InvalidInputError, NotFoundError } from '../core/errors.ts';
import { isRunId, type RecoveryPointId, type RunId, type SnapshotId } from '../core/ids.ts';
import { findPlan } from '../core/plan.ts';
import type { Ports } from '../core/ports.ts';
import { skewSeconds } from '../core/recovery-set.ts';
import { bestReplica, knownSources, NAMED_CANDIDATES } from './recovery-points.ts';

export interface RecoverySet {
  readonly runId: RunId;
  readonly plan: string;
  /** As the run measured it; of the recovery points that are there where the run is no longer known. */
  readonly skewSeconds: number | undefined;
  /** One for each source that can be restored. */
  readonly points: readonly RecoveryPoint[];
  /** The other sources of the run; the reason is a part of a sentence. */
  readonly unavailable: readonly { readonly source: string; readonly reason: string }[];
}

type SetPorts = Pick<Ports, 'config' | 'recoveryPoints' | 'runs'>;

/** What is kept of the recovery points of one run while all are looked through. */
interface RunPoints {
  readonly runId: RunId;
  readonly plan: string;
  readonly ids: RecoveryPointId[];
  newest: SnapshotId;
  available: boolean;
  suspect: boolean;
}

/**
 * The recovery set with a run's id or an unambiguous beginning of it, or the newest set of a plan. 32 hex digits are a run's id; else what is
 * exactly the name of a plan is that plan; else it is the beginning of an id. Recovery points are looked through and not runs, which a
 * catalogue that was rebuilt from the vaults does not know.
 *
 * @param vault restore from this vault only.
 * @throws NotFoundError, or InvalidInputError naming up to five candidates.
 */
export async function resolveRecoverySet(ports: SetPorts, text: string, vault?: string): Promise<RecoverySet> {
  const all = await runsWithPoints(ports, vault, (point) => point.plan === text || point.runId.startsWith(text));
  const ofPlan = isRunId(text) ? [] : all.filter(({ plan }) => plan === text);
  if (ofPlan.length > 0) return setOf(ports, await newestOf(ports, ofPlan), vault);
  if (!isRunId(text) && findPlan(ports.config, text) !== undefined)
    throw new NotFoundError(`plan ${text} has no recovery point yet; "holdfast run ${text}" makes the first`);
  const begun = all.filter(({ runId }) => runId.startsWith(text));
  const [one] = begun;
  if (one === undefined) throw await noSet(ports, text);
  if (begun.length > 1) {
    const more = begun.length > NAMED_CANDIDATES ? ` and ${begun.length - NAMED_CANDIDATES} more` : '';
    const named = begun.slice(0, NAMED_CANDIDATES).map(({ runId, plan }) => `${runId} (${plan})`);
    throw new InvalidInputError(
      `"${text}" is the beginning of ${begun.length} runs: ${named.join(', ')}${more}; give more of the id`,
    );
  }
  return setOf(ports, one, vault);
}

/** Newest first. */
async function runsWithPoints(
  ports: SetPorts,
  vault: string | undefined,
  fits: (point: RecoveryPoint) => boolean,
): Promise<readonly RunPoints[]> {
  const runs = new Map<RunId, RunPoints>();
  for (const { sourceId } of await knownSources(ports)) {
    for await (const point of ports.recoveryPoints.listBySource(sourceId)) {
      if (!fits(point)) continue;
      const { runId, plan, snapshotId } = point;
      const run = runs.get(runId) ?? { runId, plan, ids: [], newest: snapshotId, available: false, suspect: false };
      runs.set(runId, run);
      run.ids.push(point.recoveryPointId);
      if (snapshotId > run.newest) run.newest = snapshotId;
      if (point.status === 'available' && (vault === undefined || point.vault === vault)) run.available = true;
      if (point.suspect !== undefined) run.suspect = true;
    }
  }
  return [...runs.values()].sort((a, b) => (a.newest < b.newest ? 1 : -1));
}

/** The newest run that has ended and of which nothing is suspect; where there is none, the newest with something to restore. */
async function newestOf(ports: SetPorts, runs: readonly RunPoints[]): Promise<RunPoints> {
  const usable = runs.filter((run) => run.available);
  for (const run of usable) if (!run.suspect && (await findRun(ports, run.runId))?.status !== 'running') return run;
  const [newest] = usable.length > 0 ? usable : runs;
  if (newest === undefined) throw new NotFoundError('there is no recovery point to restore');
  return newest;
}

async function findRun(ports: SetPorts, runId: RunId): Promise<Run | undefined> {
  try {
    return await ports.runs.get(runId);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined; // A rebuilt catalogue knows recovery points and no runs.
    throw error;
  }
}

async function noSet(ports: SetPorts, text: string): Promise<NotFoundError> {
  const run = isRunId(text) ? await findRun(ports, text) : undefined;
  return new NotFoundError(
    run === undefined
      ? `there is no recovery set "${text}"; name a plan, or a run by its id or a beginning of it, which "holdfast show" tells of a recovery point`
      : `run ${run.runId} of ${run.plan} (${run.status}) has no recovery point to restore; choose another run`,
  );
}

async function setOf(
  ports: SetPorts,
  { runId, plan, ids }: RunPoints,
  vault: string | undefined,
): Promise<RecoverySet> {
  const recorded = await ports.runs.listSources(runId);
  const all = (await Promise.all(ids.map((id) => ports.recoveryPoints.find(id)))).filter(
    (point) => point !== undefined,
  );
  const points: RecoveryPoint[] = [];
  const unavailable: { readonly source: string; readonly reason: string }[] = [];
  for (const source of [...new Set([...recorded, ...all].map(({ sourceUri }) => sourceUri))].sort()) {
    const own = all.filter((point) => point.sourceUri === source);
    const usable = own.filter(
      (point) => point.status === 'available' && (vault === undefined || point.vault === vault),
    );
    const best = bestReplica(ports.config, usable);
    if (best !== undefined) points.push(best);
    else {
      const record = recorded.find(({ sourceUri }) => sourceUri === source);
      unavailable.push({ source, reason: whyUnavailable(own, record, vault) });
    }
  }
  const skew = (await findRun(ports, runId))?.skewSeconds ?? skewSeconds(points);
  return { runId, plan, skewSeconds: skew, points, unavailable };
}

function whyUnavailable(
  own: readonly RecoveryPoint[],
  record: SourceRun | undefined,
  vault: string | undefined,
): string {
  const elsewhere = own.filter((point) => point.status === 'available').map((point) => point.vault);
  if (elsewhere.length > 0) return `its snapshot is not available in vault ${vault}; it is in ${elsewhere.join(', ')}`;
  const [point] = own;
  if (point !== undefined)
    return `its recovery point ${point.recoveryPointId} is ${point.status}${point.damage === undefined ? '' : `: ${point.damage}`}`;
  if (record?.status === 'running') return 'the run has not ended for it, and has no recovery point of it';
  if (record?.status === 'failed' || record?.status === 'skipped')
    return `${record.status} in the run${record.reason === undefined ? '' : `: ${record.reason}`}`;
  return 'its recovery point is gone since the run';
}
