/** What is refused, missing or elsewhere ends an operation with its own name, at once, and the catalogue shows it. */
import { describe, expect, it } from 'vitest';
import { translateAwsError } from '../../functions/core/aws-errors.ts';
import type { RestoreRecord } from '../../functions/core/catalogue-records.ts';
import { keyFromText } from '../../functions/core/entry.ts';
import { AccessDeniedError, InvalidInputError, NotFoundError, TransientError } from '../../functions/core/errors.ts';
import { type RestoreInput, restoreInput } from '../../functions/core/messages.ts';
import type { BlobStore, ListedTarget, Ports, Target } from '../../functions/core/ports.ts';
import { recordFailure } from '../../functions/operations/record-failure.ts';
import { restore } from '../../functions/operations/restore.ts';
import { verify } from '../../functions/operations/verify.ts';
import { fill } from '../fakes/noise.ts';
import { makeWorld, NO_HURRY, type World } from '../fakes/world.ts';

const TO = 's3://restored/place/';

/** What S3 or the way to it says of a place as a whole. */
const REFUSALS = [
  ['NoSuchBucket', { name: 'NoSuchBucket', $metadata: { httpStatusCode: 404 } }, NotFoundError],
  ['another region', { name: 'PermanentRedirect', $metadata: { httpStatusCode: 301 } }, InvalidInputError],
  ['no such host', { code: 'ENOTFOUND', hostname: 'restored.s3.eu-west-9.amazonaws.com' }, InvalidInputError],
  ['AccessDenied', { name: 'AccessDenied', $metadata: { httpStatusCode: 403 } }, AccessDeniedError],
] as const;

const refusing = (refusal: object) => async (): Promise<never> => {
  throw translateAwsError(Object.assign(new Error('said S3'), refusal), 's3://place/: a test');
};

async function filled(): Promise<World> {
  const world = makeWorld();
  fill(world);
  await world.run('full');
  return world;
}

async function recordsOf(world: World): Promise<readonly RestoreRecord[]> {
  const records: RestoreRecord[] = [];
  for await (const record of world.ports.proofs.listRestores()) records.push(record);
  return records;
}

/** The first call of a restore and what the machine would call it with again. */
async function begin(world: World, input: Partial<RestoreInput> = {}) {
  const whole = restoreInput.parse({ recoveryPointId: await world.latest(), to: TO, ...input });
  const progress = await restore(whole, world.ports, NO_HURRY);
  return {
    progress,
    goOn: (ports: Partial<Ports>) => restore({ ...whole, progress }, { ...world.ports, ...ports }, NO_HURRY),
  };
}

const withTarget = (world: World, changed: Partial<Target>) => ({
  openTarget: async (uri: string) => ({ ...world.place(uri), ...changed }),
});

const withVault = (world: World, changed: Partial<BlobStore>) => ({
  openVault: async (name: string) => {
    const vault = await world.ports.openVault(name);
    return { ...vault, store: { ...vault.store, ...changed } };
  },
});

describe.each(REFUSALS)('a restore that meets %s', (_, refusal, expected) => {
  it('in its target ends with that, and not with every entry as failed', async () => {
    const world = await filled();
    let writes = 0;
    const { goOn } = await begin(world);
    const write = () => {
      writes += 1;
      return refusing(refusal)();
    };
    await expect(goOn(withTarget(world, { write }))).rejects.toThrow(expected);
    expect(writes).toBeLessThanOrEqual(16);
    expect(await recordsOf(world)).toMatchObject([{ status: 'failed' }]);
  });

  it('where it removes what is too much ends with that', async () => {
    const world = await filled();
    world.place(TO).put('extra', 'x');
    const { goOn } = await begin(world, { exact: true });
    await expect(goOn(withTarget(world, { remove: refusing(refusal) }))).rejects.toThrow(expected);
    expect(await recordsOf(world)).toMatchObject([{ status: 'failed' }]);
  });

  it('in its vault between two calls is recorded as failed', async () => {
    const world = await filled();
    const { goOn } = await begin(world);
    await expect(goOn({ openVault: refusing(refusal) })).rejects.toThrow(expected);
    expect(await recordsOf(world)).toMatchObject([{ status: 'failed' }]);
  });

  it('before it has begun leaves no record', async () => {
    const world = await filled();
    const { work } = world.ports;
    const first = { recoveryPointId: await world.latest(), to: TO };
    for (const ports of [
      { openVault: refusing(refusal) },
      withTarget(world, { list: refuseListing(refusal) }),
      { work: { ...work, put: refusing(refusal) } },
    ])
      await expect(restore(restoreInput.parse(first), { ...world.ports, ...ports }, NO_HURRY)).rejects.toThrow(
        expected,
      );
    expect(await recordsOf(world)).toEqual([]);
  });
});

