import type { RecoveryPoint, Run, SourceRun } from '../core/catalogue-records.ts';
import { costOfRun } from '../core/cost.ts';
import type { EventType, MetricName } from '../core/events.ts';
import type { FinishRunInput, FinishRunOutput } from '../core/messages.ts';
import { getPlan, type Plan } from '../core/plan.ts';
import type { Ports } from '../core/ports.ts';
import { shardsOf } from '../core/predict-places.ts';
import { expectedUsd } from '../core/predict-run.ts';
import { RUN_TRANSITIONS, transitionsAround } from '../core/predict-stack.ts';
import { skewSeconds } from '../core/recovery-set.ts';
import { isUnused, type Usage } from '../core/usage.ts';
import { pointsOfRun } from './points-of-run.ts';

type FinishRunPorts = Pick<
  Ports,
  'clock' | 'config' | 'runs' | 'usage' | 'leases' | 'recoveryPoints' | 'events' | 'metrics'
>;
type FinalStatus = FinishRunOutput['status'];

/** Problems beyond these are in the catalogue only: what passes between states stays small. */
const MAX_PROBLEMS = 20;
const MAX_PROBLEM = 500;

const EVENT: Readonly<Record<FinalStatus, EventType>> = {
  succeeded: 'Run Succeeded',
  partial: 'Run Partial',
  failed: 'Run Failed',
  skipped: 'Run Skipped',
};
const METRIC: Readonly<Record<FinalStatus, MetricName>> = {
  succeeded: 'RunSucceeded',
  partial: 'RunPartial',
  failed: 'RunFailed',
  skipped: 'RunSkipped',
};

/**
 * Ends a run: its snapshots together are the recovery set, with a measured skew. A run is a plain success only when every source is safe, every
 * replica made, every entry protected and no snapshot suspect. Gives up the leases. Safe to repeat.
 */
export async function finishRun(input: FinishRunInput, ports: FinishRunPorts): Promise<FinishRunOutput> {
  const run = await ports.runs.get(input.runId);
  const recorded = await ports.runs.listSources(input.runId);
  const points = await pointsOfRun(run, recorded, ports);
  const plan = getPlan(ports.config, run.plan);
  const sources = recorded.map((source) => finalState(source, points, plan));
  for (const source of sources) await ports.runs.putSource(source);

  const status = statusOf(sources, points);
  const skew = skewSeconds(points);
  const usage = withTransitions(await ports.usage.get(input.runId), sources, points, plan);
  // Nothing is expected of what another run holds.
  const taken = sources.filter((source) => source.status !== 'skipped');
  const expected = expectedUsd(
    taken.map(({ predicted }) => predicted),
    usage,
  );
  const finished: Run = {
    ...run,
    status,
    finishedAt: run.status === 'running' ? ports.clock.now().toISOString() : run.finishedAt,
    ...(skew === undefined ? {} : { skewSeconds: skew }),
    ...(isUnused(usage) ? {} : { usage, cost: costOfRun(usage, expected) }),
  };
  await ports.runs.update(finished);
  for (const source of sources) {
    const lease = await ports.leases.find(source.sourceId);
    if (lease?.holder === run.runId) await ports.leases.release(lease);
  }
  const failed = sources.filter((source) => source.status === 'failed').length;
  const skipped = sources.filter((source) => source.status === 'skipped').length;
  if (run.status === 'running') await tell(finished, status, sources, points, ports);
  return {
    runId: run.runId,
    plan: run.plan,
    status,
    recoveryPoints: points.map((point) => point.recoveryPointId),
    failed,
    skipped,
    problems: problemsOf(sources),
  };
}

/** In the account each call of a function is a step of a machine with a choice after it; others stand around them. */
function withTransitions(
  usage: Usage,
  sources: readonly SourceRun[],
  points: readonly RecoveryPoint[],
  plan: Plan,
): Usage {
  if (usage.lambdaCalls === undefined) return usage;
  const around = sources.map(({ snapshotId }) => {
    const own = points.filter((point) => point.snapshotId === snapshotId);
    const [point] = own;
    if (point === undefined) return 0;
    const verifications = plan.verify.after === 'every' ? 1 : 0;
    return transitionsAround({ shards: shardsOf(point.counts), replicas: own.length - 1, verifications });
  });
  // All calls are in the usage but this one, and that of startRun is among the run's own.
  const called = 2 * Math.max(0, usage.lambdaCalls - 1);
  return { ...usage, transitions: around.reduce((sum, one) => sum + one, RUN_TRANSITIONS + called) };
}

