import { describe, expect, it } from 'vitest';
import { keyFromText } from '../../functions/core/entry.ts';
import type { BlobStore, Deadline } from '../../functions/core/ports.ts';
import { Killed } from '../fakes/faulty-blob-store.ts';
import { fill } from '../fakes/noise.ts';
import { contentsOf, impatient, makeWorld, NO_HURRY, type World, type WorldOptions } from '../fakes/world.ts';

const AT = '2026-03-01T12:00:00.000Z';

/** Kills the process at its n-th write to anything: vault, work place or catalogue; before or after the write took effect. */
function killer() {
  let left = Number.POSITIVE_INFINITY;
  let dead = false;
  let killed = false;
  let writes = 0;
  let effect: 'before' | 'after' = 'before';
  const step = (): boolean => {
    if (dead) throw new Killed('killed');
    writes += 1;
    left -= 1;
    if (left >= 0) return false;
    dead = true;
    killed = true;
    if (effect === 'before') throw new Killed('killed');
    return true;
  };
  const write = async <T>(act: () => Promise<T>): Promise<T> => {
    const last = step();
    const result = await act();
    if (last) throw new Killed('killed');
    return result;
  };
  const wrap = (store: BlobStore): BlobStore => ({
    ...store,
    put: (name, bytes) => write(() => store.put(name, bytes)),
    putNew: (name, bytes) => write(() => store.putNew(name, bytes)),
    delete: (name) => write(() => store.delete(name)),
  });
  return {
    /** Of a world, whose stores and catalogue it kills at. */
    options: {
      wrap,
      beforeWrite: () => {
        // The catalogue's fake calls this before the effect; "after" there is the same as before its next write.
        if (step()) throw new Killed('killed');
      },
    },
    write,
    arm: (n: number, when: 'before' | 'after') => {
      [left, dead, killed, writes, effect] = [n, false, false, 0, when];
    },
    disarm: () => {
      [left, dead] = [Number.POSITIVE_INFINITY, false];
    },
    writes: () => writes,
    /** Whether it has killed since it was armed. */
    struck: () => killed,
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
const TABLE = 'dynamodb://orders';
const COPY = 'dynamodb://copy';
const itemKey = (number: number): string => `{"pk":{"N":"${number}"}}`;

function fillTable(world: World): void {
  for (let number = 0; number < 12; number += 1) world.table(TABLE).put(itemKey(number), `item ${number}`);
}

/** Items that are changed, removed and added; `told`: the table tells them apart from all others. */
function changeItems(world: World, told: boolean): void {
  const table = world.table(TABLE);
  table.put(itemKey(3), 'changed');
  table.put(itemKey(77), 'added');
  table.items.delete(keyFromText(itemKey(5)));
  if (!told) return;
  const entries = [3, 5, 77].map((number) => keyFromText(itemKey(number)));
  table.changes = { entries: entries.map((key) => ({ key, content: table.items.get(key) })) };
}

interface Protected {
  readonly options: WorldOptions;
  readonly fill: (world: World) => void;
  readonly change: (world: World) => void;
  readonly to: string;
  readonly contents: (world: World, uri: string) => object;
  readonly deadline: () => Deadline;
}

const table = (told: boolean): Protected => ({
  options: { sources: [TABLE] },
  fill: fillTable,
  change: (world) => changeItems(world, told),
  to: COPY,
  contents: (world, uri) => new Map([...world.table(uri).items].sort(([a], [b]) => (a < b ? -1 : 1))),
  deadline: impatient(3),
});
const SOURCES: Readonly<Record<string, Protected>> = {
  objects: {
    options: {},
    fill,
    change,
    to: 's3://restored/x/',
    contents: (world, uri) => contentsOf(world.place(uri)),
    deadline: () => NO_HURRY,
  },
  'objects of which workers leave some to others': {
    options: {},
    fill: (world) => {
      for (const key of ['a', 'b', 'c', 'd', 'medium', 'small/007.json']) world.source.put(key, `content of ${key}`);
    },
    change,
    to: 's3://restored/x/',
    contents: (world, uri) => contentsOf(world.place(uri)),
    deadline: impatient(3),
  },
  'a table': table(false),
  'a table that tells its changes': table(true),
};
const uriOf = ({ options }: Protected): string => options.sources?.[0] ?? 's3://bucket/data/';

async function prepared(kill: ReturnType<typeof killer>, source: Protected, options: WorldOptions = {}) {
  const world = makeWorld({ plan, ...kill.options, ...source.options, ...options });
  source.fill(world);
  expect((await world.run('full')).status).toBe('succeeded');
  source.change(world);
  return world;
}

/** The machine calls a worker that died again, with the same input. */
const callAgain = (kill: ReturnType<typeof killer>) => ({
  retry: async <T>(call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      kill.disarm();
      return call();
    }
  },
});

const TIMES = ['before', 'after'] as const;
const cases = Object.keys(SOURCES).flatMap((name) => TIMES.map((when) => ({ name, when, source: SOURCES[name] })));

describe('a run that is killed at a write', () => {
  it.each(cases)(
    'and started again ends like an undisturbed one, wherever it is killed ($name, $when the write took effect)',
    async ({ when, source }) => {
      if (source === undefined) throw new Error('no source');
      const calm = killer();
      const undisturbed = await prepared(calm, source);
      calm.arm(Number.POSITIVE_INFINITY, when);
      await undisturbed.run('incremental', AT, source.deadline);
      const [expected, writes] = [await facts(undisturbed), calm.writes()];
      expect(writes).toBeGreaterThan(15);

      for (let n = 0; n < writes; n += 1) {
        const kill = killer();
        const world = await prepared(kill, source);
        kill.arm(n, when);
        await expect(world.run('incremental', AT, source.deadline), `write ${n}`).rejects.toThrow(Killed);
        kill.disarm();
        const again = await world.run('incremental', AT, source.deadline);
        expect(again.status, `write ${n}`).toBe('succeeded');
        expect(await facts(world), `write ${n}`).toEqual(expected);
        await everythingVerifies(world);
        await expectRestored(world, source, `write ${n}`);
      }
    },
    300_000,
  );

  it.each(cases.filter(({ name }) => name !== 'objects'))(
    'and whose worker is called again ends like an undisturbed one ($name, $when the write took effect)',
    async ({ when, source }) => {
      if (source === undefined) throw new Error('no source');
      const calm = killer();
      const undisturbed = await prepared(calm, source);
      calm.arm(Number.POSITIVE_INFINITY, when);
      await undisturbed.run('incremental', AT, source.deadline);
      const expected = await facts(undisturbed);
      for (let n = 0, reached = true; reached; n += 1) {
        const kill = killer();
        const world = await prepared(kill, source, callAgain(kill));
        kill.arm(n, when);
        const run = world.run('incremental', AT, source.deadline);
        // Starting, verifying and ending a run are not called again here.
        const died = await run.then(
          () => false,
          (error: unknown) => error instanceof Killed,
        );
        if (died) continue;
        reached = kill.struck();
        expect((await run).status, `write ${n}`).toBe('succeeded');
        expect(await facts(world), `write ${n}`).toEqual(expected);
        await expectRestored(world, source, `write ${n}`);
      }
    },
    300_000,
  );
});

async function expectRestored(world: World, source: Protected, where: string): Promise<void> {
  if (source.to.startsWith('dynamodb:')) world.table(source.to).there = false;
  await world.restoreTo({ recoveryPointId: await world.latest(), to: source.to });
  expect(source.contents(world, source.to), where).toEqual(source.contents(world, uriOf(source)));
}

describe('a restore into a table that is killed at a write and called again', () => {
  const modes = [{ exact: true }, { onConflict: 'skip' as const }, { onConflict: 'overwrite' as const }, undefined];
  const restores = modes.flatMap((mode) => TIMES.map((when) => ({ mode, when })));

  it.each(restores)('ends like an undisturbed one, wherever it is killed ($mode, $when)', async ({ mode, when }) => {
    const attempt = async (n: number) => {
      const kill = killer();
      const world = makeWorld({ sources: [TABLE], ...kill.options, ...callAgain(kill) });
      fillTable(world);
      await world.run('full');
      const copy = world.table(COPY);
      copy.there = mode !== undefined;
      if (mode !== undefined) for (const number of [1, 2, 900, 901]) copy.put(itemKey(number), 'theirs');
      const { write, remove } = copy;
      copy.write = (entry, content) => kill.write(() => write(entry, content));
      copy.remove = (key) => kill.write(() => remove(key));
      kill.arm(n, when);
      const report = await world.restoreTo({ recoveryPointId: await world.latest(), to: COPY, ...mode }, impatient(4));
      const { status, restored, removed, skipped, failed, bytes } = report;
      const items = new Map([...copy.items].sort(([a], [b]) => (a < b ? -1 : 1)));
      const records = [];
      for await (const record of world.ports.proofs.listRestores())
        if (record.restoreId === report.restoreId) records.push(record.status);
      // What it wrote itself before it was killed is there then, and is skipped as anything that is there.
      const counts = mode?.onConflict === 'skip' ? { seen: restored + skipped } : { restored, skipped, bytes };
      return { struck: kill.struck(), facts: { status, ...counts, removed, failed, items, records } };
    };
    const { facts: expected } = await attempt(Number.POSITIVE_INFINITY);
    for (let n = 0, struck = true; struck; n += 1) {
      const result = await attempt(n);
      struck = result.struck;
      expect(result.facts, `write ${n}`).toEqual(expected);
    }
  });
});
