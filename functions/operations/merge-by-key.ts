import type { EntryKey } from '../core/entry.ts';

type Keyed = { readonly key: EntryKey };

/**
 * Merges two streams of batches that are sorted by key: `join` is called once for each key of either, in order, and what it gives is given on, in batches;
 * what it gives undefined for is left out. Batches, since what is awaited for every single item costs more than all else that is done with it.
 */
export async function* mergeByKey<A extends Keyed, B extends Keyed, R>(
  left: AsyncIterable<readonly A[]>,
  right: AsyncIterable<readonly B[]>,
  join: (a: A | undefined, b: B | undefined) => R | undefined,
): AsyncGenerator<R[]> {
  const [lefts, rights] = [left[Symbol.asyncIterator](), right[Symbol.asyncIterator]()];
  try {
    // Side by side: of a chain's many members each begins with a request.
    let [a, b] = await Promise.all([nextOf(lefts), nextOf(rights)]);
    let [i, j] = [0, 0];
    while (a !== undefined || b !== undefined) {
      const joined: R[] = [];
      // To the end of one of the two batches; of a stream that has ended nothing is left to wait for.
      while (a === undefined ? b !== undefined && j < b.length : i < a.length && (b === undefined || j < b.length)) {
        const [first, second]: [A | undefined, B | undefined] = [a?.[i], b?.[j]];
        const takesFirst = first !== undefined && (second === undefined || first.key <= second.key);
        const takesSecond = second !== undefined && (first === undefined || second.key <= first.key);
        const one = join(takesFirst ? first : undefined, takesSecond ? second : undefined);
        if (one !== undefined) joined.push(one);
        if (takesFirst) i += 1;
        if (takesSecond) j += 1;
      }
      if (joined.length > 0) yield joined;
      if (a !== undefined && i === a.length) [a, i] = [await nextOf(lefts), 0];
      if (b !== undefined && j === b.length) [b, j] = [await nextOf(rights), 0];
    }
  } finally {
    await lefts.return?.();
    await rights.return?.();
  }
}

async function nextOf<T>(batches: AsyncIterator<readonly T[]>): Promise<readonly T[] | undefined> {
  const next = await batches.next();
  return next.done === true ? undefined : next.value;
}
