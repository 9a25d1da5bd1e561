import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DEFAULT_CHUNKING } from '../../functions/core/descriptor.ts';
import { type ChunkLocation, type Extent, keyFromText, type PresentEntry } from '../../functions/core/entry.ts';
import { IntegrityError, NotFoundError } from '../../functions/core/errors.ts';
import { sha256Hex } from '../../functions/core/ids.ts';
import { buildPack, packName } from '../../functions/core/pack.ts';
import type { Vault } from '../../functions/core/ports.ts';
import { mapInOrder } from '../../functions/operations/map-in-order.ts';
import { type ReadableEntry, readContent, readContents } from '../../functions/operations/read-contents.ts';
import { memoryBlobStore } from '../fakes/memory-blob-store.ts';
import { KEYS } from '../fakes/world.ts';

const MiB = 1 << 20;

interface Request {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
}

const isIn = (chunk: ChunkLocation, { name, offset, length }: Request): boolean =>
  name === packName(chunk.packId) && chunk.offset >= offset && chunk.offset + chunk.sealedBytes <= offset + length;

/** A vault of packs with the chunks given, each of its number repeated, and what was asked of it. */
function vaultOf(packs: readonly (readonly number[])[], chunkBytes: number) {
  const store = memoryBlobStore();
  const plains = new Map<number, Buffer>();
  const chunks = new Map<number, ChunkLocation>();
  for (const numbers of packs) {
    const pack = buildPack(KEYS, randomBytes(32));
    for (const number of numbers) {
      const plain = Buffer.alloc(chunkBytes, `chunk ${number} `);
      plains.set(number, plain);
      chunks.set(number, pack.add(sha256Hex(plain), plain));
    }
    const { packId, bytes } = pack.finish();
    store.blobs.set(packName(packId), Buffer.from(bytes));
  }
  const requests: Request[] = [];
  /** Ids of the chunks that were asked for. */
  const asked = new Set<string>();
  const observed = {
    ...store,
    get: async (name: string, range?: { readonly offset: number; readonly length: number }) => {
      const request = { name, ...(range ?? { offset: 0, length: Number.POSITIVE_INFINITY }) };
      requests.push(request);
      for (const chunk of chunks.values()) if (isIn(chunk, request)) asked.add(chunk.chunkId);
      await new Promise((resolve) => setImmediate(resolve));
      return store.get(name, range);
    },
  };
  const vault: Vault = { name: 'primary', store: observed, keys: KEYS, chunking: DEFAULT_CHUNKING };
  const chunkOf = (number: number): ChunkLocation => {
    const chunk = chunks.get(number);
    if (chunk === undefined) throw new Error(`there is no chunk ${number}`);
    return chunk;
  };
  const entryOf = (key: string, parts: readonly (readonly [number, number, number])[]): PresentEntry => {
    const hash = createHash('sha256');
    for (const [number, offset, length] of parts)
      hash.update(plains.get(number)?.subarray(offset, offset + length) ?? '');
    const extents: Extent[] = parts.map(([number, offset, length]) => ({ chunk: chunkOf(number), offset, length }));
    return {
      key: keyFromText(key),
      state: 'present',
      fingerprint: '',
      attributes: {},
      sha256: hash.digest('hex'),
      sizeBytes: extents.reduce((sum, { length }) => sum + length, 0),
      extents,
    };
  };
  return { vault, blobs: store.blobs, requests, asked, chunks: [...chunks.values()], chunkOf, entryOf };
}

const numbers = (from: number, to: number): readonly number[] => Array.from({ length: to - from }, (_, n) => from + n);

async function* each<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

async function drain({ content, leave }: ReadableEntry): Promise<number> {
  let sizeBytes = 0;
  try {
    for await (const piece of content) sizeBytes += piece.length;
  } finally {
    leave();
  }
  return sizeBytes;
}

