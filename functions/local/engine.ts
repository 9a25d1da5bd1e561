/**
 * The in-process engine: runs the state machine files that AWS Step Functions runs, with the same order, fan-out, retries and
 * catches, in this process.
 */
import { randomUUID } from 'node:crypto';
import type { StateMachine as LibraryMachine } from 'aws-local-stepfunctions';
import * as z from 'zod';
import { messageOf } from '../core/errors.ts';
import { type MachineName, type PreparedMachine, prepareMachine, type TaskTarget } from './engine-definition.ts';
import { limitedTo, StatesError, type TaskGroup, taskGroup, toPayload, withinLimit } from './engine-tasks.ts';
import { importLean } from './lean-import.ts';

export type { MachineName } from './engine-definition.ts';

const { ExecutionAbortedError, ExecutionError, ExecutionTimeoutError, StateMachine } = await importLean(
  () => import('aws-local-stepfunctions'),
);

/** What happens inside, as it happens; for progress and for tests. */
export interface EngineEvent {
  readonly type: 'entered' | 'exited' | 'failed' | 'retried' | 'caught';
  /** The machine, and the Maps within it: `backup`, `backup/Sources/Shards`. */
  readonly machine: string;
  readonly state: string;
  /** The state's input, or its output once it is `exited`. */
  readonly payload: unknown;
  /** The error's name, when `failed`. */
  readonly error?: string;
}

export interface EngineOptions {
  /** By the handler's file name: `take-snapshot`. What a task throws keeps its name and message. */
  readonly tasks: Readonly<Record<string, (input: unknown) => Promise<unknown>>>;
  /** Reads a list from the work place. */
  readonly readWork: (key: string) => Promise<Buffer>;
  /** How many tasks run at once in the whole run; 4 unless given. */
  readonly concurrency?: number;
  /** How many children of one distributed Map run at once; 1 unless given, since here they share one process and its memory. */
  readonly childConcurrency?: number;
  /** Instead of the waits before retries that the machines ask for. */
  readonly retryDelayMillis?: number;
  readonly onEvent?: (event: EngineEvent) => void;
}

/** As `DescribeExecution` tells: `error` is a name, `cause` a text. */
export type MachineResult =
  | { readonly status: 'SUCCEEDED'; readonly output: unknown }
  | { readonly status: 'FAILED'; readonly error: string; readonly cause: string };

type LibraryJson = Parameters<LibraryMachine['run']>[0];

interface Run {
  readonly options: EngineOptions;
  readonly limited: ReturnType<typeof limitedTo>;
}

/**
 * Runs one execution to its end. When it returns, no task of it runs any more (but for a machine that timed out, which does not
 * wait for what hangs).
 * @throws Error for a machine that cannot be run here or a task that is not given; never for an execution that failed.
 */
export async function runMachine(name: MachineName, input: object, options: EngineOptions): Promise<MachineResult> {
  const machine = prepareMachine(name);
  requireTasks(machine, options);
  return execute({ options, limited: limitedTo(options.concurrency ?? 4) }, machine, input, taskGroup());
}

/** Before anything runs, so that no backup ends half-way for want of a handler. */
function requireTasks(machine: PreparedMachine, options: EngineOptions): void {
  for (const [state, target] of machine.targets) {
    if (target.type === 'execution') requireTasks(target.machine, options);
    else if (target.type === 'distributed-map') requireTasks(target.child, options);
    else if (target.type === 'function' && options.tasks[target.name] === undefined)
      throw new Error(`${machine.name}/${state}: there is no task "${target.name}"`);
  }
}

/** One execution: a machine's, or that of one item of a distributed Map. */
async function execute(run: Run, machine: PreparedMachine, input: unknown, group: TaskGroup): Promise<MachineResult> {
  const payload: LibraryJson = JSON.parse(toPayload(input, `the input of ${machine.name}`));
  const id = `${machine.name}:${randomUUID()}`;
  const execution = new StateMachine(machine.definition, { validationOptions: { noValidate: true } }).run(payload, {
    overrides: {
      taskResourceLocalHandlers: handlersOf(run, machine, group),
      retryIntervalOverrides: retryDelays(machine, run.options.retryDelayMillis),
    },
    context: { Execution: { Id: id, Name: id } },
  });
  group.signal.addEventListener('abort', execution.abort, { once: true });
  const followed = follow(execution.eventLogs, machine.name, run.options.onEvent ?? (() => {}));
  followed.catch(() => {}); // Awaited below; until then a failing observer must not end the process.
  try {
    return { status: 'SUCCEEDED', output: await execution.result };
  } catch (error) {
    group.stop();
    if (!(error instanceof ExecutionTimeoutError)) await group.settled();
    return failureOf(error);
  } finally {
    group.signal.removeEventListener('abort', execution.abort);
    await followed;
  }
}

function retryDelays(machine: PreparedMachine, millis: number | undefined): Record<string, number> {
  return millis === undefined ? {} : Object.fromEntries(machine.retried.map((state) => [state, millis]));
}

