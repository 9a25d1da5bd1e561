/** Scripted tasks for the engine's tests: they answer as the operations do, and record what they were asked. */
import type { EngineEvent, EngineOptions, MachineName, MachineResult } from '../../functions/local/engine.ts';
import { runMachine } from '../../functions/local/engine.ts';

/** What a task was given; the fields that the tests look at. */
export interface TaskInput {
  readonly plan?: string;
  readonly runId?: string;
  readonly sourceId?: string;
  readonly snapshotId?: string;
  readonly attempt?: string;
  readonly shard?: number;
  readonly to?: string;
  readonly replica?: string;
  readonly recoveryPointId?: string;
  readonly fullBecause?: string;
  readonly inventory?: { readonly done: boolean; readonly cursor?: string; readonly attempt?: string };
  readonly commit?: { readonly status: string };
  readonly progress?: { readonly done: boolean; readonly cursor?: string };
  readonly error?: { readonly Error: string; readonly Cause: string };
}

export type Script = Readonly<Record<string, (input: TaskInput) => unknown>>;

export const workOf = (sourceId: string) => ({
  plan: 'web-app',
  runId: 'run-1',
  sourceId,
  snapshotId: `snapshot-${sourceId}`,
});

const finished = { runId: 'run-1', plan: 'web-app', recoveryPoints: [], failed: 0, skipped: 0 };
/** What finish-run answers. */
export const finishedAs = (status: string) => ({ ...finished, status });

export const inventoryOf = (input: TaskInput, rest: object = {}) => ({
  done: true,
  kind: 'full',
  attempt: 'a1',
  shardsKey: `${input.sourceId}/shards.json`,
  shards: 2,
  concurrency: 100,
  replicas: [],
  verify: false,
  recoveryPointId: `${input.snapshotId}@primary`,
  ...rest,
});

/** One source, two shards, no replica, no verification; everything succeeds at once. */
export const goodScript: Script = {
  'start-run': () => ({ runId: 'run-1', plan: 'web-app', status: 'started', sources: [workOf('s1')] }),
  'take-inventory': (input) => inventoryOf(input),
  'take-snapshot': () => ({ done: true }),
  'commit-snapshot': (input) => ({ status: 'committed', recoveryPointId: `${input.snapshotId}@primary` }),
  replicate: () => ({ done: true }),
  verify: (input) => ({ done: true, recoveryPointId: input.recoveryPointId, outcome: 'verified' }),
  restore: () => ({ done: true, status: 'succeeded' }),
  'record-failure': () => undefined,
  'finish-run': () => finishedAs('succeeded'),
};

/** The list of shards that a source's inventory has put into the work place. */
export const shardsOf = (sourceId: string, count: number, rest: object = {}): object[] =>
  Array.from({ length: count }, (_, shard) => ({ ...workOf(sourceId), shard, ...rest }));

export interface Call {
  readonly task: string;
  readonly input: TaskInput;
}

export interface Played {
  readonly result: MachineResult;
  readonly calls: readonly Call[];
  readonly events: readonly EngineEvent[];
  /** What the tasks of this name were given, in order. */
  inputsOf(task: string): readonly TaskInput[];
}

export interface Play extends Partial<Omit<EngineOptions, 'tasks' | 'onEvent'>> {
  readonly input?: object;
}

/** Runs a machine over `goodScript` with some tasks replaced; waits before retries are left out. */
export async function play(machine: MachineName, script: Script = {}, options: Play = {}): Promise<Played> {
  const { input = { plan: 'web-app', kind: 'full', scheduledAt: '2026-11-25T10:00:00Z' }, ...rest } = options;
  const calls: Call[] = [];
  const events: EngineEvent[] = [];
  const tasks = Object.entries({ ...goodScript, ...script }).map(
    ([task, answer]): [string, (given: unknown) => Promise<unknown>] => [
      task,
      async (given) => {
        // A copy, as a Lambda function is given one.
        const copy: TaskInput = JSON.parse(JSON.stringify(given));
        calls.push({ task, input: copy });
        return answer(copy);
      },
    ],
  );
  const result = await runMachine(machine, input, {
    tasks: Object.fromEntries(tasks),
    readWork: async (key) => Buffer.from(JSON.stringify(shardsOf(key.split('/')[0] ?? '', 2))),
    retryDelayMillis: 0,
    onEvent: (event) => events.push(event),
    ...rest,
  });
  return {
    result,
    calls,
    events,
    inputsOf: (task) => calls.filter((call) => call.task === task).map((call) => call.input),
  };
}

/** Throws an error of this name the first `times` times, and answers then. */
export function failing(name: string, times: number, answer: (input: TaskInput) => unknown) {
  let failures = 0;
  return (input: TaskInput): unknown => {
    if (failures >= times) return answer(input);
    failures += 1;
    throw errorOf(name);
  };
}

export function errorOf(name: string, message = `${name} of the test`): Error {
  return Object.assign(new Error(message), { name });
}

export const throwing = (name: string, message?: string) => (): never => {
  throw errorOf(name, message);
};
