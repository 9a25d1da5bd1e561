/** Runs that are refused, or told of nothing but an error's name: each ends with a reason that a person can go by. */
import { describe, expect, it } from 'vitest';
import { translateAwsError } from '../../functions/core/aws-errors.ts';
import { keyFromText } from '../../functions/core/entry.ts';
import { AccessDeniedError, TransientError } from '../../functions/core/errors.ts';
import { recordFailure } from '../../functions/operations/record-failure.ts';
import { startRun } from '../../functions/operations/start-run.ts';
import { fill } from '../fakes/noise.ts';
import { impatient, makeWorld } from '../fakes/world.ts';

const refusing = (refusal: object) => async (): Promise<never> => {
  throw translateAwsError(Object.assign(new Error('said AWS'), refusal), 'bus holdfast: a test');
};

describe('the reason of a failure', () => {
  const told = async (error: { Error: string; Cause: string }) => {
    const world = makeWorld();
    const { sources, runId } = await startRun(
      { plan: 'web', kind: 'full', scheduledAt: '2026-03-01T02:00:00.000Z' },
      world.ports,
    );
    for (const source of sources) await recordFailure({ ...source, error }, world.ports);
    return (await world.ports.runs.listSources(runId))[0];
  };

  it.each([
    ['States.Timeout', '', 'States.Timeout', /a step took longer than its limit .* see the log/],
    ['Lambda.Unknown', '', 'Lambda.Unknown', /Lambda\.Unknown, of which no cause was told; see the history/],
    ['NotFoundError', 'no vault', 'NotFoundError', /^no vault$/],
    [
      'NotFoundError',
      '{"errorType":"NotFoundError","errorMessage":"no vault","trace":[]}',
      'NotFoundError',
      /^no vault$/,
    ],
    [
      'States.TaskFailed',
      '{"Status":"FAILED","Error":"NotFoundError","Cause":"no vault"}',
      'NotFoundError',
      /^no vault$/,
    ],
    ['States.TaskFailed', '{"Status":"FAILED","Error":"States.Timeout"}', 'States.Timeout', /took longer/],
    ['States.TaskFailed', '{"ExecutionArn":"arn:x","Status":"TIMED_OUT"}', 'States.Timeout', /^arn:x ran out of time$/],
    ['States.TaskFailed', '{"ExecutionArn":"arn:x","Status":"ABORTED"}', 'States.Aborted', /^arn:x was stopped$/],
    [
      'States.TaskFailed',
      JSON.stringify({
        Error: 'AccessDeniedError',
        Cause: '{"errorType":"AccessDeniedError","errorMessage":"denied"}',
      }),
      'AccessDeniedError',
      /^denied$/,
    ],
  ])('caught as %s with %j is a sentence for a person', async (caught, cause, error, reason) => {
    expect(await told({ Error: caught, Cause: cause })).toMatchObject({
      status: 'failed',
      error,
      reason: expect.stringMatching(reason),
    });
  });
});

describe('a run that cannot begin', () => {
  const input = { plan: 'web', kind: 'full', scheduledAt: '2026-03-01T02:00:00.000Z' } as const;
  const publish = refusing({ name: 'AccessDeniedException', $metadata: { httpStatusCode: 400 } });

  it('is closed as failed, with the reason at each source, and holds none of them', async () => {
    const world = makeWorld({ sources: ['s3://bucket/a/', 's3://bucket/b/'] });
    await expect(startRun(input, { ...world.ports, events: { publish } })).rejects.toThrow(AccessDeniedError);
    for await (const run of world.ports.runs.listByPlan('web')) {
      expect(run).toMatchObject({ status: 'failed', finishedAt: expect.any(String) });
      const sources = await world.ports.runs.listSources(run.runId);
      expect(sources).toHaveLength(2);
      for (const source of sources) {
        expect(source).toMatchObject({
          status: 'failed',
          error: 'AccessDeniedError',
          reason: expect.stringContaining('denied'),
        });
        // Given up: the next run gets it.
        await world.ports.leases.acquire(source.sourceId, 'f'.repeat(32) as typeof run.runId, 60);
      }
    }
  });

  it('goes on when it is started again', async () => {
    const world = makeWorld();
    fill(world);
    await expect(startRun(input, { ...world.ports, events: { publish } })).rejects.toThrow(AccessDeniedError);
    expect(await world.run('full', input.scheduledAt)).toMatchObject({ status: 'succeeded' });
  });

  it('is left open for the repetition after a transient failure', async () => {
    const world = makeWorld();
    const busy = refusing({ name: 'ThrottlingException' });
    await expect(startRun(input, { ...world.ports, events: { publish: busy } })).rejects.toThrow(TransientError);
    for await (const run of world.ports.runs.listByPlan('web')) expect(run.status).toBe('running');
  });

  it('says so by the first error, also when the catalogue refuses to close it', async () => {
    let writes = 0;
    const world = makeWorld({
      beforeWrite: () => {
        writes += 1;
        if (writes > 2) throw new AccessDeniedError(`write ${writes} is denied`);
      },
    });
    await expect(startRun(input, world.ports)).rejects.toThrow('write 3 is denied');
  });

  it('for want of a plan names those that there are', async () => {
    const world = makeWorld();
    await expect(startRun({ ...input, plan: 'wbe' }, world.ports)).rejects.toThrow(
      'there is no plan "wbe"; holdfast.yml has web',
    );
  });
});

describe('a source of which nothing may be read', () => {
  it('fails as denied, with the refusal in its own words, and gives no empty snapshot', async () => {
    const world = makeWorld();
    for (const key of ['a', 'b']) {
      world.source.put(key, 'x');
      world.source.failures.set(keyFromText(key), 'denied');
    }
    const { status, sources, problems } = await world.run('full');
    expect(status).toBe('failed');
    const reason = 's3://bucket/data/: none of its entries can be read, such as "a": access denied';
    expect(sources).toMatchObject([{ status: 'failed', error: 'AccessDeniedError', reason }]);
    expect(problems).toEqual([`s3://bucket/data/: AccessDeniedError: ${reason}`]);
    await expect(world.latest()).rejects.toThrow();
  });

  it('is told from one of which the last call could read nothing', async () => {
    const world = makeWorld();
    for (const key of ['a', 'b', 'c']) world.source.put(key, 'x');
    for (const key of ['b', 'c']) world.source.failures.set(keyFromText(key), 'denied');
    const { status, recoveryPoints } = await world.run('full', undefined, impatient(1));
    expect(status).toBe('partial');
    expect(recoveryPoints).toHaveLength(1);
  });

  it('keeps what was read before, and names what is denied now', async () => {
    const world = makeWorld();
    world.source.put('a', 'x');
    await world.run('full');
    world.source.put('a', 'y');
    world.source.failures.set(keyFromText('a'), 'denied');
    const { status, problems } = await world.run('incremental');
    expect(status).toBe('partial');
    expect(problems).toEqual([expect.stringMatching(/an entry is not protected: "a": access denied/)]);
  });
});
