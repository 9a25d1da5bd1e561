import type { RecoveryPoint, Verification, VerificationOutcome } from '../core/catalogue-records.ts';
import { decodeKey, type EntryKey, encodeKey } from '../core/entry.ts';
import { IntegrityError, InvalidInputError, messageOf, NotFoundError } from '../core/errors.ts';
import type { Manifest } from '../core/manifest.ts';
import type { VerifyInput, VerifyOutput } from '../core/messages.ts';
import { findPlan, planSchema } from '../core/plan.ts';
import type { Deadline, Ports, Vault } from '../core/ports.ts';
import { checkBlobs, checkMetadata } from './check-vault.ts';
import { findRecoveryPoint } from './find-recovery-point.ts';
import { findSourceState } from './find-source-state.ts';
import { readChain } from './read-chain.ts';
import { proofOf } from './sample-entries.ts';
import { verifyData, verifyRestore } from './verify-entries.ts';
import {
  addDamage,
  loadVerification,
  newVerification,
  saveVerification,
  type VerificationSession,
} from './verify-session.ts';

export type VerifyPorts = Pick<
  Ports,
  | 'clock'
  | 'config'
  | 'randomBytes'
  | 'openVault'
  | 'openSandbox'
  | 'work'
  | 'recoveryPoints'
  | 'proofs'
  | 'events'
  | 'metrics'
  | 'progress'
>;

/** One call's view of a verification. */
export interface Verifying {
  readonly session: VerificationSession;
  readonly point: RecoveryPoint;
  readonly vault: Vault;
  readonly chain: readonly Manifest[];
  readonly after: EntryKey | undefined;
  readonly part: number;
  readonly deadline: Deadline;
}

/**
 * Verifies a recovery point at a level (`workflows.md`): `check` looks at every stored byte, `data` also reads the contents, `restore` restores
 * into a sandbox and reads back from there. Zero entries checked never verify, but where the snapshot is known to be of an empty source. What
 * is found damaged marks the recovery point.
 */
export async function verify(input: VerifyInput, ports: VerifyPorts, deadline: Deadline): Promise<VerifyOutput> {
  const point = await findRecoveryPoint({ recoveryPointId: input.recoveryPointId }, ports);
  const { session, part, after } = await resume(input, point, ports);
  let chain: readonly Manifest[];
  const vault = await ports.openVault(point.vault);
  try {
    chain = await readChain(vault, point.sourceId, point.chain);
    if (part === 0) await checkMetadata(vault, chain);
  } catch (error) {
    if (!(error instanceof IntegrityError || error instanceof NotFoundError)) throw error;
    addDamage(session, messageOf(error));
    return finish(session, point, ports);
  }
  const verifying: Verifying = { session, point, vault, chain, after, part, deadline };
  const stoppedAt = await atLevel(verifying, ports);
  if (stoppedAt === undefined) return finish(session, point, ports);
  await saveVerification(ports.work, session, part + 1);
  const cursor = `${session.verificationId}.${part + 1}.${encodeKey(stoppedAt)}`;
  return { done: false, cursor, recoveryPointId: point.recoveryPointId };
}

async function resume(input: VerifyInput, point: RecoveryPoint, ports: VerifyPorts) {
  const cursor = input.progress?.cursor;
  if (cursor === undefined) {
    // A plan that is gone from holdfast.yml leaves its recovery points; they are verified as by default.
    const plan = findPlan(ports.config, point.plan)?.verify ?? planSchema.shape.verify.parse(undefined);
    const session = newVerification({
      verificationId: ports.randomBytes(8).toString('hex'),
      level: input.level ?? plan.level,
      share: plan.sample,
      startedAt: ports.clock.now().toISOString(),
    });
    return { session, part: 0, after: undefined };
  }
  const [, id, part, after] = /^([0-9a-f]{16})\.(\d+)\.([\w-]*)$/.exec(cursor) ?? [];
  if (id === undefined || after === undefined)
    throw new InvalidInputError(`"${cursor}" is no cursor of a verification`);
  const session = await loadVerification(ports.work, id, Number(part));
  return { session, part: Number(part), after: decodeKey(after) };
}

/** Works at the session's level; returns the key after which it stopped when time was up. */
async function atLevel(verifying: Verifying, ports: VerifyPorts): Promise<EntryKey | undefined> {
  const { session, vault, point } = verifying;
  if (session.level === 'check') return checkBlobs(verifying);
  if (vault.keys.contentPrivateKey === undefined) {
    session.impossible = `the key given opens vault ${vault.name} for backing up only, so no content can be read back`;
    return undefined;
  }
  if (session.level === 'data') return verifyData(verifying, ports);
  const sandbox = await ports.openSandbox(
    { uri: point.sourceUri, plan: point.plan },
    `${session.verificationId}-${verifying.part}`,
  );
  if (sandbox === undefined) {
    session.level = 'data';
    session.lowered =
      'there is no sandbox to restore into (a function has none; for others set verify.sandbox in the plan), so contents were read and hashed instead';
    return verifyData(verifying, ports);
  }
  try {
    return await verifyRestore(verifying, sandbox.target, ports);
  } finally {
    await sandbox.dispose();
  }
}

