import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EntryKey, encodeKey, keyFromBytes } from '../../functions/core/entry.ts';
import { IntegrityError } from '../../functions/core/errors.ts';
import { joinParts } from '../../functions/operations/read-parts.ts';
import { damagedPart, type Part } from '../../functions/operations/work-lists.ts';

const coverOf = (after: EntryKey | undefined, upTo: EntryKey | undefined): Part => {
  const { baseDamaged: _, ...part } = damagedPart('');
  return {
    ...part,
    ...(after === undefined ? {} : { after: encodeKey(after) }),
    ...(upTo === undefined ? {} : { upTo: encodeKey(upTo) }),
  };
};

/** The parts that cuts at these keys make, in key order. */
const partsAt = (cuts: readonly EntryKey[]): Part[] =>
  [undefined, ...cuts].map((after, at) => coverOf(after, cuts[at]));

/** Short, so that one is often the beginning of another; of any bytes, whose order is not that of the base64 in which parts hold them. */
const key = fc.uint8Array({ minLength: 1, maxLength: 3 }).map(keyFromBytes);
const cuts = fc.uniqueArray(key, { maxLength: 12 }).map((keys) => keys.sort());
const shuffled = <T>(list: readonly T[]) => fc.shuffledSubarray([...list], { minLength: list.length });

describe('the parts of a snapshot', () => {
  it('are put into key order, in whatever order their shards were numbered', () => {
    const numbered = cuts.chain((keys) => fc.tuple(fc.constant(partsAt(keys)), shuffled(partsAt(keys))));
    fc.assert(
      fc.property(numbered, ([parts, given]) => {
        expect(joinParts(given, 'it')).toEqual(parts);
      }),
      { seed: 1 },
    );
  });

  it('are refused when one is missing, is there twice, or ends elsewhere', () => {
    const spoilt = fc.record({
      cuts,
      at: fc.nat(12),
      how: fc.constantFrom('missing', 'twice', 'cut short'),
      other: key,
    });
    fc.assert(
      fc.property(spoilt, ({ cuts: keys, at, how, other }) => {
        const parts = partsAt(keys);
        const index = at % parts.length;
        const [before, , after] = [parts.slice(0, index), parts[index], parts.slice(index + 1)];
        const part = parts[index];
        if (part === undefined) throw new Error('no part');
        fc.pre(how !== 'cut short' || part.upTo !== encodeKey(other));
        const instead = { missing: [], twice: [part, part], 'cut short': [{ ...part, upTo: encodeKey(other) }] }[how];
        expect(() => joinParts([...before, ...(instead ?? []), ...after], 'it')).toThrow(IntegrityError);
      }),
      { seed: 1 },
    );
  });
});