const refuseListing = (refusal: object): ListedTarget['list'] =>
  async function* () {
    yield await refusing(refusal)();
  };

describe.each(REFUSALS)('a verification that meets %s', (_, refusal, expected) => {
  const found = async (world: World) => world.ports.recoveryPoints.find(await world.latest());

  it('in its sandbox ends with that, and says nothing of the recovery point', async () => {
    const world = await filled();
    const before = await found(world);
    const { openSandbox } = world.ports;
    const ports: Ports = {
      ...world.ports,
      openSandbox: async (source, id) => {
        const sandbox = await openSandbox(source, id);
        return sandbox && { ...sandbox, target: { ...sandbox.target, write: refusing(refusal) } };
      },
    };
    const verifying = verify({ recoveryPointId: await world.latest(), level: 'restore' }, ports, NO_HURRY);
    await expect(verifying).rejects.toThrow(expected);
    expect(await found(world)).toEqual(before);
  });

  it('when it opens the vault ends with that, and says nothing of the recovery point', async () => {
    const world = await filled();
    const before = await found(world);
    const ports = { ...world.ports, openVault: refusing(refusal) };
    await expect(verify({ recoveryPointId: await world.latest() }, ports, NO_HURRY)).rejects.toThrow(expected);
    expect(await found(world)).toEqual(before);
  });
});

it.each(REFUSALS.filter(([, , expected]) => expected !== NotFoundError))(
  'a vault that answers with %s in the middle of a verification is not called damaged',
  async (_, refusal, expected) => {
    const world = await filled();
    const ports = { ...world.ports, ...withVault(world, { get: refusing(refusal) }) };
    for (const level of ['check', 'data', 'restore'] as const)
      await expect(verify({ recoveryPointId: await world.latest(), level }, ports, NO_HURRY)).rejects.toThrow(expected);
    expect(await world.ports.recoveryPoints.find(await world.latest())).toMatchObject({ status: 'available' });
  },
);

describe('a restore that its machine gives up', () => {
  const timeout = { Error: 'States.Timeout', Cause: '' };
  const denied = {
    Error: 'AccessDeniedError',
    Cause: '{"errorType":"AccessDeniedError","errorMessage":"denied; grant it"}',
  };

  it('is recorded as failed, with what it had done and why it ended', async () => {
    const world = await filled();
    const { progress } = await begin(world);
    world.advance(60_000);
    await recordFailure({ error: timeout, dryRun: false, progress: { ...progress, restored: 7 } }, world.ports);
    expect(await recordsOf(world)).toMatchObject([
      {
        status: 'failed',
        restored: 7,
        error: 'States.Timeout',
        reason: expect.stringContaining('took longer than its limit'),
        measuredRtoSeconds: 60,
        finishedAt: expect.any(String),
      },
    ]);
  });

  it('after a transient failure is recorded too, since its own last call could not', async () => {
    const world = await filled();
    const { progress, goOn } = await begin(world);
    world.place(TO).failures.set(keyFromText('medium'), 'transient');
    await expect(goOn({})).rejects.toThrow(TransientError);
    expect(await recordsOf(world)).toMatchObject([{ status: 'running' }]);
    const error = { Error: 'TransientError', Cause: 'busy' };
    await recordFailure({ error, dryRun: false, progress }, world.ports);
    expect(await recordsOf(world)).toMatchObject([{ status: 'failed', error: 'TransientError', reason: 'busy' }]);
  });

  it('is told why by what it recorded itself, which keeps its counts', async () => {
    const world = await filled();
    const { progress, goOn } = await begin(world);
    world.place(TO).failures.set(keyFromText('medium'), 'denied');
    await expect(goOn({})).rejects.toThrow(AccessDeniedError);
    const [before] = await recordsOf(world);
    await recordFailure({ error: denied, dryRun: false, progress }, world.ports);
    const told = { error: 'AccessDeniedError', reason: 'denied; grant it' };
    expect(await recordsOf(world)).toEqual([{ ...before, ...told }]);
  });

  it('stays as it is when it had ended', async () => {
    const world = await filled();
    const { progress, goOn } = await begin(world);
    expect(await goOn({})).toMatchObject({ status: 'succeeded' });
    const before = await recordsOf(world);
    await recordFailure({ error: timeout, dryRun: false, progress }, world.ports);
    expect(await recordsOf(world)).toEqual(before);
  });

  it('has no record to change when it was dry', async () => {
    const world = await filled();
    const { progress } = await begin(world, { dryRun: true });
    await recordFailure({ error: timeout, dryRun: true, progress }, world.ports);
    expect(await recordsOf(world)).toEqual([]);
  });
});
