import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EntryKey, keyFromText } from '../../functions/core/entry.ts';
import { eachOf } from '../../functions/operations/each-of.ts';
import { mergeByKey } from '../../functions/operations/merge-by-key.ts';

interface Item {
  readonly key: EntryKey;
}

/** Sorted keys, each once, cut into batches of which some are empty. */
const batches = fc
  .tuple(fc.uniqueArray(fc.integer({ min: 0, max: 40 })), fc.array(fc.nat(4), { minLength: 1 }))
  .map(([numbers, sizes]) => {
    const items = numbers.map((number): Item => ({ key: keyFromText(String(number).padStart(2, '0')) })).sort(byKey);
    const cut: Item[][] = [];
    for (let at = 0, part = 0; at < items.length; part += 1) {
      const size = part < 50 ? (sizes[part % sizes.length] ?? 1) : items.length;
      cut.push(items.slice(at, at + size));
      at += size;
    }
    return cut;
  });

const byKey = (a: Item, b: Item): number => (a.key < b.key ? -1 : 1);

async function* stream<T>(items: readonly T[], ended: () => void = () => {}): AsyncGenerator<T> {
  try {
    for (const item of items) yield item;
  } finally {
    ended();
  }
}

describe('two sorted streams of batches', () => {
  it('are merged key by key, however they are cut', async () => {
    await fc.assert(
      fc.asyncProperty(batches, batches, async (left, right) => {
        const [lefts, rights] = [left, right].map((side) => new Set(side.flat().map(({ key }) => key)));
        const merged = mergeByKey(stream(left), stream(right), (a, b) => ({ a: a?.key, b: b?.key }));
        const found: unknown[] = [];
        for await (const pair of eachOf(merged)) found.push(pair);
        const keys = [...new Set([...(lefts ?? []), ...(rights ?? [])])].sort();
        expect(found).toEqual(
          keys.map((key) => ({ a: lefts?.has(key) ? key : undefined, b: rights?.has(key) ? key : undefined })),
        );
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('give what was joined before one of them failed', async () => {
    const failing = async function* (): AsyncGenerator<Item[]> {
      yield [{ key: keyFromText('a') }];
      throw new Error('broken');
    };
    const found: unknown[] = [];
    const drain = async () => {
      const others = stream([[{ key: keyFromText('a') }, { key: keyFromText('b') }]]);
      for await (const key of eachOf(mergeByKey(failing(), others, (a, b) => (a ?? b)?.key))) found.push(key);
    };
    await expect(drain()).rejects.toThrow('broken');
    expect(found).toEqual(['a']);
  });

  it('are both left when the merged one is', async () => {
    let ended = 0;
    const side = () => stream([[{ key: keyFromText('a') }], [{ key: keyFromText('b') }]], () => (ended += 1));
    for await (const _ of mergeByKey(side(), side(), (a) => a)) break;
    expect(ended).toBe(2);
  });
});
