import { describe, expect, it } from 'vitest';
import { fill } from '../fakes/noise.ts';
import { contentsOf, makeWorld, type World } from '../fakes/world.ts';

const TO = 's3://restored/place/';

/** A full and an incremental in both vaults; then the plan is taken out of the file, and another is left. */
async function withoutItsPlan(): Promise<World> {
  const world = makeWorld({ plan: { replicateTo: ['offsite'] } });
  fill(world);
  await world.run('full');
  world.source.put('small/002.json', 'changed');
  await world.run('incremental');
  const { plans } = world.ports.config;
  const { web } = plans;
  if (web === undefined) throw new Error('there is no plan');
  delete plans.web;
  plans.other = { ...web, sources: [{ uri: 's3://other/' }] };
  return world;
}

describe('a recovery point whose plan is gone from the file', () => {
  it('is restored by its id', async () => {
    const world = await withoutItsPlan();
    const report = await world.restoreTo({ recoveryPointId: await world.latest(), to: TO });
    expect(report).toMatchObject({ status: 'succeeded', restored: 45 });
    expect(contentsOf(world.place(TO))).toEqual(contentsOf(world.source));
  });

  it('is restored as the latest state of its source', async () => {
    const world = await withoutItsPlan();
    await world.restoreTo({ source: 's3://bucket/data/', to: TO });
    expect(contentsOf(world.place(TO))).toEqual(contentsOf(world.source));
  });

  it('is restored from its replica', async () => {
    const world = await withoutItsPlan();
    world.vaults.primary.blobs.clear();
    await world.restoreTo({ recoveryPointId: await world.latest(), vault: 'offsite', to: TO });
    expect(contentsOf(world.place(TO))).toEqual(contentsOf(world.source));
  });

  it.each(['check', 'data', 'restore'] as const)('is verified at level %s', async (level) => {
    const world = await withoutItsPlan();
    expect(await world.check(await world.latest(), level)).toMatchObject({ outcome: 'verified' });
  });

  it('is verified at the level that plans have by default', async () => {
    const world = await withoutItsPlan();
    const id = await world.latest();
    expect(await world.check(id)).toMatchObject({ outcome: 'verified' });
    for await (const verification of world.ports.proofs.listVerifications(id))
      expect(verification.level).toBe('restore');
  });
});
