import { describe, expect, it } from 'vitest';
import { keyFromText } from '../../functions/core/entry.ts';
import { ConflictError } from '../../functions/core/errors.ts';
import { expectedUsd } from '../../functions/core/predict-run.ts';
import { PRICES_AS_OF } from '../../functions/core/prices.ts';
import { commitSnapshot } from '../../functions/operations/commit-snapshot.ts';
import { finishRun } from '../../functions/operations/finish-run.ts';
import { recordFailure } from '../../functions/operations/record-failure.ts';
import { startRun } from '../../functions/operations/start-run.ts';
import { takeInventory } from '../../functions/operations/take-inventory.ts';
import { takeSnapshot } from '../../functions/operations/take-snapshot.ts';
import { fill, noise } from '../fakes/noise.ts';
import { contentsOf, impatient, makeWorld, NO_HURRY, type World } from '../fakes/world.ts';

const restored = async (world: World, recoveryPointId?: Parameters<World['check']>[0]) => {
  const to = `s3://restored/${Math.random().toString(36).slice(2)}/`;
  const output = await world.restoreTo({ recoveryPointId: recoveryPointId ?? (await world.latest()), to });
  expect(output.status).toBe('succeeded');
  return contentsOf(world.place(to));
};

describe('what a run used', () => {
  it('stands in its record with what that costs', async () => {
    const world = makeWorld();
    fill(world);
    const { runId } = await world.run('full');
    await world.catalogue.usage.add(runId, { s3Writes: 1000, tableWriteUnits: 2 });
    await world.catalogue.usage.add(runId, { s3Writes: 1000 });
    await finishRun({ runId }, world.ports);
    expect(await world.ports.runs.get(runId)).toMatchObject({
      usage: { s3Writes: 2000, tableWriteUnits: 2 },
      cost: { actualUsd: expect.closeTo(0.01000125, 10), pricesAsOf: PRICES_AS_OF },
    });
  });

  it('is told next to what was expected from the points that were there before, once there are some', async () => {
    const world = makeWorld({ plan: { vault: 'primary', replicateTo: ['offsite'] } });
    fill(world);
    const used = { s3Reads: 1, lambdaCalls: 6 };
    const costOf = async (kind: 'full' | 'incremental') => {
      const { runId } = await world.run(kind);
      await world.catalogue.usage.add(runId, used);
      await finishRun({ runId }, world.ports);
      return { runId, run: await world.ports.runs.get(runId) };
    };
    expect((await costOf('full')).run.cost?.predictedUsd).toBeUndefined();
    const { runId, run } = await costOf('incremental');
    const [source] = await world.ports.runs.listSources(runId);
    expect(source?.predicted?.places).toMatchObject({ s3Reads: 16 });
    expect(run.cost?.predictedUsd).toBe(expectedUsd([source?.predicted], used));
    // Five of a run; four and a replica of its source; two for each call but that of startRun.
    expect(run.usage?.transitions).toBe(5 + 4 + 1 + 2 * 5);
  });

  it('is told without an expectation of what another run held', async () => {
    const world = makeWorld();
    fill(world);
    await world.run('full');
    const [state] = [(await world.ports.recoveryPoints.find(await world.latest()))?.sourceId];
    if (state === undefined) throw new Error('no source');
    await world.ports.leases.acquire(state, 'f'.repeat(32) as never, 3600);
    const { runId } = await world.run('incremental');
    await world.catalogue.usage.add(runId, { tableWriteUnits: 3 });
    await finishRun({ runId }, world.ports);
    const { cost } = await world.ports.runs.get(runId);
    expect(cost?.actualUsd).toBeGreaterThan(0);
    expect(cost?.predictedUsd).toBeUndefined();
  });

  it('is not spoken of where it is nothing', async () => {
    const world = makeWorld();
    fill(world);
    const { runId } = await world.run('full');
    const run = await world.ports.runs.get(runId);
    expect(run.usage).toBeUndefined();
    expect(run.cost).toBeUndefined();
  });
});

