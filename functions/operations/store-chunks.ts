/**
 * Stores chunks in a vault: each is found where it is already, or compressed and sealed into the pack that is open. Hashing and compressing
 * run beside the caller, on the threads of Node's pool; chunks keep their order.
 */
import type { ContentIndex, IndexedChunk } from '../core/catalogue-ports.ts';
import { BLOCK_BYTES, OWN_CHUNK_FROM_BYTES } from '../core/chunk.ts';
import type { Chunking } from '../core/descriptor.ts';
import type { ChunkLocation } from '../core/entry.ts';
import { buildPack, type PackBuilder, type PackedChunk, packName } from '../core/pack.ts';
import type { Vault } from '../core/ports.ts';
import { contentIndexKey } from '../core/vault-keys.ts';
import { compressInBackground } from './background.ts';
import { type ContentHash, hashBeside } from './hash-beside.ts';
import { remember } from './remember.ts';

/** Packs on their way to the store while the next one fills; each is up to 40 MB of memory. */
const UPLOADS = 2;
/** Chunks on their way into a pack: enough to keep the pool's threads and a look-up in the content index busy. */
const ON_THE_WAY = { chunks: 12, bytes: 12 << 20 };
/** Chunks looked for in the content index together: a request costs about as much as compressing a chunk. */
const LOOKUP = 8;

/** Where a chunk is, as soon as that is known. */
export interface StoredChunk {
  /** Set when it is found or sealed; the `packId` of a pack that is open is ''. */
  at: ChunkLocation | undefined;
  /** The same chunk, stored before. */
  as: StoredChunk | undefined;
}

/** Memory for a chunk, which threads share. */
export type Space = Buffer<SharedArrayBuffer>;

export type ChunkToStore = (
  | {
      /** From `space`; given back when the chunk is stored. */ readonly space: Space;
      readonly length: number;
      /** The content that it is the next chunk of. */
      readonly of?: ContentHash;
    }
  | { /** Nobody changes it from now on. */ readonly plain: Buffer; readonly chunkId: string }
) & {
  /** Chunks of the same key in the chain; absent for a block, which is not looked for. */
  readonly known?: ReadonlyMap<string, ChunkLocation>;
};

export interface ChunkStore {
  /** Resolves when one more chunk may be put on its way. One caller at a time. @throws what storing an earlier chunk threw. */
  room(): Promise<void>;
  /** Memory for the largest chunk there may be. */
  space(): Space;
  giveBack(space: Space): void;
  add(chunk: ChunkToStore): StoredChunk;
  /** Resolves when every chunk so far is in a pack that is closed. @throws what storing a chunk threw. */
  close(): Promise<void>;
  /** Resolves when every pack closed so far is in the store. @throws what storing a chunk threw. */
  uploaded(): Promise<void>;
  /** The pack's size when the store has it now; asked once per pack. */
  lookAt(packId: string): Promise<number | undefined>;
  isThere(chunk: Pick<ChunkLocation, 'packId' | 'offset' | 'sealedBytes'>): Promise<boolean>;
  /** Bytes of packs written. */
  readonly storedBytes: number;
}

export interface ChunkStoreOptions {
  readonly vault: Vault;
  readonly chunking: Chunking;
  readonly contentIndex: ContentIndex;
  readonly randomBytes: (count: number) => Buffer;
  /** False for a full that writes every byte again. */
  readonly reuse: boolean;
}

interface Queued {
  readonly plain: Buffer;
  readonly space: Space | undefined;
  readonly known: ReadonlyMap<string, ChunkLocation> | undefined;
  readonly stored: StoredChunk;
  readonly hashed: Promise<string>;
}

/**
 * Memory that one part of a process's work leaves to the next, since what threads share is seldom collected: as much as is in use at once. Spaces of one
 * size, which vaults with other chunking replace.
 */
const spaces: Space[] = [];
const packSpaces: Buffer[] = [];
const KEPT = { spaces: ON_THE_WAY.chunks + 2, packSpaces: UPLOADS + 1 };

function takeSpace(sizeBytes: number): Space {
  if (spaces[0]?.length !== sizeBytes) spaces.length = 0;
  return spaces.pop() ?? Buffer.from(new SharedArrayBuffer(sizeBytes));
}

function keep<T extends Buffer>(kept: T[], one: T, limit: number): void {
  if (kept.length < limit) kept.push(one);
}

function hashOf(chunk: ChunkToStore): Promise<string> {
  if (!('space' in chunk)) return Promise.resolve(chunk.chunkId);
  const plain = chunk.space.subarray(0, chunk.length);
  return chunk.of === undefined ? hashBeside(plain) : chunk.of.chunk(plain);
}