function outcomeOf(
  session: VerificationSession,
  point: RecoveryPoint,
): { readonly outcome: VerificationOutcome; readonly reason?: string } {
  if (session.problemCount > 0) {
    const more = session.problemCount > 1 ? ` (and ${session.problemCount - 1} more)` : '';
    return { outcome: 'failed', reason: `${session.problems[0] ?? 'see its record'}${more}` };
  }
  if (session.impossible !== undefined) return { outcome: 'not-verified', reason: session.impossible };
  if (session.checkedEntries > 0) return { outcome: 'verified' };
  if (point.counts.entries > 0) return { outcome: 'not-verified', reason: 'no entry was checked' };
  const trusted = point.suspect === undefined && point.counts.unprotected === 0;
  return trusted
    ? { outcome: 'verified-empty' }
    : { outcome: 'not-verified', reason: point.suspect ?? 'every entry of the source is unprotected' };
}

async function finish(session: VerificationSession, point: RecoveryPoint, ports: VerifyPorts): Promise<VerifyOutput> {
  const { outcome, reason } = outcomeOf(session, point);
  const finishedAt = ports.clock.now().toISOString();
  const { level, startedAt, checkedEntries, checkedBytes, problems, problemCount } = session;
  const { recoveryPointId } = point;
  const proves = [proofOf(checkedEntries, point.counts.entries, level), session.lowered, ...exceptionsOf(session)]
    .filter(Boolean)
    .join('; ');
  const verification: Verification = {
    recoveryPointId,
    level,
    outcome,
    startedAt,
    finishedAt,
    checkedEntries,
    totalEntries: point.counts.entries,
    checkedBytes,
    proves,
    problems: reason !== undefined && problems.length === 0 ? [reason] : problems,
    problemCount,
  };
  await ports.proofs.recordVerification(verification);
  await recordOutcome(session, point, verification, ports);
  return { done: true, recoveryPointId, outcome, ...(reason === undefined ? {} : { reason: reason.slice(0, 1000) }) };
}

/** What the verification's level does not cover, in words. */
function exceptionsOf(session: VerificationSession): string[] {
  const lines = Object.entries(session.notHeld).map(
    ([name, entries]) => `without ${name} of ${entries} entries, which the sandbox cannot hold`,
  );
  if (session.readInstead > 0)
    lines.push(`${session.readInstead} entries that the sandbox cannot hold were read and hashed instead`);
  return lines;
}

async function recordOutcome(
  session: VerificationSession,
  point: RecoveryPoint,
  result: Verification,
  ports: VerifyPorts,
): Promise<void> {
  const { outcome, level, finishedAt: at } = result;
  const proven = outcome === 'verified' || outcome === 'verified-empty';
  await ports.recoveryPoints.put({
    ...point,
    verified: { level, outcome, at },
    ...(session.damaged ? { status: 'damaged' as const, damage: session.problems[0] ?? 'found by verification' } : {}),
  });
  if (proven) await advanceState(point, ports);
  const detail = {
    recoveryPointId: point.recoveryPointId,
    sourceId: point.sourceId,
    plan: point.plan,
    level,
    outcome,
    checkedEntries: result.checkedEntries,
  };
  await ports.events.publish([
    { type: proven ? 'Verification Succeeded' : 'Verification Failed', detail },
    ...(session.damaged
      ? [
          {
            type: 'Recovery Point Damaged' as const,
            detail: { ...detail, damage: (session.problems[0] ?? '').slice(0, 500) },
          },
        ]
      : []),
  ]);
  ports.metrics.put({ plan: point.plan, source: point.sourceUri, vault: point.vault }, [
    { name: 'VerificationSucceeded', unit: 'Count', value: proven ? 1 : 0 },
    { name: 'VerificationFailed', unit: 'Count', value: outcome === 'failed' ? 1 : 0 },
  ]);
}

async function advanceState(point: RecoveryPoint, ports: VerifyPorts): Promise<void> {
  const state = await findSourceState(point.sourceId, ports);
  if (state === undefined) return;
  const { latestVerifiedConsistentAt: newest } = state;
  if (newest !== undefined && newest >= point.consistentAt) return;
  await ports.recoveryPoints.putState({
    ...state,
    latestVerified: point.recoveryPointId,
    latestVerifiedConsistentAt: point.consistentAt,
  });
}
