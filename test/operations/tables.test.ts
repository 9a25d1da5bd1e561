/** Sources that list in an order of their own: staged, compared, restored and verified. */
import { describe, expect, it } from 'vitest';
import { keyFromText } from '../../functions/core/entry.ts';
import { TransientError } from '../../functions/core/errors.ts';
import { restoreInput } from '../../functions/core/messages.ts';
import type { BlobStore } from '../../functions/core/ports.ts';
import { restore } from '../../functions/operations/restore.ts';
import { LEASE_SECONDS, startRun } from '../../functions/operations/start-run.ts';
import { takeInventory } from '../../functions/operations/take-inventory.ts';
import { verify } from '../../functions/operations/verify.ts';
import { impatient, makeWorld, NO_HURRY, type World, type WorldOptions } from '../fakes/world.ts';

const URI = 'dynamodb://orders';
const worldOfTable = (options: WorldOptions = {}) => makeWorld({ sources: [URI], ...options });

const keyOf = (number: number): string => `{"pk":{"S":"${String(number).padStart(4, '0')}"}}`;
function fill(world: World, count = 100, from = 0): void {
  for (let number = from; number < from + count; number += 1)
    world.table(URI).put(keyOf(number), `{"pk":{"S":"${number}"},"n":{"N":"1E+125"}}`);
}

const itemsOf = (world: World, uri: string) =>
  new Map([...world.table(uri).items].sort(([a], [b]) => (a < b ? -1 : 1)));
const COPY = 'dynamodb://copy';

async function restored(world: World, input: object = {}, deadline = () => NO_HURRY) {
  const table = world.table(COPY);
  if (table.items.size === 0) table.there = false;
  const { recoveryPointId } = await latestPoint(world);
  return world.restoreTo({ recoveryPointId, to: COPY, ...input }, deadline);
}

async function latestPoint(world: World) {
  const point = await world.ports.recoveryPoints.find(await world.latest());
  if (point === undefined) throw new Error('no recovery point');
  return point;
}

