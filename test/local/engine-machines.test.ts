import { describe, expect, it } from 'vitest';
import type { MachineName } from '../../functions/local/engine.ts';
import { type Played, play, type Script, throwing } from './engine-fakes.ts';

const point = { recoveryPointId: 'snapshot-s1@primary' };
const verify = (script: Script, input: object = point): Promise<Played> => play('verify', script, { input });
const restore = (script: Script): Promise<Played> => play('restore', script, { input: { ...point, to: 's3://b/' } });

describe('verify', () => {
  it.each(['verified', 'verified-empty', 'not-verified'])('succeeds with the outcome %s', async (outcome) => {
    const { result } = await verify({ verify: () => ({ done: true, ...point, outcome }) });
    expect(result).toEqual({ status: 'SUCCEEDED', output: { done: true, ...point, outcome } });
  });

  it('fails with the reason when the proof failed', async () => {
    const { result } = await verify({
      verify: () => ({ done: true, ...point, outcome: 'failed', reason: 'a pack is gone' }),
    });
    expect(result).toEqual({ status: 'FAILED', error: 'VerificationFailed', cause: 'a pack is gone' });
  });

  it('never takes an outcome that it does not know for a proof', async () => {
    const { result } = await verify({ verify: () => ({ done: true, ...point, outcome: 'splendid', reason: 'odd' }) });
    expect(result).toMatchObject({ status: 'FAILED', error: 'VerificationFailed' });
  });

  it('hands level and cursor to the next call', async () => {
    const played = await verify(
      {
        verify: ({ progress }) =>
          progress === undefined
            ? { done: false, cursor: 'c', ...point }
            : { done: true, ...point, outcome: 'verified' },
      },
      { ...point, level: 'data' },
    );
    expect(played.inputsOf('verify')).toEqual([
      { ...point, level: 'data' },
      { ...point, level: 'data', progress: { done: false, cursor: 'c', ...point } },
    ]);
  });
});

describe('restore', () => {
  it.each(['succeeded', 'dry-run'])('succeeds with the report when it is %s', async (status) => {
    const { result } = await restore({ restore: () => ({ done: true, status, restored: 3 }) });
    expect(result).toEqual({ status: 'SUCCEEDED', output: { done: true, status, restored: 3 } });
  });

  it.each([
    ['partial', 'RestorePartial'],
    ['failed', 'RestoreFailed'],
    ['running', 'RestoreFailed'],
  ])('that ends %s fails as %s, with the report as the cause', async (status, error) => {
    const report = {
      done: true,
      status,
      restored: 3,
      problems: [String.raw`"a\\b 'c' {} $.x\n" cannot stand on a disk`, 'line\nbreak ü'],
    };
    const { result } = await restore({ restore: () => report });
    expect(result).toMatchObject({ status: 'FAILED', error });
    expect(result.status === 'FAILED' && JSON.parse(result.cause)).toEqual(report);
  });

  it('goes on with its cursor', async () => {
    const played = await restore({
      restore: ({ progress }) =>
        progress === undefined ? { done: false, cursor: 'c', status: 'running' } : { done: true, status: 'succeeded' },
    });
    expect(played.inputsOf('restore').map(({ progress }) => progress?.cursor)).toEqual([undefined, 'c']);
  });
});

describe('replicate', () => {
  it('goes on with its cursor until it is done', async () => {
    const played = await play(
      'replicate',
      { replicate: ({ progress }) => (progress === undefined ? { done: false, cursor: 'c' } : { done: true }) },
      { input: { plan: 'web-app', to: 'offsite' } },
    );
    expect(played.inputsOf('replicate').map(({ progress }) => progress?.cursor)).toEqual([undefined, 'c']);
    expect(played.result).toEqual({ status: 'SUCCEEDED', output: { done: true } });
  });
});

it.each<MachineName>(['verify', 'restore', 'replicate'])(
  '%s fails with the error of what it calls',
  async (machine) => {
    const { result } = await play(
      machine,
      { [machine]: throwing('AccessDeniedError', 'denied') },
      { input: { ...point, plan: 'p', to: 'x' } },
    );
    expect(result).toEqual({ status: 'FAILED', error: 'AccessDeniedError', cause: 'denied' });
  },
);
