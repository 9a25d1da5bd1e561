/** Predicts what a plan costs in a month: the model of a run, as often as the schedules say, and what stands all month. */
import type { RecoveryPoint, SnapshotKind } from './catalogue-records.ts';
import { usdOfKind } from './cost.ts';
import { getPlan, getVaultConfig, type HoldfastConfig, type Plan, type SourceConfig } from './plan.ts';
import { predictSource, usageHere, usageInAccount } from './predict-run.ts';
import { PRICES_AS_OF, USD_MONTH } from './prices.ts';
import { HOURS_PER_MONTH, runsPerMonth } from './runs-per-month.ts';
import { type SourceShape, type SourceWorkload, shapeOf, workloadAfter } from './source-workload.ts';
import { sumUsage, timesUsage, USAGE_KINDS, type Usage, type UsageKind } from './usage.ts';

/** What is known of a source from the catalogue. */
export interface KnownSource {
  /** In the plan's own vault, newest first; the first hundred are enough. */
  readonly points: readonly RecoveryPoint[];
  /** By vault, of all its points there. */
  readonly storedBytes: ReadonlyMap<string, number>;
}

/** What is taken of a source that has no recovery point yet. */
export interface AssumedSource {
  readonly objects: number;
  readonly bytes: number;
  /** The share that changes between two runs. */
  readonly changed: number;
}

export type RunsByKind = Readonly<Partial<Record<SnapshotKind, number>>>;
const GROUPS = ['requests', 'tables', 'lambda', 'machines', 'transfer'] as const;
export type CostGroup = (typeof GROUPS)[number];
export type UsdByGroup = Readonly<Record<CostGroup, number>>;

export interface SourceEstimate {
  readonly source: string;
  readonly from: 'recovery points' | 'assumption';
  readonly usage: Usage;
  readonly usd: UsdByGroup;
  /** Of that, what proving the snapshots takes. */
  readonly verificationUsd: number;
  readonly totalUsd: number;
}

export interface VaultEstimate {
  readonly vault: string;
  readonly storedBytes: number;
  readonly growthBytes: number;
  readonly totalUsd: number;
}

export interface PlanEstimate {
  readonly plan: string;
  /** Whether the run is in the account or on a machine of one's own. */
  readonly where: 'account' | 'here';
  readonly pricesAsOf: string;
  readonly runs: RunsByKind;
  readonly sources: readonly SourceEstimate[];
  /** What runs take besides their sources. */
  readonly runsUsd: number;
  readonly vaults: readonly VaultEstimate[];
  readonly alarms: { readonly count: number; readonly totalUsd: number };
  readonly metrics: { readonly count: number; readonly totalUsd: number };
  readonly totalUsd: number;
}

const GROUP_OF: Readonly<Record<UsageKind, CostGroup>> = {
  s3Writes: 'requests',
  s3Reads: 'requests',
  s3Deletes: 'requests',
  tableReadUnits: 'tables',
  tableWriteUnits: 'tables',
  exportedBytes: 'tables',
  parameterRequests: 'requests',
  secretRequests: 'requests',
  keyRequests: 'requests',
  events: 'requests',
  otherRequests: 'requests',
  sentBytes: 'transfer',
  receivedBytes: 'transfer',
  interRegionBytes: 'transfer',
  leavingBytes: 'transfer',
  lambdaCalls: 'lambda',
  lambdaMebibyteMillis: 'lambda',
  transitions: 'machines',
};

/** Metrics that alarms watch at each source, at least: SnapshotTaken or VerificationSucceeded, and SuspectSnapshot. */
const METRICS_PER_SOURCE = 2;
const GIB = 2 ** 30;

export interface EstimateInput {
  readonly config: HoldfastConfig;
  readonly plan: string;
  /** By URI. */
  readonly known: ReadonlyMap<string, KnownSource>;
  readonly assumed: AssumedSource;
  /** Those that a deployment makes. */
  readonly alarms: number;
}

/** @throws InvalidInputError for an unknown plan, or a schedule that cannot be. */
export function estimatePlan({ config, plan: name, known, assumed, alarms }: EstimateInput): PlanEstimate {
  const plan = getPlan(config, name);
  const where = isInAccount(config, plan) ? 'account' : 'here';
  const runs = runsOf(plan);
  const allRuns = Object.values(runs).reduce((sum, one) => sum + one, 0);
  const details = plan.sources.map((source) => {
    const points = known.get(source.uri)?.points ?? [];
    return estimateSource({ source, plan, where, runs, points, assumed, shape: shapeIn(where, config, plan, source) });
  });
  const vaults = [plan.vault, ...plan.replicateTo].map((vault) => {
    const storedOf = ({ uri }: SourceConfig): number =>
      hasPoints(known.get(uri)) ? (known.get(uri)?.storedBytes.get(vault) ?? 0) : assumed.bytes;
    const storedBytes = plan.sources.reduce((sum, source) => sum + storedOf(source), 0);
    const growthBytes = details.reduce((sum, one) => sum + one.growthBytes, 0);
    return estimateVault(vault, getVaultConfig(config, vault).url, { storedBytes, growthBytes });
  });
  const sources = details.map(({ estimate }) => estimate);
  const runsUsd = where === 'account' ? sumOf(groupsOf(timesUsage(usageInAccount([]), allRuns))) : 0;
  const count = where === 'account' ? alarms : 0;
  const metrics = where === 'account' ? METRICS_PER_SOURCE * plan.sources.length : 0;
  const heard = Math.min(1, allRuns / HOURS_PER_MONTH);
  const standing = {
    alarms: { count, totalUsd: count * USD_MONTH.alarm },
    metrics: { count: metrics, totalUsd: metrics * heard * USD_MONTH.metric },
  };
  const parts = [...sources, ...vaults, standing.alarms, standing.metrics];
  const totalUsd = parts.reduce((sum, part) => sum + part.totalUsd, runsUsd);
  return { plan: name, where, pricesAsOf: PRICES_AS_OF, runs, sources, runsUsd, vaults, ...standing, totalUsd };
}

