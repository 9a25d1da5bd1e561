import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../functions/core/ids.ts';
import { hashBeside, hashContent } from '../../functions/operations/hash-beside.ts';
import { noise } from '../fakes/noise.ts';

const shared = (bytes: Uint8Array): Buffer<SharedArrayBuffer> => {
  const copy = Buffer.from(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
};

describe('hashing beside the caller', () => {
  it.each([0, 1, 1000, 300_000])('gives SHA-256 of %i bytes', async (length) => {
    const bytes = noise('bytes', length);
    expect(await hashBeside(shared(bytes))).toBe(sha256Hex(bytes));
  });

  it('hashes contents side by side, each chunk and the whole', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.uint8Array({ maxLength: 500 }), { maxLength: 6 }), { maxLength: 5 }),
        async (contents) => {
          const hashed = await Promise.all(
            contents.map(async (chunks) => {
              const content = hashContent();
              const parts = chunks.map((bytes) => content.chunk(shared(bytes)));
              return { parts: await Promise.all(parts), whole: await content.end() };
            }),
          );
          expect(hashed).toEqual(
            contents.map((chunks) => ({
              parts: chunks.map((bytes) => sha256Hex(bytes)),
              whole: createHash('sha256').update(Buffer.concat(chunks)).digest('hex'),
            })),
          );
        },
      ),
      { numRuns: 50 },
    );
  });

  it('lets go of a content that breaks off, without harm to another', async () => {
    const [broken, whole] = [hashContent(), hashContent()];
    const [first, second] = [noise('first', 5000), noise('second', 5000)];
    await Promise.all([broken.chunk(shared(first)), whole.chunk(shared(second))]);
    broken.drop();
    expect(await whole.end()).toBe(sha256Hex(second));
  });
});
