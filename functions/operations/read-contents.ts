/**
 * Reads contents back from packs: entries in batches, each batch's chunks fetched in coalesced ranges, every content hashed on the way.
 */
import { createHash } from 'node:crypto';
import type { ChunkLocation, Extent, PresentEntry } from '../core/entry.ts';
import { quoteKey } from '../core/entry.ts';
import { IntegrityError, messageOf, NotFoundError } from '../core/errors.ts';
import { openChunk, PACK_HEAD_BYTES, packKey, packName } from '../core/pack.ts';
import type { Vault } from '../core/ports.ts';
import { mapInOrder } from './map-in-order.ts';

/** Plain bytes of chunks fetched for one batch; two batches are in memory. */
const BATCH_BYTES = 32 << 20;
const BATCH_ENTRIES = 2000;
/** Plain bytes of a large content that are in memory together; as many contents are read side by side as a restore has writers. */
const WINDOW_BYTES = 8 << 20;
/** Unneeded bytes that are cheaper to read than another request would be. */
const GAP_BYTES = 512 << 10;
const FETCHES = 4;
const REMEMBERED_KEYS = 1000;

/** An entry and its content, which throws IntegrityError at or before its end when it is not what the entry says. */
export interface ReadableEntry {
  readonly entry: PresentEntry;
  readonly content: AsyncIterable<Uint8Array>;
}

type Fetched = ReadonlyMap<string, Buffer | Error>;

const placeOf = (chunk: ChunkLocation): string => `${chunk.packId}/${chunk.offset}`;

/** Entries with their contents, in the order given. Each content must be read, or left, before the batch after the next is asked for. */
export async function* readContents(
  vault: Vault,
  entries: AsyncIterable<PresentEntry>,
): AsyncGenerator<readonly ReadableEntry[]> {
  const keys = new Map<string, Promise<Buffer>>();
  yield* mapInOrder(batches(entries), 2, async (batch) => {
    const streamed = new Set(batch.filter((entry) => entry.sizeBytes > BATCH_BYTES));
    const chunks = batch
      .filter((entry) => !streamed.has(entry))
      .flatMap((entry) => entry.extents.map((extent) => extent.chunk));
    const fetched = await fetchChunks(vault, chunks, keys);
    return batch.map((entry) => ({
      entry,
      content: streamed.has(entry) ? stream(vault, entry, keys) : assemble(entry, fetched),
    }));
  });
}

/** One entry's content. */
export async function* readContent(vault: Vault, entry: PresentEntry): AsyncGenerator<Uint8Array> {
  yield* stream(vault, entry, new Map());
}

