import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EntryKey, keyFromText } from '../../functions/core/entry.ts';
import { IntegrityError } from '../../functions/core/errors.ts';
import { sha256Hex } from '../../functions/core/ids.ts';
import type { InventoryTaken, SourceWork, TakeSnapshotInput } from '../../functions/core/messages.ts';
import type { Deadline, Ports } from '../../functions/core/ports.ts';
import { commitSnapshot } from '../../functions/operations/commit-snapshot.ts';
import { MAX_ROUNDS } from '../../functions/operations/divide-left.ts';
import { rangesAt, shardsOf } from '../../functions/operations/divide-source.ts';
import { readManifest } from '../../functions/operations/read-chain.ts';
import { startRun } from '../../functions/operations/start-run.ts';
import { takeInventory } from '../../functions/operations/take-inventory.ts';
import { takeSnapshot } from '../../functions/operations/take-snapshot.ts';
import { getInventory, putInventory, shardsName } from '../../functions/operations/work-lists.ts';
import { contentsOf, impatient, makeWorld, NO_HURRY, type World } from '../fakes/world.ts';

const AT = '2026-03-01T02:00:00.000Z';

async function begin(world: World): Promise<SourceWork> {
  const [source] = (await startRun({ plan: 'web', kind: 'full', scheduledAt: AT }, world.ports)).sources;
  if (source === undefined) throw new Error('no source');
  return source;
}

function fill(world: World, entries: number): void {
  for (let at = 0; at < entries; at += 1) world.source.put(`k${String(at).padStart(5, '0')}`, `content ${at}`);
}

const listOf = async (world: World, inventory: InventoryTaken): Promise<TakeSnapshotInput[]> =>
  JSON.parse((await world.work.get(inventory.shardsKey)).toString());

/** Calls a worker of each shard once. */
async function takeAll(
  world: World,
  inventory: InventoryTaken,
  deadline: () => Deadline = () => NO_HURRY,
): Promise<void> {
  for (const shard of await listOf(world, inventory)) await takeSnapshot(shard, world.ports, deadline());
}

/** What the machine does when a commit has answered `divide`. */
async function divide(world: World, source: SourceWork, inventory: InventoryTaken): Promise<InventoryTaken> {
  const commit = await commitSnapshot({ ...source, inventory }, world.ports);
  expect(commit.status).toBe('divide');
  const again = await takeInventory({ ...source, inventory, commit }, world.ports, NO_HURRY);
  if (!again.done) throw new Error('a division is done at once');
  return again;
}

async function manifestOf(world: World) {
  const id = await world.latest();
  const point = await world.ports.recoveryPoints.find(id);
  if (point === undefined) throw new Error('no recovery point');
  return readManifest(await world.ports.openVault('primary'), point.sourceId, point.snapshotId);
}

/** Divides the source at these keys instead, as long as no worker was at work on it. */
const dividedAt =
  (cuts: readonly EntryKey[]) =>
  async ({ plan, runId, sourceId, snapshotId }: SourceWork, inventory: InventoryTaken, ports: Ports): Promise<void> => {
    const { attempt } = inventory;
    const work = { runId, sourceId, attempt };
    const { rounds, ...rest } = await getInventory(ports.work, work);
    if (rounds.length > 1) return;
    const shards = shardsOf(rangesAt(cuts), 0, { plan, runId, sourceId, snapshotId, attempt });
    await putInventory(ports.work, work, { ...rest, rounds: [{ attempt, shards: shards.length }] });
    await ports.work.put(shardsName(work), Buffer.from(JSON.stringify(shards)));
  };

const keys = fc.uniqueArray(fc.string({ unit: 'binary', minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 40 });
const history = fc.record({
  keys,
  cuts: fc.uniqueArray(fc.string({ unit: 'binary', maxLength: 3 }), { maxLength: 5 }),
  /** Looks at the clock until a worker, or what divides, must stop: after each entry, or later. */
  looks: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 8 }),
  /** By their places in the list of keys. */
  removed: fc.array(fc.nat(39), { maxLength: 10 }),
  changed: fc.array(fc.nat(39), { maxLength: 10 }),
  kind: fc.constantFrom('full' as const, 'incremental' as const, 'differential' as const),
});

