/** Stores contents in a vault: cut into chunks or gathered into blocks, found where they are already or sealed into packs. */
import { createHash } from 'node:crypto';
import type { ContentIndex, IndexedChunk } from '../core/catalogue-ports.ts';
import { BLOCK_BYTES, CUT_FROM_BYTES, cutContent, OWN_CHUNK_FROM_BYTES } from '../core/chunk.ts';
import type { Chunking } from '../core/descriptor.ts';
import { type ChunkLocation, EMPTY_SHA256, type Extent, type PresentEntry } from '../core/entry.ts';
import { sha256Hex } from '../core/ids.ts';
import { buildPack, type PackBuilder, type PackedChunk, packName } from '../core/pack.ts';
import type { Vault } from '../core/ports.ts';
import { contentIndexKey } from '../core/vault-keys.ts';

/** Packs on their way to the store while the next one fills; each is up to 40 MB of memory. */
const UPLOADS = 2;
/** Chunks looked up in the content index together; each is up to 8 MiB of memory. */
const LOOKUP = 8;
/** Chunks and contents of this worker remembered for dedup; about 200 bytes each. */
const REMEMBERED = 100_000;

/** Small contents in key order, which become one chunk. */
interface Block {
  readonly parts: Uint8Array[];
  length: number;
  chunk: PackedChunk | undefined;
}

/** An extent whose chunk may rest in a block or pack that is still open. */
export interface PendingExtent {
  readonly at: ChunkLocation | Block;
  readonly offset: number;
  readonly length: number;
}

export interface StoredContent {
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly extents: readonly PendingExtent[];
}

export interface ContentStore {
  /**
   * Reads `content` to its end and stores what the vault lacks. `known` is the same key's entry in the chain, whose chunks are
   * used again where they fit. What `content` throws passes through.
   */
  store(content: AsyncIterable<Uint8Array> | Buffer, known: PresentEntry | undefined): Promise<StoredContent>;
  /** Whether a pack is full: then `closePack`. */
  readonly full: boolean;
  /** Seals what is open and starts the upload; afterwards `settle` works for every extent given out so far. */
  closePack(): Promise<void>;
  settle(extent: PendingExtent): Extent;
  /** Resolves when every closed pack is in the store. */
  uploaded(): Promise<void>;
  /** Size of a pack that an extent points into: written here, or looked at. @throws NotFoundError */
  packSize(packId: string): Promise<number>;
  /** Bytes of packs written. */
  readonly storedBytes: number;
}

export interface ContentStoreOptions {
  readonly vault: Vault;
  readonly chunking: Chunking;
  readonly contentIndex: ContentIndex;
  readonly randomBytes: (count: number) => Buffer;
  /** False for a full that writes every byte again. */
  readonly reuse: boolean;
}

