import { Logger } from '@aws-lambda-powertools/logger';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { AccessDeniedError, InvalidInputError, TransientError } from '../../functions/core/errors.ts';
import type { RunId } from '../../functions/core/ids.ts';
import { takeSnapshotInput } from '../../functions/core/messages.ts';
import { configSchema } from '../../functions/core/plan.ts';
import type { Deadline, Ports } from '../../functions/core/ports.ts';
import { lambdaIn } from '../../functions/runtime/lambda.ts';
import { meterIn } from '../../functions/runtime/meter.ts';
import { part } from '../../functions/runtime/parts/part.ts';
import { invocationUsage } from '../../functions/runtime/task-usage.ts';
import { wirePorts } from '../../functions/runtime/wiring.ts';
import { memoryBlobStore } from '../fakes/memory-blob-store.ts';
import { memoryCatalogue } from '../fakes/memory-catalogue.ts';

const clock = { now: () => new Date('2026-11-25T10:00:00Z') };
const somePorts = (): Ports =>
  wirePorts({
    config: configSchema.parse({
      vaults: { primary: { url: 's3://acme-vault/' } },
      plans: { p: { sources: ['s3://acme/'], vault: 'primary' } },
    }),
    catalogue: memoryCatalogue({ clock }),
    work: memoryBlobStore(),
    secret: async () => ({ type: 'passphrase', passphrase: 'x' }),
    events: { publish: async () => {} },
    metrics: { put: () => {} },
    clock,
  });

const contextWith = (remainingMillis: () => number) => ({
  functionName: 'holdfast-take-snapshot',
  functionVersion: '1',
  invokedFunctionArn: 'arn:aws:lambda:eu-west-1:123456789012:function:holdfast-take-snapshot',
  memoryLimitInMB: '1024',
  awsRequestId: 'request-1',
  getRemainingTimeInMillis: remainingMillis,
});
const context = contextWith(() => 900_000);
const anything = z.looseObject({});

afterEach(() => {
  vi.restoreAllMocks();
});

