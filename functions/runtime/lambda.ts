/** What stands around every Lambda function: parse, do, log one line, and rethrow unchanged, since the machines match errors by name. */
import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { z } from 'zod';
import { BackupError, InvalidInputError, messageOf } from '../core/errors.ts';
import type { Deadline, Ports } from '../core/ports.ts';
import type { Usage } from '../core/usage.ts';
import type { Environment } from './config.ts';
import { check, sentenceOf } from './issues.ts';
import { type Meter, ownMeter } from './meter.ts';
import { type GivenBy, openParts, type Part } from './parts/part.ts';
import { invocationUsage, ledgerIn, runNamedIn } from './task-usage.ts';

/** What Lambda tells of the invocation, as far as it is used here. */
export interface LambdaContext {
  readonly functionName: string;
  getRemainingTimeInMillis(): number;
}

export type LambdaHandler<Output> = (event: unknown, context: LambdaContext) => Promise<Output>;

/** A worker is told that its time is up this long before it is, to write what it has and return a cursor. */
const MARGIN_MILLIS = 60_000;

interface Surroundings {
  readonly environment: Environment;
  readonly logger: Logger;
  readonly meter?: Meter;
}

/** Makes handlers; their ports are opened at the first invocation of the process and then kept. */
export function lambdaIn({ environment, logger, meter = ownMeter }: Surroundings) {
  const beginInvocation = invocationUsage(environment, meter);

  /** Also of an invocation that failed. That it cannot be left is no failure of the work. */
  async function leaveUsage(usage: Usage, ports: unknown, ...messages: readonly unknown[]): Promise<void> {
    const runId = runNamedIn(...messages);
    if (runId === undefined) return;
    try {
      await ledgerIn(ports)?.add(runId, usage);
    } catch (error) {
      logger.warn('what was used could not be left with the run', { runId, failure: describe(error) });
    }
  }

  /** @param parts together give the ports that the operation asks for, else this does not compile; it gets no others. */
  return <Input, Output, Parts extends readonly Part<Partial<Ports>>[]>(
    schema: z.ZodType<Input>,
    operation: (input: Input, ports: GivenBy<Parts>, deadline: Deadline) => Promise<Output>,
    ...parts: Parts
  ): LambdaHandler<Output> => {
    const ports = keptOnceOpen(() => openParts(parts, environment));
    // Middy would otherwise answer in the handler's place when time runs out; workers return a cursor themselves.
    return middy<unknown, Output>({ timeoutEarlyInMillis: 0 })
      .use(injectLambdaContext(logger))
      .handler(async (event: unknown, context: LambdaContext): Promise<Output> => {
        const deadline = deadlineOf(context);
        const started = performance.now();
        const endInvocation = beginInvocation();
        let [given, answer]: [unknown, unknown] = [undefined, undefined];
        const seen = { ...loggable(event) };
        try {
          const input = parseInput(schema, event, context.functionName);
          const opened = await ports();
          given = opened;
          const output = await operation(input, opened, deadline);
          answer = output;
          logger.info(`${context.functionName} done`, { ...seen, ...loggable(output), ...tookSince(started) });
          return output;
        } catch (error) {
          logger.error(`${context.functionName} failed`, {
            ...seen,
            ...tookSince(started),
            failure: describe(error),
          });
          throw error;
        } finally {
          await leaveUsage(endInvocation(), given, event, answer);
        }
      });
  };
}

/** `export const handler = lambda(startRunInput, startRun, basics, plan, catalogue, events)` */
export const lambda = lambdaIn({ environment: process.env, logger: new Logger({ serviceName: 'holdfast' }) });

/** What could not be opened is tried again: the next invocation may find the service well. */
function keptOnceOpen<Opened>(open: () => Promise<Opened>): () => Promise<Opened> {
  let opened: Promise<Opened> | undefined;
  return () => {
    opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
}

function parseInput<Input>(schema: z.ZodType<Input>, event: unknown, functionName: string): Input {
  const checked = check(schema, event);
  if ('value' in checked) return checked.value;
  const problems = checked.problems.map((problem) => sentenceOf(problem, 'the input'));
  throw new InvalidInputError(`${functionName} cannot take this input: ${problems.join('; ')}`);
}

/** A function with little time keeps most of it for work. */
function deadlineOf(context: LambdaContext): Deadline {
  const margin = Math.min(MARGIN_MILLIS, context.getRemainingTimeInMillis() / 4);
  return { remainingMillis: () => Math.max(0, context.getRemainingTimeInMillis() - margin) };
}

const tookSince = (started: number) => ({ durationMillis: Math.round(performance.now() - started) });

/** Texts that are ids, kinds or outcomes. All other text stays out of the log: a cursor or a range names keys, a reason may. */
const LOGGED_TEXTS: ReadonlySet<string> = new Set([
  'plan',
  'kind',
  'scheduledAt',
  'runId',
  'sourceId',
  'snapshotId',
  'recoveryPointId',
  'restoreId',
  'status',
  'outcome',
  'level',
]);

/** The ids, counts and flags of a message. */
function loggable(message: unknown): Record<string, string | number | boolean> {
  if (typeof message !== 'object' || message === null) return {};
  const kept: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(message)) {
    if (typeof value === 'number' || typeof value === 'boolean') kept[name] = value;
    else if (typeof value === 'string' && LOGGED_TEXTS.has(name)) kept[name] = value.slice(0, 200);
  }
  return kept;
}

/** An error without its causes' messages, in which parsers quote what they read. */
function describe(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { name: 'Error', message: messageOf(error) };
  return {
    name: error.name,
    message: error.message,
    ...(error instanceof BackupError ? { context: error.context } : { stack: error.stack }),
    ...(error.cause instanceof Error ? { cause: error.cause.name } : {}),
  };
}
