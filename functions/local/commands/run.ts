/** `holdfast run PLAN`: one run, told source by source. */
import type { RecoveryPoint, Run, SnapshotKind, SourceRun } from '../../core/catalogue-records.ts';
import { snapshotKindSchema } from '../../core/catalogue-records.ts';
import type { EntryKey } from '../../core/entry.ts';
import { type RunId, runIdOf } from '../../core/ids.ts';
import { manifestName, openManifest } from '../../core/manifest.ts';
import { findPlan, getPlan } from '../../core/plan.ts';
import type { Ports } from '../../core/ports.ts';
import { pointsOfRun } from '../../operations/points-of-run.ts';
import { assertPlanReached } from '../account-reach.ts';
import { assertApart } from '../apart.ts';
import { positional, value } from '../arguments.ts';
import type { Console } from '../console.ts';
import { costLines } from '../cost-report.ts';
import { expireWork } from '../expire-work.ts';
import { EXIT } from '../failure.ts';
import { counted, pairs, plain, showBytes, showCount, showSeconds } from '../figures.ts';
import { showKey } from '../key-text.ts';
import { instantFrom } from '../places.ts';
import { type CommandContext, type Session, withSession } from '../session.ts';

/** One entry that could not be backed up; the key as `showKey` shows it. */
export interface UnprotectedLine {
  readonly key: string;
  readonly reason: string;
}

/** What became of one source in a run. */
export interface SourceReport {
  readonly source: string;
  readonly status: SourceRun['status'];
  readonly error?: string;
  readonly reason?: string;
  readonly recoveryPoint?: RecoveryPoint;
  readonly replicas: readonly RecoveryPoint[];
  readonly unprotected: readonly UnprotectedLine[];
}

export interface RunReport {
  readonly run: Run;
  readonly sources: readonly SourceReport[];
}

export interface RunRequest {
  readonly plan: string;
  readonly kind: SnapshotKind;
  /** ISO-8601 UTC with milliseconds; with plan and kind it names the run. */
  readonly scheduledAt: string;
}

export async function runCommand(context: CommandContext): Promise<number> {
  const { invocation, console } = context;
  const kind = snapshotKindSchema.parse(value(invocation, 'kind') ?? 'incremental');
  const given = value(invocation, 'scheduled-at');
  const scheduledAt = given === undefined ? new Date().toISOString() : instantFrom(given, '--scheduled-at');
  const plan = positional(invocation, 0);
  return withSession(context, async (session) => {
    const resume = `go on with it by: holdfast run ${plan} --kind ${kind} --scheduled-at ${scheduledAt}`;
    const report = await runPlan(session, { plan, kind, scheduledAt }, resume);
    await console.document(report);
    await printReport(console, report, session.where === 'account' ? 'holdfast show --aws' : 'holdfast show');
    return exitCodeOf(report.run.status);
  });
}

/** Runs the `backup` machine and reads what became of it. @throws what kept the run from starting or from ending. */
export async function runPlan(session: Session, request: RunRequest, resume?: string): Promise<RunReport> {
  const { ports } = session;
  const plan = getPlan(session.config, request.plan);
  await assertApart(session.config, request.plan, session.stateFolder);
  if (session.where === 'account') assertPlanReached(session.config, request.plan);
  else {
    // Opened before anything is recorded, so that a wrong key or a vault that is not there ends the command at once.
    await ports.openVault(plan.vault);
    await session.freeLeases();
    await expireWork(ports.work, ports.clock.now());
  }
  const runId = runIdOf(request.plan, request.kind, request.scheduledAt);
  const standing = () => standingOf(runId, ports);
  const result = await session.execute('backup', { ...request }, { resume, standing });
  // These two say that the run was closed; what became of each source is in the catalogue.
  if (result.status === 'FAILED' && result.error !== 'RunPartial' && result.error !== 'RunFailed')
    throw session.failureOf(result);
  return reportOf(session, await ports.runs.get(runId));
}

/** `2 of 5 sources committed, 1 failed`; undefined before the run has recorded its sources. */
async function standingOf(runId: RunId, ports: Pick<Ports, 'runs'>): Promise<string | undefined> {
  const sources = await ports.runs.listSources(runId);
  if (sources.length === 0) return undefined;
  const count = (...statuses: SourceRun['status'][]) =>
    sources.filter(({ status }) => statuses.includes(status)).length;
  const rest = (['failed', 'skipped'] as const).flatMap((status) =>
    count(status) > 0 ? [`${count(status)} ${status}`] : [],
  );
  const all = counted(sources.length, 'source', 'sources');
  return [`${count('committed', 'succeeded')} of ${all} committed`, ...rest].join(', ');
}

