/**
 * The state machine files as the engine's library can run them. The files are written for AWS and stay as they are; what
 * the library lacks (a Map that reads its items from S3, nested executions) becomes a Task that the engine serves.
 */
import { readFileSync } from 'node:fs';
import type { StateMachineDefinition } from 'aws-local-stepfunctions';
import * as z from 'zod';

const machineNameSchema = z.enum(['backup', 'verify', 'restore', 'replicate']);
export type MachineName = z.output<typeof machineNameSchema>;

// The engine limits the tasks itself; the library would give up each after a minute. Its timers take no more than 24 days.
const NO_LIMIT_SECONDS = 2_000_000;

const machineSchema = z.looseObject({
  StartAt: z.string(),
  get States() {
    return z.record(z.string(), stateSchema);
  },
});

const stateSchema = z.looseObject({
  Type: z.enum(['Task', 'Map', 'Pass', 'Choice', 'Succeed', 'Fail', 'Wait']),
  Resource: z.string().optional(),
  Parameters: z.looseObject({ StateMachineArn: z.string().optional() }).optional(),
  MaxConcurrency: z.number().int().positive().optional(),
  MaxConcurrencyPath: z.string().optional(),
  ItemReader: z.looseObject({ Parameters: z.looseObject({ 'Key.$': z.string() }) }).optional(),
  Retry: z.array(z.unknown()).optional(),
  get ItemProcessor() {
    return machineSchema.optional();
  },
});

type Machine = z.output<typeof machineSchema>;
type State = z.output<typeof stateSchema>;

/** What stands behind a Task. */
export type TaskTarget =
  | { readonly type: 'function'; readonly name: string }
  | { readonly type: 'execution'; readonly machine: PreparedMachine }
  /** How many children run at once stands beside the list's name in its input. */
  | { readonly type: 'distributed-map'; readonly child: PreparedMachine }
  /** Each field of the input as JSON text: the library's own `States.JsonToString` drops every backslash. */
  | { readonly type: 'json-to-string' };

export interface PreparedMachine {
  /** For messages: the machine's name, and the Map's within it. */
  readonly name: string;
  readonly definition: StateMachineDefinition;
  /** By the name of the Task, those within inline Maps included. */
  readonly targets: ReadonlyMap<string, TaskTarget>;
  /** The names of the states that have a `Retry`. */
  readonly retried: readonly string[];
}

interface Rewritten extends Pick<PreparedMachine, 'targets' | 'retried'> {
  readonly machine: Machine;
}

// The library's own type says less than the files hold; that they are machines is what the schema above has found.
const definitionSchema = z.custom<StateMachineDefinition>((value) => machineSchema.safeParse(value).success);

const kebab = (pascal: string): string => pascal.replace(/(?<=[a-z0-9])(?=[A-Z])/g, '-').toLowerCase();

/** Reads `statemachines/<name>.asl.json` and prepares it. @throws Error when it holds what cannot be run here. */
export function prepareMachine(name: MachineName): PreparedMachine {
  const file = new URL(`../../statemachines/${name}.asl.json`, import.meta.url);
  const text = readFileSync(file, 'utf8')
    .replace(/\$\{(\w+)FunctionArn\}/g, (_, pascal: string) => `function:${kebab(pascal)}`)
    .replace(/\$\{(\w+)MachineArn\}/g, (_, pascal: string) => `machine:${kebab(pascal)}`)
    .replaceAll(`\${WorkBucket}`, 'work');
  return prepare(name, machineSchema.parse(JSON.parse(text)));
}

function prepare(name: string, machine: Machine): PreparedMachine {
  const { machine: rewritten, ...rest } = rewrite(name, machine);
  return { name, definition: definitionSchema.parse(rewritten), ...rest };
}