async function* batches(entries: AsyncIterable<PresentEntry>): AsyncGenerator<readonly PresentEntry[]> {
  let batch: PresentEntry[] = [];
  const places = new Set<string>();
  let bytes = 0;
  for await (const entry of entries) {
    batch.push(entry);
    if (entry.sizeBytes <= BATCH_BYTES) {
      for (const { chunk } of entry.extents) {
        if (places.has(placeOf(chunk))) continue;
        places.add(placeOf(chunk));
        bytes += chunk.plainBytes;
      }
    }
    if (bytes < BATCH_BYTES && batch.length < BATCH_ENTRIES) continue;
    yield batch;
    batch = [];
    places.clear();
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

/** Slices of consecutive extents whose chunks fit in memory together. */
function* windows(extents: readonly Extent[]): Generator<readonly Extent[]> {
  let from = 0;
  let bytes = 0;
  for (const [index, extent] of extents.entries()) {
    if (index > from && bytes + extent.chunk.plainBytes > WINDOW_BYTES) {
      yield extents.slice(from, index);
      from = index;
      bytes = 0;
    }
    bytes += extent.chunk.plainBytes;
  }
  if (from < extents.length) yield extents.slice(from);
}

async function* stream(
  vault: Vault,
  entry: PresentEntry,
  keys: Map<string, Promise<Buffer>>,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  const parts = mapInOrder(windows(entry.extents), 1, async (extents) => ({
    extents,
    fetched: await fetchChunks(
      vault,
      extents.map((extent) => extent.chunk),
      keys,
    ),
  }));
  for await (const { extents, fetched } of parts) yield* slices(extents, fetched, hash);
  prove(entry, hash.digest('hex'));
}

async function* assemble(entry: PresentEntry, fetched: Fetched): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  yield* slices(entry.extents, fetched, hash);
  prove(entry, hash.digest('hex'));
}

function* slices(
  extents: readonly Extent[],
  fetched: Fetched,
  hash: ReturnType<typeof createHash>,
): Generator<Uint8Array> {
  for (const { chunk, offset, length } of extents) {
    const plain = fetched.get(placeOf(chunk));
    if (plain === undefined || plain instanceof Error)
      throw plain ?? new Error(`chunk ${placeOf(chunk)} was not fetched`);
    const bytes = plain.subarray(offset, offset + length);
    hash.update(bytes);
    yield bytes;
  }
}

function prove(entry: PresentEntry, sha256: string): void {
  if (sha256 !== entry.sha256)
    throw new IntegrityError(
      `${quoteKey(entry.key)}: the content in the vault has hash ${sha256} where the snapshot says ${entry.sha256}`,
    );
}

/** The chunks' plain bytes by place; what could not be read stands as the error, so that it harms only the entries that need it. */
async function fetchChunks(
  vault: Vault,
  chunks: readonly ChunkLocation[],
  keys: Map<string, Promise<Buffer>>,
): Promise<Fetched> {
  const byPack = new Map<string, Map<number, ChunkLocation>>();
  for (const chunk of chunks) {
    const ofPack = byPack.get(chunk.packId) ?? new Map<number, ChunkLocation>();
    byPack.set(chunk.packId, ofPack.set(chunk.offset, chunk));
  }
  const ranges = [...byPack.values()].flatMap((ofPack) => coalesce([...ofPack.values()]));
  const fetched = new Map<string, Buffer | Error>();
  for await (const range of mapInOrder(ranges, FETCHES, (range) => fetchRange(vault, range, keys)))
    for (const [place, plain] of range) fetched.set(place, plain);
  return fetched;
}

/** Chunks of one pack, in runs without a gap that would be dearer than a request. */
function coalesce(chunks: readonly ChunkLocation[]): ChunkLocation[][] {
  const sorted = [...chunks].sort((a, b) => a.offset - b.offset);
  const runs: ChunkLocation[][] = [];
  let end = Number.NEGATIVE_INFINITY;
  for (const chunk of sorted) {
    if (chunk.offset - end > GAP_BYTES) runs.push([]);
    runs.at(-1)?.push(chunk);
    end = chunk.offset + chunk.sealedBytes;
  }
  return runs;
}

async function fetchRange(
  vault: Vault,
  run: readonly ChunkLocation[],
  keys: Map<string, Promise<Buffer>>,
): Promise<[string, Buffer | Error][]> {
  const [first, last] = [run[0], run.at(-1)];
  if (first === undefined || last === undefined) return [];
  const { packId } = first;
  try {
    // The pack's head holds what its key is made from: read with the first chunks where they are near.
    const from = !keys.has(packId) && first.offset <= GAP_BYTES ? 0 : first.offset;
    const bytes = await vault.store.get(packName(packId), {
      offset: from,
      length: last.offset + last.sealedBytes - from,
    });
    const key = await keyOf(vault, packId, keys, from === 0 ? bytes.subarray(0, PACK_HEAD_BYTES) : undefined);
    return run.map((chunk) => {
      const sealed = bytes.subarray(chunk.offset - from, chunk.offset - from + chunk.sealedBytes);
      return [placeOf(chunk), opened(key, chunk, sealed)];
    });
  } catch (error) {
    const told = asVaultError(error, packId, vault);
    return run.map((chunk) => [placeOf(chunk), told]);
  }
}

function opened(key: Buffer, chunk: ChunkLocation, sealed: Buffer): Buffer | Error {
  try {
    return openChunk(key, chunk, sealed);
  } catch (error) {
    if (error instanceof IntegrityError) return error;
    throw error;
  }
}

function asVaultError(error: unknown, packId: string, vault: Vault): Error {
  if (error instanceof NotFoundError)
    return new IntegrityError(`pack ${packId} is missing from ${vault.store.url}`, { cause: error });
  if (error instanceof Error) return error;
  return new Error(messageOf(error));
}

function keyOf(
  vault: Vault,
  packId: string,
  keys: Map<string, Promise<Buffer>>,
  head: Buffer | undefined,
): Promise<Buffer> {
  let key = keys.get(packId);
  if (key === undefined) {
    if (keys.size >= REMEMBERED_KEYS) keys.clear();
    const read =
      head === undefined
        ? vault.store.get(packName(packId), { offset: 0, length: PACK_HEAD_BYTES })
        : Promise.resolve(head);
    key = read.then((bytes) => packKey(vault.keys, packId, bytes));
    key.catch(() => keys.delete(packId));
    keys.set(packId, key);
  }
  return key;
}