export function storeChunks(options: ChunkStoreOptions): ChunkStore {
  const { vault, chunking, randomBytes, contentIndex } = options;
  const looked = new Map<string, Promise<number | undefined>>();
  const recent = new Map<string, StoredChunk>();
  const spaceBytes = Math.max(chunking.maxBytes, BLOCK_BYTES);
  const uploads: Promise<void>[] = [];
  const queue: Queued[] = [];
  const onTheWay = { chunks: 0, bytes: 0 };
  let locating: Promise<void> | undefined;
  let sealing: Promise<void> = Promise.resolve();
  let failure: { readonly error: unknown } | undefined;
  let wake = (): void => {};
  let pack: PackBuilder | undefined;
  let storedBytes = 0;

  const fail = (error: unknown): void => {
    failure ??= { error };
    wake();
  };
  const assertUnfailed = (): void => {
    if (failure !== undefined) throw failure.error;
  };

  const lookAt = (packId: string): Promise<number | undefined> => {
    let size = looked.get(packId);
    if (size === undefined) {
      size = vault.store.find(packName(packId)).then((found) => found?.sizeBytes);
      size.catch(() => undefined);
      looked.set(packId, size);
    }
    return size;
  };

  const isThere: ChunkStore['isThere'] = async ({ packId, offset, sealedBytes }) => {
    const size = await lookAt(packId);
    return size !== undefined && offset + sealedBytes <= size;
  };

  const findIndexed = async (chunkIds: readonly string[]): Promise<Map<string, ChunkLocation>> => {
    const byKey = new Map(chunkIds.map((chunkId) => [contentIndexKey(vault.keys, chunkId), chunkId]));
    const found = new Map<string, ChunkLocation>();
    if (byKey.size === 0) return found;
    for (const row of await contentIndex.find(vault.name, [...byKey.keys()])) {
      const chunkId = byKey.get(row.indexKey);
      if (chunkId === undefined) continue;
      const { packId, offset, sealedBytes, plainBytes } = row;
      if (await isThere(row)) found.set(chunkId, { chunkId, packId, offset, sealedBytes, plainBytes });
      else await contentIndex.forget(vault.name, [row.indexKey]);
    }
    return found;
  };

  const done = ({ plain, space }: Queued): void => {
    onTheWay.chunks -= 1;
    onTheWay.bytes -= plain.length;
    if (space !== undefined) keep(spaces, space, KEPT.spaces);
    wake();
  };

  /** Tells where what is queued is already, and starts to compress and seal the rest; comes back to what was queued meanwhile when it is enough. */
  const locate = async (): Promise<void> => {
    do {
      const batch = queue.splice(0);
      const chunks = [];
      for (const chunk of batch) chunks.push({ ...chunk, chunkId: await chunk.hashed });
      const unknown = chunks.filter((c) => c.known !== undefined && !c.known.has(c.chunkId) && !recent.has(c.chunkId));
      const indexed = await findIndexed(options.reuse ? unknown.map((c) => c.chunkId) : []);
      for (const chunk of chunks) {
        const { chunkId, plain, known, stored } = chunk;
        stored.as = known === undefined ? undefined : recent.get(chunkId);
        const candidate = options.reuse ? (known?.get(chunkId) ?? indexed.get(chunkId)) : undefined;
        if (stored.as === undefined && candidate?.plainBytes === plain.length && (await isThere(candidate)))
          stored.at = candidate;
        if (known !== undefined && stored.as === undefined) remember(recent, chunkId, stored);
        if (stored.as === undefined && stored.at === undefined) startSealing(chunk);
        else done(chunk);
      }
    } while (queue.length >= LOOKUP);
    locating = undefined;
    wake();
  };

  const startLocating = (): void => {
    if (locating !== undefined || queue.length === 0) return;
    locating = locate();
    locating.catch(fail);
  };

  const startSealing = (chunk: Queued & { readonly chunkId: string }): void => {
    const compressing = compressInBackground(chunk.plain);
    compressing.catch(fail);
    sealing = sealing.then(async () => {
      assertUnfailed();
      pack ??= buildPack(vault.keys, randomBytes(32), packSpaces.pop());
      chunk.stored.at = pack.add(chunk.chunkId, chunk.plain, await compressing);
      done(chunk);
      if (pack.full) await closePack();
    });
    sealing.catch(fail);
  };

  const closePack = async (): Promise<void> => {
    if (pack === undefined) return;
    while (uploads.length >= UPLOADS) await uploads.shift();
    const { chunks } = pack;
    const { packId, bytes, space } = pack.finish();
    pack = undefined;
    storedBytes += bytes.length;
    looked.set(packId, Promise.resolve(bytes.length));
    const upload = uploadPack(packId, bytes, chunks).then(() => keep(packSpaces, space, KEPT.packSpaces));
    upload.catch(fail);
    uploads.push(upload);
  };

  const uploadPack = async (packId: string, bytes: Buffer, chunks: readonly PackedChunk[]): Promise<void> => {
    await vault.store.putNew(packName(packId), bytes);
    const rows: IndexedChunk[] = chunks
      .filter((chunk) => chunk.plainBytes >= OWN_CHUNK_FROM_BYTES)
      .map(({ chunkId, offset, sealedBytes, plainBytes }) => ({
        indexKey: contentIndexKey(vault.keys, chunkId),
        packId,
        offset,
        sealedBytes,
        plainBytes,
      }));
    if (rows.length > 0) await contentIndex.add(vault.name, rows);
  };

  return {
    async room() {
      while (failure === undefined && (onTheWay.chunks >= ON_THE_WAY.chunks || onTheWay.bytes >= ON_THE_WAY.bytes)) {
        startLocating();
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      assertUnfailed();
    },
    space: () => takeSpace(spaceBytes),
    giveBack: (space) => keep(spaces, space, KEPT.spaces),
    add(chunk) {
      const stored: StoredChunk = { at: undefined, as: undefined };
      const space = 'space' in chunk ? chunk.space : undefined;
      const plain = 'space' in chunk ? chunk.space.subarray(0, chunk.length) : chunk.plain;
      const hashed = hashOf(chunk);
      hashed.catch(fail);
      onTheWay.chunks += 1;
      onTheWay.bytes += plain.length;
      queue.push({ plain, space, known: chunk.known, stored, hashed });
      if (queue.length >= LOOKUP) startLocating();
      return stored;
    },
    async close() {
      while (queue.length > 0 || locating !== undefined) {
        startLocating();
        await locating;
      }
      await sealing;
      assertUnfailed();
      await closePack();
    },
    async uploaded() {
      await Promise.all(uploads);
      assertUnfailed();
    },
    lookAt,
    isThere,
    get storedBytes() {
      return storedBytes;
    },
  };
}
