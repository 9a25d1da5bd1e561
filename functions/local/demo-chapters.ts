/** The chapters of the demonstration's story: one backup each, and the table that tells them. */
import type { RecoveryPoint, SnapshotKind } from '../core/catalogue-records.ts';
import { IntegrityError } from '../core/errors.ts';
import { type RunReport, runPlan, type SourceReport } from './commands/run.ts';
import type { Witnessed } from './demo-compare.ts';
import { showBytes, showCount, showSeconds, table } from './figures.ts';
import { type CommandContext, withSession } from './session.ts';

/** One snapshot of the story, and what the witness saw in the source when it was taken. */
export interface Chapter {
  readonly kind: SnapshotKind;
  readonly report: SourceReport & { readonly recoveryPoint: NonNullable<SourceReport['recoveryPoint']> };
  readonly seen: Witnessed;
  readonly seconds: number;
}

/** Backs the plan up once. @throws IntegrityError when it did not succeed whole. */
export async function backUpOnce(
  context: CommandContext,
  plan: string,
  kind: SnapshotKind,
  seen: Witnessed,
): Promise<Chapter> {
  const startedAt = performance.now();
  const report = await withSession(context, (session) =>
    runPlan(session, { plan, kind, scheduledAt: new Date().toISOString() }),
  );
  const source = soleSource(report);
  const { recoveryPoint } = source;
  // What the witness could not read either is no fault of the backup.
  const excused = source.unprotected.length > 0 && source.unprotected.length === seen.leftOut.size;
  if (recoveryPoint === undefined || (report.run.status !== 'succeeded' && !excused))
    throw new IntegrityError(`the ${kind} backup ended ${report.run.status}: ${source.reason ?? 'see the table'}`);
  return { kind, report: { ...source, recoveryPoint }, seen, seconds: (performance.now() - startedAt) / 1000 };
}

function soleSource(report: RunReport): SourceReport {
  const [source] = report.sources;
  if (source === undefined) throw new IntegrityError(`run ${report.run.runId} has no source`);
  return source;
}

/** Its copy in the second vault. */
export function replicaOf({ report, kind }: Chapter): RecoveryPoint {
  const replica = report.replicas.find((point) => point.vault === 'offsite');
  if (replica === undefined) throw new IntegrityError(`the ${kind} backup has no replica in vault offsite`);
  return replica;
}

const CHAPTER_HEADING = [
  { title: 'backup' },
  { title: 'entries', right: true },
  { title: 'added', right: true },
  { title: 'changed', right: true },
  { title: 'removed', right: true },
  { title: 'read', right: true },
  { title: 'stored', right: true },
  { title: 'in all', right: true },
  { title: 'restored and compared' },
] as const;

function rowOf({ kind, report, seconds }: Chapter): string[] {
  const { counts, sizes, verified } = report.recoveryPoint;
  return [
    kind,
    showCount(counts.entries),
    showCount(counts.added),
    showCount(counts.changed),
    showCount(counts.removed),
    showBytes(sizes.readBytes),
    showBytes(sizes.storedBytes),
    showSeconds(seconds),
    verified?.outcome ?? 'no',
  ];
}

/** The chapters as a table, a line each. */
export function chapterTable(chapters: readonly Chapter[]): readonly string[] {
  return table(CHAPTER_HEADING, chapters.map(rowOf));
}