describe('a run', () => {
  it('takes a full that comes back exactly', async () => {
    const world = makeWorld();
    fill(world);
    expect((await world.run('full')).status).toBe('succeeded');
    expect(await restored(world)).toEqual(contentsOf(world.source));
  });

  it('brings back each state of a chain of full, incremental and differential', async () => {
    const world = makeWorld();
    fill(world);
    const states: object[] = [];
    const points: Awaited<ReturnType<World['latest']>>[] = [];
    const kinds = [
      'full',
      'incremental',
      'incremental',
      'differential',
      'incremental',
      'full',
      'differential',
    ] as const;
    for (const [step, kind] of kinds.entries()) {
      const { source } = world;
      source.put(`new/${step}`, noise(`new${step}`, 70_000));
      source.put('small/003.json', `changed in step ${step}`);
      source.entries.delete(keyFromText(`small/01${step}.json`));
      if (step % 2 === 1) source.entries.delete(keyFromText('medium'));
      else source.put('medium', noise(`m${step}`, 80_000));
      const run = await world.run(kind);
      expect(run.status).toBe('succeeded');
      states.push(contentsOf(source));
      points.push(await world.latest());
    }
    for (const [step, state] of states.entries()) expect(await restored(world, points[step])).toEqual(state);
  });

  it('records kind, base and chain as they are defined', async () => {
    const world = makeWorld();
    fill(world);
    const ids: string[] = [];
    for (const kind of ['full', 'incremental', 'incremental', 'differential', 'incremental'] as const) {
      await world.run(kind);
      ids.push(await world.latest());
    }
    const points = await Promise.all(ids.map((id) => world.ports.recoveryPoints.find(id as never)));
    const snapshots = points.map((point) => point?.snapshotId);
    expect(points.map((point) => point?.kind)).toEqual([
      'full',
      'incremental',
      'incremental',
      'differential',
      'incremental',
    ]);
    expect(points.map((point) => point?.baseId)).toEqual([
      undefined,
      snapshots[0],
      snapshots[1],
      snapshots[0],
      snapshots[3],
    ]);
    expect(points[2]?.chain).toEqual(snapshots.slice(0, 3));
    expect(points[4]?.chain).toEqual([snapshots[0], snapshots[3], snapshots[4]]);
  });

  it('writes no pack and no segment, and reads no content, for an unchanged source', async () => {
    const world = makeWorld();
    fill(world);
    await world.run('full');
    const [blobs, reads] = [new Set(world.vaults.primary.blobs.keys()), world.source.reads];
    for (const kind of ['incremental', 'differential'] as const) await world.run(kind);
    const added = [...world.vaults.primary.blobs.keys()].filter((name) => !blobs.has(name));
    expect(added.map((name) => name.split('/')[0])).toEqual(['manifests', 'manifests']);
    expect(world.source.reads).toBe(reads);
  });

  it('stores no content again in a second full, though it reads all of it', async () => {
    const world = makeWorld();
    fill(world);
    await world.run('full');
    const [packs, reads] = [packsOf(world), world.source.reads];
    await world.run('full');
    expect(packsOf(world)).toEqual(packs);
    expect(world.source.reads).toBe(2 * reads);
    expect(await restored(world)).toEqual(contentsOf(world.source));
  });

  it('writes every byte again in a full that is independent', async () => {
    const world = makeWorld({ plan: { full: 'independent' } });
    fill(world);
    await world.run('full');
    const before = packsOf(world);
    await world.run('full');
    expect(packsOf(world).length).toBe(2 * before.length);
    for (const name of before) world.vaults.primary.blobs.delete(name);
    expect(await restored(world)).toEqual(contentsOf(world.source));
  });

  it('stores equal contents once', async () => {
    const world = makeWorld();
    for (let i = 0; i < 20; i += 1) world.source.put(`copy-${i}`, noise('same', 500_000));
    for (let i = 0; i < 20; i += 1) world.source.put(`tiny-${i}`, noise('tiny', 30_000));
    await world.run('full');
    const bytes = packsOf(world).reduce((sum, name) => sum + (world.vaults.primary.blobs.get(name)?.length ?? 0), 0);
    expect(bytes).toBeLessThan(560_000);
    expect(await restored(world)).toEqual(contentsOf(world.source));
  });

  it('stores only what changed around an insertion into a large content', async () => {
    const world = makeWorld();
    const large = noise('large', 20_000_000);
    world.source.put('large', large);
    await world.run('full');
    const before = packsOf(world);
    world.source.put(
      'large',
      Buffer.concat([large.subarray(0, 9_000_000), Buffer.from('inserted'), large.subarray(9_000_000)]),
    );
    await world.run('incremental');
    const added = packsOf(world).filter((name) => !before.includes(name));
    const bytes = added.reduce((sum, name) => sum + (world.vaults.primary.blobs.get(name)?.length ?? 0), 0);
    expect(bytes).toBeLessThan(9_000_000);
    expect(await restored(world)).toEqual(contentsOf(world.source));
  });

  it('gives the same result however often its workers run out of time', async () => {
    const [hurried, calm] = [makeWorld(), makeWorld()];
    for (const world of [hurried, calm]) fill(world);
    await hurried.run('full', undefined, impatient(5));
    await calm.run('full');
    const [a, b] = await Promise.all(
      [hurried, calm].map(async (world) => world.ports.recoveryPoints.find(await world.latest())),
    );
    expect(a?.root).toBe(b?.root);
    expect(a?.counts).toEqual(b?.counts);
    expect(await restored(hurried)).toEqual(contentsOf(hurried.source));
  });

  it('is one run with one recovery point when it is started twice with the same time', async () => {
    const world = makeWorld();
    fill(world);
    const first = await world.run('full', '2026-03-01T02:00:00.000Z');
    world.source.put('later', 'x');
    const second = await world.run('full', '2026-03-01T03:00:00+01:00');
    expect(second.started).toMatchObject({ runId: first.runId, status: 'done', sources: [] });
    expect(second.recoveryPoints).toEqual(first.recoveryPoints);
    expect([...world.vaults.primary.blobs.keys()].filter((name) => name.startsWith('manifests/'))).toHaveLength(1);
  });

  it('stays a success when a second execution of it works on after the first has ended, and keeps no later run out', async () => {
    const at = '2026-03-01T02:00:00.000Z';
    const world = makeWorld();
    fill(world);
    const second = await startRun({ plan: 'web', kind: 'full', scheduledAt: at }, world.ports);
    const [source] = second.sources;
    if (source === undefined) throw new Error('no source');
    const first = await world.run('full', at);
    expect(first.status).toBe('succeeded');
    const late = takeInventory(source, world.ports, NO_HURRY);
    await expect(late).rejects.toThrow(ConflictError);
    await recordFailure({ ...source, error: { Error: 'ConflictError', Cause: 'lost' } }, world.ports);
    expect(await finishRun({ runId: second.runId }, world.ports)).toMatchObject({ status: 'succeeded', failed: 0 });
    expect((await world.run('incremental')).status).toBe('succeeded');
  });

  it('is refused rather than committed with a gap when a worker that was given up overwrites its successor’s result', async () => {
    // A source that cannot be divided, whose workers go on with cursors.
    const world = makeWorld({ sources: ['file:///data'] });
    fill(world);
    const { sources } = await startRun(
      { plan: 'web', kind: 'full', scheduledAt: '2026-03-01T02:00:00.000Z' },
      world.ports,
    );
    const [source] = sources;
    if (source === undefined) throw new Error('no source');
    const inventory = await world.inventoryOf(source);
    const shard = { ...source, attempt: inventory.attempt, shard: 0 };
    const progress = await takeSnapshot(shard, world.ports, impatient(30)());
    expect(progress.done).toBe(false);
    expect(await takeSnapshot({ ...shard, progress }, world.ports, NO_HURRY)).toEqual({ done: true });
    await takeSnapshot(shard, world.ports, impatient(10)());
    await expect(commitSnapshot({ ...source, inventory }, world.ports)).rejects.toThrow(/do not join/);
  });

  it('is a success by its evidence when it was started again just before it ended', async () => {
    const at = '2026-03-01T02:00:00.000Z';
    const world = makeWorld();
    fill(world);
    const { ports } = world;
    const { sources, runId } = await startRun({ plan: 'web', kind: 'full', scheduledAt: at }, ports);
    const [source] = sources;
    if (source === undefined) throw new Error('no source');
    const inventory = await world.inventoryOf(source);
    await takeSnapshot({ ...source, attempt: inventory.attempt, shard: 0 }, ports, NO_HURRY);
    await commitSnapshot({ ...source, inventory }, ports);
    expect((await startRun({ plan: 'web', kind: 'full', scheduledAt: at }, ports)).sources).toHaveLength(1);
    expect((await finishRun({ runId }, ports)).status).toBe('succeeded');
  });

  it('that failed and goes on after a later one has the state that sorts last', async () => {
    const at = '2026-03-01T02:00:00.000Z';
    const world = makeWorld();
    world.source.put('x', 'first');
    world.source.absent = true;
    expect((await world.run('full', at)).status).toBe('failed');
    world.source.absent = false;
    await world.run('full');
    world.source.put('x', 'second');
    expect((await world.run('full', at)).status).toBe('succeeded');
    await world.restoreTo({ source: 's3://bucket/data/', to: 's3://restored/latest/' });
    expect(contentsOf(world.place('s3://restored/latest/'))).toEqual(contentsOf(world.source));
  });

  it('is skipped, visibly, while another run holds the source', async () => {
    const world = makeWorld();
    fill(world);
    await world.run('full');
    const [state] = [(await world.ports.recoveryPoints.find(await world.latest()))?.sourceId];
    if (state === undefined) throw new Error('no source');
    await world.ports.leases.acquire(state, 'f'.repeat(32) as never, 3600);
    const run = await world.run('incremental');
    expect(run.status).toBe('skipped');
    expect(run.sources[0]).toMatchObject({ status: 'skipped', reason: expect.stringContaining('overlapped') });
    expect(world.events.at(-1)?.type).toBe('Run Skipped');
  });

  it('names what could not be protected, keeps its last good state, and is partial', async () => {
    const world = makeWorld();
    fill(world);
    await world.run('full');
    const before = contentsOf(world.source);
    world.source.put('medium', 'newer, unreadable');
    world.source.put('fresh', 'unreadable from the start');
    world.source.failures.set(keyFromText('medium'), 'denied');
    world.source.failures.set(keyFromText('fresh'), 'changes-always');
    for (const kind of ['incremental', 'differential', 'full'] as const) {
      const run = await world.run(kind);
      expect(run.status).toBe('partial');
      const point = await world.ports.recoveryPoints.find(await world.latest());
      expect(point?.counts.unprotected).toBe(2);
      const to = `s3://restored/${kind}/`;
      const report = await world.restoreTo({ recoveryPointId: await world.latest(), to });
      expect(report.problems.filter((problem) => /"(medium|fresh)" was not protected/.test(problem))).toHaveLength(2);
      expect(contentsOf(world.place(to))).toEqual(before);
    }
  });

  it('leaves out what was deleted between listing and reading, and takes again what changed once while it was read', async () => {
    const world = makeWorld();
    fill(world);
    world.source.failures.set(keyFromText('medium'), 'gone');
    world.source.failures.set(keyFromText('large'), 'changes-once');
    expect((await world.run('full')).status).toBe('succeeded');
    const { medium: _, ...rest } = contentsOf(world.source);
    expect(await restored(world)).toEqual(rest);
  });

  it('keeps what lies below a directory that cannot be listed', async () => {
    const world = makeWorld();
    fill(world);
    await world.run('full');
    const before = contentsOf(world.source);
    world.source.unlisted.set(keyFromText('small/'), { unprotected: 'access denied', subtree: true });
    expect((await world.run('incremental')).status).toBe('partial');
    expect(await restored(world)).toEqual(before);
  });

  it('marks a snapshot of a source that was emptied, or lost most of its entries, as suspect', async () => {
    const world = makeWorld();
    fill(world);
    await world.run('full');
    for (const key of [...world.source.entries.keys()].slice(0, 30)) world.source.entries.delete(key);
    expect((await world.run('incremental')).status).toBe('partial');
    expect((await world.ports.recoveryPoints.find(await world.latest()))?.suspect).toMatch(/30 of 45 entries are gone/);
    world.source.entries.clear();
    await world.run('full');
    expect((await world.ports.recoveryPoints.find(await world.latest()))?.suspect).toMatch(/empty where it held 15/);
    expect(world.events.map((event) => event.type)).toContain('Recovery Point Suspect');
  });

  it('keeps the suspicion until the entries are back, whatever the kind of the runs between', async () => {
    const world = makeWorld();
    fill(world);
    await world.run('full');
    const before = [...world.source.entries];
    world.source.entries.clear();
    const suspects: (string | undefined)[] = [];
    for (const kind of ['incremental', 'incremental', 'full'] as const) {
      await world.run(kind);
      suspects.push((await world.ports.recoveryPoints.find(await world.latest()))?.suspect);
    }
    expect(suspects).toEqual([
      expect.stringContaining('is empty'),
      expect.stringContaining('still holds 0'),
      expect.stringContaining('still holds 0'),
    ]);
    for (const [key, entry] of before) world.source.entries.set(key, entry);
    await world.run('incremental');
    expect((await world.ports.recoveryPoints.find(await world.latest()))?.suspect).toBeUndefined();
  });

  it('opens again an entry that changed before its content began', async () => {
    const world = makeWorld();
    fill(world);
    const { open } = world.source;
    const failing = new Set([keyFromText('large'), keyFromText('medium')]);
    world.source.open = async (listed) => {
      if (failing.delete(listed.key)) throw new ConflictError('changed');
      return open.call(world.source, listed);
    };
    expect((await world.run('full')).status).toBe('succeeded');
    expect(await restored(world)).toEqual(contentsOf(world.source));
  });

  it('restores the last trusted state of a source unless a suspect one is named', async () => {
    const world = makeWorld();
    fill(world);
    await world.run('full');
    const before = contentsOf(world.source);
    world.source.entries.clear();
    await world.run('incremental');
    await world.restoreTo({ source: 's3://bucket/data/', to: 's3://restored/latest/' });
    expect(contentsOf(world.place('s3://restored/latest/'))).toEqual(before);
    await world.restoreTo({ recoveryPointId: await world.latest(), to: 's3://restored/named/' });
    expect(contentsOf(world.place('s3://restored/named/'))).toEqual({});
  });
});

