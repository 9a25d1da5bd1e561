/** Errors that come with their name alone, as Step Functions tells of a step that took too long: no machine may need more. */
import { describe, expect, it } from 'vitest';
import { recordFailureInput } from '../../functions/core/messages.ts';
import type { MachineName } from '../../functions/local/engine.ts';
import { allStates } from '../statemachines/definitions.ts';
import {
  errorOf,
  goodScript,
  inventoryOf,
  play,
  type Script,
  shardsOf,
  type TaskInput,
  workOf,
} from './engine-fakes.ts';

const ids = { runId: 'a'.repeat(32), sourceId: 'b'.repeat(16), snapshotId: '20260301T100000000Z-000000000000' };
const work = { ...workOf('s1'), ...ids };
const counts = { restored: 1, skipped: 0, removed: 0, failed: 0, bytes: 1 };

/** Everything there is to do, with ids that the operations' schemas take. */
const wholeScript: Script = {
  ...goodScript,
  'start-run': () => ({ runId: ids.runId, plan: 'web-app', status: 'started', sources: [work] }),
  'take-inventory': (input) => inventoryOf(input, { verify: true, replicas: [{ to: 'offsite' }] }),
  restore: ({ progress }) =>
    progress === undefined ? { done: false, restoreId: 'r1', ...counts } : { done: true, status: 'succeeded' },
};

const untold: readonly (readonly [how: string, message: string | undefined])[] = [
  ['an empty cause', ''],
  ['no cause', undefined],
];

const throwUntold = (name: string, message: string | undefined) => (): never => {
  throw Object.assign(errorOf(name), { message });
};

const functionOf = (resource: string | undefined): string | undefined =>
  /^\$\{(\w+)FunctionArn\}$/
    .exec(resource ?? '')?.[1]
    ?.replace(/(?<=[a-z])(?=[A-Z])/g, '-')
    .toLowerCase();

/** By machine, the functions behind its Tasks; `verify` stands for the nested execution too. */
const cases = [
  ...new Map(
    allStates
      .filter(({ state }) => state.Type === 'Task')
      .map(({ where, state }) => {
        const machine = where.split('/')[0] as MachineName;
        const task = functionOf(state.Resource) ?? 'verify';
        return [`${machine} ${task}`, { machine, task }] as const;
      }),
  ).values(),
].flatMap((one) => untold.map(([how, message]) => ({ ...one, how, message })));

const input = {
  plan: 'web-app',
  kind: 'full',
  scheduledAt: '2026-11-25T10:00:00Z',
  recoveryPointId: 'x',
  to: 's3://b/',
};

function broken(task: string, message: string | undefined): Script {
  const silent = throwUntold('States.Timeout', message);
  // What records failures is called only where something failed.
  if (task === 'record-failure')
    return { ...wholeScript, 'take-inventory': silent, restore: once(wholeScript.restore, silent), [task]: silent };
  return { ...wholeScript, [task]: task === 'restore' ? once(wholeScript.restore, silent) : silent };
}

/** Ends well the first time. */
const once =
  (first: Script[string] | undefined, then: () => never) =>
  (given: TaskInput): unknown =>
    given.progress === undefined ? first?.(given) : then();

describe.each(cases)('$machine whose $task ends with $how', ({ machine, task, message }) => {
  const played = play(machine, broken(task, message), {
    input,
    readWork: async () => Buffer.from(JSON.stringify(shardsOf('s1', 1, ids))),
  });

  it('ends as it would with a cause, and no other way', async () => {
    const { result } = await played;
    // A source that failed is recorded, and the run goes on to its end.
    const goesOn = machine === 'backup' && !['start-run', 'finish-run'].includes(task);
    expect(result).toMatchObject(goesOn ? { status: 'SUCCEEDED' } : { status: 'FAILED', error: 'States.Timeout' });
  });

  it('says something that a person can go by', async () => {
    const { result } = await played;
    if (result.status === 'FAILED') expect(result.cause).toContain('took longer than its limit');
  });

  it('gives record-failure an input that it takes', async () => {
    const recorded = (await played).inputsOf('record-failure');
    for (const one of recorded) {
      const { error } = recordFailureInput.parse(one);
      expect(error.Error).toMatch(/^States\.(Timeout|TaskFailed|ExceedToleratedFailureThreshold)$/);
    }
    const silent = machine === 'verify' || machine === 'replicate' || ['start-run', 'finish-run'].includes(task);
    expect(recorded.length > 0).toBe(!silent);
  });
});

it('looks at every Task of every machine', () => {
  expect(cases.length).toBe(2 * 12);
});