async function reportOf({ ports, where }: Session, run: Run): Promise<RunReport> {
  const recorded = await ports.runs.listSources(run.runId);
  const points = await pointsOfRun(run, recorded, ports);
  const sources: SourceReport[] = [];
  for (const source of recorded) {
    const own = points.filter((point) => point.sourceId === source.sourceId);
    const primary = findPlan(ports.config, run.plan)?.vault;
    const recoveryPoint = own.find((point) => point.vault === primary) ?? own[0];
    sources.push({
      source: source.sourceUri,
      status: source.status,
      ...(source.error === undefined ? {} : { error: source.error }),
      ...(source.reason === undefined ? {} : { reason: source.reason }),
      ...(recoveryPoint === undefined ? {} : { recoveryPoint }),
      replicas: own.filter((point) => point !== recoveryPoint),
      // Their names stand in the vault, whose key need not be here when the run was elsewhere.
      unprotected: recoveryPoint === undefined || where === 'account' ? [] : await unprotectedOf(ports, recoveryPoint),
    });
  }
  return { run, sources };
}

/** Every entry that the snapshot could not back up, from its manifest. */
export async function unprotectedOf(
  ports: Pick<Ports, 'openVault'>,
  point: RecoveryPoint,
): Promise<readonly UnprotectedLine[]> {
  if (point.counts.unprotected === 0) return [];
  const vault = await ports.openVault(point.vault);
  const name = manifestName(point.sourceId, point.snapshotId);
  const manifest = openManifest(vault.keys, name, await vault.store.get(name));
  // The manifest holds keys as strings whose units are bytes, which is what an EntryKey is.
  return manifest.unprotected.map(({ key, reason }) => ({ key: showKey(point.sourceUri, key as EntryKey), reason }));
}

function exitCodeOf(status: Run['status']): number {
  if (status === 'succeeded') return EXIT.done;
  return status === 'partial' ? EXIT.partial : EXIT.failed;
}

/** So many unprotected entries are named; `show` and `--json` name all. */
const NAMED_UNPROTECTED = 10;

async function printReport(console: Console, { run, sources }: RunReport, show: string): Promise<void> {
  for (const source of sources) {
    await console.line(plain(source.source));
    await console.lines(linesOf(source, show).map((line) => `  ${line}`));
    await console.line();
  }
  await console.line(`run ${run.runId} of ${run.plan}: ${run.status}`);
  await console.lines(costLines(run));
}

function linesOf(source: SourceReport, show: string): readonly string[] {
  const point = source.recoveryPoint;
  const outcome: (readonly [string, string])[] = [['status', source.status]];
  if (source.reason !== undefined) outcome.push(['reason', plain(source.reason)]);
  if (point === undefined) return pairs(outcome);
  const because = point.fullBecause === undefined ? '' : ` (${plain(point.fullBecause)})`;
  const { counts, sizes } = point;
  const rows: (readonly [string, string])[] = [
    ...outcome,
    ['recovery point', point.recoveryPointId],
    ['kind', `${point.kind}${because}`],
    ['entries', showCount(counts.entries)],
    [
      'changes',
      `${showCount(counts.added)} added, ${showCount(counts.changed)} changed, ${showCount(counts.removed)} removed`,
    ],
    [
      'content',
      `${showBytes(sizes.contentBytes)}; read ${showBytes(sizes.readBytes)}, stored ${showBytes(sizes.storedBytes)}`,
    ],
    ['duration', showSeconds((Date.parse(point.finishedAt) - Date.parse(point.startedAt)) / 1000)],
    ['verification', verificationOf(point)],
    ...source.replicas.map((replica) => ['replica', `${replica.recoveryPointId} ${replica.status}`] as const),
  ];
  if (point.suspect !== undefined) rows.push(['SUSPECT', plain(point.suspect)]);
  if (point.damage !== undefined) rows.push(['DAMAGED', plain(point.damage)]);
  return [
    ...pairs(rows),
    ...unprotectedLines(source.unprotected, counts.unprotected, { most: NAMED_UNPROTECTED, show }),
  ];
}

/** `verified (restore, 2026-11-25 10:22:09 UTC)`, or that there was none. */
export function verificationOf(point: RecoveryPoint): string {
  return point.verified === undefined ? 'none yet' : `${point.verified.outcome} at level ${point.verified.level}`;
}

/** The heading and a line for each of the first `most` unprotected entries; `show` is the command that names the others. */
export function unprotectedLines(
  unprotected: readonly UnprotectedLine[],
  count: number,
  { most, show }: { readonly most: number; readonly show: string },
): readonly string[] {
  if (count === 0) return [];
  const named = unprotected.slice(0, most).map(({ key, reason }) => `  ${key}: ${plain(reason)}`);
  const more = count - named.length;
  return [
    `NOT PROTECTED: ${counted(count, 'entry', 'entries')}`,
    ...named,
    ...(more > 0 ? [`  ${named.length === 0 ? '' : `and ${showCount(more)} more; `}"${show}" names all`] : []),
  ];
}
