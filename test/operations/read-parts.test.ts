import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EntryKey, encodeKey, keyFromBytes, keyFromText } from '../../functions/core/entry.ts';
import { IntegrityError } from '../../functions/core/errors.ts';
import { runIdOf, sourceIdOf } from '../../functions/core/ids.ts';
import { joinParts, readParts } from '../../functions/operations/read-parts.ts';
import { damagedPart, type Part, putPart } from '../../functions/operations/work-lists.ts';
import { memoryBlobStore } from '../fakes/memory-blob-store.ts';

const AT = '2026-03-01T02:00:00.000Z';

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

describe('the parts of six thousand shards', () => {
  it('are read side by side, sixteen at a time', async () => {
    const place = memoryBlobStore('file:///work');
    const work = { runId: runIdOf('web', 'full', AT), sourceId: sourceIdOf('s3://bucket/'), attempt: 'a'.repeat(16) };
    const cuts = Array.from({ length: 5999 }, (_, at) => keyFromText(String(at).padStart(1000, '0')));
    for (const [shard, part] of partsAt(cuts).entries()) await putPart(place, work, { shard, part: 0 }, part);
    let [reading, most] = [0, 0];
    const slow = {
      ...place,
      get: async (name: string) => {
        reading += 1;
        most = Math.max(most, reading);
        await new Promise((resolve) => setImmediate(resolve));
        reading -= 1;
        return place.get(name);
      },
    };
    const parts: Part[] = [];
    for await (const part of readParts(slow, { work, firstShard: 0, shards: 6000 })) parts.push(part);
    expect(joinParts(parts, 'it')).toHaveLength(6000);
    expect(most).toBe(16);
  });
});