describe('a source that is divided in any way, again and again', () => {
  it('gives the same snapshots as one worker without haste', async () => {
    await fc.assert(
      fc.asyncProperty(history, async ({ keys, cuts, looks, removed, changed, kind }) => {
        const take = async (world: World, deadline?: () => Deadline) => {
          const run = async (one: typeof kind) => {
            expect((await world.run(one, undefined, deadline)).status).toBe('succeeded');
            return manifestOf(world);
          };
          for (const [at, key] of keys.entries()) world.source.put(key, `content ${at}`);
          const first = await run('full');
          for (const key of changed.map((at) => keys[at])) if (key !== undefined) world.source.put(key, 'changed');
          for (const key of removed.map((at) => keys[at]))
            if (key !== undefined) world.source.entries.delete(keyFromText(key));
          return [first, await run(kind)];
        };
        const plan = { guard: { maxRemoved: '100%' }, sources: [{ uri: 's3://bucket/data/', expectEmpty: true }] };
        let calls = 0;
        const hurried = makeWorld({ plan, onInventory: dividedAt(cuts.map(keyFromText).sort()) });
        const taken = await take(hurried, () => impatient(looks[calls++ % looks.length] ?? 1)());
        const expected = await take(makeWorld({ plan }));
        for (const [at, manifest] of taken.entries()) {
          const { root, counts, segments, kind: taken } = manifest;
          expect({ root, counts, kind: taken }).toEqual({
            root: expected[at]?.root,
            counts: expected[at]?.counts,
            kind: expected[at]?.kind,
          });
          const bounds = segments.flatMap(({ firstKey, lastKey }) => [firstKey, lastKey]);
          expect(bounds).toEqual([...bounds].sort());
        }
        const to = 's3://restored/x/';
        await hurried.restoreTo({ recoveryPointId: await hurried.latest(), to });
        expect(contentsOf(hurried.place(to))).toEqual(contentsOf(hurried.source));
      }),
      { seed: 1, numRuns: 40 },
    );
  }, 120_000);
});

describe('the workers of a source', () => {
  it.each([
    ['a hundred', 's3://bucket/data/', 100],
    ['as many as the plan says', { uri: 's3://bucket/data/', concurrency: 7 }, 7],
  ])('are %s at once', async (_, configured, concurrency) => {
    const world = makeWorld({ plan: { sources: [configured] } });
    fill(world, 3);
    const source = await begin(world);
    expect(await world.inventoryOf(source)).toMatchObject({ concurrency });
  });
});

describe('what a worker leaves', () => {
  it('is divided by how much the worker dealt with in its time', async () => {
    const world = makeWorld();
    fill(world, 40);
    const source = await begin(world);
    const inventory = await world.inventoryOf(source);
    await takeAll(world, inventory, impatient(3));
    const next = await divide(world, source, inventory);
    // 37 entries by three.
    expect(next.shards).toBe(13);
    expect(next.onlyShard).toBeUndefined();
    await takeAll(world, next, impatient(4));
    expect((await commitSnapshot({ ...source, inventory: next }, world.ports)).status).toBe('committed');
    expect((await manifestOf(world)).counts.entries).toBe(40);
  });

  it('is divided by looks here and there where it is more than one look shows', async () => {
    const world = makeWorld();
    for (let at = 0; at < 6000; at += 1) world.source.put(sha256Hex(String(at)).slice(0, 1 + (at % 20)), '');
    const source = await begin(world);
    const inventory = await world.inventoryOf(source);
    await takeAll(world, inventory, impatient(1000));
    const second = await divide(world, source, inventory);
    expect(second.shards).toBeGreaterThanOrEqual(3);
    await takeAll(world, second);
    expect((await commitSnapshot({ ...source, inventory: second }, world.ports)).status).toBe('committed');
    expect((await manifestOf(world)).counts.entries).toBe(world.source.entries.size);
  });

  it('is numbered on from the shards that were there', async () => {
    const world = makeWorld();
    fill(world, 20);
    const source = await begin(world);
    const first = await world.inventoryOf(source);
    await takeAll(world, first, impatient(5));
    const second = await divide(world, source, first);
    await takeAll(world, second, impatient(2));
    const third = await divide(world, source, second);
    const numbers = [first, second, third].map(async (one) => (await listOf(world, one)).map(({ shard }) => shard));
    const all = (await Promise.all(numbers)).flat();
    expect(all).toEqual(all.map((_, at) => at));
  });

  it('is looked into, not listed, so that dividing costs a request or a few', async () => {
    const world = makeWorld();
    fill(world, 40);
    const source = await begin(world);
    const inventory = await world.inventoryOf(source);
    await takeAll(world, inventory, impatient(3));
    const before = { peeks: world.source.peeks, lists: world.source.lists };
    await divide(world, source, inventory);
    expect({ peeks: world.source.peeks, lists: world.source.lists }).toEqual({ ...before, peeks: before.peeks + 1 });
  });

  it('is handed on as it is when there is no time to divide it', async () => {
    const world = makeWorld();
    fill(world, 40);
    const source = await begin(world);
    const inventory = await world.inventoryOf(source);
    await takeAll(world, inventory, impatient(3));
    const commit = { status: 'divide' };
    const next = await takeInventory({ ...source, inventory, commit }, world.ports, impatient(1)());
    expect(next).toMatchObject({ done: true, shards: 1 });
  });

  it('is nothing in the last round: its workers go on with cursors, so that every snapshot comes to an end', async () => {
    const world = makeWorld();
    fill(world, 60);
    let inventories = 0;
    world.source.peek = async () => [...world.source.entries.keys()].slice(0, 1); // Nowhere to divide.
    const source = await begin(world);
    const deadline = impatient(1);
    const counted = machineOf(world, () => {
      inventories += 1;
    });
    await counted(source, deadline);
    expect(inventories).toBe(MAX_ROUNDS);
    expect((await manifestOf(world)).counts.entries).toBe(60);
  });

  it('of a directory is nothing: it is one shard, whose worker goes on with its cursor', async () => {
    const world = makeWorld({ sources: ['file:///data'] });
    fill(world, 20);
    const source = await begin(world);
    const { onlyShard } = await world.inventoryOf(source);
    if (onlyShard === undefined) throw new Error('it is divided');
    expect(onlyShard).not.toHaveProperty('after');
    expect(await takeSnapshot(onlyShard, world.ports, impatient(3)())).toMatchObject({ done: false });
  });
});

