import { describe, expect, it } from 'vitest';
import { ERROR_NAMES } from '../../functions/core/errors.ts';
import {
  failing,
  finishedAs,
  goodScript,
  inventoryOf,
  type Played,
  play,
  type Script,
  shardsOf,
  type TaskInput,
  throwing,
  workOf,
} from './engine-fakes.ts';

const tasksOf = ({ calls }: Played) => calls.map((call) => call.task);
const startWith = (...sourceIds: string[]): Script => ({
  'start-run': () => ({ runId: 'run-1', plan: 'web-app', status: 'started', sources: sourceIds.map(workOf) }),
});
/** Replaces a task for one source only. */
const onlyFor =
  (sourceId: string, task: string, answer: (input: TaskInput) => unknown) =>
  (input: TaskInput): unknown =>
    input.sourceId === sourceId || input.recoveryPointId?.includes(sourceId)
      ? answer(input)
      : goodScript[task]?.(input);

describe('a run of one source', () => {
  it('takes inventory, snapshots each shard, commits and finishes, in this order', async () => {
    const played = await play('backup');
    expect(tasksOf(played)).toEqual([
      'start-run',
      'take-inventory',
      'take-snapshot',
      'take-snapshot',
      'commit-snapshot',
      'finish-run',
    ]);
    expect(played.result).toEqual({ status: 'SUCCEEDED', output: finishedAs('succeeded') });
  });

  it('gives start-run the input of the execution and finish-run the run', async () => {
    const played = await play('backup');
    expect(played.inputsOf('start-run')).toEqual([
      { plan: 'web-app', kind: 'full', scheduledAt: '2026-11-25T10:00:00Z' },
    ]);
    expect(played.inputsOf('finish-run')).toMatchObject([{ runId: 'run-1' }]);
  });

  it('hands the shards of the work list to the workers', async () => {
    const list = shardsOf('s1', 3, { after: 'YQ', upTo: 'Yg' });
    const played = await play('backup', {}, { readWork: async () => Buffer.from(JSON.stringify(list)) });
    expect(played.inputsOf('take-snapshot')).toEqual(list);
  });

  it('reads the list that the inventory has named', async () => {
    const keys: string[] = [];
    await play('backup', {}, { readWork: async (key) => Buffer.from(JSON.stringify(keys.push(key) && [])) });
    expect(keys).toEqual(['s1/shards.json']);
  });

  it('gives the commit what the inventory has found', async () => {
    const played = await play('backup');
    expect(played.inputsOf('commit-snapshot')).toMatchObject([{ ...workOf('s1'), inventory: { attempt: 'a1' } }]);
  });

  it('commits a snapshot without shards', async () => {
    const played = await play('backup', { 'take-inventory': (input) => inventoryOf(input, { shards: 0 }) });
    expect(tasksOf(played)).toEqual(['start-run', 'take-inventory', 'commit-snapshot', 'finish-run']);
  });

  const onlyShard = { ...workOf('s1'), attempt: 'a1', shard: 0 };
  const isOnlyShard: Script = { 'take-inventory': (input) => inventoryOf(input, { shards: 1, onlyShard }) };

  it('reads a source that is one shard by one worker, with its cursor until it is done, and without a list or a Map', async () => {
    const keys: string[] = [];
    const played = await play(
      'backup',
      {
        ...isOnlyShard,
        'take-snapshot': ({ progress }) => ({
          done: progress?.cursor === 'b',
          cursor: progress === undefined ? 'a' : 'b',
        }),
      },
      { readWork: async (key) => Buffer.from(JSON.stringify(keys.push(key) && [])) },
    );
    expect(played.inputsOf('take-snapshot')).toEqual([
      onlyShard,
      ...['a', 'b'].map((cursor) => ({ ...onlyShard, progress: { done: false, cursor } })),
    ]);
    expect(keys).toEqual([]);
    expect(tasksOf(played).slice(-2)).toEqual(['commit-snapshot', 'finish-run']);
    expect(played.result.status).toBe('SUCCEEDED');
  });

  it('records the one failure of a source that is one shard, and commits nothing of it', async () => {
    const played = await play('backup', { ...isOnlyShard, 'take-snapshot': throwing('AccessDeniedError', 'denied') });
    expect(played.inputsOf('record-failure')).toMatchObject([
      { ...workOf('s1'), error: { Error: 'AccessDeniedError', Cause: 'denied' } },
    ]);
    expect(played.inputsOf('commit-snapshot')).toEqual([]);
  });

  it('has the inventory divide what workers left, as often as the commit says so', async () => {
    const attempts = ['a1', 'a2', 'a3'];
    const played = await play('backup', {
      'take-inventory': (input) =>
        inventoryOf(input, { attempt: attempts[attempts.indexOf(input.inventory?.attempt ?? '') + 1] }),
      'commit-snapshot': ({ inventory, snapshotId }) => ({
        status: inventory?.attempt === 'a3' ? 'committed' : 'divide',
        recoveryPointId: `${snapshotId}@primary`,
      }),
    });
    expect(
      played.inputsOf('take-inventory').map(({ inventory, commit }) => [inventory?.attempt, commit?.status]),
    ).toEqual([
      [undefined, undefined],
      ['a1', 'divide'],
      ['a2', 'divide'],
    ]);
    expect(played.inputsOf('take-snapshot')).toHaveLength(6);
    expect(played.inputsOf('commit-snapshot').map(({ inventory }) => inventory?.attempt)).toEqual(attempts);
    expect(played.result.status).toBe('SUCCEEDED');
  });

  it('takes a full in place of a delta whose base turns out to be damaged after a division', async () => {
    const answers = ['divide', 'rebase', 'divide', 'committed'];
    const played = await play('backup', {
      'commit-snapshot': ({ snapshotId }) => ({
        status: answers.shift(),
        recoveryPointId: `${snapshotId}@primary`,
        fullBecause: 'the base is damaged',
      }),
    });
    expect(played.inputsOf('take-inventory').map(({ fullBecause, commit }) => [fullBecause, commit?.status])).toEqual([
      [undefined, undefined],
      [undefined, 'divide'],
      ['the base is damaged', 'rebase'],
      ['the base is damaged', 'divide'],
    ]);
    expect(played.result.status).toBe('SUCCEEDED');
  });

  it.each([
    ['as the plan says', { concurrency: 2 }, { childConcurrency: 3 }, 2],
    ['one in one process', { concurrency: 100 }, {}, 1],
    ['more in one process that is told so', { concurrency: 100 }, { childConcurrency: 3 }, 3],
  ])('has so many workers of one source at once: %s', async (_, rest, options, expected) => {
    let [running, most] = [0, 0];
    await play(
      'backup',
      {
        'take-inventory': (input) => inventoryOf(input, { shards: 10, ...rest }),
        'take-snapshot': async () => {
          running += 1;
          most = Math.max(most, running);
          await new Promise((resolve) => setImmediate(resolve));
          running -= 1;
          return { done: true };
        },
      },
      { ...options, readWork: async () => Buffer.from(JSON.stringify(shardsOf('s1', 10))) },
    );
    expect(most).toBe(expected);
  });

  it('waits for a source that is not read to its end, and takes its inventory again, with its cursor, until it is done', async () => {
    const played = await play('backup', {
      'take-inventory': (input) => {
        const step = Number(input.inventory?.cursor ?? 0);
        return step < 2 ? { done: false, cursor: String(step + 1), waitSeconds: 1 } : inventoryOf(input);
      },
    });
    expect(played.inputsOf('take-inventory').map(({ inventory }) => inventory?.cursor)).toEqual([undefined, '1', '2']);
    expect(tasksOf(played).slice(-4)).toEqual(['take-snapshot', 'take-snapshot', 'commit-snapshot', 'finish-run']);
  });

  it('calls a worker that ran out of time again, with its cursor, until it is done', async () => {
    const played = await play('backup', {
      'take-snapshot': ({ shard, progress }) => {
        const step = progress === undefined ? 0 : Number(progress.cursor);
        return shard === 1 && step < 3 ? { done: false, cursor: String(step + 1) } : { done: true };
      },
    });
    const cursors = played
      .inputsOf('take-snapshot')
      .filter(({ shard }) => shard === 1)
      .map(({ progress }) => progress);
    expect(cursors).toEqual([undefined, ...['1', '2', '3'].map((cursor) => ({ done: false, cursor }))]);
    expect(played.result.status).toBe('SUCCEEDED');
  });

  it.each(['start-run', 'take-inventory', 'take-snapshot', 'commit-snapshot', 'finish-run'])(
    'retries %s after a TransientError, as if it had not been',
    async (task) => {
      const played = await play('backup', {
        [task]: failing('TransientError', 2, (input) => goodScript[task]?.(input)),
      });
      expect(played.result).toEqual({ status: 'SUCCEEDED', output: finishedAs('succeeded') });
      expect(played.events.filter((event) => event.type === 'retried')).toHaveLength(2);
      expect(played.inputsOf('record-failure')).toEqual([]);
    },
  );

  it('gives up a TransientError that stays, after seven attempts, and records it', async () => {
    const played = await play('backup', { 'take-inventory': throwing('TransientError', 'throttled') });
    expect(played.inputsOf('take-inventory')).toHaveLength(7);
    expect(played.inputsOf('record-failure')).toEqual([
      { ...workOf('s1'), error: { Error: 'TransientError', Cause: 'throttled' } },
    ]);
  });

  it.each([...ERROR_NAMES.filter((name) => name !== 'TransientError'), 'TypeError'])(
    'never retries %s',
    async (name) => {
      const played = await play('backup', { 'take-inventory': throwing(name) });
      expect(played.inputsOf('take-inventory')).toHaveLength(1);
      expect(played.inputsOf('record-failure')).toMatchObject([
        { error: { Error: name, Cause: `${name} of the test` } },
      ]);
    },
  );

  it('takes a full in place of a delta whose base is damaged', async () => {
    const played = await play('backup', {
      'commit-snapshot': ({ fullBecause, snapshotId }) =>
        fullBecause === undefined
          ? { status: 'rebase', recoveryPointId: `${snapshotId}@primary`, fullBecause: 'the base is damaged' }
          : { status: 'committed', recoveryPointId: `${snapshotId}@primary` },
    });
    expect(played.inputsOf('take-inventory').map(({ fullBecause }) => fullBecause)).toEqual([
      undefined,
      'the base is damaged',
    ]);
    expect(played.inputsOf('record-failure')).toEqual([]);
    expect(played.result.status).toBe('SUCCEEDED');
  });

  it('does not turn in circles when a commit asks for a rebase again and again', async () => {
    const played = await play('backup', {
      'commit-snapshot': () => ({ status: 'rebase', recoveryPointId: 'x@primary', fullBecause: 'the base is damaged' }),
    });
    expect(played.inputsOf('commit-snapshot')).toHaveLength(2);
    expect(played.inputsOf('record-failure')).toMatchObject([{ error: { Error: 'IntegrityError' } }]);
  });

  it('goes straight to finish-run when there is nothing to do', async () => {
    const played = await play('backup', { ...startWith(), 'finish-run': () => finishedAs('skipped') });
    expect(tasksOf(played)).toEqual(['start-run', 'finish-run']);
    expect(played.result).toEqual({ status: 'SUCCEEDED', output: finishedAs('skipped') });
  });
});