describe('contents in key order', () => {
  it.each([
    ['pack after pack', [numbers(0, 40), numbers(40, 80), numbers(80, 100)]],
    ['packs in turn', [numbers(0, 50).map((n) => 2 * n), numbers(0, 50).map((n) => 2 * n + 1)]],
  ])('are read in few large requests, each byte once, however many share it (%s)', async (_, packs) => {
    const { vault, requests, chunks, entryOf } = vaultOf(packs, MiB);
    // Ten of about 100 KiB share a chunk; one in ten lies in two.
    const entries = numbers(0, 1000).map((n) => {
      const [chunk, at] = [Math.floor(n / 10), (n % 10) * 100_000];
      const beyond: [number, number, number][] = n % 10 === 9 && chunk < 99 ? [[chunk + 1, 0, 5000]] : [];
      return entryOf(String(n).padStart(4, '0'), [[chunk, at, 100_000], ...beyond]);
    });
    let bytes = 0;
    for await (const size of mapInOrder(readContents(vault, each(entries)), 16, drain)) bytes += size;
    expect(bytes).toBe(1000 * 100_000 + 99 * 5000);
    for (const chunk of chunks) expect(requests.filter((request) => isIn(chunk, request))).toHaveLength(1);
    for (const [index, one] of requests.entries())
      for (const other of requests.slice(index + 1))
        if (one.name === other.name)
          expect(Math.max(one.offset, other.offset)).toBeGreaterThanOrEqual(
            Math.min(one.offset + one.length, other.offset + other.length),
          );
    // 8 MiB together, from each pack on its own.
    expect(requests.length).toBeLessThanOrEqual(packs.length * Math.ceil(100 / 8) + packs.length);
  });

  it.each([
    ['large ones', 16, 8],
    ['small ones', 1280, 1],
    ['one that is larger than all memory', 1, 128],
  ])('are held in memory up to a bound, however many are read side by side: %s', async (_, count, chunksEach) => {
    const { vault, asked, entryOf } = vaultOf([numbers(0, 128)], MiB);
    const entries = numbers(0, count).map((n) =>
      entryOf(
        String(n).padStart(4, '0'),
        numbers(0, chunksEach).map((i) => [
          Math.floor(((n * chunksEach + i) * 128) / (count * chunksEach)),
          0,
          100_000,
        ]),
      ),
    );
    const used = new Set<string>();
    let most = 0;
    const read = async ({ entry, content }: ReadableEntry): Promise<void> => {
      let index = 0;
      for await (const _ of content) {
        await new Promise((resolve) => setImmediate(resolve));
        most = Math.max(most, asked.size - used.size);
        used.add(entry.extents[index]?.chunk.chunkId ?? '');
        index += 1;
      }
    };
    for await (const _ of mapInOrder(readContents(vault, each(entries)), 16, read));
    expect(used.size).toBe(128);
    expect(most).toBeGreaterThan(16);
    expect(most).toBeLessThanOrEqual(32);
  });

  it('come to an end whatever is read of each, in part or not at all', async () => {
    const { vault, entryOf } = vaultOf([numbers(0, 60), numbers(60, 120)], MiB);
    const entries = numbers(0, 24).map((n) =>
      entryOf(
        String(n).padStart(2, '0'),
        numbers(0, 20).map((i) => [(n * 5 + i) % 120, 0, MiB]),
      ),
    );
    const read = async ({ entry, content, leave }: ReadableEntry): Promise<number> => {
      const wanted = [0, 1, 7, 20][Number(entry.key) % 4] ?? 0;
      let pieces = 0;
      if (wanted > 0)
        for await (const _ of content) {
          pieces += 1;
          if (pieces === wanted) break;
        }
      leave();
      return pieces;
    };
    let pieces = 0;
    for await (const read_ of mapInOrder(readContents(vault, each(entries)), 5, read)) pieces += read_;
    expect(pieces).toBe(6 * (1 + 7 + 20));
  });

  it('do not wait for later entries that are slow to come', async () => {
    const { vault, entryOf } = vaultOf([[0, 1]], 1000);
    const read = Promise.withResolvers<void>();
    async function* slowly() {
      yield entryOf('a', [[0, 0, 1000]]);
      await read.promise;
      yield entryOf('b', [[1, 0, 1000]]);
    }
    const sizes: number[] = [];
    for await (const readable of readContents(vault, slowly())) {
      sizes.push(await drain(readable));
      read.resolve();
    }
    expect(sizes).toEqual([1000, 1000]);
  });

  it('leave nothing under way when they are left early', async () => {
    const { vault, requests, entryOf } = vaultOf([numbers(0, 100)], MiB);
    const entries = numbers(0, 100).map((n) => entryOf(String(n).padStart(3, '0'), [[n, 0, MiB]]));
    for await (const readable of readContents(vault, each(entries))) {
      await drain(readable);
      break;
    }
    const asked = requests.length;
    await new Promise((resolve) => setImmediate(resolve));
    expect(requests.length).toBe(asked);
    expect(asked).toBeLessThan(100 / 8);
  });

  it('surface the failure of the entries at its place', async () => {
    const { vault, entryOf } = vaultOf([[0]], 1000);
    async function* broken() {
      yield entryOf('a', [[0, 0, 1000]]);
      yield entryOf('b', [[0, 500, 500]]);
      throw new IntegrityError('a segment is missing');
    }
    const sizes: number[] = [];
    const all = async () => {
      for await (const readable of readContents(vault, broken())) sizes.push(await drain(readable));
    };
    await expect(all()).rejects.toThrow('a segment is missing');
    expect(sizes).toEqual([1000, 500]);
  });
});