describe('a table', () => {
  it('comes back item by item, whatever the order in which it was read', async () => {
    const world = worldOfTable();
    fill(world);
    const run = await world.run('full');
    expect(run.status).toBe('succeeded');
    expect((await restored(world)).status).toBe('succeeded');
    expect(itemsOf(world, COPY)).toEqual(itemsOf(world, URI));
  });

  it('is the same snapshot when its worker is interrupted again and again', async () => {
    const world = worldOfTable();
    fill(world, 200);
    expect((await world.run('full', undefined, impatient(3))).status).toBe('succeeded');
    const { counts } = await latestPoint(world);
    expect(counts).toMatchObject({ entries: 200, added: 200 });
    expect((await restored(world, {}, impatient(9))).status).toBe('succeeded');
    expect(itemsOf(world, COPY)).toEqual(itemsOf(world, URI));
  });

  it('costs no pack and no segment while nothing changes', async () => {
    const world = worldOfTable();
    fill(world);
    await world.run('full');
    const before = [...world.vaults.primary.blobs.keys()].filter((name) => !name.startsWith('manifests/'));
    await world.run('incremental');
    const after = [...world.vaults.primary.blobs.keys()].filter((name) => !name.startsWith('manifests/'));
    expect(after).toEqual(before);
    expect((await latestPoint(world)).counts).toMatchObject({ entries: 100, added: 0, changed: 0, removed: 0 });
  });

  it.each(['incremental', 'differential'] as const)('tells added, changed and removed items in an %s', async (kind) => {
    const world = worldOfTable();
    fill(world);
    await world.run('full');
    world.table(URI).put(keyOf(3), 'changed');
    world.table(URI).items.delete(keyFromText(keyOf(5)));
    fill(world, 4, 100);
    await world.run(kind);
    expect((await latestPoint(world)).counts).toMatchObject({ entries: 103, added: 4, changed: 1, removed: 1 });
    await restored(world);
    expect(itemsOf(world, COPY)).toEqual(itemsOf(world, URI));
  });

  it('without an item is a snapshot of nothing, verified as empty', async () => {
    const world = worldOfTable();
    await world.run('full');
    const { recoveryPointId } = await latestPoint(world);
    expect(await world.check(recoveryPointId, 'restore')).toMatchObject({ outcome: 'verified-empty' });
  });

  it('leaves nothing of its contents in the work place when the snapshot is there', async () => {
    const world = worldOfTable();
    fill(world);
    await world.run('full');
    expect([...world.work.blobs.keys()].filter((name) => name.includes('/staged/'))).toEqual([]);
  });

  it('never lies in the clear in the work place', async () => {
    const seen: string[] = [];
    const wrap = (store: BlobStore, name: string): BlobStore => {
      const put: BlobStore['put'] = (blob, bytes) => {
        seen.push(Buffer.from(bytes).toString('latin1'));
        return store.put(blob, bytes);
      };
      return name === 'work' ? { ...store, put } : store;
    };
    const world = worldOfTable({ wrap });
    world.table(URI).put(keyOf(1), 'a value nobody may see');
    await world.run('full');
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.filter((text) => text.includes('a value nobody may see'))).toEqual([]);
  });

  it('that is not ready is waited for as long as it says', async () => {
    const world = worldOfTable();
    fill(world);
    world.table(URI).waits = 3;
    expect((await world.run('full')).status).toBe('succeeded');
    expect(world.table(URI).scans).toBe(4);
    expect((await latestPoint(world)).counts.entries).toBe(100);
  });

  it('is read on where it was begun when reading fails for now, and not begun anew', async () => {
    const retry = async <T>(call: () => Promise<T>): Promise<T> => {
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof TransientError)) throw error;
        return call();
      }
    };
    const world = worldOfTable({ retry });
    fill(world);
    const table = world.table(URI);
    const { beginScan, scan } = table;
    const calls = { begun: 0, scanned: 0 };
    table.beginScan = (...args) => {
      calls.begun += 1;
      return beginScan(...args);
    };
    table.scan = (cursor) => {
      calls.scanned += 1;
      if (calls.scanned === 1) throw new TransientError('the service is failing for now');
      return scan(cursor);
    };
    expect((await world.run('full')).status).toBe('succeeded');
    expect(calls).toEqual({ begun: 1, scanned: 2 });
  });

  it('that takes an hour to be ready is looked at so rarely that the history of a run has room for forty like it', async () => {
    const world = worldOfTable();
    fill(world, 20);
    world.table(URI).waits = Number.POSITIVE_INFINITY;
    const scheduledAt = '2026-03-01T12:00:00.000Z';
    const [source] = (await startRun({ plan: 'web', kind: 'full', scheduledAt }, world.ports)).sources;
    if (source === undefined) throw new Error('no source');
    let inventory = await takeInventory(source, world.ports, NO_HURRY);
    const waits: number[] = [];
    for (let waited = 0; !inventory.done && waited < 3600; waited += inventory.done ? 0 : inventory.waitSeconds) {
      waits.push(inventory.waitSeconds);
      inventory = await takeInventory({ ...source, inventory }, world.ports, NO_HURRY);
    }
    expect(waits.slice(0, 2)).toEqual([1, 30]);
    // Less than the lease of the source, which each call extends.
    expect(Math.max(...waits)).toBeLessThan(LEASE_SECONDS / 2);
    // Of 25,000 events, 9 a look; a quarter is for all else.
    expect(waits.length * 9 * 40).toBeLessThan(25_000 * 0.75);
  });

  it('has shards that a second worker with the same cursor leaves alone', async () => {
    const world = worldOfTable();
    fill(world, 20);
    const { sources } = await startRun(
      { plan: 'web', kind: 'full', scheduledAt: '2026-03-01T12:00:00.000Z' },
      world.ports,
    );
    const [source] = sources;
    if (source === undefined) throw new Error('no source');
    const inventory = await takeInventory(source, world.ports, impatient(1)());
    const first = await takeInventory({ ...source, inventory }, world.ports, NO_HURRY);
    const second = await takeInventory({ ...source, inventory }, world.ports, NO_HURRY);
    if (!first.done || !second.done) throw new Error('the staging has not ended');
    expect(second.attempt).not.toBe(first.attempt);
    expect(second.shardsKey).not.toBe(first.shardsKey);
  });

  it('that is gone fails the run and names itself', async () => {
    const world = worldOfTable();
    world.table(URI).there = false;
    const run = await world.run('full');
    expect(run.status).toBe('failed');
    expect(run.sources[0]).toMatchObject({ status: 'failed', error: 'NotFoundError' });
  });
});

