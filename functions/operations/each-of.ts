/** The items of a stream of batches, one by one. */
export async function* eachOf<T>(batches: AsyncIterable<readonly T[]>): AsyncGenerator<T> {
  for await (const batch of batches) for (const item of batch) yield item;
}
