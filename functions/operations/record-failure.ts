import { z } from 'zod';
import type { SourceRun, SourceState } from '../core/catalogue-records.ts';
import { NotFoundError } from '../core/errors.ts';
import type { RecordFailureInput } from '../core/messages.ts';
import type { Ports } from '../core/ports.ts';

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
  const { error, reason } = describe(input);
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
  if (!keeps) await ports.runs.putSource({ ...source, status: 'failed', error, reason });
  await noteInState(source, keeps ? (source.error ?? error) : error, keeps ? (source.reason ?? reason) : reason, ports);
}

async function noteInState(source: SourceRun, error: string, reason: string, ports: RecordFailurePorts): Promise<void> {
  for await (const state of ports.recoveryPoints.listStates()) {
    if (state.sourceId !== source.sourceId || state.token > source.token) continue;
    const lastFailure: SourceState['lastFailure'] = {
      runId: source.runId,
      at: ports.clock.now().toISOString(),
      error,
      reason,
    };
    await ports.recoveryPoints.putState({ ...state, lastFailure });
  }
}

/** A Lambda's cause is the JSON `{ errorType, errorMessage }`; the local engine's is the message itself. */
function describe(input: RecordFailureInput): { readonly error: string; readonly reason: string } {
  const { Error: error, Cause: cause } = input.error;
  return { error, reason: (errorMessageIn(cause) ?? (cause || error)).slice(0, MAX_REASON) };
}

function errorMessageIn(cause: string): string | undefined {
  try {
    return lambdaCause.parse(JSON.parse(cause)).errorMessage;
  } catch {
    return undefined; // Not a Lambda's JSON: then the text is the reason itself.
  }
}

const lambdaCause = z.object({ errorMessage: z.string() });
