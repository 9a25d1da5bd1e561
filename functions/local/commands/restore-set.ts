/** `holdfast restore --set`: every source of one run back into its place, what others need first. */
import type { RecoveryPoint } from '../../core/catalogue-records.ts';
import { InvalidInputError } from '../../core/errors.ts';
import type { RestoreOutput } from '../../core/messages.ts';
import { getVaultConfig } from '../../core/plan.ts';
import {
  type Assignment,
  assertTargetsFit,
  assignTargets,
  parseMapping,
  type SetStatus,
  setStatusOf,
} from '../../core/recovery-set.ts';
import { formatUri, parseUri } from '../../core/uri.ts';
import { assertTargetReached, assertVaultReached } from '../account-reach.ts';
import { assertTargetApart, realPathOf } from '../apart.ts';
import { flag, type Invocation, value, values } from '../arguments.ts';
import type { Console } from '../console.ts';
import { describeFailure, EXIT, Interrupted } from '../failure.ts';
import { pairs, plain, showSeconds } from '../figures.ts';
import { placeFrom } from '../places.ts';
import { type RecoverySet, resolveRecoverySet } from '../recovery-sets.ts';
import { choicesOf, restoreTo, resumeOf, rowsOf, writeUnitsOf } from '../restore-report.ts';
import { type CommandContext, type Session, withSession } from '../session.ts';

/** What became of one source: the report of its restore, or why there is none. */
export type SourceRestore = { readonly source: string; readonly suspect?: string } & (
  | RestoreOutput
  | {
      readonly status: 'failed';
      readonly recoveryPointId: string;
      readonly to: string;
      readonly error: string;
      readonly reason: string;
    }
  | { readonly status: 'unavailable'; readonly reason: string }
);

export interface SetReport {
  /** As it was named. */
  readonly set: string;
  readonly runId: string;
  readonly plan: string;
  readonly skewSeconds?: number;
  /** In the order in which they were restored; those that could not be come last. */
  readonly sources: readonly SourceRestore[];
  readonly status: SetStatus;
  /** From the begin of the first restore to the end of the last. */
  readonly measuredRtoSeconds: number;
}

export async function restoreSet(context: CommandContext): Promise<number> {
  const { console, invocation } = context;
  const name = value(invocation, 'set') ?? '';
  assertOptions(invocation);
  const writeUnits = writeUnitsOf(invocation);
  return withSession(context, async (session) => {
    const vault = value(invocation, 'vault');
    if (vault !== undefined) getVaultConfig(session.config, vault);
    const set = await resolveRecoverySet(session.ports, name, vault);
    const assignments = await targetsOf(context, session, set);
    await assertVaultsOpen(session, set.points);
    const begun = session.ports.clock.now().getTime();
    const sources: SourceRestore[] = [];
    const add = async (source: SourceRestore): Promise<void> => {
      sources.push(source);
      await print(console, source);
    };
    for (const { source, target } of assignments) {
      const point = set.points.find((one) => one.sourceUri === source);
      if (point !== undefined) await add(await restoreSource(session, invocation, point, target, writeUnits));
    }
    const measuredRtoSeconds = (session.ports.clock.now().getTime() - begun) / 1000;
    for (const { source, reason } of set.unavailable) await add({ source, status: 'unavailable', reason });
    const { runId, plan, skewSeconds } = set;
    const status = setStatusOf(sources.map((source) => statusOf(source)));
    const skew = skewSeconds === undefined ? {} : { skewSeconds };
    await console.document({
      set: name,
      runId,
      plan,
      ...skew,
      sources,
      status,
      measuredRtoSeconds,
    } satisfies SetReport);
    await console.line(summaryOf(set, status, measuredRtoSeconds));
    return status === 'partial' ? EXIT.partial : status === 'failed' ? EXIT.failed : EXIT.done;
  });
}

/** What chooses among the entries or the states of one source has no meaning for all of them. */
const ONE_SOURCE = ['at', 'to', 'include', 'exclude', 'key'];

function assertOptions(invocation: Invocation): void {
  const [extra] = invocation.positionals;
  if (extra !== undefined)
    throw new InvalidInputError(`--set restores every source of a run; leave "${extra}" away, or --set`);
  const option = ONE_SOURCE.find((one) => invocation.options.has(one));
  if (option !== undefined)
    throw new InvalidInputError(
      `--${option} goes with one recovery point or source; with --set, targets are given by --map SOURCE=TARGET`,
    );
}

