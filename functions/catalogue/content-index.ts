/** The content index: where chunks rest, each under its keyed hash, per vault. */
import * as z from 'zod';
import type { ContentIndex, IndexedChunk } from '../core/catalogue-ports.ts';
import { chunkKey } from './keys.ts';
import { decodeRecord, encodeRecord } from './records.ts';
import type { Table } from './table.ts';

const size = z.number().int().nonnegative();
export const indexedChunkSchema: z.ZodType<IndexedChunk> = z.object({
  indexKey: z.string().min(1),
  packId: z.string().min(1),
  offset: size,
  sealedBytes: size,
  plainBytes: size,
});

export function contentIndexIn(table: Table): ContentIndex {
  return {
    // Not consistent: the index is a hint, and half the price matters at one read a chunk.
    async find(vault, indexKeys) {
      const items = await table.getMany(indexKeys.map((indexKey) => chunkKey(vault, indexKey)));
      return items.map((item) => decodeRecord(indexedChunkSchema, item));
    },

    async add(vault, chunks) {
      await table.putMany(
        chunks.map((chunk) => {
          const key = chunkKey(vault, chunk.indexKey);
          return { ...key, record: encodeRecord(indexedChunkSchema, chunk, key) };
        }),
      );
    },

    async forget(vault, indexKeys) {
      await table.deleteMany(indexKeys.map((indexKey) => chunkKey(vault, indexKey)));
    },
  };
}
