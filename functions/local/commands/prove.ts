/** `holdfast verify` and `holdfast replicate`: proving a recovery point, and bringing replicas level. */
import * as z from 'zod';
import { VERIFICATION_OUTCOMES, type Verification } from '../../core/catalogue-records.ts';
import { InvalidInputError } from '../../core/errors.ts';
import type { RecoveryPointId } from '../../core/ids.ts';
import { getPlan } from '../../core/plan.ts';
import { assertVaultReached } from '../account-reach.ts';
import { positional, value } from '../arguments.ts';
import { EXIT } from '../failure.ts';
import { pairs, plain, showCount, showSeconds } from '../figures.ts';
import { resolveRecoveryPoint } from '../recovery-points.ts';
import { type CommandContext, type Session, withSession } from '../session.ts';

export async function verifyCommand(context: CommandContext): Promise<number> {
  const { console, invocation } = context;
  return withSession(context, async (session) => {
    const point = await resolveRecoveryPoint(session.ports, positional(invocation, 0), value(invocation, 'vault'));
    const level = value(invocation, 'level');
    if (session.where === 'account') assertVaultReached(session.config, point.vault);
    const resume = 'start the same command again';
    const { outcome, verification } = await verifyPoint(session, point.recoveryPointId, level, resume);
    await console.document({
      recoveryPointId: point.recoveryPointId,
      outcome: outcome.outcome,
      reason: outcome.reason,
      verification,
    });
    await console.lines(describe(point.recoveryPointId, outcome, verification));
    return outcome.outcome === 'verified' || outcome.outcome === 'verified-empty' ? EXIT.done : EXIT.failed;
  });
}

const outcomeSchema = z.object({ outcome: z.enum(VERIFICATION_OUTCOMES), reason: z.string().optional() });
type Outcome = z.output<typeof outcomeSchema>;

/** Runs the `verify` machine on one recovery point. */
export async function verifyPoint(
  session: Session,
  recoveryPointId: RecoveryPointId,
  level: string | undefined,
  resume?: string,
): Promise<{ readonly outcome: Outcome; readonly verification: Verification | undefined }> {
  const input = { recoveryPointId, ...(level === undefined ? {} : { level }) };
  const result = await session.execute('verify', input, { resume });
  // A proof that fails is a result and not a failure to prove.
  if (result.status === 'FAILED' && result.error !== 'VerificationFailed') throw session.failureOf(result);
  const outcome: Outcome =
    result.status === 'FAILED' ? { outcome: 'failed', reason: result.cause } : outcomeSchema.parse(result.output);
  for await (const verification of session.ports.proofs.listVerifications(recoveryPointId))
    return { outcome, verification };
  return { outcome, verification: undefined };
}

function describe(
  recoveryPointId: RecoveryPointId,
  outcome: Outcome,
  verification: Verification | undefined,
): readonly string[] {
  const reason = outcome.reason === undefined ? '' : `: ${plain(outcome.reason)}`;
  const rows: (readonly [string, string])[] = [
    ['recovery point', recoveryPointId],
    ['outcome', `${outcome.outcome}${reason}`],
  ];
  if (verification !== undefined) {
    const seconds = (Date.parse(verification.finishedAt) - Date.parse(verification.startedAt)) / 1000;
    rows.push(['level', verification.level]);
    rows.push([
      'checked',
      `${showCount(verification.checkedEntries)} of ${showCount(verification.totalEntries)} entries`,
    ]);
    rows.push(['proves', plain(verification.proves)]);
    rows.push(['duration', showSeconds(seconds)]);
  }
  return [...pairs(rows), ...(verification?.problems ?? []).map((problem) => `  ${plain(problem)}`)];
}

export async function replicateCommand(context: CommandContext): Promise<number> {
  const { console, invocation } = context;
  const name = positional(invocation, 0);
  return withSession(context, async (session) => {
    const plan = getPlan(session.config, name);
    const named = value(invocation, 'to');
    if (named !== undefined && !plan.replicateTo.includes(named))
      throw new InvalidInputError(
        `plan ${name} does not replicate to "${named}"; it replicates to ${plan.replicateTo.join(', ') || 'no vault'}`,
      );
    const vaults = named === undefined ? plan.replicateTo : [named];
    if (vaults.length === 0)
      throw new InvalidInputError(`plan ${name} has no replica vault; name one under replicateTo in holdfast.yml`);
    if (session.where === 'here') await session.ports.openVault(plan.vault);
    else {
      assertVaultReached(session.config, plan.vault);
      for (const vault of vaults)
        assertVaultReached(session.config, vault, 'leave --aws away, or name the other vaults with --to');
    }
    const replicas = await replicateTo(session, name, vaults);
    await console.document({ plan: name, replicas });
    for (const { vault, status, reason } of replicas)
      await console.line(`${vault}: ${status}${reason === undefined ? '' : `: ${plain(reason)}`}`);
    const failed = replicas.filter((replica) => replica.status === 'failed').length;
    if (failed === 0) return EXIT.done;
    return failed === replicas.length ? EXIT.failed : EXIT.partial;
  });
}

interface ReplicaReport {
  readonly vault: string;
  readonly status: 'level' | 'failed';
  readonly error?: string;
  readonly reason?: string;
}

/** One vault that cannot be reached keeps no other from being brought level. */
async function replicateTo(
  session: Session,
  plan: string,
  vaults: readonly string[],
): Promise<readonly ReplicaReport[]> {
  const reports: ReplicaReport[] = [];
  for (const to of vaults) {
    const result = await session.execute('replicate', { plan, to }, { resume: 'go on with it by the same command' });
    if (result.status === 'SUCCEEDED') reports.push({ vault: to, status: 'level' });
    else {
      const { name, message } = session.failureOf(result);
      reports.push({ vault: to, status: 'failed', error: name, reason: message });
    }
  }
  return reports;
}