describe('a run of five sources', () => {
  const five = ['s1', 's2', 's3', 's4', 's5'];

  it.each([
    ['take-inventory', 'NotFoundError'],
    ['take-snapshot', 'AccessDeniedError'],
    ['take-snapshot', 'TransientError'],
    ['commit-snapshot', 'IntegrityError'],
  ])('keeps the other four when %s of one fails with %s', async (task, error) => {
    const played = await play('backup', {
      ...startWith(...five),
      [task]: onlyFor('s3', task, throwing(error)),
      'finish-run': () => finishedAs('partial'),
    });
    const committed = played.inputsOf('commit-snapshot').map(({ sourceId }) => sourceId);
    expect(committed).toEqual(expect.arrayContaining(['s1', 's2', 's4', 's5']));
    const recorded = played.inputsOf('record-failure');
    expect(new Set(recorded.map(({ sourceId }) => sourceId))).toEqual(new Set(['s3']));
    expect(recorded[0]?.error).toEqual({ Error: error, Cause: `${error} of the test` });
    expect(tasksOf(played).at(-1)).toBe('finish-run');
    expect(played.result).toMatchObject({ status: 'FAILED', error: 'RunPartial' });
  });

  it('gives finish-run’s report as the cause of a run that is not whole', async () => {
    const report = { ...finishedAs('partial'), failed: 1, recoveryPoints: ['x@primary'] };
    const { result } = await play('backup', { 'finish-run': () => report });
    expect(result.status === 'FAILED' && JSON.parse(result.cause)).toEqual(report);
  });

  it('fails as RunFailed when no source is safe', async () => {
    const { result } = await play('backup', {
      ...startWith(...five),
      'take-inventory': throwing('AccessDeniedError'),
      'finish-run': () => finishedAs('failed'),
    });
    expect(result).toMatchObject({ status: 'FAILED', error: 'RunFailed' });
  });

  it('goes on when a failure cannot be recorded either', async () => {
    const played = await play('backup', {
      ...startWith(...five),
      'take-inventory': onlyFor('s2', 'take-inventory', throwing('NotFoundError')),
      'record-failure': throwing('AccessDeniedError'),
      'finish-run': () => finishedAs('partial'),
    });
    expect(played.inputsOf('commit-snapshot')).toHaveLength(4);
    expect(tasksOf(played).at(-1)).toBe('finish-run');
  });
});