export function storeContent(options: ContentStoreOptions): ContentStore {
  const { vault, randomBytes, contentIndex } = options;
  const uploads: Promise<void>[] = [];
  const looked = new Map<string, Promise<number | undefined>>();
  const recentChunks = new Map<string, ChunkLocation>();
  const recentContents = new Map<string, readonly PendingExtent[]>();
  let pack: PackBuilder | undefined;
  let block: Block | undefined;
  let storedBytes = 0;

  /** The pack's size when the store has it now; asked once per pack. */
  const lookAt = (packId: string): Promise<number | undefined> => {
    let size = looked.get(packId);
    if (size === undefined) {
      size = vault.store.find(packName(packId)).then((found) => found?.sizeBytes);
      size.catch(() => undefined);
      looked.set(packId, size);
    }
    return size;
  };

  const isThere = async (chunk: Pick<ChunkLocation, 'packId' | 'offset' | 'sealedBytes'>): Promise<boolean> => {
    if (chunk.packId === '') return true; // In the pack that is open here.
    const size = await lookAt(chunk.packId);
    return size !== undefined && chunk.offset + chunk.sealedBytes <= size;
  };

  const addChunk = (chunkId: string, plain: Uint8Array): PackedChunk => {
    pack ??= buildPack(vault.keys, randomBytes(32));
    return pack.add(chunkId, plain);
  };

  const sealBlock = (): void => {
    if (block === undefined) return;
    const plain = Buffer.concat(block.parts);
    block.chunk = addChunk(sha256Hex(plain), plain);
    block.parts.length = 0;
    block = undefined;
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

  const closePack = async (): Promise<void> => {
    sealBlock();
    if (pack === undefined) return;
    const { chunks } = pack;
    const { packId, bytes } = pack.finish();
    pack = undefined;
    storedBytes += bytes.length;
    looked.set(packId, Promise.resolve(bytes.length));
    while (uploads.length >= UPLOADS) await uploads.shift();
    const upload = uploadPack(packId, bytes, chunks);
    upload.catch(() => undefined); // Seen when it is awaited; until then it is not an unhandled rejection.
    uploads.push(upload);
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

  /** Chunks of one content, in order, found where they are already or sealed now. */
  const storeChunks = async (
    plains: readonly Buffer[],
    known: ReadonlyMap<string, ChunkLocation>,
  ): Promise<PendingExtent[]> => {
    const chunks = plains.map((plain) => ({ plain, chunkId: sha256Hex(plain) }));
    const unknown = chunks.map((c) => c.chunkId).filter((id) => !recentChunks.has(id) && !known.has(id));
    const indexed = options.reuse ? await findIndexed(unknown) : new Map<string, ChunkLocation>();
    const extents: PendingExtent[] = [];
    for (const { plain, chunkId } of chunks) {
      let at = recentChunks.get(chunkId);
      const candidate = options.reuse ? (known.get(chunkId) ?? indexed.get(chunkId)) : undefined;
      if (at === undefined && candidate?.plainBytes === plain.length && (await isThere(candidate))) at = candidate;
      if (at === undefined) {
        at = addChunk(chunkId, plain);
        if (pack?.full === true) await closePack();
      }
      remember(recentChunks, chunkId, at);
      extents.push({ at, offset: 0, length: plain.length });
    }
    return extents;
  };

  const storeInBlock = (content: Buffer): PendingExtent => {
    if (block !== undefined && block.length + content.length > BLOCK_BYTES) sealBlock();
    block ??= { parts: [], length: 0, chunk: undefined };
    const extent = { at: block, offset: block.length, length: content.length };
    block.parts.push(content);
    block.length += content.length;
    return extent;
  };

  const allThere = async (extents: readonly Extent[]): Promise<boolean> => {
    for (const { chunk } of extents) if (!(await isThere(chunk))) return false;
    return true;
  };

  const storeWhole = async (
    content: Buffer,
    sha256: string,
    known: PresentEntry | undefined,
  ): Promise<readonly PendingExtent[]> => {
    const again = recentContents.get(sha256);
    if (again !== undefined) return again;
    if (options.reuse && known?.sha256 === sha256 && (await allThere(known.extents)))
      return known.extents.map(pendingOf);
    const own = content.length >= OWN_CHUNK_FROM_BYTES;
    const extents = own ? await storeChunks([content], chunksOf(known)) : [storeInBlock(content)];
    remember(recentContents, sha256, extents);
    return extents;
  };

  const storeStream = async (
    content: AsyncIterable<Uint8Array>,
    known: PresentEntry | undefined,
  ): Promise<StoredContent> => {
    const hash = createHash('sha256');
    const cutter = cutContent(options.chunking);
    const knownChunks = chunksOf(known);
    const extents: PendingExtent[] = [];
    let sizeBytes = 0;
    let batch: Buffer[] = [];
    const take = async (): Promise<void> => {
      const plains = batch;
      batch = [];
      for (const extent of await storeChunks(plains, knownChunks)) extents.push(extent);
    };
    for await (const bytes of content) {
      hash.update(bytes);
      sizeBytes += bytes.length;
      batch.push(...cutter.push(bytes));
      if (batch.length >= LOOKUP) await take();
    }
    const rest = cutter.end();
    if (rest !== undefined) batch.push(rest);
    await take();
    return { sha256: hash.digest('hex'), sizeBytes, extents };
  };

  return {
    async store(content, known) {
      if (!Buffer.isBuffer(content)) return storeStream(content, known);
      if (content.length >= CUT_FROM_BYTES) return storeStream(oneBuffer(content), known);
      if (content.length === 0) return { sha256: EMPTY_SHA256, sizeBytes: 0, extents: [] };
      const sha256 = sha256Hex(content);
      return { sha256, sizeBytes: content.length, extents: await storeWhole(content, sha256, known) };
    },
    get full() {
      return pack?.full === true;
    },
    closePack,
    settle({ at, offset, length }) {
      const chunk = 'parts' in at ? at.chunk : at;
      if (chunk === undefined || chunk.packId === '')
        throw new Error('an extent was settled before its pack was closed');
      return { chunk, offset, length };
    },
    async uploaded() {
      while (uploads.length > 0) await uploads.shift();
    },
    async packSize(packId) {
      return (await lookAt(packId)) ?? (await vault.store.get(packName(packId))).length;
    },
    get storedBytes() {
      return storedBytes;
    },
  };
}

export const pendingOf = (extent: Extent): PendingExtent => ({
  at: extent.chunk,
  offset: extent.offset,
  length: extent.length,
});

const chunksOf = (entry: PresentEntry | undefined): ReadonlyMap<string, ChunkLocation> =>
  new Map(entry?.extents.map(({ chunk }) => [chunk.chunkId, chunk]));

function remember<V>(map: Map<string, V>, key: string, value: V): void {
  if (map.size >= REMEMBERED) map.clear();
  map.set(key, value);
}

async function* oneBuffer(content: Buffer): AsyncGenerator<Buffer> {
  yield content;
}