const packsOf = (world: World): string[] =>
  [...world.vaults.primary.blobs.keys()].filter((name) => name.startsWith('packs/')).sort();

describe('a base that is missing or damaged', () => {
  const damages: Record<string, (blobs: Map<string, Buffer>, name: string) => void> = {
    missing: (blobs, name) => blobs.delete(name),
    truncated: (blobs, name) => blobs.set(name, blobs.get(name)?.subarray(0, -7) ?? Buffer.alloc(0)),
    'a flipped bit in': (blobs, name) => {
      const bytes = Buffer.from(blobs.get(name) ?? '');
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      blobs.set(name, bytes);
    },
  };
  for (const [damage, apply] of Object.entries(damages)) {
    for (const kind of ['manifests', 'segments', 'packs'] as const) {
      // A flipped bit in a pack shows when the pack is read: a backup never reads one, verification does.
      if (damage === 'a flipped bit in' && kind === 'packs') continue;
      for (const wanted of ['incremental', 'differential'] as const) {
        it(`turns the ${wanted} after ${damage} ${kind} into a full that says so and comes back exactly`, async () => {
          const world = makeWorld();
          fill(world);
          await world.run('full');
          world.source.put('more', 'x');
          await world.run('incremental');
          const { blobs } = world.vaults.primary;
          for (const name of [...blobs.keys()].filter((one) => one.startsWith(`${kind}/`)).slice(0, 1))
            apply(blobs, name);
          world.source.put('small/000.json', 'changed');
          const run = await world.run(wanted);
          expect(run.status).toBe('succeeded');
          const point = await world.ports.recoveryPoints.find(await world.latest());
          expect(point).toMatchObject({ kind: 'full', fullBecause: expect.stringContaining('damaged') });
          expect(await restored(world)).toEqual(contentsOf(world.source));
        });
      }
    }
  }
});