/** @throws Error for a machine that uses what the library would silently ignore. */
function rewrite(name: string, machine: Machine): Rewritten {
  refuse(name, machine, ['QueryLanguage']);
  const targets = new Map<string, TaskTarget>();
  const retried: string[] = [];
  const states: Record<string, State> = {};
  for (const [stateName, state] of Object.entries(machine.States)) {
    const where = `${name}/${stateName}`;
    refuse(where, state, ['QueryLanguage', 'Arguments', 'Assign', 'Output', 'ItemBatcher', 'ResultWriter']);
    if (state.Retry !== undefined) retried.push(stateName);
    if (state.Type === 'Map' && state.ItemReader === undefined) {
      const inner = rewrite(where, processorOf(where, state));
      for (const [task, target] of inner.targets) targets.set(task, target);
      retried.push(...inner.retried);
      states[stateName] = { ...state, ItemProcessor: inner.machine };
      continue;
    }
    const target = targetOf(where, state);
    if (target !== undefined) targets.set(stateName, target);
    states[stateName] = target === undefined ? state : asTask(state);
  }
  return { machine: { ...machine, States: states }, targets, retried };
}

function targetOf(where: string, state: State): TaskTarget | undefined {
  if (state.ItemReader !== undefined) {
    refuse(where, state, ['ItemSelector', 'ToleratedFailurePercentage', 'ToleratedFailureCount', 'MaxConcurrency']);
    return { type: 'distributed-map', child: prepare(where, processorOf(where, state)) };
  }
  if (state.Type === 'Pass' && Object.values(state.Parameters ?? {}).some(isJsonToString))
    return { type: 'json-to-string' };
  if (state.Type !== 'Task') return undefined;
  const resource = state.Resource ?? '';
  if (resource.startsWith('function:')) return { type: 'function', name: resource.slice('function:'.length) };
  if (resource === 'arn:aws:states:::states:startExecution.sync:2') {
    const started = machineNameSchema.parse(state.Parameters?.StateMachineArn?.replace('machine:', ''));
    return { type: 'execution', machine: prepareMachine(started) };
  }
  throw new Error(`${where}: the local engine knows no resource "${resource}"`);
}

const JSON_TO_STRING = /^States\.JsonToString\((\$[\w.]*)\)$/;
const isJsonToString = (value: unknown): boolean =>
  typeof value === 'string' && value.startsWith('States.JsonToString');

/** @throws Error for a Pass that also does something else, which would be lost. */
function argumentsOf(state: State): Record<string, string> {
  const paths = Object.entries(state.Parameters ?? {}).map(
    ([field, value]) => [field, JSON_TO_STRING.exec(String(value))?.[1]] as const,
  );
  return Object.fromEntries(
    paths.map(([field, path]) => {
      if (path === undefined)
        throw new Error(`the local engine wants only States.JsonToString of a path beside another, not in "${field}"`);
      return [field, path];
    }),
  );
}

/** The state as a Task that the engine serves; a Map's list is named by its reader's parameters, to which its concurrency is added. */
function asTask(state: State): State {
  const { ItemReader, ItemProcessor: _, MaxConcurrencyPath: path, ...rest } = state;
  const concurrency = path === undefined ? {} : { 'MaxConcurrency.$': path };
  const parameters =
    state.Type === 'Pass'
      ? { Parameters: argumentsOf(state) }
      : ItemReader === undefined
        ? {}
        : { Parameters: { ...ItemReader.Parameters, ...concurrency } };
  return { ...rest, ...parameters, Type: 'Task', Resource: 'local', TimeoutSeconds: NO_LIMIT_SECONDS };
}

function processorOf(where: string, state: State): Machine {
  if (state.ItemProcessor === undefined) throw new Error(`${where}: the local engine needs an ItemProcessor`);
  return state.ItemProcessor;
}

function refuse(where: string, part: Readonly<Record<string, unknown>>, fields: readonly string[]): void {
  for (const field of fields) if (field in part) throw new Error(`${where}: the local engine does not know "${field}"`);
}