describe('a table that tells its changes', () => {
  const changed = (world: World) => {
    const table = world.table(URI);
    table.put(keyOf(3), 'changed');
    table.items.delete(keyFromText(keyOf(5)));
    table.put(keyOf(500), 'new');
    const content = (key: string) => table.items.get(keyFromText(key));
    table.changes = {
      entries: [keyOf(3), keyOf(5), keyOf(500)].map((key) => ({ key: keyFromText(key), content: content(key) })),
    };
  };

  it.each(['incremental', 'differential'] as const)('gives an %s of these alone', async (kind) => {
    const world = worldOfTable();
    fill(world);
    await world.run('full');
    changed(world);
    await world.run(kind);
    expect((await latestPoint(world)).counts).toMatchObject({ entries: 100, added: 1, changed: 1, removed: 1 });
    await restored(world);
    expect(itemsOf(world, COPY)).toEqual(itemsOf(world, URI));
  });

  it('has the last of several states of one item', async () => {
    const world = worldOfTable();
    fill(world, 20);
    await world.run('full');
    const key = keyFromText(keyOf(7));
    const states = ['one', 'two', 'three'].map((text) => ({ key, content: Buffer.from(text) }));
    const others = Array.from({ length: 15 }, (_, at) => ({
      key: keyFromText(keyOf(100 + at)),
      content: Buffer.from('x'),
    }));
    world.table(URI).changes = {
      entries: [states[0], ...others, states[1], states[2]].filter((one) => one !== undefined),
    };
    await world.run('incremental', undefined, impatient(3));
    await restored(world);
    expect(world.table(COPY).items.get(key)?.toString()).toBe('three');
  });

  it('is read as a full that says why, when the changes do not reach back far enough', async () => {
    const world = worldOfTable();
    fill(world);
    await world.run('full');
    world.table(URI).gap = 'point-in-time recovery was switched off in between';
    await world.run('incremental');
    expect(await latestPoint(world)).toMatchObject({
      kind: 'full',
      fullBecause: 'point-in-time recovery was switched off in between',
    });
  });
});

describe('a table whose base is damaged while it is read', () => {
  it.each(['manifests/', 'segments/'])('gives a full that says so, and leaves nothing staged (%s)', async (lost) => {
    for (const changes of [undefined, { entries: [{ key: keyFromText(keyOf(3)), content: Buffer.from('changed') }] }]) {
      const world = worldOfTable();
      fill(world);
      await world.run('full');
      const table = world.table(URI);
      table.put(keyOf(3), 'changed');
      table.changes = changes;
      const { scan } = table;
      table.scan = async function* (cursor) {
        const { blobs } = world.vaults.primary;
        for (const name of [...blobs.keys()].filter((blob) => blob.startsWith(lost))) blobs.delete(name);
        table.scan = scan;
        yield* scan(cursor);
      };
      expect((await world.run('incremental')).failed).toBe(0);
      const point = await latestPoint(world);
      expect(point).toMatchObject({ kind: 'full', counts: { entries: 100 } });
      expect(point.fullBecause).toMatch(/is damaged/);
      expect([...world.work.blobs.keys()].filter((name) => name.includes('/staged/'))).toEqual([]);
      await restored(world);
      expect(itemsOf(world, COPY)).toEqual(itemsOf(world, URI));
    }
  });
});

