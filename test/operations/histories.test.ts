import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EntryKey, keyFromText } from '../../functions/core/entry.ts';
import type { RecoveryPointId } from '../../functions/core/ids.ts';
import type { ScannedEntry } from '../../functions/core/ports.ts';
import { segmentName } from '../../functions/core/segment.ts';
import { readChain } from '../../functions/operations/read-chain.ts';
import { noise } from '../fakes/noise.ts';
import { contentsOf, impatient, makeWorld, NO_HURRY, type World } from '../fakes/world.ts';

/** Keys that meet one another: nested, beside a slash, with a slash at the end, of odd bytes. */
const KEYS = ['a', 'a/', 'a/b', 'a//b', 'a.b', 'b', 'ü/😀', '__proto__', '\u0001'];
/** Sizes on both sides of every threshold: empty, block, own chunk, cut. */
const SIZES = [0, 1, 400, 65_535, 65_536, 1_048_577];

const change = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      act: fc.constant('put' as const),
      key: fc.constantFrom(...KEYS),
      size: fc.constantFrom(...SIZES),
      seed: fc.nat(2),
    }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('remove' as const), key: fc.constantFrom(...KEYS) }) },
  // From now on it cannot be read, or can again.
  {
    weight: 1,
    arbitrary: fc.record({ act: fc.constantFrom('deny' as const, 'allow' as const), key: fc.constantFrom(...KEYS) }),
  },
);
const step = fc.record({
  changes: fc.array(change, { maxLength: 5 }),
  kind: fc.constantFrom('full' as const, 'incremental' as const, 'differential' as const),
  /** Looks at the clock until a worker must stop. */
  looks: fc.constantFrom(2, 4, 1000),
});

describe('any history of a source', () => {
  it('comes back as it was at each recovery point, from the vault and from its replica', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 5 }), async (steps) => {
        const world = makeWorld({ plan: { replicateTo: ['offsite'] } });
        const { source } = world;
        let protectedState: ReturnType<typeof contentsOf> = {};
        const points: { readonly id: RecoveryPointId; readonly state: object }[] = [];
        for (const { changes, kind, looks } of steps) {
          for (const { act, key, ...content } of changes) {
            if (act === 'put' && 'size' in content)
              source.put(key, noise(`${content.seed}`, content.size), { type: 'object', seed: content.seed });
            if (act === 'remove') source.entries.delete(keyFromText(key));
            if (act === 'deny') source.failures.set(keyFromText(key), 'denied');
            if (act === 'allow') source.failures.delete(keyFromText(key));
          }
          const before = new Map(Object.entries(protectedState));
          const run = await world.run(kind, undefined, looks === 1000 ? () => NO_HURRY : impatient(looks));
          // What cannot be read keeps the last state that could; what was not read before has none.
          const now = new Map(Object.entries(contentsOf(source)));
          for (const key of source.failures.keys()) {
            const kept = before.get(key);
            if (now.has(key) && kept !== undefined) now.set(key, kept);
            else now.delete(key);
          }
          const denied = [...source.failures.keys()].some((key) => source.entries.has(key));
          expect(run.failed).toBe(now.size === 0 && denied ? 1 : 0);
          if (run.failed > 0) continue;
          protectedState = Object.fromEntries(now);
          points.push({ id: await world.latest(), state: protectedState });
        }
        for (const [index, { id, state }] of points.entries()) {
          for (const vault of ['primary', 'offsite']) {
            const to = `s3://restored/${index}/${vault}/`;
            const report = await world.restoreTo({ recoveryPointId: id, vault, to });
            expect(report).toMatchObject({ status: 'succeeded', failed: 0 });
            expect(contentsOf(world.place(to))).toEqual(state);
          }
          const { outcome } = await world.check(id, 'check');
          expect(outcome).not.toBe('failed');
        }
      }),
      { seed: 1, numRuns: 40 },
    );
  }, 60_000);
});

const TABLE = 'dynamodb://orders';
const ITEMS = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => `{"pk":{"S":"${name}"}}`);
const tableChange = fc.record({
  act: fc.constantFrom('put' as const, 'put' as const, 'remove' as const),
  key: fc.constantFrom(...ITEMS),
  content: fc.constantFrom('', 'one', 'two', 'x'.repeat(70_000)),
});
const tableStep = fc.record({
  changes: fc.array(tableChange, { maxLength: 5 }),
  kind: fc.constantFrom('full' as const, 'incremental' as const, 'differential' as const),
  looks: fc.constantFrom(2, 4, 1000),
  /** How the table tells what changed since the newest snapshot: not at all, by its changes, or that it cannot. */
  tells: fc.constantFrom('all' as const, 'changes' as const, 'changes' as const, 'gap' as const),
  waits: fc.constantFrom(0, 2),
  /** The vault loses its segments, which shows only when the chain is read. */
  damage: fc.constantFrom(false, false, false, true),
});

