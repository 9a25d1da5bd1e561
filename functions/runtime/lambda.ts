/** What stands around every Lambda function: parse, do, log one line, and rethrow unchanged, since the machines match errors by name. */
import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { z } from 'zod';
import { BackupError, InvalidInputError, messageOf } from '../core/errors.ts';
import type { Deadline, Ports } from '../core/ports.ts';
import { check, sentenceOf } from './issues.ts';
import { lambdaPorts } from './lambda-ports.ts';

export type Operation<Input, Output> = (input: Input, ports: Ports, deadline: Deadline) => Promise<Output>;

/** What Lambda tells of the invocation, as far as it is used here. */
export interface LambdaContext {
  readonly functionName: string;
  getRemainingTimeInMillis(): number;
}

export type LambdaHandler<Output> = (event: unknown, context: LambdaContext) => Promise<Output>;

/** A worker is told that its time is up this long before it is, to write what it has and return a cursor. */
const MARGIN_MILLIS = 60_000;

/** Makes handlers over ports that are opened at the first invocation of the process and then kept. */
export function lambdaOver(tools: { readonly ports: () => Promise<Ports>; readonly logger: Logger }) {
  let opened: Promise<Ports> | undefined;
  const ports = (): Promise<Ports> => {
    // Ports that could not be opened are tried again: the next invocation may find the service well.
    opened ??= tools.ports().catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
  return <Input, Output>(schema: z.ZodType<Input>, operation: Operation<Input, Output>): LambdaHandler<Output> =>
    // Middy would otherwise answer in the handler's place when time runs out; workers return a cursor themselves.
    middy<unknown, Output>({ timeoutEarlyInMillis: 0 })
      .use(injectLambdaContext(tools.logger))
      .handler(async (event: unknown, context: LambdaContext): Promise<Output> => {
        const deadline = deadlineOf(context);
        const started = performance.now();
        const seen = { ...loggable(event) };
        try {
          const input = parseInput(schema, event, context.functionName);
          const output = await operation(input, await ports(), deadline);
          tools.logger.info(`${context.functionName} done`, { ...seen, ...loggable(output), ...tookSince(started) });
          return output;
        } catch (error) {
          tools.logger.error(`${context.functionName} failed`, {
            ...seen,
            ...tookSince(started),
            failure: describe(error),
          });
          throw error;
        }
      });
}

/** `export const handler = lambda(startRunInput, startRun)` */
export const lambda = lambdaOver({
  ports: () => lambdaPorts(process.env),
  logger: new Logger({ serviceName: 'holdfast' }),
});

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