describe('a restore into a table', () => {
  it('makes the table as it was, fills it, and sets the rest', async () => {
    const world = worldOfTable();
    fill(world);
    world.table(URI).captured = { keySchema: 'pk', ttl: 'expires' };
    await world.run('full');
    await restored(world);
    expect(world.table(COPY).created).toEqual({ settings: { keySchema: 'pk', ttl: 'expires' }, bare: false });
    expect(world.table(COPY).applied).toEqual({ keySchema: 'pk', ttl: 'expires' });
  });

  it('leaves the settings of one that is there alone, unless they are asked for', async () => {
    const world = worldOfTable();
    fill(world);
    await world.run('full');
    const { recoveryPointId } = await latestPoint(world);
    await world.restoreTo({ recoveryPointId, to: COPY });
    expect(world.table(COPY).applied).toBeUndefined();
    await world.restoreTo({ recoveryPointId, to: COPY, onConflict: 'overwrite', settings: true });
    expect(world.table(COPY).applied).toBeDefined();
  });

  it.each([NO_HURRY, impatient(8)()])('that is not empty is refused, unless told what to do', async () => {
    const world = worldOfTable();
    fill(world);
    await world.run('full');
    world.table(COPY).put(keyOf(900), 'theirs');
    await expect(restored(world)).rejects.toThrow(/is not empty .*--on-conflict/);
    expect(world.table(COPY).items.size).toBe(1);
  });

  const MODES = [
    [{ exact: true }, { kept: false, overwritten: true }],
    [{ onConflict: 'overwrite' }, { kept: true, overwritten: true }],
    [{ onConflict: 'skip' }, { kept: true, overwritten: false }],
  ] as const;
  it.each(MODES)('that is not empty honours %o', async (mode, expected) => {
    for (const deadline of [() => NO_HURRY, impatient(7)]) {
      const world = worldOfTable();
      fill(world);
      await world.run('full');
      const copy = world.table(COPY);
      copy.put(keyOf(900), 'theirs');
      copy.put(keyOf(1), 'older');
      copy.items.set(keyFromText(keyOf(2)), world.table(URI).items.get(keyFromText(keyOf(2))) ?? Buffer.alloc(0));
      const report = await restored(world, mode, deadline);
      expect(report.status).toBe('succeeded');
      expect(copy.items.has(keyFromText(keyOf(900)))).toBe(expected.kept);
      expect(copy.items.get(keyFromText(keyOf(1)))?.toString() !== 'older').toBe(expected.overwritten);
      expect(copy.items.size).toBe(100 + (expected.kept ? 1 : 0));
      if ('exact' in mode) expect(report).toMatchObject({ removed: 1, skipped: 1, restored: 99 });
    }
  });

  it.each([{}, { onConflict: 'skip' }, { exact: true }])(
    'stops when its time is up, however far it has read ahead of slow writes: %o',
    async (mode) => {
      const world = worldOfTable();
      fill(world, 300);
      await world.run('full');
      const copy = world.table(COPY);
      if ('onConflict' in mode || 'exact' in mode)
        for (let number = 0; number < 300; number += 3)
          copy.items.set(
            keyFromText(keyOf(number)),
            world.table(URI).items.get(keyFromText(keyOf(number))) ?? Buffer.of(),
          );
      let writes = 0;
      const { write } = copy;
      copy.write = (entry, content) => {
        writes += 1;
        return write(entry, content);
      };
      const calls: number[] = [];
      const deadline = () => {
        calls.push(writes);
        return { remainingMillis: () => (writes - (calls.at(-1) ?? 0) < 40 ? 600_000 : 0) };
      };
      const report = await restored(world, mode, deadline);
      const skipped = Object.keys(mode).length > 0 ? 100 : 0;
      expect(report).toMatchObject({ status: 'succeeded', restored: 300 - skipped, skipped });
      expect(itemsOf(world, COPY)).toEqual(itemsOf(world, URI));
      // What is under way when time is up is finished: 16 writes side by side.
      expect(Math.max(...calls.map((before, at) => (calls[at + 1] ?? writes) - before))).toBeLessThan(40 + 16);
    },
  );

  it('passes no entry by where a deadline is over and then is not', async () => {
    const world = worldOfTable();
    fill(world, 5000);
    await world.run('full');
    const copy = world.table(COPY);
    let told = false;
    const remainingMillis = () => {
      if (told || copy.items.size < 10) return 600_000;
      told = true;
      return 0;
    };
    const deadline = () => ({ remainingMillis });
    expect(await restored(world, {}, deadline)).toMatchObject({ status: 'succeeded', restored: 5000 });
    expect(itemsOf(world, COPY)).toEqual(itemsOf(world, URI));
  });

  it('goes on where an earlier Holdfast, which made no tables, began it', async () => {
    const world = worldOfTable();
    fill(world);
    await world.run('full');
    const { recoveryPointId } = await latestPoint(world);
    const input = { recoveryPointId, to: COPY };
    const { cursor, restoreId } = await restore(restoreInput.parse(input), world.ports, NO_HURRY);
    const { made, ...session } = JSON.parse((await world.work.get(`restores/${restoreId}/0.json`)).toString());
    expect(made).toBe(false);
    await world.work.put(`restores/${restoreId}/0.json`, Buffer.from(JSON.stringify(session)));
    const progress = { done: false, cursor };
    const report = await restore(restoreInput.parse({ ...input, progress }), world.ports, NO_HURRY);
    expect(report).toMatchObject({ status: 'succeeded', restored: 100 });
  });

  it('leaves alone what somebody adds while it goes on, where it is to skip what is there', async () => {
    const world = worldOfTable();
    fill(world);
    await world.run('full');
    const { recoveryPointId } = await latestPoint(world);
    const input = restoreInput.parse({ recoveryPointId, to: COPY, onConflict: 'skip' });
    const progress = await restore(input, world.ports, NO_HURRY);
    world.table(COPY).put(keyOf(7), 'theirs');
    expect(await restore({ ...input, progress }, world.ports, NO_HURRY)).toMatchObject({ restored: 99, skipped: 1 });
    expect(
      world
        .table(COPY)
        .items.get(keyFromText(keyOf(7)))
        ?.toString(),
    ).toBe('theirs');
  });

  it('changes nothing in a dry run, and makes no table', async () => {
    const world = worldOfTable();
    fill(world);
    await world.run('full');
    const report = await restored(world, { dryRun: true, exact: true });
    expect(report).toMatchObject({ status: 'dry-run', restored: 100 });
    expect(world.table(COPY)).toMatchObject({ there: false, created: undefined });
  });

  it('brings back chosen items alone', async () => {
    const world = worldOfTable();
    fill(world);
    await world.run('full');
    await restored(world, { keys: ['{ "pk": {"S": "0007"} }', keyOf(9)] });
    expect([...itemsOf(world, COPY).keys()]).toEqual([keyOf(7), keyOf(9)].map(keyFromText));
  });

  it('brings back chosen items of partitions, whatever of them overlap and wherever it is interrupted', async () => {
    const world = worldOfTable();
    const sorted = (pk: string, sk: number) => `{"pk":{"S":"${pk}"},"sk":{"N":"${sk}"}}`;
    for (const pk of ['a', 'b', 'c'])
      for (let sk = 0; sk < 20; sk += 1) world.table(URI).put(sorted(pk, sk), `${pk}${sk}`);
    await world.run('full');
    await restored(world, { keys: [sorted('b', 3), '{"pk":{"S":"b"}}', sorted('a', 1)] }, impatient(6));
    const wanted = [sorted('a', 1), ...Array.from({ length: 20 }, (_, sk) => sorted('b', sk))].map(keyFromText).sort();
    expect([...itemsOf(world, COPY).keys()]).toEqual(wanted);
  });

  it('names a chosen key that is not there, and does nothing', async () => {
    const world = worldOfTable();
    fill(world);
    await world.run('full');
    await expect(restored(world, { keys: [keyOf(7), keyOf(4711)] })).rejects.toThrow(
      /holds no entry with the key .*4711/,
    );
    expect(world.table(COPY).items.size).toBe(0);
  });

  it('is refused for entries of another kind, before anything is written', async () => {
    const world = makeWorld();
    world.source.put('a', 'x');
    await world.run('full');
    const { recoveryPointId } = await latestPoint(world);
    const input = restoreInput.parse({ recoveryPointId, to: COPY });
    await expect(restore(input, world.ports, NO_HURRY)).rejects.toThrow(/cannot hold objects/);
  });
});