describe('a run that cannot be started or closed', () => {
  it('fails with the error of start-run, and closes nothing', async () => {
    const played = await play('backup', { 'start-run': throwing('InvalidInputError', 'there is no plan "x"') });
    expect(played.result).toEqual({ status: 'FAILED', error: 'InvalidInputError', cause: 'there is no plan "x"' });
    expect(tasksOf(played)).toEqual(['start-run']);
  });

  it('fails with the error of finish-run', async () => {
    const { result } = await play('backup', { 'finish-run': throwing('ConflictError', 'lost') });
    expect(result).toEqual({ status: 'FAILED', error: 'ConflictError', cause: 'lost' });
  });
});

describe('six thousand shards with keys of a thousand bytes', () => {
  const key = Buffer.alloc(1000, 'k').toString('base64url');
  const list = Buffer.from(JSON.stringify(shardsOf('s1', 6000, { after: key, upTo: key })));

  it('are each done once, with payloads and a history far below the limits', async () => {
    const played = await play(
      'backup',
      { 'take-inventory': (input) => inventoryOf(input, { shards: 6000 }) },
      { readWork: async () => list },
    );
    expect(played.result.status).toBe('SUCCEEDED');
    expect(new Set(played.inputsOf('take-snapshot').map(({ shard }) => shard)).size).toBe(6000);
    expect(played.inputsOf('take-snapshot')).toHaveLength(6000);
    const largest = Math.max(...played.events.map((event) => Buffer.byteLength(JSON.stringify(event.payload ?? null))));
    expect(largest).toBeLessThan(10_000);
    // 6,000 children have histories of their own; what is left is the run's.
    expect(played.events.filter((event) => event.machine === 'backup').length).toBeLessThan(100);
  });
});
