import { describe, expect, it } from 'vitest';
import { keyFromText } from '../../functions/core/entry.ts';
import type { BlobStore } from '../../functions/core/ports.ts';
import { Killed } from '../fakes/faulty-blob-store.ts';
import { fill } from '../fakes/noise.ts';
import { contentsOf, makeWorld, type World } from '../fakes/world.ts';

const AT = '2026-03-01T12:00:00.000Z';

/** Kills the process at its n-th write to anything: vault, work place or catalogue; before or after the write took effect. */
function killer() {
  let left = Number.POSITIVE_INFINITY;
  let dead = false;
  let writes = 0;
  let effect: 'before' | 'after' = 'before';
  const step = (): boolean => {
    if (dead) throw new Killed('killed');
    writes += 1;
    left -= 1;
    if (left >= 0) return false;
    dead = true;
    if (effect === 'before') throw new Killed('killed');
    return true;
  };
  const wrap = (store: BlobStore): BlobStore => {
    const write = async <T>(act: () => Promise<T>): Promise<T> => {
      const last = step();
      const result = await act();
      if (last) throw new Killed('killed');
      return result;
    };
    return {
      ...store,
      put: (name, bytes) => write(() => store.put(name, bytes)),
      putNew: (name, bytes) => write(() => store.putNew(name, bytes)),
      delete: (name) => write(() => store.delete(name)),
    };
  };
  return {
    wrap,
    beforeWrite: () => {
      // The catalogue's fake calls this before the effect; "after" there is the same as before its next write.
      if (step()) throw new Killed('killed');
    },
    arm: (n: number, when: 'before' | 'after') => {
      [left, dead, writes, effect] = [n, false, 0, when];
    },
    disarm: () => {
      [left, dead] = [Number.POSITIVE_INFINITY, false];
    },
    writes: () => writes,
  };
}

function change(world: World): void {
  world.source.put('small/007.json', 'changed');
  world.source.put('added', 'x'.repeat(200_000));
  world.source.entries.delete(keyFromText('medium'));
}

async function facts(world: World) {
  const points = [];
  for (const id of await pointIds(world)) {
    const point = await world.ports.recoveryPoints.find(id);
    points.push([
      point?.vault,
      point?.kind,
      point?.status,
      point?.root,
      point?.counts,
      point?.chain.length,
      point?.verified?.outcome,
    ]);
  }
  return points;
}

async function pointIds(world: World) {
  const ids = [];
  for await (const state of world.ports.recoveryPoints.listStates())
    for await (const point of world.ports.recoveryPoints.listBySource(state.sourceId)) ids.push(point.recoveryPointId);
  return ids.sort();
}

/** Nothing in a vault names what is missing: every recovery point of both vaults verifies. */
async function everythingVerifies(world: World): Promise<void> {
  for (const id of await pointIds(world))
    expect(await world.check(id, 'restore')).toMatchObject({ outcome: 'verified' });
}

const plan = { replicateTo: ['offsite'], verify: { after: 'every', level: 'restore' } };

async function prepared(kill: ReturnType<typeof killer>): Promise<World> {
  const world = makeWorld({ plan, wrap: kill.wrap, beforeWrite: kill.beforeWrite });
  fill(world);
  expect((await world.run('full')).status).toBe('succeeded');
  change(world);
  return world;
}

describe('a run that is killed at a write and started again', () => {
  it.each(['before', 'after'] as const)(
    'ends like an undisturbed one, wherever it is killed (%s the write took effect)',
    async (when) => {
      const calm = killer();
      const undisturbed = await prepared(calm);
      calm.arm(Number.POSITIVE_INFINITY, when);
      await undisturbed.run('incremental', AT);
      const [expected, writes] = [await facts(undisturbed), calm.writes()];
      expect(writes).toBeGreaterThan(15);

      for (let n = 0; n < writes; n += 1) {
        const kill = killer();
        const world = await prepared(kill);
        kill.arm(n, when);
        await expect(world.run('incremental', AT), `write ${n}`).rejects.toThrow(Killed);
        kill.disarm();
        const again = await world.run('incremental', AT);
        expect(again.status, `write ${n}`).toBe('succeeded');
        expect(await facts(world), `write ${n}`).toEqual(expected);
        await everythingVerifies(world);
        const to = 's3://restored/x/';
        await world.restoreTo({ recoveryPointId: await world.latest(), to });
        expect(contentsOf(world.place(to)), `write ${n}`).toEqual(contentsOf(world.source));
      }
    },
    300_000,
  );
});
