/** Fetches chunks from their packs, those that lie near each other in one request, and opens them. */
import { zstdDecompress } from 'node:zlib';
import type { ChunkLocation } from '../core/entry.ts';
import { IntegrityError, NotFoundError } from '../core/errors.ts';
import {
  assertChunkId,
  assertChunkSize,
  chunkUnzstdOptions,
  decryptChunk,
  notTheChunk,
  PACK_HEAD_BYTES,
  packKey,
  packName,
} from '../core/pack.ts';
import type { Vault } from '../core/ports.ts';
import { sideBySide } from './side-by-side.ts';

/** Unneeded bytes that are cheaper to read than another request would be. */
const GAP_BYTES = 512 << 10;
const FETCHES = 4;
const REMEMBERED_KEYS = 1000;

/** A chunk, and where its plain bytes go, or the error that stood in the way: it harms only who needs this chunk. */
export interface WantedChunk {
  readonly chunk: ChunkLocation;
  readonly resolve: (plain: Buffer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Whether a chunk is hashed against its id. A content need not have its chunks judged: each is authenticated at its place in its pack, and what
 * they make together is hashed against the entry's own hash, which decides.
 */
export type ChunkProof = 'judged' | 'left to the content';

export interface ChunkFetcher {
  /** Returns when the last request for these has begun, of which a few are under way at once. Never throws. */
  fetch(wanted: readonly WantedChunk[]): Promise<void>;
  /** Returns when nothing is under way. */
  done(): Promise<void>;
}

export function chunkFetcher(vault: Vault, proof: ChunkProof): ChunkFetcher {
  const requests = sideBySide(FETCHES);
  const keys = packKeys(vault);

  const fetchRange = async (run: readonly WantedChunk[]): Promise<void> => {
    const [first, last] = [run[0]?.chunk, run.at(-1)?.chunk];
    if (first === undefined || last === undefined) return;
    const { packId } = first;
    try {
      // The pack's head holds what its key is made from: read with the first chunks where they are near.
      const from = first.offset <= GAP_BYTES && !keys.has(packId) ? 0 : first.offset;
      const length = last.offset + last.sealedBytes - from;
      const read = vault.store.get(packName(packId), { offset: from, length });
      const [bytes, key] = await Promise.all([read, keys.get(packId, from === 0 ? read : undefined)]);
      const opened = run.map(async ({ chunk, resolve, reject }) => {
        const at = chunk.offset - from;
        await openChunk(key, chunk, bytes.subarray(at, at + chunk.sealedBytes), proof).then(resolve, reject);
      });
      await Promise.all(opened);
    } catch (error) {
      const told =
        error instanceof NotFoundError
          ? new IntegrityError(`pack ${packId} is missing from ${vault.store.url}`, { cause: error })
          : error;
      for (const { reject } of run) reject(told);
    }
  };

  return {
    async fetch(wanted) {
      const byPack = Map.groupBy(wanted, ({ chunk }) => chunk.packId);
      for (const ofPack of byPack.values())
        for (const run of coalesce(ofPack)) await requests.start(() => fetchRange(run));
    },
    done: requests.done,
  };
}

/** Chunks of one pack, in runs without a gap that would be dearer than a request. */
function coalesce(wanted: readonly WantedChunk[]): WantedChunk[][] {
  const sorted = [...wanted].sort((a, b) => a.chunk.offset - b.chunk.offset);
  const runs: WantedChunk[][] = [];
  let end = Number.NEGATIVE_INFINITY;
  for (const one of sorted) {
    if (one.chunk.offset - end > GAP_BYTES) runs.push([]);
    runs.at(-1)?.push(one);
    end = one.chunk.offset + one.chunk.sealedBytes;
  }
  return runs;
}

async function openChunk(key: Buffer, chunk: ChunkLocation, sealed: Buffer, proof: ChunkProof): Promise<Buffer> {
  const { codec, bytes } = decryptChunk(key, chunk, sealed);
  const plain = codec === 'raw' ? bytes : await unzstd(chunk, bytes);
  assertChunkSize(chunk, plain);
  if (proof === 'judged') assertChunkId(chunk, plain);
  return plain;
}

/** Off the main thread. */
const unzstd = (chunk: ChunkLocation, bytes: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    zstdDecompress(bytes, chunkUnzstdOptions(chunk), (error, plain) => {
      if (error === null) resolve(plain);
      else reject(notTheChunk(chunk, error));
    });
  });

/** The packs' keys, each made once as long as it is remembered. */
function packKeys(vault: Vault) {
  const keys = new Map<string, Promise<Buffer>>();
  const make = (packId: string, head: Promise<Buffer> | undefined): Promise<Buffer> => {
    if (keys.size >= REMEMBERED_KEYS) keys.clear();
    const read = head ?? vault.store.get(packName(packId), { offset: 0, length: PACK_HEAD_BYTES });
    const key = read.then((bytes) => packKey(vault.keys, packId, bytes.subarray(0, PACK_HEAD_BYTES)));
    key.catch(() => keys.delete(packId));
    keys.set(packId, key);
    return key;
  };
  return {
    /** Whether the pack's head need not be read for it any more. */
    has: (packId: string): boolean => keys.has(packId),
    /** `head`: a read that begins at the pack's head, where there is one. */
    get(packId: string, head: Promise<Buffer> | undefined): Promise<Buffer> {
      // Another request for the same pack may be about to bring its head; where that fails, this one's own chunks may still be read.
      return keys.get(packId)?.catch(() => make(packId, head)) ?? make(packId, head);
    },
  };
}
