/** `holdfast list` and `holdfast show`: the recovery points, and everything about one. */
import type { RecoveryPoint, Verification } from '../../core/catalogue-records.ts';
import { positional } from '../arguments.ts';
import { collect } from '../collect.ts';
import { EXIT } from '../failure.ts';
import { pairs, plain, showBytes, showCount, showTime, table } from '../figures.ts';
import { placeFrom } from '../places.ts';
import { getSource, knownSources, resolveRecoveryPoint } from '../recovery-points.ts';
import { type CommandContext, type Session, withSession } from '../session.ts';
import { type UnprotectedLine, unprotectedLines, unprotectedOf, verificationOf } from './run.ts';

const HEADING = [
  { title: 'RECOVERY POINT' },
  { title: 'KIND' },
  { title: 'STATUS' },
  { title: 'VERIFIED' },
  { title: 'ENTRIES', right: true },
  { title: 'CONTENT', right: true },
  { title: 'STORED', right: true },
] as const;

export async function listCommand(context: CommandContext): Promise<number> {
  const { console, invocation, shell } = context;
  return withSession(context, async ({ ports }) => {
    const [named] = invocation.positionals;
    const sources =
      named === undefined ? await knownSources(ports) : [await getSource(ports, placeFrom(named, shell.folder))];
    if (console.json) {
      await console.list({}, 'recoveryPoints', pointsOf(ports, sources));
      return EXIT.done;
    }
    for (const [index, source] of sources.entries()) {
      const rows: string[][] = [];
      for await (const point of ports.recoveryPoints.listBySource(source.sourceId)) rows.push(rowOf(point));
      if (index > 0) await console.line();
      await console.line(plain(source.uri));
      await console.lines(rows.length === 0 ? ['no recovery point yet'] : table(HEADING, rows, console.columns));
    }
    return EXIT.done;
  });
}

async function* pointsOf(
  ports: Session['ports'],
  sources: Awaited<ReturnType<typeof knownSources>>,
): AsyncIterable<RecoveryPoint> {
  for (const source of sources) yield* ports.recoveryPoints.listBySource(source.sourceId);
}

function rowOf(point: RecoveryPoint): string[] {
  return [
    point.recoveryPointId,
    point.kind,
    point.suspect === undefined ? point.status : `${point.status}, suspect`,
    point.verified?.outcome ?? '-',
    showCount(point.counts.entries),
    showBytes(point.sizes.contentBytes),
    showBytes(point.sizes.storedBytes),
  ];
}

export async function showCommand(context: CommandContext): Promise<number> {
  const { console, invocation } = context;
  return withSession(context, async ({ ports }) => {
    const point = await resolveRecoveryPoint(ports, positional(invocation, 0));
    const replicas: RecoveryPoint[] = [];
    for await (const other of ports.recoveryPoints.listBySource(point.sourceId)) {
      if (other.snapshotId === point.snapshotId && other.vault !== point.vault) replicas.push(other);
    }
    const verifications = await collect(ports.proofs.listVerifications(point.recoveryPointId));
    const unprotected = await unprotectedOf(ports, point);
    await console.document({ recoveryPoint: point, replicas, verifications, unprotected });
    await console.lines(describe(point, replicas, unprotected));
    await console.lines(verifications.flatMap(describeVerification));
    return EXIT.done;
  });
}

function describe(
  point: RecoveryPoint,
  replicas: readonly RecoveryPoint[],
  unprotected: readonly UnprotectedLine[],
): readonly string[] {
  const { counts, sizes } = point;
  const optional = (name: string, text: string | undefined): (readonly [string, string])[] =>
    text === undefined ? [] : [[name, plain(text)]];
  return [
    ...pairs([
      ['recovery point', point.recoveryPointId],
      ['source', plain(point.sourceUri)],
      ['plan', point.plan],
      ['vault', point.vault],
      ['status', point.status],
      ...optional('damage', point.damage),
      ...optional('suspect', point.suspect),
      ['kind', point.kind],
      ...optional('full because', point.fullBecause),
      ['chain', point.chain.join(' ')],
      ['run', point.runId],
      ['consistent at', showTime(point.consistentAt)],
      ['finished', showTime(point.finishedAt)],
      ['in the vault', showTime(point.availableAt)],
      ['entries', showCount(counts.entries)],
      ['added', showCount(counts.added)],
      ['changed', showCount(counts.changed)],
      ['removed', showCount(counts.removed)],
      ['content', showBytes(sizes.contentBytes)],
      ['read', showBytes(sizes.readBytes)],
      ['stored', showBytes(sizes.storedBytes)],
      ['verification', verificationOf(point)],
      ...replicas.map((replica) => ['replica', `${replica.recoveryPointId} ${replica.status}`] as const),
    ]),
    ...unprotectedLines(unprotected, counts.unprotected, { most: Number.POSITIVE_INFINITY, show: 'holdfast show' }),
  ];
}

function describeVerification(verification: Verification): readonly string[] {
  const { outcome, level, finishedAt, checkedEntries, totalEntries, proves, problems, problemCount } = verification;
  const more = problemCount - problems.length;
  return [
    `${showTime(finishedAt)} ${outcome} at level ${level}: ${showCount(checkedEntries)} of ${showCount(totalEntries)} entries; ${plain(proves)}`,
    ...problems.map((problem) => `  ${plain(problem)}`),
    ...(more > 0 ? [`  and ${showCount(more)} more`] : []),
  ];
}