/** A plan with a directory in it is left to the command line by a deployment. */
const isInAccount = (config: HoldfastConfig, plan: Plan): boolean =>
  !plan.sources.some(({ uri }) => uri.startsWith('file:')) &&
  !getVaultConfig(config, plan.vault).url.startsWith('file:');

/** Functions reach no replica on a disk. */
function shapeIn(where: PlanEstimate['where'], config: HoldfastConfig, plan: Plan, source: SourceConfig): SourceShape {
  const shape = shapeOf(config, plan, source);
  return where === 'here' ? shape : { ...shape, replicas: shape.replicas.filter(({ scheme }) => scheme === 's3') };
}

/** Of a plan without schedules, one incremental a day. */
function runsOf({ schedule }: Plan): RunsByKind {
  const { full, differential, incremental } = schedule ?? {};
  if (full === undefined && differential === undefined && incremental === undefined)
    return { incremental: runsPerMonth('rate(1 day)') };
  return {
    ...(full === undefined ? {} : { full: runsPerMonth(full) }),
    ...(differential === undefined ? {} : { differential: runsPerMonth(differential) }),
    ...(incremental === undefined ? {} : { incremental: runsPerMonth(incremental) }),
  };
}

function estimateSource(input: {
  readonly source: SourceConfig;
  readonly plan: Plan;
  readonly where: PlanEstimate['where'];
  readonly runs: RunsByKind;
  readonly points: readonly RecoveryPoint[];
  readonly assumed: AssumedSource;
  readonly shape: SourceShape;
}): { readonly estimate: SourceEstimate; readonly growthBytes: number } {
  const { source, plan, where, runs, points, assumed, shape } = input;
  const perRun = (Object.entries(runs) as [SnapshotKind, number][]).map(([kind, times]) => ({
    times,
    work: workOf(points, kind, plan.full, assumed),
  }));
  const usageAs = (as: SourceShape): Usage =>
    sumUsage(perRun.map(({ work, times }) => timesUsage(sourceUsage(where, work, as), times)));
  const usage = usageAs(shape);
  const usd = groupsOf(usage);
  const totalUsd = sumOf(usd);
  const estimate: SourceEstimate = {
    source: source.uri,
    from: points.length > 0 ? 'recovery points' : 'assumption',
    usage,
    usd,
    verificationUsd: totalUsd - sumOf(groupsOf(usageAs({ ...shape, verify: undefined }))),
    totalUsd,
  };
  return { estimate, growthBytes: perRun.reduce((sum, { work, times }) => sum + work.storedBytes * times, 0) };
}

/** Without the run's own part. */
function sourceUsage(where: PlanEstimate['where'], work: SourceWorkload, shape: SourceShape): Usage {
  const predicted = predictSource(work, shape);
  return where === 'here'
    ? usageHere([predicted])
    : sumUsage([{ ...predicted.places, leavingBytes: 0 }, predicted.stack]);
}

const hasPoints = (known: KnownSource | undefined): boolean => known !== undefined && known.points.length > 0;

/** What changes between two runs is assumed as long as no snapshot of the kind has told. */
function workOf(
  points: readonly RecoveryPoint[],
  kind: SnapshotKind,
  full: Plan['full'],
  assumed: AssumedSource,
): SourceWorkload {
  const work = workloadAfter(points, kind, full);
  if (work === undefined) return assumedWork(assumed, kind, full);
  if (kind === 'full' || points.some((point) => point.kind === kind)) return work;
  const bytes = work.contentBytes * assumed.changed;
  return { ...work, readEntries: Math.ceil(work.entries * assumed.changed), readBytes: bytes, storedBytes: bytes };
}

function assumedWork(
  { objects, bytes, changed }: AssumedSource,
  kind: SnapshotKind,
  full: Plan['full'],
): SourceWorkload {
  const state = { entries: objects, contentBytes: bytes, chain: 1, chainBytes: bytes, points: 30 };
  const share = kind === 'full' ? 1 : changed;
  const storedBytes = kind === 'full' && full === 'reuse' ? objects * 60 : bytes * share;
  return { ...state, readEntries: Math.ceil(objects * share), readBytes: bytes * share, storedBytes };
}

/** On the average of the month; a directory costs nothing here. */
function estimateVault(
  vault: string,
  url: string,
  sizes: Pick<VaultEstimate, 'storedBytes' | 'growthBytes'>,
): VaultEstimate {
  const gib = (sizes.storedBytes + sizes.growthBytes / 2) / GIB;
  return { vault, ...sizes, totalUsd: url.startsWith('file:') ? 0 : gib * USD_MONTH.s3StandardGib };
}

function groupsOf(usage: Usage): UsdByGroup {
  const usd = { requests: 0, tables: 0, lambda: 0, machines: 0, transfer: 0 };
  for (const kind of USAGE_KINDS) usd[GROUP_OF[kind]] += usdOfKind(usage, kind);
  return usd;
}

const sumOf = (usd: UsdByGroup): number => GROUPS.reduce((sum, group) => sum + usd[group], 0);
