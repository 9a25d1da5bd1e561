/** How a command runs the state machines: in this process, or in the account (account.ts). */
import type { Json } from '../core/entry.ts';
import { InvalidInputError } from '../core/errors.ts';
import type { Deadline, Ports } from '../core/ports.ts';
import type { Shell } from './console.ts';
import type { MachineName, MachineResult } from './engine.ts';
import { machineFailure } from './failure.ts';
import type { Interruption } from './interruption.ts';
import type { Progress } from './progress.ts';
import type { TaskFrame } from './tasks.ts';

export interface Execution {
  /** Whether the machines run in this process, or in the account (`--aws`), whose functions have keys of their own. */
  readonly where: 'here' | 'account';
  /** Runs a machine to its end. @throws what an interruption asks for */
  execute(
    machine: MachineName,
    input: { readonly [name: string]: Json },
    options?: ExecuteOptions,
  ): Promise<MachineResult>;
  /** The error of the machine that failed last. */
  failureOf(result: MachineResult & { readonly status: 'FAILED' }): Error;
}

export interface ExecuteOptions {
  /** How to go on later with a machine that was stopped here. */
  readonly resume?: string | undefined;
  /** How far the work has come, in words; asked now and then while a machine runs elsewhere. */
  readonly standing?: () => Promise<string | undefined>;
}

/** Runs the machines in this process, over these ports. */
export function inProcess(
  shell: Pick<Shell, 'env'>,
  interruption: Interruption,
  { ports, progress }: { readonly ports: Ports; readonly progress: Progress },
): Execution {
  let origin: unknown;
  const budgetMillis = workerMillis(shell);
  const frame: TaskFrame = {
    before: () => interruption.check(),
    deadline: () => localDeadline(budgetMillis, interruption),
    failed: (error) => {
      origin = error;
    },
  };
  return {
    where: 'here',
    async execute(machine, input, { resume } = {}) {
      if (resume !== undefined) interruption.resume = resume;
      // The engine and all operations: what only looks around does without them.
      const [{ runMachine }, { localTasks }] = await Promise.all([import('./engine.ts'), import('./tasks.ts')]);
      const result = await runMachine(machine, input, {
        tasks: localTasks(ports, frame),
        readWork: (key) => ports.work.get(key),
        retryDelayMillis: RETRY_DELAY_MILLIS,
      });
      progress.clear();
      interruption.check();
      return result;
    },
    failureOf: (result) => machineFailure(result, origin),
  };
}

/** The machines wait up to two minutes before a retry, for a service that recovers; at a terminal somebody is waiting too. */
const RETRY_DELAY_MILLIS = 2_000;

/** Long enough that cursors are rare, short enough that an interruption is a matter of the step in hand. */
const DEFAULT_WORKER_SECONDS = 600;

function workerMillis(shell: Pick<Shell, 'env'>): number {
  const text = shell.env.HOLDFAST_WORKER_SECONDS;
  if (text === undefined || text === '') return DEFAULT_WORKER_SECONDS * 1000;
  const seconds = Number(text);
  if (!(seconds > 0 && Number.isFinite(seconds)))
    throw new InvalidInputError(`HOLDFAST_WORKER_SECONDS "${text}" is not a number of seconds above 0`);
  return seconds * 1000;
}

function localDeadline(budgetMillis: number, interruption: Interruption): Deadline {
  const end = performance.now() + budgetMillis;
  return { remainingMillis: () => (interruption.requested ? 0 : Math.max(0, end - performance.now())) };
}