type Items = ReadonlyMap<EntryKey, Buffer>;
const EMPTY: Items = new Map();
const sorted = (items: Items): [EntryKey, Buffer][] => [...items].sort(([a], [b]) => (a < b ? -1 : 1));

/** What changed from one state to another, and a key or two that did not. */
function changesBetween(before: Items, now: Items): ScannedEntry[] {
  const keys = [...new Set([...before.keys(), ...now.keys()])];
  const changed = keys.filter((key) => before.get(key)?.equals(now.get(key) ?? Buffer.from('?')) !== true);
  return [...changed, ...keys.slice(0, 1), keyFromText('{"pk":{"S":"came and went"}}')].map((key) => ({
    key,
    content: now.get(key),
  }));
}

function countsBetween(before: Items, now: Items) {
  const added = [...now.keys()].filter((key) => !before.has(key)).length;
  const changed = [...now].filter(([key, content]) => before.get(key)?.equals(content) === false).length;
  const removed = [...before.keys()].filter((key) => !now.has(key)).length;
  return { entries: now.size, added, changed, removed };
}

/** Takes from the vault what the chain of a recovery point lists; true where there was something. */
async function loseSegments(world: World, id: RecoveryPointId): Promise<boolean> {
  const point = await world.ports.recoveryPoints.find(id);
  if (point === undefined) throw new Error('no recovery point');
  const vault = await world.ports.openVault('primary');
  const chain = await readChain(vault, point.sourceId, point.chain);
  const names = chain.flatMap(({ segments }) => segments.map((segment) => segmentName(segment.id)));
  for (const name of names) await vault.store.delete(name);
  return names.length > 0;
}

describe('any history of a table', () => {
  it('comes back as it was at each recovery point, and is counted right, however the table is read', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(tableStep, { minLength: 1, maxLength: 6 }), async (steps) => {
        const world = makeWorld({ sources: [TABLE] });
        const table = world.table(TABLE);
        let points: { readonly id: RecoveryPointId; readonly items: Items }[] = [];
        let newest: Items = EMPTY;
        let full: Items = EMPTY;
        for (const { changes, kind, looks, tells, waits, damage } of steps) {
          for (const { act, key, content } of changes) {
            if (act === 'put') table.put(key, content);
            else table.items.delete(keyFromText(key));
          }
          const now: Items = new Map(table.items);
          const told = { entries: changesBetween(newest, now) };
          table.changes = tells === 'changes' && points.length > 0 ? told : undefined;
          table.gap = tells === 'gap' ? 'a gap' : undefined;
          table.waits = waits;
          const before = points.at(-1);
          const damaged = damage && before !== undefined && (await loseSegments(world, before.id));
          const run = await world.run(kind, undefined, looks === 1000 ? () => NO_HURRY : impatient(looks));
          expect(run.failed).toBe(0);
          const id = await world.latest();
          const point = await world.ports.recoveryPoints.find(id);
          const isFull = kind === 'full' || points.length === 0 || tells === 'gap' || damaged;
          expect(point?.kind).toBe(isFull ? 'full' : kind);
          const base = damaged || points.length === 0 ? EMPTY : point?.kind === 'differential' ? full : newest;
          expect(point?.counts).toMatchObject(countsBetween(base, now));
          const lost = [...newest.keys()].filter((key) => !now.has(key)).length;
          if (!damaged && lost / newest.size > 0.5) expect(point?.suspect).toBeDefined();
          if (damaged) points = [];
          points.push({ id, items: now });
          newest = now;
          if (isFull) full = now;
        }
        for (const [index, { id, items }] of points.entries()) {
          const to = `dynamodb://copy-${index}`;
          world.table(to).there = false;
          expect(await world.restoreTo({ recoveryPointId: id, to })).toMatchObject({ failed: 0 });
          expect(sorted(world.table(to).items)).toEqual(sorted(items));
        }
        const last = points.at(-1);
        if (last === undefined) return;
        // Whatever is in a table, an exact restore makes it what it was.
        const report = await world.restoreTo(
          { recoveryPointId: last.id, to: 'dynamodb://copy-0', exact: true },
          impatient(3),
        );
        expect(report).toMatchObject({ status: 'succeeded', failed: 0 });
        expect(sorted(world.table('dynamodb://copy-0').items)).toEqual(sorted(last.items));
        expect((await world.check(last.id, 'restore')).outcome).not.toBe('failed');
      }),
      { seed: 1, numRuns: 30 },
    );
  }, 60_000);
});
