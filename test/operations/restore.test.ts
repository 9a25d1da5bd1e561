import { describe, expect, it } from 'vitest';
import { keyFromText } from '../../functions/core/entry.ts';
import { AccessDeniedError, InvalidInputError, NotFoundError, TransientError } from '../../functions/core/errors.ts';
import { type RestoreInput, type RestoreOutput, restoreInput } from '../../functions/core/messages.ts';
import { restore } from '../../functions/operations/restore.ts';
import { fill } from '../fakes/noise.ts';
import { contentsOf, impatient, makeWorld, NO_HURRY, type World } from '../fakes/world.ts';

const TO = 's3://restored/place/';

async function filled(): Promise<World> {
  const world = makeWorld();
  fill(world);
  await world.run('full');
  return world;
}

describe('restore', () => {
  it('refuses a target that is not empty, and leaves it as it is', async () => {
    const world = await filled();
    world.place(TO).put('mine', 'x');
    const before = contentsOf(world.place(TO));
    await expect(world.restoreTo({ recoveryPointId: await world.latest(), to: TO })).rejects.toThrow(InvalidInputError);
    expect(contentsOf(world.place(TO))).toEqual(before);
  });

  it('skips what is there with onConflict skip, and counts it', async () => {
    const world = await filled();
    world.place(TO).put('medium', 'mine');
    const report = await world.restoreTo({ recoveryPointId: await world.latest(), to: TO, onConflict: 'skip' });
    expect(report).toMatchObject({ status: 'succeeded', restored: 44, skipped: 1 });
    expect(world.place(TO).entries.get(keyFromText('medium'))?.content.toString()).toBe('mine');
  });

  it('replaces what is there with onConflict overwrite, and keeps what the snapshot does not have', async () => {
    const world = await filled();
    world.place(TO).put('medium', 'mine');
    world.place(TO).put('other', 'mine');
    await world.restoreTo({ recoveryPointId: await world.latest(), to: TO, onConflict: 'overwrite' });
    const { other, ...rest } = contentsOf(world.place(TO));
    expect(other).toBeDefined();
    expect(rest).toEqual(contentsOf(world.source));
  });

  it('makes the target equal the snapshot with exact, touching only what differs', async () => {
    const world = await filled();
    const before = contentsOf(world.source);
    const { source } = world;
    source.put('small/001.json', 'changed');
    source.put('later', 'x');
    source.put('dir/', '', { type: 'directory' });
    source.put('dir/deep/', '', { type: 'directory' });
    source.put('dir/deep/file', 'x');
    source.entries.delete(keyFromText('large'));
    const report = await world.restoreTo({ recoveryPointId: await world.latest(), to: source.uri, exact: true });
    expect(report).toMatchObject({ status: 'succeeded', restored: 2, removed: 4, skipped: 43 });
    expect(contentsOf(source)).toEqual(before);
  });

  it('compares several entries side by side with exact, and not all', async () => {
    const world = await filled();
    const { source } = world;
    source.put('small/030.json', 'changed');
    let [underWay, most] = [0, 0];
    const ports = {
      ...world.ports,
      openTarget: async (uri: string) => ({
        ...(await world.ports.openTarget(uri)),
        open: async (...[listed]: Parameters<typeof source.open>) => {
          underWay += 1;
          most = Math.max(most, underWay);
          await new Promise((resolve) => setImmediate(resolve));
          underWay -= 1;
          return source.open(listed);
        },
      }),
    };
    const input = { recoveryPointId: await world.latest(), to: source.uri, exact: true };
    let report = await restore(restoreInput.parse(input), ports, NO_HURRY);
    while (!report.done)
      report = await restore(
        restoreInput.parse({ ...input, progress: { done: false, cursor: report.cursor } }),
        ports,
        NO_HURRY,
      );
    expect(report).toMatchObject({ status: 'succeeded', restored: 1, skipped: 44 });
    expect(most).toBeGreaterThan(2);
    expect(most).toBeLessThanOrEqual(8);
  });

  it('ends in the same state however often it runs out of time', async () => {
    const world = await filled();
    world.place(TO).put('extra/', '', { type: 'directory' });
    world.place(TO).put('extra/one', 'x');
    world.place(TO).put('medium', 'mine');
    const report = await world.restoreTo({ recoveryPointId: await world.latest(), to: TO, exact: true }, impatient(3));
    expect(report).toMatchObject({ status: 'succeeded', restored: 45, removed: 2 });
    expect(contentsOf(world.place(TO))).toEqual(contentsOf(world.source));
  });

  it.each(['fail', 'skip', 'overwrite', 'exact'] as const)(
    'goes on after any of its calls broke off for a moment and was repeated (%s)',
    async (how) => {
      const world = await filled();
      const place = world.place(TO);
      if (how === 'exact') place.put('extra/', '', { type: 'directory' });
      if (how === 'exact') place.put('extra/one', 'x');
      const conflict = how === 'exact' ? { exact: true } : { onConflict: how };
      const input = { recoveryPointId: await world.latest(), to: TO, ...conflict };
      // The first twenty entries are written and reported as failed, once each, as by a connection that is cut; the machine repeats the call with the same input.
      const broken = new Set<string>();
      const ports = {
        ...world.ports,
        openTarget: async (uri: string) => ({
          ...(await world.ports.openTarget(uri)),
          write: async (...[entry, content]: Parameters<typeof place.write>) => {
            const held = await place.write(entry, content);
            if (broken.size >= 20 || broken.has(entry.key)) return held;
            broken.add(entry.key);
            throw new TransientError(`${uri} is busy`);
          },
        }),
      };
      let progress: RestoreInput['progress'];
      let report: RestoreOutput | undefined;
      for (let calls = 0; report?.done !== true; calls += 1) {
        if (calls > 100) throw new Error('it makes no progress');
        try {
          report = await restore(restoreInput.parse({ ...input, progress }), ports, NO_HURRY);
          progress = { done: report.done, cursor: report.cursor };
        } catch (error) {
          if (!(error instanceof TransientError)) throw error;
        }
      }
      expect(broken.size).toBe(20);
      expect(report).toMatchObject({ status: 'succeeded', failed: 0 });
      expect(report.restored + report.skipped).toBe(45);
      expect(contentsOf(place)).toEqual(contentsOf(world.source));
      let records = 0;
      for await (const _ of world.ports.proofs.listRestores()) records += 1;
      expect(records).toBe(1);
    },
  );

  it('stops in time also within a large directory that must go', async () => {
    const world = await filled();
    const place = world.place(TO);
    place.put('extra/', '', { type: 'directory' });
    for (let n = 0; n < 100; n += 1) place.put(`extra/${n}`, 'x');
    const removals: number[] = [];
    const deadline = () => {
      const [call, before] = [removals.push(0) - 1, place.entries.size];
      return {
        remainingMillis: () => {
          const removed = Math.max(0, before - place.entries.size);
          removals[call] = removed;
          return removed < 20 ? 600_000 : 0;
        },
      };
    };
    const report = await world.restoreTo({ recoveryPointId: await world.latest(), to: TO, exact: true }, deadline);
    expect(report).toMatchObject({ status: 'succeeded', restored: 45, removed: 101 });
    expect(Math.max(...removals)).toBeLessThan(25);
    expect(contentsOf(place)).toEqual(contentsOf(world.source));
  });

  it('changes nothing in a dry run, and tells what would happen', async () => {
    const world = await filled();
    world.place(TO).put('extra', 'x');
    const before = contentsOf(world.place(TO));
    const report = await world.restoreTo({ recoveryPointId: await world.latest(), to: TO, exact: true, dryRun: true });
    expect(report).toMatchObject({ status: 'dry-run', restored: 45, removed: 1 });
    expect(report.bytes).toBeGreaterThan(3_100_000);
    expect(contentsOf(world.place(TO))).toEqual(before);
  });

  it('restores what is included and not excluded', async () => {
    const world = await filled();
    await world.restoreTo({
      recoveryPointId: await world.latest(),
      to: TO,
      include: ['small/**', 'ünï'],
      exclude: ['*3.json'],
    });
    const keys = Object.keys(contentsOf(world.place(TO)));
    expect(keys).toHaveLength(37);
    expect(keys).toContain(keyFromText('ünï/😀'));
    expect(keys).not.toContain('small/013.json');
  });

  it('refuses to restore into a vault', async () => {
    const world = await filled();
    const to = 'file:///vaults/primary/inside';
    await expect(world.restoreTo({ recoveryPointId: await world.latest(), to })).rejects.toThrow(
      /overlaps with vault primary/,
    );
  });

  it('names the entries whose content is damaged in the vault, and restores all others', async () => {
    const world = await filled();
    const { blobs } = world.vaults.primary;
    const [pack] = [...blobs.keys()].filter((name) => name.startsWith('packs/'));
    if (pack === undefined) throw new Error('no pack');
    const bytes = Buffer.from(blobs.get(pack) ?? '');
    bytes[60] = (bytes[60] ?? 0) ^ 1;
    blobs.set(pack, bytes);
    const report = await world.restoreTo({ recoveryPointId: await world.latest(), to: TO });
    expect(report.status).toBe('partial');
    expect(report.failed).toBeGreaterThan(0);
    expect(report.restored).toBe(45 - report.failed);
    const [restored, original] = [contentsOf(world.place(TO)), contentsOf(world.source)];
    expect(Object.keys(restored)).toHaveLength(report.restored);
    for (const [key, entry] of Object.entries(restored)) expect(entry).toEqual(original[key]);
    expect(report.problems[0]).toMatch(/failed: pack [0-9a-f]{64}, chunk/);
  });

  it('picks the latest state at or before a time', async () => {
    const world = makeWorld();
    const states: [string, object][] = [];
    for (const step of [1, 2, 3]) {
      world.source.put('x', `step ${step}`);
      await world.run('incremental');
      states.push([world.ports.clock.now().toISOString(), contentsOf(world.source)]);
    }
    for (const [index, [at, state]] of states.entries()) {
      const to = `s3://restored/${index}/`;
      await world.restoreTo({ source: 's3://bucket/data/', at, to });
      expect(contentsOf(world.place(to))).toEqual(state);
    }
    const early = { source: 's3://bucket/data/', at: '2026-01-01T00:00:00Z', to: TO };
    await expect(world.restoreTo(early)).rejects.toThrow(NotFoundError);
  });

  it('records the restore with its measured time', async () => {
    const world = await filled();
    await world.restoreTo({ recoveryPointId: await world.latest(), to: TO });
    for await (const record of world.ports.proofs.listRestores()) {
      expect(record).toMatchObject({
        status: 'succeeded',
        restored: 45,
        to: TO,
        measuredRtoSeconds: expect.any(Number),
      });
      return;
    }
    throw new Error('nothing was recorded');
  });

  it('is recorded as failed when the target refuses in the middle', async () => {
    const world = await filled();
    world.place(TO).failures.set(keyFromText('medium'), 'denied');
    await expect(world.restoreTo({ recoveryPointId: await world.latest(), to: TO })).rejects.toThrow(AccessDeniedError);
    for await (const record of world.ports.proofs.listRestores()) expect(record.status).toBe('failed');
    expect(world.events.at(-1)?.type).toBe('Restore Failed');
  });
});
