import { describe, expect, it } from 'vitest';
import { mapInOrder } from '../../functions/operations/map-in-order.ts';

describe('mapInOrder', () => {
  it.each([0, 1, 2, 3, 4])('has nothing in flight any more when item %i fails', async (failing) => {
    let inFlight = 0;
    const mapped = mapInOrder([0, 1, 2, 3, 4], 4, async (item) => {
      inFlight += 1;
      for (let turn = 0; turn < 5 + item * 3; turn += 1) await Promise.resolve();
      inFlight -= 1;
      if (item === failing) throw new Error('failed');
      return item;
    });
    const seen: number[] = [];
    const all = async () => {
      for await (const item of mapped) seen.push(item);
    };
    await expect(all()).rejects.toThrow('failed');
    expect(inFlight).toBe(0);
    expect(seen).toEqual([0, 1, 2, 3, 4].slice(0, failing));
  });

  it.each([1, 2, 3, 4])('has nothing in flight any more when it is left after %i items', async (leave) => {
    let inFlight = 0;
    const mapped = mapInOrder([0, 1, 2, 3, 4], 4, async (item) => {
      inFlight += 1;
      for (let turn = 0; turn < 5 + item * 20; turn += 1) await Promise.resolve();
      inFlight -= 1;
      return item;
    });
    let seen = 0;
    for await (const _ of mapped) {
      seen += 1;
      if (seen === leave) break;
    }
    expect(inFlight).toBe(0);
  });
});
