/** A session is one command's hold on the world: the plan file read, the catalogue open, the ports wired, and everything closed at the end. */
import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Json } from '../core/entry.ts';
import { InvalidInputError } from '../core/errors.ts';
import type { Secret } from '../core/keyring.ts';
import type { HoldfastConfig } from '../core/plan.ts';
import type { Clock, Deadline, Ports } from '../core/ports.ts';
import { formatUri } from '../core/uri.ts';
import { openDeployedMachines } from '../runtime/deployed-machines.ts';
import { workPlaceIn } from '../runtime/local-places.ts';
import { parsePlanFile } from '../runtime/plan-file.ts';
import { wirePorts } from '../runtime/wiring.ts';
import { flag, type Invocation, value } from './arguments.ts';
import type { Console, Shell } from './console.ts';
import { freeAbandonedLeases } from './embedded-catalogue.ts';
import { type MachineName, type MachineResult, runMachine } from './engine.ts';
import { eventsFile } from './events-file.ts';
import { machineFailure } from './failure.ts';
import type { Interruption } from './interruption.ts';
import { type LocalCatalogue, openLocalCatalogue } from './local-catalogue.ts';
import { type Progress, progressLine } from './progress.ts';
import { exists, obtainSecret } from './secrets.ts';
import { localTasks } from './tasks.ts';

export const PLAN_FILE_NAME = 'holdfast.yml';
/** The folder beside the plan file that holds the embedded catalogue, the work place and the events. */
export const STATE_FOLDER = '.holdfast';

/** What every command is given. */
export interface CommandContext {
  readonly shell: Shell;
  readonly console: Console;
  readonly invocation: Invocation;
  readonly interruption: Interruption;
}

export interface Session {
  readonly config: HoldfastConfig;
  /** Absolute. */
  readonly planFile: string;
  readonly stateFolder: string;
  readonly ports: Ports;
  readonly progress: Progress;
  /** Whether the machines run in this process, or in the account (`--aws`), whose functions have keys of their own. */
  readonly where: 'here' | 'account';
  /** Runs a machine to its end. @throws what an interruption asks for */
  execute(machine: MachineName, input: { readonly [name: string]: Json }): Promise<MachineResult>;
  /** Frees the leases that a process which is gone has left in the embedded catalogue. */
  freeLeases(): Promise<void>;
  /** The error of a machine that failed. */
  failureOf(result: MachineResult & { readonly status: 'FAILED' }): Error;
}

/** The plan file that the command names, absolute. */
export function planFileOf({ shell, invocation }: Pick<CommandContext, 'shell' | 'invocation'>): string {
  return resolve(shell.folder, value(invocation, 'config') ?? PLAN_FILE_NAME);
}

/** @throws InvalidInputError when there is none, or naming the line and the field of what is wrong in it. */
export async function readPlanFile(planFile: string): Promise<HoldfastConfig> {
  if (!(await exists(planFile)))
    throw new InvalidInputError(
      `there is no ${basename(planFile)} in ${dirname(planFile)}; write one with "holdfast init", or name it with --config`,
    );
  if ((await stat(planFile)).isDirectory())
    throw new InvalidInputError(`${planFile} is a folder; name the plan file in it with --config`);
  return parsePlanFile(await readFile(planFile, 'utf8'), planFile);
}

/** Opens a session, does the work, and closes it whatever happens. */
export async function withSession<T>(context: CommandContext, work: (session: Session) => Promise<T>): Promise<T> {
  const { shell, invocation } = context;
  const planFile = planFileOf(context);
  const config = await readPlanFile(planFile);
  if (flag(invocation, 'aws') && config.catalogue === 'embedded')
    throw new InvalidInputError(
      `--aws needs the catalogue of the stack; write catalogue: dynamodb://<CatalogueTableName of the stack's outputs> into ${planFile}`,
    );
  const stateFolder = join(dirname(planFile), STATE_FOLDER);
  const catalogue = await openLocalCatalogue(config, join(stateFolder, 'catalogue'));
  const progress = progressLine(shell.stderr, () => performance.now());
  try {
    return await work(wireSession(context, { planFile, config, stateFolder, catalogue, progress }));
  } finally {
    progress.clear();
    await catalogue.close();
  }
}

const clock: Clock = { now: () => new Date() };

interface Opened {
  readonly planFile: string;
  readonly config: HoldfastConfig;
  readonly stateFolder: string;
  readonly catalogue: LocalCatalogue;
  readonly progress: Progress;
}

function wireSession(context: CommandContext, opened: Opened): Session {
  const { shell, invocation } = context;
  const { planFile, config, stateFolder, catalogue, progress } = opened;
  let secret: Promise<Secret> | undefined;
  const ports = wirePorts({
    config,
    catalogue: catalogue.catalogue,
    work: workPlaceIn(join(stateFolder, 'work')),
    secret: () => {
      progress.clear();
      secret ??= obtainSecret({ shell, invocation, planFile, keyFile: config.keyFile });
      return secret;
    },
    events: eventsFile(join(stateFolder, 'events.jsonl'), clock),
    metrics: { put: () => {} },
    // On the same disk as the catalogue, because the folder for temporary files may be a piece of memory.
    sandboxes: [formatUri({ scheme: 'file', path: join(stateFolder, 'sandbox') })],
    progress: progress.tick,
    clock,
    randomBytes,
  });
  const shared = {
    config,
    planFile,
    stateFolder,
    ports,
    progress,
    freeLeases: async () => {
      if (catalogue.embedded) await freeAbandonedLeases(catalogue.catalogue);
    },
  };
  return flag(invocation, 'aws')
    ? { ...shared, ...inAccount(context) }
    : { ...shared, ...inProcess(context, ports, progress) };
}

type Execution = Pick<Session, 'where' | 'execute' | 'failureOf'>;

function inProcess({ shell, interruption }: CommandContext, ports: Ports, progress: Progress): Execution {
  let origin: unknown;
  const budgetMillis = workerMillis(shell);
  const tasks = localTasks(ports, {
    before: () => interruption.check(),
    deadline: () => localDeadline(budgetMillis, interruption),
    failed: (error) => {
      origin = error;
    },
  });
  return {
    where: 'here',
    async execute(machine, input) {
      const result = await runMachine(machine, input, {
        tasks,
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

/** A state machine is looked at so often; each look is a request that costs nothing. */
const LOOK_MILLIS = 2_000;

function inAccount({ shell, interruption }: CommandContext): Execution {
  return {
    where: 'account',
    async execute(machine, input) {
      interruption.resume = 'what was started goes on in the account, and "holdfast status" shows what became of it';
      const machines = openDeployedMachines(shell.env.HOLDFAST_STAGE || undefined);
      try {
        return await machines.run(machine, input, async () => {
          await sleep(LOOK_MILLIS);
          interruption.check();
        });
      } finally {
        machines.close();
      }
    },
    failureOf: (result) => machineFailure(result),
  };
}

/** The machines wait up to two minutes before a retry, for a service that recovers; at a terminal somebody is waiting too. */
const RETRY_DELAY_MILLIS = 2_000;

/** Long enough that cursors are rare, short enough that an interruption is a matter of the step in hand. */
const DEFAULT_WORKER_SECONDS = 600;

function workerMillis(shell: Shell): number {
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
