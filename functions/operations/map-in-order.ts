/**
 * Maps a stream with bounded concurrency and yields the results in the stream's order: the one place where work on a stream is done
 * side by side. A failure surfaces at its place in the order; what is in flight then is awaited before it is thrown.
 */
export async function* mapInOrder<T, R>(
  items: AsyncIterable<T> | Iterable<T>,
  concurrency: number,
  map: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const window: Promise<R>[] = [];
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  try {
    for (;;) {
      while (window.length < concurrency) {
        const next = await iterator.next();
        if (next.done === true) {
          for (let rest = window.shift(); rest !== undefined; rest = window.shift()) yield await rest;
          return;
        }
        const result = map(next.value);
        result.catch(() => undefined); // Seen when its turn comes; until then it is not an unhandled rejection.
        window.push(result);
      }
      const first = window.shift();
      if (first !== undefined) yield await first;
    }
  } finally {
    await Promise.allSettled(window);
    await iterator.return?.();
  }
}