describe('a vault in which verification found damage', () => {
  const flipAll = (world: World) => {
    const { blobs } = world.vaults.primary;
    for (const name of packsOf(world)) {
      const bytes = Buffer.from(blobs.get(name) ?? '');
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      blobs.set(name, bytes);
    }
  };

  for (const kind of ['full', 'incremental', 'differential'] as const) {
    it(`is relied on for nothing by the next ${kind}, which is whole again`, async () => {
      const world = makeWorld();
      fill(world);
      await world.run('full');
      flipAll(world);
      expect(await world.check(await world.latest(), 'check')).toMatchObject({ outcome: 'failed' });
      await world.run(kind);
      expect(await world.check(await world.latest(), 'restore')).toMatchObject({ outcome: 'verified' });
      expect(await restored(world)).toEqual(contentsOf(world.source));
    });
  }

  it('gets a full also when what is damaged is not the newest of the chain', async () => {
    const world = makeWorld();
    fill(world);
    await world.run('full');
    const oldest = await world.latest();
    for (const text of ['one', 'two']) {
      world.source.put('changing', text);
      await world.run('incremental');
    }
    flipAll(world);
    await world.check(oldest, 'check');
    await world.run('incremental');
    const point = await world.ports.recoveryPoints.find(await world.latest());
    expect(point).toMatchObject({ kind: 'full', fullBecause: expect.stringContaining('damaged') });
    expect(await world.check(await world.latest(), 'restore')).toMatchObject({ outcome: 'verified' });
  });

  it('is seen within a few runs to have lost any one pack of thirty', async () => {
    for (const lost of [0, 17, 29]) {
      const world = makeWorld({ plan: { full: 'independent' } });
      world.source.put('base', 'x');
      await world.run('full');
      for (let n = 1; n < 30; n += 1) {
        world.source.put(`new-${n}`, `content ${n}`);
        await world.run('incremental');
      }
      const chain = (await world.ports.recoveryPoints.find(await world.latest()))?.chain ?? [];
      expect(chain).toHaveLength(30);
      world.vaults.primary.blobs.delete(
        [...world.vaults.primary.blobs.keys()].filter((name) => name.startsWith('packs/'))[lost] ?? '',
      );
      const kinds: unknown[] = [];
      // Which half is looked at follows from the run's id, so that a few runs see both.
      for (let runs = 0; runs < 12 && !kinds.includes('full'); runs += 1) {
        await world.run('incremental');
        kinds.push((await world.ports.recoveryPoints.find(await world.latest()))?.kind);
      }
      expect(kinds, `pack ${lost}`).toContain('full');
    }
  });
});

