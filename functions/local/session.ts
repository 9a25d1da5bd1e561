/** A session is one command's hold on the world: the plan file read, the catalogue open, the ports wired, and everything closed at the end. */
import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { InvalidInputError } from '../core/errors.ts';
import type { Secret } from '../core/keyring.ts';
import type { HoldfastConfig } from '../core/plan.ts';
import type { Clock, Ports } from '../core/ports.ts';
import { formatUri } from '../core/uri.ts';
import type { OpenStack } from '../runtime/deployed-machines.ts';
import { workPlaceIn } from '../runtime/local-places.ts';
import { ownUsage } from '../runtime/own-usage.ts';
import { parsePlanFile } from '../runtime/plan-file.ts';
import { wirePorts } from '../runtime/wiring.ts';
import { flag, type Invocation, value } from './arguments.ts';
import type { Console, Shell } from './console.ts';
import { freeAbandonedLeases } from './embedded-catalogue.ts';
import { eventsFile } from './events-file.ts';
import { type Execution, inProcess } from './execution.ts';
import type { Interruption } from './interruption.ts';
import { type LocalCatalogue, openLocalCatalogue } from './local-catalogue.ts';
import { type Progress, progressLine } from './progress.ts';
import { exists, obtainSecret } from './secrets.ts';

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

export interface Session extends Execution {
  readonly config: HoldfastConfig;
  /** Absolute. */
  readonly planFile: string;
  readonly stateFolder: string;
  /** The table that the catalogue is kept in; undefined for an embedded one. */
  readonly catalogueTable: string | undefined;
  readonly ports: Ports;
  readonly progress: Progress;
  /** Frees the leases that a process which is gone has left in the embedded catalogue. */
  freeLeases(): Promise<void>;
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
  const stateFolder = join(dirname(planFile), STATE_FOLDER);
  const progress = progressLine(shell.stderr, () => performance.now());
  const stack = flag(invocation, 'aws') ? await openStack(shell.env.HOLDFAST_STAGE || undefined) : undefined;
  let catalogue: LocalCatalogue | undefined;
  try {
    catalogue = await openLocalCatalogue(config, join(stateFolder, 'catalogue'), stack);
    return await work(await wireSession(context, { planFile, config, stateFolder, catalogue, progress, stack }));
  } finally {
    progress.clear();
    await catalogue?.close();
    stack?.close();
  }
}

/** What speaks to an account is loaded by `--aws` alone. */
async function openStack(stage: string | undefined): Promise<OpenStack> {
  const { openDeployedStack } = await import('../runtime/deployed-machines.ts');
  return openDeployedStack(stage);
}

const clock: Clock = { now: () => new Date() };

interface Opened {
  readonly planFile: string;
  readonly config: HoldfastConfig;
  readonly stateFolder: string;
  readonly catalogue: LocalCatalogue;
  readonly progress: Progress;
  readonly stack: OpenStack | undefined;
}

async function wireSession(context: CommandContext, opened: Opened): Promise<Session> {
  const { shell, invocation } = context;
  const { planFile, config, stateFolder, catalogue, progress, stack } = opened;
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
    usage: ownUsage(),
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
    catalogueTable: catalogue.table,
    ports,
    progress,
    freeLeases: async () => {
      if (catalogue.embedded) await freeAbandonedLeases(catalogue.catalogue);
    },
  };
  const execution =
    stack === undefined
      ? inProcess(shell, context.interruption, { ports, progress })
      : (await import('./account.ts')).inAccount(stack, context.interruption, progress);
  return { ...shared, ...execution };
}