/** What the alarm leads to: the run's own error only says that something failed. */
function problemsOf(sources: readonly SourceRun[]): readonly string[] {
  return sources
    .flatMap(({ sourceUri, error, reason }) =>
      error === undefined && reason === undefined ? [] : [[sourceUri, error, reason].filter(Boolean).join(': ')],
    )
    .slice(0, MAX_PROBLEMS)
    .map((problem) => problem.slice(0, MAX_PROBLEM));
}

/**
 * Judged by what is there, not by what was reported: a source is done when its recovery point, every replica and the verification that the plan
 * asks for are in the catalogue. A source that is still `running` when its run ends was never committed.
 */
function finalState(source: SourceRun, points: readonly RecoveryPoint[], plan: Plan): SourceRun {
  const own = points.filter((point) => point.snapshotId === source.snapshotId);
  // One that was started a second time is running again, with its snapshot there already.
  if (source.status === 'running' && own.length === 0)
    return { ...source, status: 'failed', error: 'Error', reason: source.reason ?? 'it did not come to an end' };
  if ((source.status !== 'committed' && source.status !== 'running') || source.error !== undefined) return source;
  const lacking = [plan.vault, ...plan.replicateTo].filter((vault) => !own.some((point) => point.vault === vault));
  const committed = { ...source, status: 'committed' as const };
  if (lacking.length > 0)
    return { ...committed, error: 'NotFoundError', reason: `no recovery point in vault ${lacking.join(', ')}` };
  const verified = own.find((point) => point.vault === plan.vault)?.verified?.outcome;
  if (plan.verify.after === 'every' && verified !== 'verified' && verified !== 'verified-empty')
    return {
      ...committed,
      error: 'NotVerified',
      reason: [
        source.reason,
        `the snapshot was not verified (${verified ?? 'no verification ended'}); see holdfast show`,
      ]
        .filter(Boolean)
        .join('; '),
    };
  return { ...source, status: 'succeeded' };
}

function statusOf(sources: readonly SourceRun[], points: readonly RecoveryPoint[]): FinalStatus {
  const count = (status: SourceRun['status']): number => sources.filter((source) => source.status === status).length;
  const safe = count('succeeded') + count('committed');
  if (count('skipped') === sources.length) return 'skipped';
  if (safe === 0) return 'failed';
  const flawed = points.some((point) => point.counts.unprotected > 0 || point.suspect !== undefined);
  return count('succeeded') < sources.length || flawed ? 'partial' : 'succeeded';
}

async function tell(
  run: Run,
  status: FinalStatus,
  sources: readonly SourceRun[],
  points: readonly RecoveryPoint[],
  ports: FinishRunPorts,
): Promise<void> {
  const failures = sources
    .filter((source) => source.error !== undefined)
    .map((source) => `${source.sourceUri}: ${source.error}`);
  const detail = {
    runId: run.runId,
    plan: run.plan,
    kind: run.kind,
    sources: sources.length,
    failures: failures.join('; ').slice(0, 1000),
  };
  await ports.events.publish([{ type: EVENT[status], detail }]);
  const statuses = Object.entries(METRIC) as [FinalStatus, MetricName][];
  ports.metrics.put(
    { plan: run.plan },
    statuses.map(([one, name]) => ({ name, unit: 'Count', value: one === status ? 1 : 0 })),
  );
  const now = Date.parse(run.finishedAt ?? run.startedAt);
  for (const { plan, sourceUri, vault, consistentAt } of points) {
    const age = (now - Date.parse(consistentAt)) / 1000;
    ports.metrics.put({ plan, source: sourceUri, vault }, [
      { name: 'MeasuredRpoSeconds', unit: 'Seconds', value: age },
    ]);
  }
}
