import type { RestoreRecord } from '../core/catalogue-records.ts';
import { type EntryKey, type PresentEntry, quoteKey } from '../core/entry.ts';
import { InvalidInputError, TransientError } from '../core/errors.ts';
import type { RestoreInput, RestoreOutput } from '../core/messages.ts';
import { assertHolds } from '../core/place-kinds.ts';
import type { Deadline, Ports, Source } from '../core/ports.ts';
import { formatUri, overlap, parseUri } from '../core/uri.ts';
import { readChain } from './read-chain.ts';
import { removeExtras } from './remove-extras.ts';
import { onlyDirectories } from './restore-entries.ts';
import {
  addProblem,
  formatCursor,
  loadSession,
  newSession,
  outputOf,
  parseRestoreCursor,
  type RestoreCursor,
  type RestoreSession,
  recordOf,
  reportName,
  saveSession,
  stagedTarget,
} from './restore-session.ts';
import { assertKeysThere, choose, chosenEntries, listTarget, type Restoring } from './restoring.ts';
import { removeStaged } from './stage-entries.ts';
import { listingOf, stageTarget, startStaging } from './stage-target.ts';
import { writeEntries } from './write-entries.ts';

type RestorePorts = Pick<
  Ports,
  | 'clock'
  | 'config'
  | 'randomBytes'
  | 'openVault'
  | 'openTarget'
  | 'work'
  | 'recoveryPoints'
  | 'proofs'
  | 'events'
  | 'metrics'
  | 'progress'
>;

/**
 * Restores a recovery point, or what is chosen of it, into a place. The first call only looks whether it may, so that a later one that
 * breaks off can be repeated: it finds what it wrote itself in the target. Short of time it stops between two entries and returns a cursor. Every
 * content is hashed on the way; an entry that fails is named in the report and harms no other.
 * @throws InvalidInputError (a target that is not empty, a bad pattern, a key that may not read back), NotFoundError, IntegrityError
 * (a manifest or segment of the chain); then nothing was written by this call.
 */
export async function restore(input: RestoreInput, ports: RestorePorts, deadline: Deadline): Promise<RestoreOutput> {
  const to = formatUri(parseUri(input.to));
  refuseVaults(to, ports);
  const resumed = input.progress?.cursor === undefined ? undefined : parseRestoreCursor(input.progress.cursor);
  const session =
    resumed === undefined ? await newSession({ ...input, to }, ports) : await loadSession(ports.work, resumed);
  assertHolds(parseUri(session.point.sourceUri), parseUri(to));
  const cursor = resumed ?? { restoreId: session.restoreId, part: 0, phase: 'write', after: undefined };
  if (resumed === undefined) return begin(await open(input, session, cursor, ports, deadline), ports);
  try {
    return await goOn(await open(input, session, cursor, ports, deadline), ports);
  } catch (error) {
    // A transient failure is tried again by the machine; any other ends the restore, which must not look as if it were still at work.
    if (!(error instanceof TransientError) && !input.dryRun) await tell(session, 'failed', ports);
    throw error;
  }
}

/** Everything that a call works with. @throws InvalidInputError when the key given cannot read. */
async function open(
  input: RestoreInput,
  session: RestoreSession,
  cursor: RestoreCursor,
  ports: RestorePorts,
  deadline: Deadline,
): Promise<Restoring> {
  const { point, to } = session;
  const vault = await ports.openVault(point.vault);
  if (vault.keys.contentPrivateKey === undefined && !input.dryRun)
    throw new InvalidInputError(
      `the key given opens vault ${point.vault} for backing up only; restore with a key or passphrase of kind read`,
    );
  const chain = await readChain(vault, point.sourceId, point.chain);
  const onEntry = () =>
    ports.progress({
      step: 'restore',
      source: to,
      entries: session.restored + session.skipped,
      bytes: session.bytes,
    });
  const { maxWriteUnitsPerSecond } = input;
  const target = await ports.openTarget(to, { maxWriteUnitsPerSecond });
  const chosen = choose(input, parseUri(point.sourceUri).scheme);
  const staging = {
    work: ports.work,
    folder: stagedTarget(session.restoreId),
    keys: vault.keys,
    randomBytes: ports.randomBytes,
  };
  const listing = () => listingOf(target, session, staging);
  return { input, session, cursor, vault, chain, target, listing, staging, chosen, deadline, onEntry };
}

async function goOn(restoring: Restoring, ports: RestorePorts): Promise<RestoreOutput> {
  const { session, cursor, target, chain, input } = restoring;
  if (session.made && !input.dryRun) await target.creation?.create(chain.at(-1)?.sourceSettings ?? {}, { bare: false });
  if (cursor.phase === 'finish') return finish(restoring, ports);
  if (cursor.phase === 'stage') {
    const staged = await stageTarget(restoring);
    const phase = staged ? (input.exact ? 'remove' : 'write') : 'stage';
    return goOnLater(restoring, { phase, after: undefined }, ports);
  }
  const after = cursor.phase === 'remove' ? await removeExtras(restoring) : await writeEntries(restoring);
  if (after === undefined && cursor.phase === 'write')
    return session.staged === undefined
      ? finish(restoring, ports)
      : goOnLater(restoring, { phase: 'finish', after }, ports);
  return goOnLater(restoring, { phase: after === undefined ? 'write' : cursor.phase, after }, ports);
}

