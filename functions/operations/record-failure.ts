import type { SourceRun } from '../core/catalogue-records.ts';
import { type CaughtError, firstError } from '../core/caught-error.ts';
import { NotFoundError } from '../core/errors.ts';
import type { RecordFailureInput, RestoreFailure, SourceFailure } from '../core/messages.ts';
import type { Ports } from '../core/ports.ts';
import { findSourceState } from './find-source-state.ts';

type RecordFailurePorts = Pick<Ports, 'clock' | 'runs' | 'recoveryPoints' | 'proofs'>;

const MAX_REASON = 1000;

/** Notes what a machine caught, where a person looks for it: at the source of a run, or at the restore. */
export async function recordFailure(input: RecordFailureInput, ports: RecordFailurePorts): Promise<void> {
  if ('sourceId' in input) await recordSource(input, ports);
  else await recordRestore(input, ports);
}

/**
 * Notes that a source (or one of its replicas) failed in a run, so that it is visible and the others go on. The first specific error is kept:
 * what the machine reports afterwards is only that a child failed.
 */
async function recordSource(input: SourceFailure, ports: RecordFailurePorts): Promise<void> {
  const source = (await ports.runs.listSources(input.runId)).find((one) => one.sourceId === input.sourceId);
  if (source === undefined)
    throw new NotFoundError(`run ${input.runId} has no source ${input.sourceId} to record a failure of`);
  // It ended well; what fails afterwards is a second execution of the same run, which found the lease given up.
  if (source.status === 'succeeded') return;
  const { error, reason } = describe(input.error);
  if (input.replica !== undefined) {
    const told = `replica ${input.replica}: ${reason}`;
    await ports.runs.putSource({
      ...source,
      error,
      reason: [source.reason, told].filter(Boolean).join('; ').slice(0, MAX_REASON),
    });
    return;
  }
  const keeps = source.status === 'failed' && source.error !== undefined && error.startsWith('States.');
  // A committed snapshot is there; only one that failed its verification is not to be relied on.
  const status = source.status === 'committed' && error !== 'VerificationFailed' ? 'committed' : 'failed';
  if (!keeps) await ports.runs.putSource({ ...source, status, error, reason });
  await noteInState(source, keeps ? (source.error ?? error) : error, keeps ? (source.reason ?? reason) : reason, ports);
}

/** The first sign of a source that never came to a recovery point may be its failure. */
async function noteInState(source: SourceRun, error: string, reason: string, ports: RecordFailurePorts): Promise<void> {
  const { runId, sourceId, sourceUri, token } = source;
  const lastFailure = { runId, at: ports.clock.now().toISOString(), error, reason };
  const known = await findSourceState(sourceId, ports);
  if (known !== undefined && known.token > token) return;
  const { plan } = await ports.runs.get(runId);
  await ports.recoveryPoints.putState({ ...(known ?? { sourceId, sourceUri, plan, token }), lastFailure });
}

/** Notes that a restore broke off. One that has come to its end stays as it is: then only its answer to the machine was lost. */
async function recordRestore(
  { error, progress, dryRun }: RestoreFailure,
  { clock, proofs }: Pick<Ports, 'clock' | 'proofs'>,
): Promise<void> {
  if (dryRun) return;
  const { restoreId, restored, skipped, removed, failed, bytes } = progress;
  for await (const record of proofs.listRestores()) {
    if (record.restoreId !== restoreId) continue;
    const now = clock.now();
    const measuredRtoSeconds = (now.getTime() - Date.parse(record.startedAt)) / 1000;
    const counts = { restored, skipped, removed, failed, bytes, measuredRtoSeconds };
    const broken = { ...counts, status: 'failed' as const, finishedAt: now.toISOString() };
    if (record.status === 'running') await proofs.recordRestore({ ...record, ...broken, ...describe(error) });
    if (record.status === 'failed') await proofs.recordRestore({ ...record, ...describe(error) });
    return;
  }
  throw new NotFoundError(`there is no restore ${restoreId} to record a failure of`);
}

function describe(caught: CaughtError): { readonly error: string; readonly reason: string } {
  const { error, reason } = firstError(caught);
  return { error, reason: reason.slice(0, MAX_REASON) };
}
