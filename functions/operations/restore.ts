import type { RestoreRecord } from '../core/catalogue-records.ts';
import { type EntryKey, type PresentEntry, quoteKey } from '../core/entry.ts';
import { InvalidInputError, TransientError } from '../core/errors.ts';
import { chooseKeys } from '../core/glob.ts';
import type { RestoreInput, RestoreOutput } from '../core/messages.ts';
import type { Deadline, Ports, SourceReader } from '../core/ports.ts';
import { formatUri, overlap, parseUri } from '../core/uri.ts';
import { inOrder } from './in-order.ts';
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
} from './restore-session.ts';
import { chosenEntries, listTarget, type Restoring } from './restoring.ts';
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
  const cursor = resumed ?? firstCursor(input, session);
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
  const chosen = chooseKeys(input.include, input.exclude);
  return { input, session, cursor, vault, chain, target: ports.openTarget(to), chosen, deadline, onEntry };
}

async function goOn(restoring: Restoring, ports: RestorePorts): Promise<RestoreOutput> {
  const { session, cursor } = restoring;
  const stoppedAt = cursor.phase === 'remove' ? await removeExtras(restoring) : await writeEntries(restoring);
  if (stoppedAt !== undefined || cursor.phase === 'remove') {
    const next = {
      ...cursor,
      part: cursor.part + 1,
      phase: stoppedAt === undefined ? ('write' as const) : cursor.phase,
      after: stoppedAt,
    };
    await saveSession(ports.work, session, next.part);
    return outputOf(session, 'running', ports.clock.now(), formatCursor(next));
  }
  return finish(restoring, ports);
}

const firstCursor = (input: RestoreInput, session: RestoreSession): RestoreCursor => ({
  restoreId: session.restoreId,
  part: 0,
  phase: input.exact ? 'remove' : 'write',
  after: undefined,
});

/** A restore into a vault would damage what it restores from. */
function refuseVaults(to: string, ports: RestorePorts): void {
  for (const [name, vault] of Object.entries(ports.config.vaults))
    if (overlap(parseUri(to), parseUri(vault.url)))
      throw new InvalidInputError(`${to} overlaps with vault ${name} (${vault.url}); restore into a place of its own`);
}

/** The first call. The record of the restore comes last, so that none is left of a restore that could not begin. */
async function begin(restoring: Restoring, ports: RestorePorts): Promise<RestoreOutput> {
  const { input, session, target, chain, cursor } = restoring;
  if (input.onConflict === 'fail' && !input.exact && !input.dryRun) {
    const first = await firstEntry(inOrder(target));
    if (first !== undefined)
      throw new InvalidInputError(
        `${session.to} is not empty (it holds ${quoteKey(first)}); choose an empty target, or say --on-conflict skip or overwrite, or --exact`,
      );
  }
  const unprotected = chain.at(-1)?.unprotected ?? [];
  for (const { key, reason } of unprotected)
    addProblem(session, `${quoteKey(key as EntryKey)} was not protected: ${reason}`);
  await saveSession(ports.work, session, cursor.part);
  if (!input.dryRun) await ports.proofs.recordRestore(recordOf(session, 'running', ports.clock.now()));
  return outputOf(session, 'running', ports.clock.now(), formatCursor(cursor));
}

async function firstEntry(target: SourceReader): Promise<EntryKey | undefined> {
  for await (const entry of listTarget(target, {})) return entry.key;
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
  for (const [name, entries] of Object.entries(session.notHeld))
    addProblem(
      session,
      `${session.to} cannot hold ${name}, which ${entries} ${entries === 1 ? 'entry has' : 'entries have'}`,
    );
  for (const line of chain.at(-1)?.settingsNotCaptured ?? [])
    if (input.settings) addProblem(session, `not captured: ${line}`);
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

/** A directory's settings are its own mode and times, and belong to a whole restore; a bucket's are set on request only. */
async function applySettings({ input, target, chain, session }: Restoring): Promise<readonly string[]> {
  const settings = chain.at(-1)?.sourceSettings ?? {};
  const sameKind = parseUri(session.point.sourceUri).scheme === parseUri(session.to).scheme;
  const chosen = (input.include ?? []).length + (input.exclude ?? []).length > 0;
  const unasked = parseUri(session.to).scheme === 'file' && !chosen;
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
