import { afterEach, describe, expect, it, vi } from 'vitest';
import { runMachine } from '../../functions/local/engine.ts';
import { allStates } from '../statemachines/definitions.ts';
import {
  errorOf,
  finishedAs,
  inventoryOf,
  play,
  type Script,
  shardsOf,
  type TaskInput,
  throwing,
  workOf,
} from './engine-fakes.ts';

const nothing = { tasks: {}, readWork: async () => Buffer.from('[]') };

afterEach(() => {
  vi.useRealTimers();
});

describe('the engine', () => {
  it('refuses to start a machine for which a task is missing, also one of a nested machine', async () => {
    await expect(runMachine('backup', {}, nothing)).rejects.toThrow('there is no task');
    const { verify: _, ...tasks } = Object.fromEntries(
      [
        'start-run',
        'take-inventory',
        'take-snapshot',
        'commit-snapshot',
        'replicate',
        'record-failure',
        'finish-run',
        'verify',
      ].map((name) => [name, async () => ({})]),
    );
    await expect(runMachine('backup', {}, { ...nothing, tasks })).rejects.toThrow('there is no task "verify"');
  });

  it('passes nothing but JSON from task to task', async () => {
    const played = await play('backup', {
      'take-inventory': (input) => ({ ...inventoryOf(input), attempt: undefined, at: new Date(0) }),
    });
    expect(played.inputsOf('commit-snapshot')).toMatchObject([{ inventory: { at: '1970-01-01T00:00:00.000Z' } }]);
    expect(played.inputsOf('commit-snapshot')[0]).not.toHaveProperty('inventory.attempt');
  });

  it('gives each task a copy, so that none changes what another is given', async () => {
    const seen: unknown[] = [];
    await runMachine(
      'replicate',
      { plan: 'p', to: 'x' },
      {
        ...nothing,
        retryDelayMillis: 0,
        tasks: {
          replicate: async (input) => {
            seen.push(structuredClone(input));
            if (typeof input === 'object' && input !== null) Reflect.set(input, 'plan', 'spoilt');
            if (seen.length === 1) throw errorOf('TransientError');
            return { done: true };
          },
        },
      },
    );
    expect(seen).toEqual([
      { plan: 'p', to: 'x' },
      { plan: 'p', to: 'x' },
    ]);
  });

  it.each([
    ['text', 'just text', { error: 'Error', cause: 'just text' }],
    ['undefined', undefined, { error: 'Error', cause: 'undefined' }],
    ['an object', { code: 7 }, { error: 'Error', cause: '[object Object]' }],
  ])('reports what a task threw even when it is %s', async (_, thrown, expected) => {
    const script: Script = {
      replicate: () => {
        throw thrown;
      },
    };
    const { result } = await play('replicate', script, { input: { plan: 'p', to: 'x' } });
    expect(result).toEqual({ status: 'FAILED', ...expected });
  });

  it('ends an execution whose payload is larger than Step Functions takes, and catches nothing then', async () => {
    const played = await play('backup', {
      'take-inventory': (input) => inventoryOf(input, { junk: 'x'.repeat(262_144) }),
    });
    expect(played.result).toMatchObject({ status: 'FAILED', error: 'States.DataLimitExceeded' });
    expect(played.inputsOf('record-failure')).toEqual([]);
  });

  it('fails an execution whose state names what is not there', async () => {
    const { result } = await play('backup', { 'start-run': () => ({ runId: 'run-1' }) });
    expect(result).toMatchObject({ status: 'FAILED', error: 'States.Runtime' });
  });

  it('lets no task start after an execution has failed, and returns when the last one has ended', async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    let running = 0;
    const played = play('backup', {
      'start-run': () => ({ runId: 'run-1', plan: 'web-app', sources: ['s1', 's2'].map(workOf) }),
      'take-inventory': async (input) => {
        if (input.sourceId === 's1') return {}; // Nothing that the next state could read: the execution fails here.
        running += 1;
        await released;
        running -= 1;
        return inventoryOf(input);
      },
    });
    setImmediate(release);
    const { result, calls } = await played;
    expect(result).toMatchObject({ status: 'FAILED', error: 'States.Runtime' });
    expect(running).toBe(0);
    expect(calls.map(({ task }) => task)).toEqual(['start-run', 'take-inventory', 'take-inventory']);
  });

  it.each([1, 3])('runs at most %i tasks at once, over all sources and shards', async (concurrency) => {
    let running = 0;
    let most = 0;
    await play(
      'backup',
      {
        'start-run': () => ({ runId: 'run-1', plan: 'web-app', sources: ['s1', 's2', 's3'].map(workOf) }),
        'take-snapshot': async () => {
          running += 1;
          most = Math.max(most, running);
          await new Promise((resolve) => setImmediate(resolve));
          running -= 1;
          return { done: true };
        },
      },
      { concurrency, readWork: async () => Buffer.from(JSON.stringify(shardsOf('s1', 10))) },
    );
    expect(most).toBe(concurrency);
  });

  it('waits before a retry, longer from time to time, unless told otherwise', async () => {
    vi.useFakeTimers();
    vi.spyOn(Math, 'random').mockReturnValue(0.999);
    const started = Date.now();
    const at: number[] = [];
    const result = runMachine(
      'replicate',
      { plan: 'p', to: 'x' },
      {
        ...nothing,
        tasks: {
          replicate: async () => {
            at.push(Math.round((Date.now() - started) / 1000));
            throw errorOf('TransientError');
          },
        },
      },
    );
    await vi.runAllTimersAsync();
    expect(await result).toMatchObject({ status: 'FAILED', error: 'TransientError' });
    expect(at).toEqual([0, 5, 15, 35, 75, 155, 275]);
  });

  it('gives up a task that hangs, after a day, and the machine after its own limit', async () => {
    vi.useFakeTimers();
    const result = runMachine(
      'replicate',
      { plan: 'p', to: 'x' },
      {
        ...nothing,
        tasks: { replicate: () => new Promise(() => {}) },
      },
    );
    await vi.advanceTimersByTimeAsync(4 * 86_400_000);
    expect(await result).toMatchObject({ status: 'FAILED', error: 'States.Timeout' });
  });

  it('leaves no timer behind that would keep the process alive', async () => {
    vi.useFakeTimers();
    const result = play('backup', {
      'take-inventory': (input) => inventoryOf(input, { verify: true, replicas: [{ to: 'x' }] }),
    });
    await vi.advanceTimersByTimeAsync(0);
    expect((await result).result.status).toBe('SUCCEEDED');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('shows a fault of the observer, and not as a failure of the execution', async () => {
    const options = { ...nothing, tasks: { replicate: async () => ({ done: true }) } };
    const observed = runMachine(
      'replicate',
      { plan: 'p', to: 'x' },
      {
        ...options,
        onEvent: () => {
          throw new Error('the observer is broken');
        },
      },
    );
    await expect(observed).rejects.toThrow('the observer is broken');
  });
});

it('enters every state of every machine in some case', async () => {
  const all: Script = { 'take-inventory': (input) => inventoryOf(input, { verify: true, replicas: [{ to: 'a' }] }) };
  const rebase = { status: 'rebase', recoveryPointId: 'x@primary', fullBecause: 'damaged' };
  const outcome = (value: string) => () => ({ done: true, outcome: value, reason: 'r' });
  const begun = (error: string) => (given: TaskInput) => {
    if (given.progress !== undefined) throw errorOf(error, '');
    return { done: false };
  };
  const input = { recoveryPointId: 'x@primary', plan: 'p', to: 'x' };
  const played = await Promise.all([
    play('backup', all),
    play('backup', {
      'take-inventory': (given) =>
        given.inventory === undefined ? { done: false, cursor: 'c', waitSeconds: 1 } : inventoryOf(given),
    }),
    play('backup', { 'commit-snapshot': () => rebase, 'finish-run': () => finishedAs('partial') }),
    play('backup', {
      'take-inventory': (given) => inventoryOf(given, { onlyShard: { ...workOf('s1'), attempt: 'a1', shard: 0 } }),
    }),
    play('backup', { 'take-snapshot': throwing('IntegrityError'), 'finish-run': () => finishedAs('failed') }),
    play('backup', { ...all, replicate: throwing('IntegrityError') }),
    play('backup', { 'start-run': throwing('InvalidInputError') }),
    play('verify', { verify: outcome('failed') }, { input }),
    play('verify', { verify: throwing('NotFoundError') }, { input }),
    ...['succeeded', 'partial', 'failed'].map((status) =>
      play('restore', { restore: () => ({ done: true, status }) }, { input }),
    ),
    play('restore', { restore: throwing('NotFoundError') }, { input }),
    play('replicate', {}, { input }),
    play('replicate', { replicate: throwing('NotFoundError') }, { input }),
    play('backup', { 'start-run': throwing('States.Timeout', '') }),
    play('backup', { 'take-snapshot': throwing('States.Timeout', '') }),
    play('verify', { verify: () => ({ done: true, outcome: 'unheard-of' }) }, { input }),
    play('verify', { verify: throwing('States.Timeout', '') }, { input }),
    play('restore', { restore: begun('States.Timeout') }, { input }),
    play('replicate', { replicate: throwing('States.Timeout', '') }, { input }),
  ]);
  const entered = new Set(
    played.flatMap(({ events }) => events).map(({ machine, state }) => `${machine.split('/')[0]}/${state}`),
  );
  expect([...entered].sort()).toEqual(
    [...new Set(allStates.map(({ where, name }) => `${where.split('/')[0]}/${name}`))].sort(),
  );
});
