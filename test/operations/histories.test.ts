import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyFromText } from '../../functions/core/entry.ts';
import type { RecoveryPointId } from '../../functions/core/ids.ts';
import { noise } from '../fakes/noise.ts';
import { contentsOf, impatient, makeWorld, NO_HURRY } from '../fakes/world.ts';

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
