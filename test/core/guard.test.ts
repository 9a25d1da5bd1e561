import { describe, expect, it } from 'vitest';
import { findSuspicion, type GuardedChange } from '../../functions/core/guard.ts';

const calm: GuardedChange = {
  known: 100,
  lost: 0,
  entries: 100,
  trustedEntries: undefined,
  maxRemoved: 0.5,
  expectEmpty: false,
};

describe('the guard', () => {
  it.each<[string, Partial<GuardedChange>, RegExp | undefined]>([
    ['nothing is gone', {}, undefined],
    ['half is gone, which is allowed', { lost: 50, entries: 50 }, undefined],
    ['more than half is gone', { lost: 51, entries: 49 }, /51 of 100 entries are gone/],
    ['more than half is gone though as many came', { lost: 51, entries: 100 }, /51 of 100 entries are gone/],
    ['all is gone', { lost: 100, entries: 0 }, /empty where it held 100/],
    ['all is gone, and that is allowed', { lost: 100, entries: 0, maxRemoved: 1 }, /empty where it held 100/],
    [
      'all is gone, and that is allowed and expected',
      { lost: 100, entries: 0, maxRemoved: 1, expectEmpty: true },
      undefined,
    ],
    ['the source is new and empty', { known: 0, entries: 0 }, undefined],
    [
      'it is still empty after a suspect snapshot',
      { known: 0, entries: 0, trustedEntries: 100 },
      /still holds 0 entries/,
    ],
    [
      'it is still small after a suspect snapshot',
      { known: 49, entries: 49, trustedEntries: 100 },
      /still holds 49 entries/,
    ],
    ['the entries are back after a suspect snapshot', { known: 0, entries: 90, trustedEntries: 100 }, undefined],
    ['the loss is accepted', { known: 10, entries: 10, trustedEntries: 100, maxRemoved: 1 }, undefined],
  ])('judges that %s', (_, change, suspicion) => {
    const found = findSuspicion({ ...calm, ...change });
    if (suspicion === undefined) expect(found).toBeUndefined();
    else expect(found).toMatch(suspicion);
  });
});
