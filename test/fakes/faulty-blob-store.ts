import { TransientError } from '../../functions/core/errors.ts';
import type { BlobStore } from '../../functions/core/ports.ts';

/** The process is gone: what `failAt` throws in mode `kill`, from the fatal call on. Not a `BackupError`, so that nothing handles it. */
export class Killed extends Error {
  override readonly name = 'Killed';
}

/**
 * How a write fails: `before` its effect; `after` it (done, and reported as failed); or `kill`: before its effect, and every later
 * call of any kind fails as well. A kill just after write `n` is a kill at write `n + 1`.
 */
export type FailureMode = 'before' | 'after' | 'kill';

/** The store, and how many writes were tried so far: `put`, `putNew` and `delete`, the failing one included. */
export type FaultyBlobStore = BlobStore & { readonly writes: number };

/** The store, whose `n`th write (from 1) fails. `before` and `after` throw a TransientError, once; `kill` throws `Killed`. */
export function failAt(store: BlobStore, n: number, mode: FailureMode): FaultyBlobStore {
  let writes = 0;
  let dead = false;

  const alive = () => {
    if (dead) throw new Killed(`${store.url}: called after the kill at write ${n}`);
  };
  const write = async <T>(what: string, effect: () => Promise<T>): Promise<T> => {
    alive();
    writes += 1;
    if (writes !== n) return await effect();
    if (mode === 'kill') {
      dead = true;
      throw new Killed(`${store.url}: killed at write ${n}, ${what}`);
    }
    if (mode === 'after') await effect();
    throw new TransientError(`${store.url}: write ${n}, ${what}, fails ${mode} its effect; try again`);
  };

  return {
    url: store.url,
    get writes() {
      return writes;
    },
    putNew: (name, bytes) => write(`putNew ${name}`, () => store.putNew(name, bytes)),
    put: (name, bytes) => write(`put ${name}`, () => store.put(name, bytes)),
    delete: (name) => write(`delete ${name}`, () => store.delete(name)),
    async get(name, range) {
      alive();
      return await store.get(name, range);
    },
    async find(name) {
      alive();
      return await store.find(name);
    },
    async *list(prefix) {
      alive();
      for await (const blob of store.list(prefix)) {
        alive();
        yield blob;
      }
    },
  };
}

export type BlobStoreMethod = 'putNew' | 'put' | 'get' | 'find' | 'list' | 'delete';

/** The store, with what it was asked for: calls by method, bytes written (`bytesIn`) and read (`bytesOut`). */
export type CountingBlobStore = BlobStore & {
  readonly counts: Record<BlobStoreMethod, number>;
  readonly bytesIn: number;
  readonly bytesOut: number;
};

/** Counts every call when it is made, also one that fails, and bytes when they have passed; an `exists` passed them too. */
export function countingBlobStore(store: BlobStore): CountingBlobStore {
  const counts: Record<BlobStoreMethod, number> = { putNew: 0, put: 0, get: 0, find: 0, list: 0, delete: 0 };
  let bytesIn = 0;
  let bytesOut = 0;
  return {
    url: store.url,
    counts,
    get bytesIn() {
      return bytesIn;
    },
    get bytesOut() {
      return bytesOut;
    },
    async putNew(name, bytes) {
      counts.putNew += 1;
      const result = await store.putNew(name, bytes);
      bytesIn += bytes.length;
      return result;
    },
    async put(name, bytes) {
      counts.put += 1;
      await store.put(name, bytes);
      bytesIn += bytes.length;
    },
    async get(name, range) {
      counts.get += 1;
      const bytes = await store.get(name, range);
      bytesOut += bytes.length;
      return bytes;
    },
    find(name) {
      counts.find += 1;
      return store.find(name);
    },
    list(prefix) {
      counts.list += 1;
      return store.list(prefix);
    },
    delete(name) {
      counts.delete += 1;
      return store.delete(name);
    },
  };
}