/** @throws what is no failure of an execution, so that a fault of the engine looks like one. */
function failureOf(error: unknown): MachineResult {
  if (error instanceof ExecutionError && error.cause instanceof Error)
    return { status: 'FAILED', error: error.cause.name, cause: error.cause.message };
  if (error instanceof ExecutionTimeoutError)
    return { status: 'FAILED', error: 'States.Timeout', cause: 'the machine took longer than its TimeoutSeconds' };
  if (error instanceof ExecutionAbortedError)
    return { status: 'FAILED', error: 'States.Aborted', cause: 'another part of the execution failed' };
  throw error;
}

type Handler = (input: LibraryJson) => Promise<LibraryJson>;

function handlersOf(run: Run, machine: PreparedMachine, group: TaskGroup): Record<string, Handler> {
  const handlers: Record<string, Handler> = {};
  for (const [state, target] of machine.targets) {
    const where = `${machine.name}/${state}`;
    handlers[state] = (input) =>
      group.run(async () => {
        const payload = toPayload(input, `the input of ${where}`);
        const output = await serve(run, target, JSON.parse(payload), group);
        return JSON.parse(toPayload(output, `the output of ${where}`));
      });
  }
  return handlers;
}

async function serve(run: Run, target: TaskTarget, input: unknown, group: TaskGroup): Promise<unknown> {
  switch (target.type) {
    case 'function':
      return run.limited(() => withinLimit(target.name, () => callTask(run.options, target.name, input)));
    case 'execution':
      return startExecutionSync(run, target.machine, input, group);
    case 'distributed-map':
      return mapDistributed(run, target, input, group);
    case 'json-to-string':
      return Object.fromEntries(
        Object.entries(z.record(z.string(), z.unknown()).parse(input)).map(([field, value]) => [
          field,
          JSON.stringify(value),
        ]),
      );
  }
}

async function callTask(options: EngineOptions, name: string, input: unknown): Promise<unknown> {
  const task = options.tasks[name];
  if (task === undefined) throw new Error(`there is no task "${name}"`);
  try {
    return await task(input);
  } catch (error) {
    // The library reads the name of what was thrown.
    throw error instanceof Error ? error : new Error(messageOf(error), { cause: error });
  }
}

const startExecutionInput = z.object({ Input: z.unknown() });

/** `startExecution.sync:2`: the output parsed; a failed execution is `States.TaskFailed`, described in the cause as JSON. */
async function startExecutionSync(
  run: Run,
  machine: PreparedMachine,
  parameters: unknown,
  group: TaskGroup,
): Promise<unknown> {
  const { Input } = startExecutionInput.parse(parameters);
  const result = await execute(run, machine, Input, taskGroup(group));
  if (result.status === 'SUCCEEDED') return { Status: result.status, Input, Output: result.output };
  const described = { Status: result.status, Input, Error: result.error, Cause: result.cause };
  throw new StatesError('States.TaskFailed', JSON.stringify(described));
}

const readerInput = z.object({ Key: z.string(), MaxConcurrency: z.number().int().positive().optional() });
const itemsSchema = z.array(z.unknown());

/** A distributed Map: one execution per item of the list; the first that fails stops the others and fails the Map. */
async function mapDistributed(
  run: Run,
  target: Extract<TaskTarget, { type: 'distributed-map' }>,
  parameters: unknown,
  group: TaskGroup,
): Promise<unknown> {
  const { Key, MaxConcurrency = Number.POSITIVE_INFINITY } = readerInput.parse(parameters);
  const items = await readItems(run.options, Key);
  const children = taskGroup(group);
  const outputs: unknown[] = new Array(items.length);
  let next = 0;
  let failed: Extract<MachineResult, { status: 'FAILED' }> | undefined;
  const worker = async () => {
    while (failed === undefined && next < items.length) {
      const index = next++;
      const result = await execute(run, target.child, items[index], taskGroup(children));
      if (result.status === 'SUCCEEDED') outputs[index] = result.output;
      else {
        failed ??= result;
        children.stop();
      }
    }
  };
  const { concurrency = 4, childConcurrency = 1 } = run.options;
  const workers = Math.min(items.length, MaxConcurrency, childConcurrency, concurrency);
  await Promise.all(Array.from({ length: workers }, worker));
  if (failed !== undefined)
    throw new StatesError(
      'States.ExceedToleratedFailureThreshold',
      `The specified tolerated failure threshold was exceeded: ${failed.error}: ${failed.cause}`,
    );
  return outputs;
}

async function readItems(options: EngineOptions, key: string): Promise<readonly unknown[]> {
  try {
    return itemsSchema.parse(JSON.parse((await options.readWork(key)).toString('utf8')));
  } catch (error) {
    throw new StatesError('States.ItemReaderFailed', `the list ${key} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

const EVENT_TYPES = {
  StateEntered: 'entered',
  StateExited: 'exited',
  StateFailed: 'failed',
  StateRetried: 'retried',
  StateCaught: 'caught',
} as const;

/** Hands the library's events on; they must be taken in any case, or they pile up. */
async function follow(
  events: ReturnType<LibraryMachine['run']>['eventLogs'],
  machine: string,
  onEvent: (event: EngineEvent) => void,
): Promise<void> {
  for await (const event of events) {
    if (!('state' in event)) continue;
    const { name: state, input, output } = event.state;
    const payload = event.type === 'StateExited' ? output : input;
    const error = event.type === 'StateFailed' ? { error: event.Error } : {};
    onEvent({ type: EVENT_TYPES[event.type], machine, state, payload, ...error });
  }
}
