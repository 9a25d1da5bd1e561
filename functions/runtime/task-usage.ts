/** What one invocation of a Lambda function used, and leaving it with the run that it works for. */
import type { RunUsage } from '../core/catalogue-ports.ts';
import { isRunId, type RunId } from '../core/ids.ts';
import { isJsonObject } from '../core/typed-json.ts';
import { sumUsage, type Usage } from '../core/usage.ts';
import type { Environment } from './config.ts';
import type { Meter } from './meter.ts';

/** Lambda gives a function ten seconds to start; a process that was made ready earlier is billed otherwise. */
const MAX_START_MILLIS = 10_000;

/**
 * Call it when an invocation begins, and what it returns when it ends. The first invocation of a process has its start besides, which is billed too.
 * @param millis since the process began
 */
export function invocationUsage(environment: Environment, meter: Meter, millis = () => performance.now()) {
  const memoryMebibytes = Number(environment.AWS_LAMBDA_FUNCTION_MEMORY_SIZE ?? 0) || 0;
  let isFirst = true;
  return (): (() => Usage) => {
    const now = millis();
    const begun = isFirst && now < MAX_START_MILLIS ? 0 : now;
    isFirst = false;
    return () =>
      sumUsage([meter.take(), { lambdaCalls: 1, lambdaMebibyteMillis: Math.ceil(millis() - begun) * memoryMebibytes }]);
  };
}

/** The run that an invocation worked for, as its message or its answer names it. */
export function runNamedIn(...messages: readonly unknown[]): RunId | undefined {
  const named = messages.flatMap((message) => (isJsonObject(message) ? [message.runId] : []));
  return named.find((runId): runId is RunId => typeof runId === 'string' && isRunId(runId));
}

/** Where usage is added up, as far as a function has been given it. */
export function ledgerIn(ports: unknown): Pick<RunUsage, 'add'> | undefined {
  const usage = isJsonObject(ports) ? ports.usage : undefined;
  return isLedger(usage) ? usage : undefined;
}

const isLedger = (usage: unknown): usage is Pick<RunUsage, 'add'> =>
  isJsonObject(usage) && typeof usage.add === 'function';
