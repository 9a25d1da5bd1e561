import type { RecoveryPoint, Run, SourceRun } from '../core/catalogue-records.ts';
import { ConflictError, messageOf, TransientError } from '../core/errors.ts';
import {
  type RunId,
  runIdOf,
  type SnapshotId,
  type SourceId,
  snapshotIdOf,
  sourceIdOf,
  timeOfSnapshot,
} from '../core/ids.ts';
import type { SourceWork, StartRunInput, StartRunOutput } from '../core/messages.ts';
import { getPlan } from '../core/plan.ts';
import type { Ports } from '../core/ports.ts';
import { predictSource } from '../core/predict-run.ts';
import { shapeOf, workloadAfter } from '../core/source-workload.ts';

/**
 * How long a source is held without a sign of life: longer than one worker call can last (15 minutes on Lambda), since each call
 * extends it.
 */
export const LEASE_SECONDS = 20 * 60;

/** As many as come together: more would be asked for once more. */
const POINTS_LOOKED_AT = 100;

type StartRunPorts = Pick<Ports, 'clock' | 'config' | 'runs' | 'leases' | 'recoveryPoints' | 'events'>;

/**
 * Begins a run, or goes on with one that was begun: the run id is a hash of plan, kind and scheduled time, so that two equal starts are one
 * run. Takes the lease of each source; a source that another run holds is recorded as skipped.
 * @throws InvalidInputError for an unknown plan.
 */
export async function startRun(input: StartRunInput, ports: StartRunPorts): Promise<StartRunOutput> {
  getPlan(ports.config, input.plan);
  const scheduledAt = new Date(input.scheduledAt).toISOString();
  const runId = runIdOf(input.plan, input.kind, scheduledAt);
  const startedAt = ports.clock.now().toISOString();
  const asked: Run = { runId, plan: input.plan, kind: input.kind, scheduledAt, startedAt, status: 'running' };
  const { run, created } = await ports.runs.start(asked);
  if (run.status === 'succeeded' || run.status === 'skipped')
    return { runId, plan: input.plan, status: 'done', sources: [] };
  if (!created && run.status !== 'running') await ports.runs.update({ ...asked, startedAt: run.startedAt });
  try {
    const sources = await claimSources(input, run, ports);
    const { plan, kind } = input;
    if (created) await ports.events.publish([{ type: 'Run Started', detail: { runId, plan, kind, scheduledAt } }]);
    return { runId, plan, status: sources.length > 0 ? 'started' : 'skipped', sources };
  } catch (error) {
    // Nobody would close a run that could not begin. What keeps it from being closed here is most likely the same error.
    if (!(error instanceof TransientError)) await abandon(run, error, ports).catch(() => {});
    throw error;
  }
}

/** The sources that are left to do, each with its lease and recorded. */
async function claimSources(input: StartRunInput, run: Run, ports: StartRunPorts): Promise<SourceWork[]> {
  const { runId } = run;
  const before = new Map((await ports.runs.listSources(runId)).map((source) => [source.sourceId, source]));
  const sources: SourceWork[] = [];
  const plan = getPlan(ports.config, input.plan);
  for (const config of plan.sources) {
    const { uri } = config;
    const sourceId = sourceIdOf(uri);
    const known = before.get(sourceId);
    if (known?.status === 'succeeded' || known?.status === 'skipped') continue;
    const { snapshotId, points } = await chooseSnapshotId(known, sourceId, run, ports);
    const earlier = points.filter((point) => point.vault === plan.vault && point.snapshotId < snapshotId);
    const work = workloadAfter(earlier, input.kind, plan.full);
    const predicted = work && { predicted: predictSource(work, shapeOf(ports.config, plan, config)) };
    const asked = { runId, sourceId, sourceUri: uri, snapshotId, token: 0, status: 'running' as const, ...predicted };
    const source = await claim(asked, ports);
    await ports.runs.putSource(source);
    if (source.status === 'running') sources.push({ plan: input.plan, runId, sourceId, snapshotId });
  }
  return sources;
}

/** Closes a run as failed, with the reason at each of its sources, and gives up what it held. */
async function abandon(run: Run, cause: unknown, ports: StartRunPorts): Promise<void> {
  const { runId } = run;
  const [error, reason] = [cause instanceof Error ? cause.name : 'Error', messageOf(cause)];
  for (const source of await ports.runs.listSources(runId)) {
    if (source.status === 'running') await ports.runs.putSource({ ...source, status: 'failed', error, reason });
    const lease = await ports.leases.find(source.sourceId);
    if (lease?.holder === runId) await ports.leases.release(lease);
  }
  await ports.runs.update({ ...run, status: 'failed', finishedAt: ports.clock.now().toISOString() });
}

/** The source with its lease, or skipped when another run holds it. */
async function claim(source: SourceRun, ports: StartRunPorts): Promise<SourceRun> {
  try {
    const lease = await ports.leases.acquire(source.sourceId, source.runId, LEASE_SECONDS);
    return { ...source, token: lease.token };
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    return { ...source, status: 'skipped', reason: `overlapped: ${error.message}` };
  }
}

/**
 * The one that the run has already, unless another run's came after it and it holds nothing yet; else named by the run's start, or just
 * after the newest snapshot: ids of a source must sort as its states followed one another.
 */
async function chooseSnapshotId(
  known: SourceRun | undefined,
  sourceId: SourceId,
  run: Run,
  ports: StartRunPorts,
): Promise<{ readonly snapshotId: SnapshotId; readonly points: readonly RecoveryPoint[] }> {
  const points: RecoveryPoint[] = [];
  let passed: SnapshotId | undefined;
  for await (const point of ports.recoveryPoints.listBySource(sourceId)) {
    if (points.length < POINTS_LOOKED_AT) points.push(point);
    if (known === undefined || point.snapshotId <= known.snapshotId) passed ??= point.snapshotId;
    if (passed !== undefined && points.length === POINTS_LOOKED_AT) break;
  }
  const newest = points[0]?.snapshotId;
  if (known !== undefined && (passed === known.snapshotId || newest === undefined || newest < known.snapshotId))
    return { snapshotId: known.snapshotId, points };
  const after = newest === undefined ? 0 : Date.parse(timeOfSnapshot(newest)) + 1;
  const at = Math.max(Date.parse(run.startedAt), after);
  return { snapshotId: snapshotIdOf(new Date(at).toISOString(), run.runId, sourceId), points };
}

/**
 * The lease under which a source's part of a run works, extended.
 * @throws ConflictError when the run lost it: another run may be at work on the source, so this one must stop.
 */
export async function keepLease(
  work: { readonly runId: RunId; readonly sourceId: SourceId },
  ports: Pick<Ports, 'leases' | 'runs'>,
): Promise<SourceRun> {
  const source = (await ports.runs.listSources(work.runId)).find((one) => one.sourceId === work.sourceId);
  if (source === undefined)
    throw new ConflictError(`run ${work.runId} has no source ${work.sourceId}; start the run first`);
  // Never taken anew: the lease of a run that has ended would keep the next one out.
  const { sourceId, runId: holder, token } = source;
  await ports.leases.renew({ sourceId, holder, token, expiresAt: new Date(0).toISOString() }, LEASE_SECONDS);
  return source;
}