/** The machine's loops, told of each inventory. */
const machineOf = (world: World, onInventory: () => void) => async (source: SourceWork, deadline: () => Deadline) => {
  let state: Parameters<typeof takeInventory>[0] = source;
  for (;;) {
    const inventory = await world.inventoryOf(state, deadline);
    onInventory();
    for (const shard of await listOf(world, inventory)) {
      let progress = await takeSnapshot(shard, world.ports, deadline());
      while (!progress.done) progress = await takeSnapshot({ ...shard, progress }, world.ports, deadline());
    }
    const commit = await commitSnapshot({ ...source, inventory }, world.ports);
    if (commit.status === 'committed') return;
    state = { ...source, inventory, commit };
  }
};

describe('two workers on one shard, around a division', () => {
  async function divided() {
    const world = makeWorld();
    fill(world, 40);
    const source = await begin(world);
    const first = await world.inventoryOf(source);
    await takeAll(world, first, impatient(10));
    const second = await divide(world, source, first);
    return { world, source, first, second };
  }

  it.each([
    ['before', 4],
    ['behind', 20],
  ])('are refused rather than committed when the later stops %s where the division begins', async (_, looks) => {
    const { world, source, first, second } = await divided();
    await takeAll(world, second);
    await takeAll(world, first, impatient(looks));
    await expect(commitSnapshot({ ...source, inventory: second }, world.ports)).rejects.toThrow(IntegrityError);
  });

  it('are refused when the later comes to the end of the shard that was divided', async () => {
    const { world, source, first, second } = await divided();
    await takeAll(world, second);
    await takeAll(world, first);
    await expect(commitSnapshot({ ...source, inventory: second }, world.ports)).rejects.toThrow(/do not join/);
  });

  it('are one when both stop at the same key', async () => {
    const { world, source, first, second } = await divided();
    await takeAll(world, second);
    await takeAll(world, first, impatient(10));
    expect((await commitSnapshot({ ...source, inventory: second }, world.ports)).status).toBe('committed');
    expect((await manifestOf(world)).counts.entries).toBe(40);
  });

  it('leave nothing to divide when the later comes to the end before the division', async () => {
    const world = makeWorld();
    fill(world, 40);
    const source = await begin(world);
    const first = await world.inventoryOf(source);
    await takeAll(world, first, impatient(10));
    const commit = await commitSnapshot({ ...source, inventory: first }, world.ports);
    await takeAll(world, first);
    const second = await takeInventory({ ...source, inventory: first, commit }, world.ports, NO_HURRY);
    if (!second.done) throw new Error('a division is done at once');
    expect(second.shards).toBe(0);
    expect((await commitSnapshot({ ...source, inventory: second }, world.ports)).status).toBe('committed');
    expect((await manifestOf(world)).counts.entries).toBe(40);
  });

  it('have shards of their own when the division was called twice, of which only those of one count', async () => {
    const { world, source, first, second } = await divided();
    const other = await takeInventory(
      { ...source, inventory: first, commit: { status: 'divide' } },
      world.ports,
      NO_HURRY,
    );
    if (!other.done) throw new Error('a division is done at once');
    expect(other.attempt).not.toBe(second.attempt);
    await takeAll(world, other, impatient(2));
    await takeAll(world, second);
    expect((await commitSnapshot({ ...source, inventory: second }, world.ports)).status).toBe('committed');
    expect((await manifestOf(world)).counts.entries).toBe(40);
  });

  it('do not hurt one another when a commit of the round before is called again', async () => {
    const { world, source, first, second } = await divided();
    expect((await commitSnapshot({ ...source, inventory: first }, world.ports)).status).toBe('divide');
    await takeAll(world, second);
    expect((await commitSnapshot({ ...source, inventory: first }, world.ports)).status).toBe('divide');
    expect((await commitSnapshot({ ...source, inventory: second }, world.ports)).status).toBe('committed');
  });

  it('end the divisions when an inventory is asked for one too many', async () => {
    const { world, source, second } = await divided();
    const work = { runId: source.runId, sourceId: source.sourceId, attempt: second.attempt };
    const inventory = await getInventory(world.ports.work, work);
    const rounds = Array.from({ length: MAX_ROUNDS }, () => ({ attempt: second.attempt, shards: 0 }));
    await putInventory(world.ports.work, work, { ...inventory, rounds });
    const again = takeInventory({ ...source, inventory: second, commit: { status: 'divide' } }, world.ports, NO_HURRY);
    await expect(again).rejects.toThrow(IntegrityError);
  });
});
