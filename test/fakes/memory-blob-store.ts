import { IntegrityError, NotFoundError } from '../../functions/core/errors.ts';
import type { BlobInfo, BlobStore } from '../../functions/core/ports.ts';
import { assertBlobName, assertBlobPrefix, assertByteRange } from '../../functions/stores/blob-name.ts';

/** A blob store in memory, with its blobs laid open: a test damages a vault by changing `blobs`. */
export type MemoryBlobStore = BlobStore & { readonly blobs: Map<string, Buffer> };

/**
 * A place in memory that keeps every guarantee of `BlobStore`.
 *
 * @param url What it calls itself in messages.
 * @param now The store's own clock, for `modifiedAt`.
 */
export function memoryBlobStore(url = 'memory://vault', now: () => Date = () => new Date()): MemoryBlobStore {
  const blobs = new Map<string, Buffer>();
  const times = new Map<string, string>();

  const write = (name: string, bytes: Uint8Array) => {
    blobs.set(name, Buffer.from(bytes)); // A copy: the writer may reuse its buffer.
    times.set(name, now().toISOString());
  };
  const infoOf = (name: string, blob: Buffer): BlobInfo => ({
    name,
    sizeBytes: blob.length,
    modifiedAt: times.get(name) ?? now().toISOString(), // A test put it into `blobs` itself.
  });

  return {
    url,
    blobs,
    async putNew(name, bytes) {
      assertBlobName(name);
      if (blobs.has(name)) return 'exists';
      write(name, bytes);
      return 'written';
    },
    async put(name, bytes) {
      assertBlobName(name);
      write(name, bytes);
    },
    async get(name, range) {
      assertBlobName(name);
      if (range !== undefined) assertByteRange(name, range);
      const blob = blobs.get(name);
      if (blob === undefined) throw new NotFoundError(`${url}: ${name} is not there`);
      if (range === undefined) return Buffer.from(blob);
      const end = range.offset + range.length;
      if (end > blob.length)
        throw new IntegrityError(
          `${url}: ${name} has ${blob.length} bytes, fewer than the ${range.length} from ${range.offset} that were asked for`,
        );
      return Buffer.from(blob.subarray(range.offset, end));
    },
    async find(name) {
      assertBlobName(name);
      const blob = blobs.get(name);
      return blob === undefined ? undefined : infoOf(name, blob);
    },
    async *list(prefix) {
      assertBlobPrefix(prefix);
      for (const name of [...blobs.keys()].filter((name) => name.startsWith(prefix)).sort()) {
        const blob = blobs.get(name);
        if (blob !== undefined) yield infoOf(name, blob); // Deleted since: a listing is no snapshot.
      }
    },
    async delete(name) {
      assertBlobName(name);
      blobs.delete(name);
      times.delete(name);
    },
  };
}