async function goOnLater(
  { session, cursor }: Restoring,
  where: Pick<RestoreCursor, 'phase' | 'after'>,
  ports: RestorePorts,
): Promise<RestoreOutput> {
  const next = { ...cursor, ...where, part: cursor.part + 1 };
  await saveSession(ports.work, session, next.part);
  return outputOf(session, 'running', ports.clock.now(), formatCursor(next));
}

/** A restore into a vault would damage what it restores from. */
function refuseVaults(to: string, ports: RestorePorts): void {
  for (const [name, vault] of Object.entries(ports.config.vaults))
    if (overlap(parseUri(to), parseUri(vault.url)))
      throw new InvalidInputError(`${to} overlaps with vault ${name} (${vault.url}); restore into a place of its own`);
}

/** The first call. The record of the restore comes last, so that none is left of a restore that could not begin. */
async function begin(restoring: Restoring, ports: RestorePorts): Promise<RestoreOutput> {
  const { input, session, target, chain, cursor } = restoring;
  session.made = target.creation !== undefined && !(await target.creation.isThere());
  if (input.onConflict === 'fail' && !input.exact && !input.dryRun && !session.made) {
    const first = await firstEntry(target, ports.clock.now());
    if (first !== undefined)
      throw new InvalidInputError(
        `${session.to} is not empty (it holds ${quoteKey(first)}); choose an empty target, or say --on-conflict skip or overwrite, or --exact`,
      );
  }
  await assertKeysThere(restoring);
  const phase =
    input.exact && (await startStaging(restoring, ports.clock.now())) ? 'stage' : input.exact ? 'remove' : 'write';
  const unprotected = chain.at(-1)?.unprotected ?? [];
  for (const { key, reason } of unprotected)
    addProblem(session, `${quoteKey(key as EntryKey)} was not protected: ${reason}`);
  await saveSession(ports.work, session, cursor.part);
  if (!input.dryRun) await ports.proofs.recordRestore(recordOf(session, 'running', ports.clock.now()));
  return outputOf(session, 'running', ports.clock.now(), formatCursor({ ...cursor, phase }));
}

async function firstEntry(target: Source, now: Date): Promise<EntryKey | undefined> {
  if ('list' in target) {
    for await (const entry of listTarget(target, {})) return entry.key;
    return undefined;
  }
  const { cursor } = await target.beginScan(now);
  for await (const { entries } of target.scan(cursor)) for (const { key } of entries) return key;
  return undefined;
}

async function finish(restoring: Restoring, ports: RestorePorts): Promise<RestoreOutput> {
  const { input, session, target, chain } = restoring;
  const now = () => ports.clock.now();
  if (!input.dryRun) {
    const whole: Restoring = { ...restoring, cursor: { ...restoring.cursor, after: undefined } };
    await target.finish(directoriesOf(whole));
    for (const problem of await applySettings(restoring)) addProblem(session, problem);
  }
  if (session.staged !== undefined) await removeStaged(restoring.staging);
  for (const [name, entries] of Object.entries(session.notHeld))
    addProblem(
      session,
      `${session.to} cannot hold ${name}, which ${entries} ${entries === 1 ? 'entry has' : 'entries have'}`,
    );
  for (const line of chain.at(-1)?.settingsNotCaptured ?? [])
    if (input.settings || session.made) addProblem(session, `not captured: ${line}`);
  const status = input.dryRun
    ? 'dry-run'
    : session.failed === 0
      ? 'succeeded'
      : session.restored + session.skipped > 0
        ? 'partial'
        : 'failed';
  const output = outputOf(session, status, now());
  await ports.work.put(
    reportName(session.restoreId),
    Buffer.from(JSON.stringify({ ...output, problems: session.problems }, null, 2)),
  );
  if (!input.dryRun) await tell(session, status, ports);
  return output;
}

/** Only a directory source has entries that need a last touch. */
async function* directoriesOf(restoring: Restoring): AsyncGenerator<PresentEntry> {
  if (restoring.session.point.sourceUri.startsWith('file:')) yield* onlyDirectories(chosenEntries(restoring));
}

/**
 * A directory's settings are its own mode and times, and belong to a whole restore; those of a place that the restore has made belong to it always.
 * All others are set on request only.
 */
async function applySettings({ input, target, chain, session, chosen }: Restoring): Promise<readonly string[]> {
  const settings = chain.at(-1)?.sourceSettings ?? {};
  const sameKind = parseUri(session.point.sourceUri).scheme === parseUri(session.to).scheme;
  const unasked = session.made || (parseUri(session.to).scheme === 'file' && !chosen.some);
  if (!sameKind) return input.settings ? [`the settings of ${session.point.sourceUri} do not fit ${session.to}`] : [];
  return input.settings || unasked ? target.applySettings(settings) : [];
}

async function tell(session: RestoreSession, status: RestoreRecord['status'], ports: RestorePorts): Promise<void> {
  const record = recordOf(session, status, ports.clock.now());
  await ports.proofs.recordRestore(record);
  const { restoreId, recoveryPointId, to, restored, failed, bytes, measuredRtoSeconds = 0 } = record;
  const type = status === 'succeeded' ? 'Restore Succeeded' : 'Restore Failed';
  await ports.events.publish([{ type, detail: { restoreId, recoveryPointId, to, status, restored, failed, bytes } }]);
  ports.metrics.put({ plan: session.point.plan, source: session.point.sourceUri }, [
    { name: 'MeasuredRtoSeconds', unit: 'Seconds', value: measuredRtoSeconds },
  ]);
}
