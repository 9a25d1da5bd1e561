/** `holdfast restore`: a recovery point, or the latest state of a source, back into a place; with `--set` a whole recovery set. */
import type { Json } from '../../core/entry.ts';
import { InvalidInputError } from '../../core/errors.ts';
import type { RestoreOutput } from '../../core/messages.ts';
import { getVaultConfig } from '../../core/plan.ts';
import { parseUri } from '../../core/uri.ts';
import { assertTargetReached, assertVaultReached } from '../account-reach.ts';
import { assertTargetApart } from '../apart.ts';
import { flag, type Invocation, positional, value, values } from '../arguments.ts';
import { EXIT } from '../failure.ts';
import { pairs, plain } from '../figures.ts';
import { keyForRestore } from '../key-text.ts';
import { instantFrom, placeFrom } from '../places.ts';
import { getSource, resolveRecoveryPoint } from '../recovery-points.ts';
import { choicesOf, restoreTo, resumeOf, rowsOf, writeUnitsOf } from '../restore-report.ts';
import { type CommandContext, type Session, withSession } from '../session.ts';
import { restoreSet } from './restore-set.ts';

export async function restoreCommand(context: CommandContext): Promise<number> {
  const { console, invocation, shell } = context;
  if (value(invocation, 'set') !== undefined) return restoreSet(context);
  assertOneSource(context);
  const place = value(invocation, 'to');
  if (place === undefined)
    throw new InvalidInputError('restore needs --to PLACE: a folder, or a URI such as s3://bucket/prefix');
  const to = placeFrom(place, shell.folder);
  const writeUnits = writeUnitsOf(invocation);
  if (writeUnits !== undefined && parseUri(to).scheme !== 'dynamodb')
    throw new InvalidInputError(`--max-write-units is for a table, and ${to} is none; leave it away`);
  if (flag(invocation, 'aws')) assertTargetReached(to);
  return withSession(context, async (session) => {
    await assertTargetApart(session, to);
    const input = {
      ...(await whatToRestore(context, session)),
      to,
      ...given('include', values(invocation, 'include')),
      ...given('exclude', values(invocation, 'exclude')),
      ...(writeUnits === undefined ? {} : { maxWriteUnitsPerSecond: writeUnits }),
      ...choicesOf(invocation),
    };
    const report = await restoreTo(session, input, resumeOf(invocation));
    await console.document(report);
    await console.lines(pairs(rowsOf(report)));
    for (const problem of report.problems) await console.line(`  ${plain(problem)}`);
    return exitCodeOf(report.status);
  });
}

function assertOneSource({ invocation }: CommandContext): void {
  for (const name of ['map', 'in-place'])
    if (invocation.options.has(name)) throw new InvalidInputError(`--${name} goes with --set; add --set RUN`);
  if (invocation.positionals.length === 0)
    throw new InvalidInputError('restore needs RECOVERY_POINT|SOURCE, or --set RUN for a whole recovery set');
}

function keysOf(invocation: Invocation, sourceUri: string): { readonly [name: string]: Json } {
  return given(
    'keys',
    values(invocation, 'key').map((text) => keyForRestore(sourceUri, text)),
  );
}

function given(name: string, texts: readonly string[]): { readonly [name: string]: Json } {
  return texts.length === 0 ? {} : { [name]: texts };
}

/** The first argument is a recovery point when it begins as their ids do, with a date, and else a source's URI or path. */
async function whatToRestore(
  { invocation, shell }: CommandContext,
  { ports, config, where }: Session,
): Promise<{ readonly [name: string]: Json }> {
  const name = positional(invocation, 0);
  const at = value(invocation, 'at');
  const vault = value(invocation, 'vault');
  if (vault !== undefined) getVaultConfig(config, vault);
  if (vault !== undefined && where === 'account') assertVaultReached(config, vault);
  if (/^\d{1,8}(T|$)/.test(name)) {
    if (at !== undefined) throw new InvalidInputError('--at goes with a source; a recovery point is a time already');
    const point = await resolveRecoveryPoint(ports, name, vault);
    if (where === 'account') assertVaultReached(config, point.vault);
    return { recoveryPointId: point.recoveryPointId, ...keysOf(invocation, point.sourceUri) };
  }
  const { uri } = await getSource(ports, placeFrom(name, shell.folder));
  return {
    source: uri,
    ...keysOf(invocation, uri),
    ...(at === undefined ? {} : { at: instantFrom(at, '--at') }),
    ...(vault === undefined ? {} : { vault }),
  };
}

function exitCodeOf(status: RestoreOutput['status']): number {
  if (status === 'succeeded' || status === 'dry-run') return EXIT.done;
  return status === 'partial' ? EXIT.partial : EXIT.failed;
}
