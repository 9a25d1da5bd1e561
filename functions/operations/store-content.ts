/** Stores contents in a vault: cut into chunks, or gathered into blocks. */
import { hash } from 'node:crypto';
import { BLOCK_BYTES, CUT_FROM_BYTES, cutContent, OWN_CHUNK_FROM_BYTES } from '../core/chunk.ts';
import { piecesOf } from '../core/content.ts';
import { type ChunkLocation, EMPTY_SHA256, type Extent, type PresentEntry } from '../core/entry.ts';
import { packName } from '../core/pack.ts';
import { hashContent } from './hash-beside.ts';
import { remember } from './remember.ts';
import {
  type ChunkStoreOptions,
  type ChunkToStore,
  type Space,
  type StoredChunk,
  storeChunks,
} from './store-chunks.ts';

/** Bytes of other chunks after which a block that is open is closed: the entries behind it wait for it. */
const BLOCK_WAITS_BYTES = 64 << 20;

/** Small contents in key order, which become one chunk. */
interface Block {
  readonly space: Space;
  readonly stored: StoredChunk;
  length: number;
  /** Bytes of other chunks since it was opened. */
  waits: number;
}

/** An extent whose chunk may be on its way, or rest in a block or pack that is still open. */
export interface PendingExtent {
  readonly stored: StoredChunk;
  readonly offset: number;
  readonly length: number;
}

/** Filled when the content is hashed, which may be a while after it is read. */
export interface HashedContent {
  sha256: string | undefined;
}

export interface StoredContent {
  readonly hashed: HashedContent;
  readonly sizeBytes: number;
  readonly extents: readonly PendingExtent[];
}

export interface ContentStore {
  /**
   * Reads `content` to its end and puts on its way what the vault lacks. `known` is the same key's entry in the chain, whose chunks are
   * used again where they fit. What `content` throws passes through; what storing an earlier content throws is thrown by the next call.
   */
  store(content: AsyncIterable<Uint8Array> | Buffer, known: PresentEntry | undefined): Promise<StoredContent>;
  /** Resolves when every content so far is hashed and in packs that are closed: then `settle` works for every extent given out. */
  close(): Promise<void>;
  /** The extent when its chunk is in a closed pack. */
  settle(extent: PendingExtent): Extent | undefined;
  /** Resolves when every closed pack is in the store. */
  uploaded(): Promise<void>;
  /** Size of a pack that an extent points into: written here, or looked at. @throws NotFoundError */
  packSize(packId: string): Promise<number>;
  /** Bytes of packs written. */
  readonly storedBytes: number;
}

export function storeContent(options: ChunkStoreOptions): ContentStore {
  const { vault } = options;
  const chunks = storeChunks(options);
  const recent = new Map<string, readonly PendingExtent[]>();
  const hashing = new Set<Promise<void>>();
  let block: Block | undefined;

  const sealBlock = (): void => {
    if (block === undefined) return;
    const { stored, space, length } = block;
    stored.as = chunks.add({ space, length });
    block = undefined;
  };

  const addChunk = (chunk: ChunkToStore, length: number): PendingExtent => {
    if (block !== undefined) block.waits += length;
    return { stored: chunks.add(chunk), offset: 0, length };
  };

  const storeInBlock = (content: Buffer): PendingExtent => {
    if (block !== undefined && block.length + content.length > BLOCK_BYTES) sealBlock();
    block ??= { space: chunks.space(), stored: { at: undefined, as: undefined }, length: 0, waits: 0 };
    block.space.set(content, block.length);
    const extent = { stored: block.stored, offset: block.length, length: content.length };
    block.length += content.length;
    return extent;
  };

  const allThere = async (extents: readonly Extent[]): Promise<boolean> => {
    for (const { chunk } of extents) if (!(await chunks.isThere(chunk))) return false;
    return true;
  };

  const storeWhole = async (
    content: Buffer,
    sha256: string,
    known: PresentEntry | undefined,
  ): Promise<readonly PendingExtent[]> => {
    const again = recent.get(sha256);
    if (again !== undefined) return again;
    if (options.reuse && known?.sha256 === sha256 && (await allThere(known.extents)))
      return known.extents.map(pendingOf);
    const own = content.length >= OWN_CHUNK_FROM_BYTES;
    const extents = [
      own
        ? addChunk({ plain: content, chunkId: sha256, known: chunksOf(known) }, content.length)
        : storeInBlock(content),
    ];
    remember(recent, sha256, extents);
    return extents;
  };

  const storeStream = async (
    content: ReturnType<typeof piecesOf>,
    known: PresentEntry | undefined,
  ): Promise<StoredContent> => {
    const whole = hashContent();
    const cutter = cutContent(options.chunking);
    const knownChunks = chunksOf(known);
    const extents: PendingExtent[] = [];
    let sizeBytes = 0;
    let space: Space | undefined;
    let length = 0;
    let ended = false;
    const endChunk = (): void => {
      if (space !== undefined) extents.push(addChunk({ space, length, known: knownChunks, of: whole }, length));
      space = undefined;
      length = 0;
    };
    try {
      for await (const bytes of content) {
        sizeBytes += bytes.length;
        for (let from = 0; from < bytes.length; ) {
          if (space === undefined) {
            await chunks.room();
            space = chunks.space();
          }
          const end = cutter.findEnd(bytes, from);
          space.set(bytes.subarray(from, end), length);
          length += (end ?? bytes.length) - from;
          if (end !== undefined) endChunk();
          from = end ?? bytes.length;
        }
      }
      endChunk();
      ended = true;
    } finally {
      if (space !== undefined) chunks.giveBack(space);
      if (!ended) whole.drop();
    }
    return { hashed: fill(whole.end()), sizeBytes, extents };
  };

  const fill = (sha256: Promise<string>): HashedContent => {
    const hashed: HashedContent = { sha256: undefined };
    const filled = sha256.then((hex) => {
      hashed.sha256 = hex;
      hashing.delete(filled);
    });
    filled.catch(() => undefined); // `close` waits for it.
    hashing.add(filled);
    return hashed;
  };

  return {
    async store(content, known) {
      if (block !== undefined && block.waits >= BLOCK_WAITS_BYTES) sealBlock();
      if (!Buffer.isBuffer(content) || content.length >= CUT_FROM_BYTES) return storeStream(piecesOf(content), known);
      if (content.length === 0) return { hashed: { sha256: EMPTY_SHA256 }, sizeBytes: 0, extents: [] };
      await chunks.room();
      const sha256 = hash('sha256', content);
      return { hashed: { sha256 }, sizeBytes: content.length, extents: await storeWhole(content, sha256, known) };
    },
    async close() {
      sealBlock();
      await chunks.close();
      await Promise.all(hashing);
    },
    settle({ stored, offset, length }) {
      const chunk = (stored.as ?? stored).at;
      return chunk === undefined || chunk.packId === '' ? undefined : { chunk, offset, length };
    },
    uploaded: chunks.uploaded,
    async packSize(packId) {
      return (await chunks.lookAt(packId)) ?? (await vault.store.get(packName(packId))).length;
    },
    get storedBytes() {
      return chunks.storedBytes;
    },
  };
}

export const pendingOf = ({ chunk, offset, length }: Extent): PendingExtent => ({
  stored: { at: chunk, as: undefined },
  offset,
  length,
});

const chunksOf = (entry: PresentEntry | undefined): ReadonlyMap<string, ChunkLocation> =>
  new Map(entry?.extents.map(({ chunk }) => [chunk.chunkId, chunk]));
