import type { EntryKey } from '../core/entry.ts';

/** Two streams sorted by key, side by side: each key of either once, in order. */
export async function* zipByKey<A extends { readonly key: EntryKey }, B extends { readonly key: EntryKey }>(
  left: AsyncIterable<A>,
  right: AsyncIterable<B>,
): AsyncGenerator<{ readonly key: EntryKey; readonly left?: A; readonly right?: B }> {
  const [lefts, rights] = [left[Symbol.asyncIterator](), right[Symbol.asyncIterator]()];
  try {
    let [a, b] = [await lefts.next(), await rights.next()];
    while (a.done !== true || b.done !== true) {
      if (b.done === true || (a.done !== true && a.value.key < b.value.key)) {
        if (a.done !== true) yield { key: a.value.key, left: a.value };
        a = await lefts.next();
      } else if (a.done === true || b.value.key < a.value.key) {
        yield { key: b.value.key, right: b.value };
        b = await rights.next();
      } else {
        yield { key: a.value.key, left: a.value, right: b.value };
        [a, b] = [await lefts.next(), await rights.next()];
      }
    }
  } finally {
    await lefts.return?.();
    await rights.return?.();
  }
}