describe('five sources of which one fails', () => {
  it('leaves four safe, and the run partial with the reason', async () => {
    const sources = [1, 2, 3, 4, 5].map((n) => `s3://bucket-${n}/`);
    const world = makeWorld({ sources });
    for (const uri of sources) world.place(uri).put('x', uri);
    world.place('s3://bucket-3/').absent = true;
    const run = await world.run('full');
    expect(run).toMatchObject({ status: 'partial', failed: 1 });
    expect(run.recoveryPoints).toHaveLength(4);
    const failures: Record<string, string | undefined> = {};
    for await (const { sourceUri, lastFailure } of world.ports.recoveryPoints.listStates())
      failures[sourceUri] = lastFailure?.error;
    expect(failures['s3://bucket-3/']).toBe('NotFoundError');
    expect(run.sources.find((source) => source.status === 'failed')).toMatchObject({
      sourceUri: 's3://bucket-3/',
      error: 'NotFoundError',
    });
    for (const uri of sources.filter((one) => one !== 's3://bucket-3/')) {
      await world.restoreTo({ source: uri, to: `${uri.replace('bucket', 'restored')}` });
      expect(contentsOf(world.place(uri.replace('bucket', 'restored')))).toEqual(contentsOf(world.place(uri)));
    }
  });
});