/** A target for each source that can be restored. @throws InvalidInputError before anything is restored. */
async function targetsOf(
  { invocation, shell }: CommandContext,
  session: Session,
  { points, unavailable }: RecoverySet,
): Promise<readonly Assignment[]> {
  const restorable = points.map((point) => point.sourceUri);
  const known = [...restorable, ...unavailable.map(({ source }) => source)];
  const mappings = values(invocation, 'map').map((text) =>
    parseMapping(text, known, (typed) => placeFrom(typed, shell.folder)),
  );
  const assignments = assignTargets(restorable, mappings, { inPlace: flag(invocation, 'in-place') });
  const vaults = Object.fromEntries(Object.entries(session.config.vaults).map(([name, { url }]) => [name, url]));
  assertTargetsFit(assignments, vaults);
  // Two paths may lead to one folder.
  const real = await Promise.all(
    assignments.map(async ({ source, target }) => ({ source, target: await realPlaceOf(target) })),
  );
  assertTargetsFit(real, vaults);
  for (const { target } of assignments) {
    if (session.where === 'account') assertTargetReached(target);
    await assertTargetApart(session, target);
  }
  return assignments;
}

async function realPlaceOf(target: string): Promise<string> {
  const uri = parseUri(target);
  return uri.scheme === 'file' ? formatUri({ scheme: 'file', path: await realPathOf(uri.path) }) : target;
}

/** A key that does not fit would fail every source; it ends the command at once. Any other failure is that of the sources in the vault. */
async function assertVaultsOpen({ where, config, ports }: Session, points: readonly RecoveryPoint[]): Promise<void> {
  for (const vault of new Set(points.map((point) => point.vault))) {
    if (where === 'account') assertVaultReached(config, vault);
    else
      await ports.openVault(vault).catch((error: unknown) => {
        if (error instanceof InvalidInputError) throw error;
      });
  }
}

/** Restores one source; what fails is told, and harms no other. @throws Interrupted */
async function restoreSource(
  session: Session,
  invocation: Invocation,
  point: RecoveryPoint,
  to: string,
  writeUnits: number | undefined,
): Promise<SourceRestore> {
  const { recoveryPointId, sourceUri: source } = point;
  const isTable = parseUri(to).scheme === 'dynamodb';
  const input = {
    recoveryPointId,
    to,
    ...(writeUnits === undefined || !isTable ? {} : { maxWriteUnitsPerSecond: writeUnits }),
    ...choicesOf(invocation),
  };
  const head = { source, ...(point.suspect === undefined ? {} : { suspect: point.suspect }) };
  try {
    return { ...head, ...(await restoreTo(session, input, resumeOf(invocation))) };
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    const name = error instanceof Error ? error.name : 'Error';
    return {
      ...head,
      status: 'failed',
      recoveryPointId,
      to,
      error: name,
      reason: describeFailure(error).sentence,
    };
  }
}

/** A restore that has ended is no longer running; what its report says besides is a failure. */
function statusOf({ status }: SourceRestore): Exclude<SourceRestore['status'], 'running'> {
  return status === 'running' ? 'failed' : status;
}

async function print(console: Console, source: SourceRestore): Promise<void> {
  await console.line(plain(source.source));
  const rows: (readonly [string, string])[] = [];
  if ('reason' in source) {
    rows.push(['status', source.status]);
    if ('to' in source) rows.push(['recovery point', source.recoveryPointId], ['to', plain(source.to)]);
    rows.push(['reason', plain(source.reason)]);
  } else rows.push(...rowsOf(source));
  if (source.suspect !== undefined) rows.push(['SUSPECT', plain(source.suspect)]);
  await console.lines(pairs(rows).map((line) => `  ${line}`));
  if ('problems' in source) await console.lines(source.problems.map((problem) => `    ${plain(problem)}`));
  await console.line();
}

function summaryOf({ runId, plan, skewSeconds }: RecoverySet, status: SetStatus, seconds: number): string {
  const skew = skewSeconds === undefined ? '' : `; skew ${showSeconds(skewSeconds)}`;
  return `recovery set ${runId} of ${plan}: ${status} in ${showSeconds(seconds)}${skew}`;
}
