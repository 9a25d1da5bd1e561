/** The content of an entry: whole, where it is small and at hand, or in pieces that can be read once, each good until the next is asked for. */
export type Content = Buffer | AsyncIterable<Uint8Array>;

/** The pieces, for a `for await`. */
export const piecesOf = (content: Content): Iterable<Uint8Array> | AsyncIterable<Uint8Array> =>
  Buffer.isBuffer(content) ? [content] : content;

/** Lets go of a content that is not read to its end. */
export async function closeContent(content: Content): Promise<void> {
  if (!Buffer.isBuffer(content)) await content[Symbol.asyncIterator]().return?.();
}
