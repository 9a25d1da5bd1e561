import { describe, expect, it } from 'vitest';
import {
  AccessDeniedError,
  IntegrityError,
  InvalidInputError,
  NotFoundError,
  TransientError,
} from '../../functions/core/errors.ts';
import { rebuildCatalogue } from '../../functions/operations/rebuild-catalogue.ts';
import { replicate } from '../../functions/operations/replicate.ts';
import { memoryCatalogue } from '../fakes/memory-catalogue.ts';
import { fill } from '../fakes/noise.ts';
import { contentsOf, makeWorld, NO_HURRY } from '../fakes/world.ts';

const replicated = async () => {
  const world = makeWorld({ plan: { replicateTo: ['offsite'] } });
  fill(world);
  for (const kind of ['full', 'incremental', 'differential'] as const) {
    world.source.put('changing', `before the ${kind}`);
    await world.run(kind);
  }
  return world;
};

describe('replication', () => {
  it('makes the replica hold the same blobs, byte for byte', async () => {
    const world = await replicated();
    const blobs = (name: 'primary' | 'offsite') =>
      Object.fromEntries([...world.vaults[name].blobs].map(([key, bytes]) => [key, bytes.toString('hex')]));
    expect(blobs('offsite')).toEqual(blobs('primary'));
  });

  it('restores and verifies from the replica alone', async () => {
    const world = await replicated();
    world.vaults.primary.blobs.clear();
    const to = 's3://restored/replica/';
    await world.restoreTo({ source: 's3://bucket/data/', vault: 'offsite', to });
    expect(contentsOf(world.place(to))).toEqual(contentsOf(world.source));
  });

  it('catches up with everything that the replica missed', async () => {
    const world = makeWorld();
    fill(world);
    for (const kind of ['full', 'incremental'] as const) {
      world.source.put('changing', kind);
      await world.run(kind);
    }
    expect(await replicate({ plan: 'web', to: 'offsite' }, world.ports, NO_HURRY)).toEqual({ done: true });
    expect([...world.vaults.offsite.blobs.keys()].sort()).toEqual([...world.vaults.primary.blobs.keys()].sort());
  });

  it('does not carry damage into the replica', async () => {
    const world = makeWorld();
    fill(world);
    await world.run('full');
    const { blobs } = world.vaults.primary;
    for (const name of [...blobs.keys()].filter((one) => one.startsWith('packs/')))
      blobs.set(name, Buffer.from('damaged'));
    await expect(replicate({ plan: 'web', to: 'offsite' }, world.ports, NO_HURRY)).rejects.toThrow(IntegrityError);
    expect([...world.vaults.offsite.blobs.keys()]).toEqual([]);
  });

  it('leaves the source safe and the run partial when the replica fails', async () => {
    const world = makeWorld();
    fill(world);
    const { startRun } = await import('../../functions/operations/start-run.ts');
    const { recordFailure } = await import('../../functions/operations/record-failure.ts');
    const { finishRun } = await import('../../functions/operations/finish-run.ts');
    const done = await world.run('full');
    const started = await startRun(
      { plan: 'web', kind: 'incremental', scheduledAt: '2026-03-02T00:00:00Z' },
      world.ports,
    );
    const [source] = started.sources;
    const committed = (await world.ports.runs.listSources(done.runId))[0];
    if (source === undefined || committed === undefined) throw new Error('no source');
    await world.ports.runs.putSource({ ...committed, runId: started.runId, status: 'committed' });
    await recordFailure(
      { ...source, replica: 'offsite', error: { Error: 'TransientError', Cause: '{"errorMessage":"unreachable"}' } },
      world.ports,
    );
    expect((await finishRun({ runId: started.runId }, world.ports)).status).toBe('partial');
    expect((await world.ports.runs.listSources(started.runId))[0]).toMatchObject({
      status: 'committed',
      reason: 'replica offsite: unreachable',
    });
  });
});

describe('catalogue rebuild', () => {
  it('finds every recovery point of every vault again, and a restore works from it', async () => {
    const world = await replicated();
    const catalogue = memoryCatalogue({ clock: world.ports.clock });
    const ports = { ...world.ports, ...catalogue };
    expect(await rebuildCatalogue(ports)).toEqual({ recoveryPoints: 6, problems: [] });
    for await (const state of world.ports.recoveryPoints.listStates()) {
      for await (const point of world.ports.recoveryPoints.listBySource(state.sourceId)) {
        const { availableAt: _, ...rebuilt } = (await catalogue.recoveryPoints.find(point.recoveryPointId)) ?? {};
        const { availableAt: __, verified: ___, ...known } = point;
        expect(rebuilt).toEqual(known);
      }
    }
  });

  for (const [trouble, error] of Object.entries({
    lost: new NotFoundError('it is gone'),
    refused: new AccessDeniedError('it refuses'),
    unreachable: new TransientError('it does not answer'),
    'under another key': new InvalidInputError('the key opens no slot'),
  })) {
    it(`rests on the replica when the primary is ${trouble}, and says so`, async () => {
      const world = await replicated();
      const { openVault } = world.ports;
      const fail = (): never => {
        throw error;
      };
      const ports = {
        ...world.ports,
        ...memoryCatalogue({ clock: world.ports.clock }),
        openVault: (name: string) => (name === 'primary' ? Promise.resolve().then(fail) : openVault(name)),
      };
      expect(await rebuildCatalogue(ports)).toEqual({
        recoveryPoints: 3,
        problems: [expect.stringContaining(error.message)],
      });
      for await (const state of ports.recoveryPoints.listStates()) expect(state.latest).toMatch(/@offsite$/);
    });
  }

  it('brings the state of a source level where other runs have written it since the last snapshot that it knows', async () => {
    const world = await replicated();
    for await (const state of world.ports.recoveryPoints.listStates()) {
      const { latest, latestConsistentAt: _, ...older } = state;
      await world.ports.recoveryPoints.putState({ ...older, token: 7 });
      await rebuildCatalogue(world.ports);
      for await (const again of world.ports.recoveryPoints.listStates())
        expect(again).toMatchObject({ latest, token: 7 });
    }
  });

  it('names a damaged manifest and goes on with the others', async () => {
    const world = await replicated();
    const { blobs } = world.vaults.primary;
    const [name = ''] = [...blobs.keys()].filter((one) => one.startsWith('manifests/'));
    blobs.set(name, Buffer.from('damaged'));
    const result = await rebuildCatalogue({ ...world.ports, ...memoryCatalogue({ clock: world.ports.clock }) });
    expect(result.recoveryPoints).toBe(5);
    expect(result.problems).toHaveLength(1);
    expect(result.problems[0]).toContain(name);
  });
});
