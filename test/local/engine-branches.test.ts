import { describe, expect, it } from 'vitest';
import {
  errorOf,
  finishedAs,
  goodScript,
  inventoryOf,
  play,
  type Script,
  shardsOf,
  type TaskInput,
  throwing,
  workOf,
} from './engine-fakes.ts';

describe('a shard that fails', () => {
  const failAt =
    (shard: number, name = 'IntegrityError') =>
    (input: TaskInput) => {
      if (input.shard === shard) throw errorOf(name, `shard ${shard} is broken`);
      return { done: true };
    };
  const twenty = { readWork: async () => Buffer.from(JSON.stringify(shardsOf('s1', 20))), concurrency: 1 };

  it('records its own error before the Map’s', async () => {
    const played = await play('backup', { 'take-snapshot': failAt(1) });
    expect(played.inputsOf('record-failure').map(({ error }) => error?.Error)).toEqual([
      'IntegrityError',
      'States.ExceedToleratedFailureThreshold',
    ]);
    expect(played.inputsOf('record-failure')[0]).toMatchObject({
      ...workOf('s1'),
      shard: 1,
      error: { Error: 'IntegrityError', Cause: 'shard 1 is broken' },
    });
  });

  it('keeps the snapshot from being committed', async () => {
    const played = await play('backup', { 'take-snapshot': failAt(1) });
    expect(played.inputsOf('commit-snapshot')).toEqual([]);
  });

  it('keeps the shards after it from being started', async () => {
    const played = await play('backup', { 'take-snapshot': failAt(3) }, twenty);
    expect(played.inputsOf('take-snapshot').map(({ shard }) => shard)).toEqual([0, 1, 2, 3]);
  });

  it('fails the Map also when its error could not be recorded', async () => {
    const played = await play('backup', {
      'take-snapshot': failAt(1),
      'record-failure': throwing('AccessDeniedError'),
    });
    const [caught] = played.events.filter((event) => event.type === 'failed' && event.state === 'Shards');
    expect(caught?.error).toBe('States.ExceedToleratedFailureThreshold');
    expect(played.inputsOf('commit-snapshot')).toEqual([]);
  });

  it('waits for the shards that are under way, and stops their loops', async () => {
    const { promise: broken, resolve: breakNow } = Promise.withResolvers<void>();
    let ended = 0;
    const script = {
      'take-snapshot': async ({ shard }: TaskInput) => {
        if (shard === 0) {
          breakNow();
          throw errorOf('IntegrityError');
        }
        await broken;
        await new Promise((resolve) => setImmediate(resolve));
        ended += 1;
        return { done: false, cursor: 'more' };
      },
      'record-failure': ({ shard }: TaskInput) => {
        // The Map's own failure comes when nothing of it runs any more.
        if (shard === undefined) expect(ended).toBe(1);
      },
    };
    const played = await play('backup', script, { childConcurrency: 2 });
    expect(played.inputsOf('take-snapshot').map(({ shard }) => shard)).toEqual([0, 1]);
    expect(ended).toBe(1);
  });

  it('tells a list that cannot be read from a shard that failed, after trying again', async () => {
    let reads = 0;
    const played = await play(
      'backup',
      {},
      {
        readWork: async () => {
          reads += 1;
          throw errorOf('NotFoundError', 'no such list');
        },
      },
    );
    expect(reads).toBe(4);
    expect(played.inputsOf('record-failure')).toMatchObject([{ error: { Error: 'States.ItemReaderFailed' } }]);
  });
});

describe('replicas', () => {
  const replicas = [{ to: 'offsite' }, { to: 'office' }];
  const replicated: Script = { 'take-inventory': (input) => inventoryOf(input, { replicas, verify: true }) };

  it('are filled with this snapshot, one by one', async () => {
    const played = await play('backup', replicated);
    expect(played.inputsOf('replicate')).toEqual(replicas.map(({ to }) => ({ ...workOf('s1'), to })));
  });

  it('are called again with their cursor', async () => {
    const played = await play('backup', {
      ...replicated,
      replicate: ({ to, progress }) =>
        to === 'office' && progress === undefined ? { done: false, cursor: 'c' } : { done: true },
    });
    const office = played.inputsOf('replicate').filter(({ to }) => to === 'office');
    expect(office.map(({ progress }) => progress)).toEqual([undefined, { done: false, cursor: 'c' }]);
  });

  it('that fail are recorded by name, and harm neither the others nor the verification', async () => {
    const played = await play('backup', {
      ...replicated,
      replicate: ({ to }) => {
        if (to === 'offsite') throw errorOf('AccessDeniedError', 'denied');
        return { done: true };
      },
    });
    expect(played.inputsOf('record-failure')).toEqual([
      { ...workOf('s1'), replica: 'offsite', error: { Error: 'AccessDeniedError', Cause: 'denied' } },
    ]);
    expect(played.inputsOf('replicate')).toHaveLength(2);
    expect(played.inputsOf('verify')).toHaveLength(1);
  });

  it('that fail unrecorded harm nothing either', async () => {
    const played = await play('backup', {
      ...replicated,
      replicate: throwing('AccessDeniedError'),
      'record-failure': throwing('AccessDeniedError'),
    });
    expect(played.inputsOf('verify')).toHaveLength(1);
    expect(played.result.status).toBe('SUCCEEDED');
  });
});

describe('verification within a run', () => {
  const verified: Script = { 'take-inventory': (input) => inventoryOf(input, { verify: true }) };

  it('is given the recovery point that was committed', async () => {
    const played = await play('backup', verified);
    expect(played.inputsOf('verify')).toMatchObject([{ recoveryPointId: 'snapshot-s1@primary' }]);
    expect(played.inputsOf('record-failure')).toEqual([]);
  });

  it('goes on over several calls', async () => {
    const played = await play('backup', {
      ...verified,
      verify: (input) => (input.progress === undefined ? { done: false, cursor: 'c' } : goodScript.verify?.(input)),
    });
    expect(played.inputsOf('verify').map(({ progress }) => progress?.cursor)).toEqual([undefined, 'c']);
  });

  it('records a failed proof as Step Functions tells it: the nested execution’s error within the cause', async () => {
    const played = await play('backup', {
      ...verified,
      verify: () => ({ done: true, recoveryPointId: 'x@primary', outcome: 'failed', reason: 'a chunk is missing' }),
      'finish-run': () => finishedAs('partial'),
    });
    const [failure] = played.inputsOf('record-failure');
    expect(failure?.error?.Error).toBe('States.TaskFailed');
    expect(JSON.parse(failure?.error?.Cause ?? '')).toMatchObject({
      Status: 'FAILED',
      Error: 'VerificationFailed',
      Cause: 'a chunk is missing',
    });
    expect(played.result).toMatchObject({ status: 'FAILED', error: 'RunPartial' });
  });

  it('of one source harms no other', async () => {
    const played = await play('backup', {
      ...verified,
      'start-run': () => ({ runId: 'run-1', plan: 'web-app', sources: ['s1', 's2'].map(workOf) }),
      verify: (input) => {
        if (input.recoveryPointId?.includes('s1')) throw errorOf('IntegrityError');
        return goodScript.verify?.(input);
      },
    });
    expect(played.inputsOf('record-failure').map(({ sourceId }) => sourceId)).toEqual(['s1']);
    expect(played.inputsOf('verify')).toHaveLength(2);
  });
});