describe('what is damaged', () => {
  const failing = async (entries: readonly PresentEntry[], vault: Vault): Promise<readonly string[]> => {
    const failed: string[] = [];
    for await (const readable of readContents(vault, each(entries)))
      await drain(readable).catch((error: unknown) => {
        if (!(error instanceof IntegrityError)) throw error;
        failed.push(readable.entry.key);
      });
    return failed;
  };

  it('harms the entries that need the chunk, and no other', async () => {
    const { vault, blobs, chunkOf, entryOf } = vaultOf([numbers(0, 10)], 1000);
    const [name] = blobs.keys();
    const bytes = blobs.get(name ?? '');
    const at = chunkOf(4).offset + 5;
    bytes?.writeUInt8((bytes.readUInt8(at) ?? 0) ^ 1, at);
    const entries = numbers(0, 10).map((n) => entryOf(`${n}`, [[n, 0, 1000]]));
    expect(
      await failing(
        [
          ...entries,
          entryOf('x', [
            [3, 0, 10],
            [4, 0, 10],
            [5, 0, 10],
          ]),
        ],
        vault,
      ),
    ).toEqual(['4', 'x']);
  });

  it('is named where a pack is missing, and other packs are read', async () => {
    const { vault, blobs, chunkOf, entryOf } = vaultOf([numbers(0, 2), numbers(2, 4)], 1000);
    blobs.delete(packName(chunkOf(0).packId));
    const entries = numbers(0, 4).map((n) => entryOf(`${n}`, [[n, 0, 1000]]));
    expect(await failing(entries, vault)).toEqual(['0', '1']);
    const [first] = entries;
    if (first === undefined) throw new Error('no entry');
    const read = async () => {
      for await (const _ of readContent(vault, first));
    };
    await expect(read()).rejects.toThrow(`pack ${chunkOf(0).packId} is missing from memory://vault`);
    await expect(read()).rejects.not.toThrow(NotFoundError);
  });

  it('is told by the hash of the content where a chunk is whole but another', async () => {
    const { vault, entryOf } = vaultOf([numbers(0, 3)], 1000);
    const swapped = { ...entryOf('b', [[1, 0, 1000]]), extents: entryOf('', [[2, 0, 1000]]).extents };
    expect(await failing([entryOf('a', [[0, 0, 1000]]), swapped], vault)).toEqual(['b']);
  });

  it.each([999, 1001, 17 * MiB])('is a chunk that has not the %i bytes that its entry says', async (plainBytes) => {
    const { vault, entryOf } = vaultOf([numbers(0, 2)], 1000);
    const entry = entryOf('a', [[1, 0, 999]]);
    const extents = entry.extents.map((extent) => ({ ...extent, chunk: { ...extent.chunk, plainBytes } }));
    expect(await failing([{ ...entry, extents }], vault)).toEqual(['a']);
  });

  it('is a chunk that is not what its id says, where chunks are judged; its content comes back whole all the same', async () => {
    const { vault, entryOf } = vaultOf([numbers(0, 2)], 1000);
    const entry = entryOf('a', [[1, 0, 1000]]);
    const extents = entry.extents.map((extent) => ({
      ...extent,
      chunk: { ...extent.chunk, chunkId: sha256Hex('another') },
    }));
    const mislabelled = { ...entry, extents };
    expect(await failing([mislabelled], vault)).toEqual([]);
    for await (const readable of readContents(vault, each([mislabelled]), 'judged'))
      await expect(drain(readable)).rejects.toThrow(/the content is not what its id says/);
  });
});
