/** `holdfast restore`: a recovery point, or the latest state of a source, back into a place. */
import * as z from 'zod';
import type { Json } from '../../core/entry.ts';
import { InvalidInputError } from '../../core/errors.ts';
import type { RestoreOutput } from '../../core/messages.ts';
import { assertTargetReached, assertVaultReached } from '../account-reach.ts';
import { assertTargetApart } from '../apart.ts';
import { flag, positional, value, values } from '../arguments.ts';
import type { Console } from '../console.ts';
import { EXIT } from '../failure.ts';
import { pairs, plain, showBytes, showCount, showSeconds } from '../figures.ts';
import { instantFrom, placeFrom } from '../places.ts';
import { getSource, resolveRecoveryPoint } from '../recovery-points.ts';
import { type CommandContext, type Session, withSession } from '../session.ts';

export async function restoreCommand(context: CommandContext): Promise<number> {
  const { console, invocation, shell } = context;
  const place = value(invocation, 'to');
  if (place === undefined)
    throw new InvalidInputError('restore needs --to PLACE: a folder, or a URI such as s3://bucket/prefix');
  const to = placeFrom(place, shell.folder);
  if (flag(invocation, 'aws')) assertTargetReached(to);
  return withSession(context, async (session) => {
    await assertTargetApart(session.config, to, session.stateFolder);
    const input = {
      ...(await whatToRestore(context, session)),
      to,
      ...given('include', values(invocation, 'include')),
      ...given('exclude', values(invocation, 'exclude')),
      onConflict: value(invocation, 'on-conflict') ?? 'fail',
      exact: flag(invocation, 'exact'),
      dryRun: flag(invocation, 'dry-run'),
      settings: flag(invocation, 'settings'),
    };
    const report = await restoreTo(session, input, resumeOf(context));
    await console.document(report);
    await print(console, report);
    return exitCodeOf(report.status);
  });
}

/** What was restored before the stop makes the target one that is not empty, which the same command alone would refuse. */
function resumeOf({ invocation }: CommandContext): string {
  const refuses = (value(invocation, 'on-conflict') ?? 'fail') === 'fail';
  const again = 'go on with it by the same command';
  return refuses && !flag(invocation, 'exact') && !flag(invocation, 'dry-run') ? `${again} with --exact` : again;
}

function given(name: string, globs: readonly string[]): { readonly [name: string]: Json } {
  return globs.length === 0 ? {} : { [name]: globs };
}

/** The first argument is a recovery point when it begins as their ids do, with a date, and else a source's URI or path. */
async function whatToRestore(
  { invocation, shell }: CommandContext,
  { ports, config, where }: Session,
): Promise<{ readonly [name: string]: Json }> {
  const name = positional(invocation, 0);
  const at = value(invocation, 'at');
  const vault = value(invocation, 'vault');
  if (vault !== undefined && !Object.hasOwn(config.vaults, vault))
    throw new InvalidInputError(
      `there is no vault "${vault}"; holdfast.yml has ${Object.keys(config.vaults).join(', ')}`,
    );
  if (vault !== undefined && where === 'account') assertVaultReached(config, vault);
  if (/^\d{1,8}(T|$)/.test(name)) {
    if (at !== undefined) throw new InvalidInputError('--at goes with a source; a recovery point is a time already');
    const point = await resolveRecoveryPoint(ports, name, vault);
    if (where === 'account') assertVaultReached(config, point.vault);
    return { recoveryPointId: point.recoveryPointId };
  }
  const { uri } = await getSource(ports, placeFrom(name, shell.folder));
  return {
    source: uri,
    ...(at === undefined ? {} : { at: instantFrom(at, '--at') }),
    ...(vault === undefined ? {} : { vault }),
  };
}

/** Only what tells a report from any other text; the rest is as the operation made it. */
const reportSchema = z.looseObject({ restoreId: z.string(), status: z.string(), restored: z.number() });

/** Runs the `restore` machine; its report is the output, or the cause when it is not a whole success. */
export async function restoreTo(
  session: Session,
  input: { readonly [name: string]: Json },
  resume?: string,
): Promise<RestoreOutput> {
  const result = await session.execute('restore', input, { resume });
  if (result.status === 'SUCCEEDED') return reportFrom(result.output);
  if (result.error !== 'RestorePartial' && result.error !== 'RestoreFailed') throw session.failureOf(result);
  return reportFrom(JSON.parse(result.cause));
}

function reportFrom(value: unknown): RestoreOutput {
  // The report is the operation's own, handed through the machine as JSON.
  return reportSchema.parse(value) as unknown as RestoreOutput;
}

function exitCodeOf(status: RestoreOutput['status']): number {
  if (status === 'succeeded' || status === 'dry-run') return EXIT.done;
  return status === 'partial' ? EXIT.partial : EXIT.failed;
}

async function print(console: Console, report: RestoreOutput): Promise<void> {
  const seconds = report.measuredRtoSeconds;
  const would = report.status === 'dry-run' ? ' (nothing was changed: --dry-run)' : '';
  await console.lines(
    pairs([
      ['status', `${report.status}${would}`],
      ['recovery point', report.recoveryPointId],
      ['to', plain(report.to)],
      ['restored', `${showCount(report.restored)} (${showBytes(report.bytes)})`],
      ['skipped', showCount(report.skipped)],
      ['removed', showCount(report.removed)],
      ['failed', showCount(report.failed)],
      ['duration', showSeconds(seconds)],
    ]),
  );
  for (const problem of report.problems) await console.line(`  ${plain(problem)}`);
}