describe('a verification of a table', () => {
  it.each([() => NO_HURRY, impatient(30)])(
    'restores into a temporary table, compares, and leaves none',
    async (deadline) => {
      const world = worldOfTable();
      fill(world, 60);
      await world.run('full');
      const { recoveryPointId } = await latestPoint(world);
      expect(await world.check(recoveryPointId, 'restore', deadline)).toMatchObject({ outcome: 'verified' });
      expect([...world.tables.keys()]).toEqual([URI]);
      expect([...world.work.blobs.keys()].filter((name) => name.includes('/staged/'))).toEqual([]);
    },
  );

  it('leaves nothing behind when it breaks off while it compares', async () => {
    const world = worldOfTable();
    fill(world, 60);
    await world.run('full');
    const { openSandbox } = world.ports;
    const broken = {
      ...world.ports,
      openSandbox: async (source: Parameters<typeof openSandbox>[0], id: string) => {
        const sandbox = await openSandbox(source, id);
        if (sandbox === undefined) return undefined;
        const attributesDiffer = () => {
          throw new TransientError('the service is failing for now');
        };
        return { ...sandbox, target: { ...sandbox.target, attributesDiffer } };
      },
    };
    const { recoveryPointId } = await latestPoint(world);
    await expect(verify({ recoveryPointId, level: 'restore' }, broken, NO_HURRY)).rejects.toThrow(TransientError);
    expect([...world.tables.keys()]).toEqual([URI]);
    expect([...world.work.blobs.keys()].filter((name) => name.includes('/staged/'))).toEqual([]);
  });

  it('fails when an item comes back other than it was, and still leaves none', async () => {
    const world = worldOfTable();
    fill(world, 60);
    await world.run('full');
    const { openSandbox } = world.ports;
    const bent = {
      ...world.ports,
      openSandbox: async (source: Parameters<typeof openSandbox>[0], id: string) => {
        const sandbox = await openSandbox(source, id);
        if (sandbox === undefined) return undefined;
        const write: typeof sandbox.target.write = async (entry, content) => {
          const names = await world.table(sandbox.target.uri).write(entry, content);
          if (entry.key === keyFromText(keyOf(9))) world.table(sandbox.target.uri).put(keyOf(9), 'bent');
          return names;
        };
        return { ...sandbox, target: { ...sandbox.target, write } };
      },
    };
    const { recoveryPointId } = await latestPoint(world);
    expect(await verify({ recoveryPointId, level: 'restore' }, bent, NO_HURRY)).toMatchObject({
      outcome: 'failed',
      reason: expect.stringContaining('0009'),
    });
    expect([...world.tables.keys()]).toEqual([URI]);
  });
});