/** Makes handlers that log to `lines`, as text. */
function tools() {
  const lines: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
  vi.spyOn(process.stderr, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
  const logger = new Logger({ serviceName: 'test', logLevel: 'INFO' });
  return { lambda: lambdaIn({ environment: {}, logger }), lines };
}

const work = {
  plan: 'web-app',
  runId: 'a'.repeat(32),
  sourceId: 'b'.repeat(16),
  snapshotId: '20261125T102209123Z-0123456789ab',
};

describe('a handler', () => {
  it('gives the operation its parsed input and the ports, and returns its output', async () => {
    const { lambda } = tools();
    const handler = lambda(
      z.object({ count: z.number().default(7) }),
      async (input, ports) => ({
        count: input.count,
        plans: Object.keys(ports.config.plans),
      }),
      part([], somePorts),
    );
    expect(await handler({ more: true }, context)).toEqual({ count: 7, plans: ['p'] });
  });

  it('refuses input that is not as it should be, naming function and fields, and does nothing', async () => {
    const { lambda } = tools();
    const operation = vi.fn();
    const handling = lambda(takeSnapshotInput, operation)(
      { ...work, attempt: '1', shard: -1, runId: undefined },
      context,
    );
    await expect(handling).rejects.toThrow(InvalidInputError);
    await expect(handling).rejects.toThrow(
      'holdfast-take-snapshot cannot take this input: runId is missing; attempt is no attempt id; shard is too small: at least 0',
    );
    expect(operation).not.toHaveBeenCalled();
  });

  it.each([null, undefined, 'text', 3, []])('refuses %o for input', async (event) => {
    const { lambda } = tools();
    await expect(lambda(takeSnapshotInput, async () => 0)(event, context)).rejects.toThrow(InvalidInputError);
  });

  it.each([
    new TransientError('throttled', { cause: new Error('SlowDown') }),
    new AccessDeniedError('denied'),
    new TypeError('x is not a function'),
  ])('rethrows %s as it is', async (error) => {
    const { lambda } = tools();
    const handling = lambda(anything, async () => {
      throw error;
    })({}, context);
    await expect(handling).rejects.toBe(error);
  });
});

describe('the ports', () => {
  const clocks = part([], () => ({ clock }));
  const work = part([], () => ({ work: memoryBlobStore() }));

  it('are those of the parts that the handler names, and no others', async () => {
    const handler = tools().lambda(anything, async (_, ports) => Object.keys(ports), clocks, work);
    expect(await handler({}, context)).toEqual(['clock', 'work']);
  });

  it('must be all that the operation asks for, or it does not compile', () => {
    const { lambda } = tools();
    const operation = async (_: object, ports: Pick<Ports, 'clock' | 'work'>) => ports.work.url;
    lambda(anything, operation, clocks, work);
    // @ts-expect-error no part gives the work place
    lambda(anything, operation, clocks);
    // @ts-expect-error no part gives anything
    lambda(anything, operation);
  });

  it('are opened at the first invocation, and once', async () => {
    const open = vi.fn(somePorts);
    const handler = tools().lambda(anything, async (_, ports) => ports.work.url, part([], open));
    expect(open).not.toHaveBeenCalled();
    await Promise.all([handler({}, context), handler({}, context)]);
    await handler({}, context);
    expect(open).toHaveBeenCalledTimes(1);
  });

  it('are opened again after they could not be', async () => {
    const open = vi.fn(async () => somePorts()).mockRejectedValueOnce(new TransientError('the disk is slow'));
    const handler = tools().lambda(anything, async () => 'done', part([], open));
    await expect(handler({}, context)).rejects.toThrow('the disk is slow');
    expect(await handler({}, context)).toBe('done');
  });

  it('are refused for an environment that lacks anything that a part needs, all of it at once', async () => {
    const operation = vi.fn();
    const bus = part(['HOLDFAST_EVENT_BUS'], somePorts);
    const stage = part(['HOLDFAST_STAGE', 'HOLDFAST_EVENT_BUS'], somePorts);
    const handling = tools().lambda(anything, operation, bus, stage)({}, context);
    await expect(handling).rejects.toThrow(InvalidInputError);
    await expect(handling).rejects.toThrow(
      'environment is incomplete: HOLDFAST_EVENT_BUS is not set; HOLDFAST_STAGE is not set; deploy it again',
    );
    expect(operation).not.toHaveBeenCalled();
  });
});

describe('the deadline', () => {
  const remainingAt = async (...millis: number[]): Promise<readonly number[]> => {
    let now = millis[0] ?? 0;
    let deadline: Deadline | undefined;
    await tools().lambda(anything, async (_, __, given) => {
      deadline = given;
    })(
      {},
      contextWith(() => now),
    );
    return millis.map((left) => {
      now = left;
      return deadline?.remainingMillis() ?? Number.NaN;
    });
  };

  it('comes a minute before Lambda’s own, to write what is there', async () => {
    expect(await remainingAt(900_000, 100_000, 61_000)).toEqual([840_000, 40_000, 1_000]);
  });

  it('never says less than nothing', async () => {
    expect(await remainingAt(900_000, 60_000, 1_000)).toEqual([840_000, 0, 0]);
  });

  it('leaves a function with little time most of it', async () => {
    expect(await remainingAt(20_000)).toEqual([15_000]);
  });
});

describe('what an invocation used', () => {
  const runId = work.runId as RunId;

  /** Handlers over a catalogue and a meter of their own, in a function of 1,000 MiB. */
  function metered(beforeWrite: (operation: string) => void = () => {}) {
    const catalogue = memoryCatalogue({ clock, beforeWrite });
    const { lines } = tools();
    const logger = new Logger({ serviceName: 'test', logLevel: 'INFO' });
    const meter = meterIn({});
    const lambda = lambdaIn({ environment: { AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '1000' }, logger, meter });
    const given = part([], () => ({ usage: catalogue.usage, used: () => meter.add({ s3Writes: 2 }) }));
    return { lambda, given, lines, used: () => catalogue.usage.get(runId) };
  }

  it('is left with the run that its message names, whether it ended well or not', async () => {
    const { lambda, given, used } = metered();
    const handler = lambda(
      z.object({ fail: z.boolean() }),
      async ({ fail }, { used: count }) => {
        count();
        if (fail) throw new TransientError('no');
      },
      given,
    );
    await handler({ runId, fail: false }, context);
    expect(await used()).toEqual({ s3Writes: 2, lambdaCalls: 1, lambdaMebibyteMillis: expect.any(Number) });
    await handler({ runId, fail: true }, context).catch(() => {});
    expect(await used()).toMatchObject({ s3Writes: 4, lambdaCalls: 2 });
  });

  it('is left with the run that its answer names', async () => {
    const { lambda, given, used } = metered();
    await lambda(anything, async () => ({ runId }), given)({ plan: 'p' }, context);
    expect(await used()).toMatchObject({ lambdaCalls: 1 });
  });

  it('is left nowhere when it was for no run', async () => {
    const { lambda, given, used } = metered();
    await lambda(anything, async () => ({ runId: 'no id' }), given)({ runId: 7 }, context);
    expect(await used()).toEqual({});
  });

  it('fails nothing when it cannot be left, and says so', async () => {
    const { lambda, given, lines } = metered(() => {
      throw new TransientError('throttled');
    });
    expect(await lambda(anything, async () => ({ runId, done: true }), given)({}, context)).toEqual({
      runId,
      done: true,
    });
    expect(lines.map((line) => JSON.parse(line).level)).toEqual(['INFO', 'WARN']);
  });
});

describe('the time that an invocation is billed', () => {
  const environment = { AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '1000' };
  const billed = (...moments: number[]) => {
    const begin = invocationUsage(environment, meterIn({}), () => moments.shift() ?? Number.NaN);
    return () => begin()().lambdaMebibyteMillis;
  };

  it('is that from its beginning to its end, and for the first of a process its start besides', () => {
    const next = billed(400, 900, 5000, 5100.5);
    expect(next()).toBe(900_000);
    expect(next()).toBe(101_000);
  });

  it('leaves out the time that a process waited for its first', () => {
    expect(billed(60_000, 60_250)()).toBe(250_000);
  });
});

describe('the log', () => {
  const secret = 'customers/jane.doe@example.org';

  it('has one line for a success: ids, counts and the time it took', async () => {
    const { lambda, lines } = tools();
    await lambda(anything, async () => ({ done: true, entries: 12, status: 'committed' }))(
      { ...work, shard: 3 },
      context,
    );
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'INFO',
      message: 'holdfast-take-snapshot done',
      function_request_id: 'request-1',
      ...work,
      shard: 3,
      done: true,
      entries: 12,
      status: 'committed',
      durationMillis: expect.any(Number),
    });
  });

  it('has one line for a failure: the error, its ids and the name of its cause', async () => {
    const { lambda, lines } = tools();
    const error = new TransientError('run r-1: throttled', {
      cause: new SyntaxError(secret),
      context: { runId: 'r-1' },
    });
    await lambda(anything, async () => Promise.reject(error))({ ...work }, context).catch(() => {});
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'ERROR',
      message: 'holdfast-take-snapshot failed',
      ...work,
      failure: {
        name: 'TransientError',
        message: 'run r-1: throttled',
        context: { runId: 'r-1' },
        cause: 'SyntaxError',
      },
    });
  });

  it('tells a bug by its stack', async () => {
    const { lambda, lines } = tools();
    await lambda(anything, async () => Promise.reject(new TypeError('oops')))({}, context).catch(() => {});
    expect(JSON.parse(lines[0] ?? '').failure.stack).toContain('lambda.test.ts');
  });

  it('shows nothing of keys, cursors, places and contents', async () => {
    const { lambda, lines } = tools();
    const event = {
      ...work,
      after: secret,
      upTo: secret,
      to: `s3://b/${secret}`,
      progress: { done: false, cursor: secret },
    };
    const output = { done: false, cursor: secret, problems: [secret], reason: secret, nested: { key: secret } };
    await lambda(anything, async () => output)(event, context);
    await lambda(anything, async () => Promise.reject(new TransientError('x', { cause: new Error(secret) })))(
      event,
      context,
    ).catch(() => {});
    expect(lines).toHaveLength(2);
    expect(lines.join('')).not.toContain('jane');
  });
});
