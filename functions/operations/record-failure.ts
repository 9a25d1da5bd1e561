import * as z from 'zod';
import type { SourceRun } from '../core/catalogue-records.ts';
import { NotFoundError } from '../core/errors.ts';
import type { RecordFailureInput } from '../core/messages.ts';
import type { Ports } from '../core/ports.ts';
import { findSourceState } from './find-source-state.ts';

type RecordFailurePorts = Pick<Ports, 'clock' | 'runs' | 'recoveryPoints'>;

const MAX_REASON = 1000;

/**
 * Notes that a source (or one of its replicas) failed in a run, so that it is visible and the others go on. The first specific error is kept:
 * what the machine reports afterwards is only that a child failed.
 */
export async function recordFailure(input: RecordFailureInput, ports: RecordFailurePorts): Promise<void> {
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

/**
 * What failed, from what the machine caught: a Lambda's cause is JSON of `errorType` and `errorMessage`, a nested execution's (Error
 * `States.TaskFailed`) the JSON of the execution with its own `Error` and `Cause`, the local engine's the message itself.
 */
function describe({ Error: error, Cause: cause }: RecordFailureInput['error']): {
  readonly error: string;
  readonly reason: string;
} {
  const inner = parseCause(cause);
  if (inner?.errorMessage !== undefined) return { error, reason: inner.errorMessage.slice(0, MAX_REASON) };
  if (inner?.Error !== undefined) return describe({ Error: inner.Error, Cause: inner.Cause ?? '' });
  return { error, reason: (cause || error).slice(0, MAX_REASON) };
}

const causeSchema = z.object({
  errorMessage: z.string().optional(),
  Error: z.string().optional(),
  Cause: z.string().optional(),
});

function parseCause(cause: string): z.infer<typeof causeSchema> | undefined {
  try {
    return causeSchema.parse(JSON.parse(cause));
  } catch {
    return undefined; // Not one of these: then the text is the reason itself.
  }
}
