import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { usdOf } from '../../functions/core/cost.ts';
import { isUnused, sumUsage, timesUsage, USAGE_KINDS, type Usage } from '../../functions/core/usage.ts';

const usages: fc.Arbitrary<Usage> = fc
  .array(fc.tuple(fc.constantFrom(...USAGE_KINDS), fc.integer({ min: 0, max: 1e9 })))
  .map((pairs) => Object.fromEntries(pairs));

describe('usage', () => {
  it('costs together what its parts cost apart', () => {
    fc.assert(
      fc.property(fc.array(usages), (parts) => {
        const apart = parts.reduce((sum, part) => sum + usdOf(part), 0);
        expect(usdOf(sumUsage(parts))).toBeCloseTo(apart, 6);
      }),
    );
  });

  it('never costs less for more of it', () => {
    fc.assert(
      fc.property(usages, usages, (a, b) => {
        expect(usdOf(sumUsage([a, b]))).toBeGreaterThanOrEqual(usdOf(a));
      }),
    );
  });

  it('a number of times is that often added', () => {
    fc.assert(
      fc.property(usages, fc.integer({ min: 0, max: 5 }), (usage, times) => {
        expect(timesUsage(usage, times)).toEqual(sumUsage(Array.from({ length: times }, () => usage)));
      }),
    );
  });

  it('of nothing is nothing, and only that is unused', () => {
    expect(isUnused({ s3Writes: 0 })).toBe(true);
    expect(isUnused({ s3Deletes: 1 })).toBe(false);
    expect(sumUsage([])).toEqual({});
  });
});
