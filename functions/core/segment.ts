/**
 * A segment is a blob of sealed, sorted entries, in frames that can be opened one by one, each with its own table of
 * packs and chunks. Its id is the SHA-256 of its bytes. See FORMAT.md.
 */
import * as z from 'zod';
import type { Attributes, ChunkLocation, Entry, EntryKey, Extent } from './entry.ts';
import { IntegrityError } from './errors.ts';
import { isHash, sha256Hex } from './ids.ts';
import { parseJson } from './json.ts';
import { buildFrames, openFrames } from './sealed-frames.ts';
import type { VaultKeys } from './vault-keys.ts';

export const segmentName = (segmentId: string): string => `segments/${segmentId.slice(0, 2)}/${segmentId}`;

/** Plain bytes after which a frame is closed: large enough to compress well, small enough to hold several chains' worth. */
const FRAME_BYTES = 1 << 20;
/** Sealed bytes after which a segment is closed. */
const TARGET_BYTES = 8 << 20;
/** An entry of more extents goes on in further records, so that no frame must hold a terabyte's worth. */
const MAX_EXTENTS = 8192;

export interface BuiltSegment {
  readonly segmentId: string;
  readonly bytes: Buffer;
  readonly firstKey: EntryKey;
  readonly lastKey: EntryKey;
  readonly entries: number;
}

export interface SegmentBuilder {
  /** Adds the next entry in key order; every chunk that it points to must be in a closed pack. */
  add(entry: Entry): void;
  readonly full: boolean;
  readonly entries: number;
  finish(): BuiltSegment;
}

/** Gathers records and the tables that they point into, until they make a frame. */
function collectFrame() {
  const records: string[] = [];
  const packs: string[] = [];
  const chunks: string[] = [];
  const packIndex = new Map<string, number>();
  const chunkIndex = new Map<string, number>();
  /** The entries of a block have its one chunk in common. */
  let latest: { readonly chunk: ChunkLocation; readonly index: number } | undefined;
  let sizeBytes = 0;
  const indexOfPack = (packId: string): number => {
    const known = packIndex.get(packId);
    if (known !== undefined) return known;
    packIndex.set(packId, packs.push(packId) - 1);
    sizeBytes += 67;
    return packs.length - 1;
  };
  const findOrAdd = (chunk: ChunkLocation): number => {
    const place = `${chunk.packId}/${chunk.offset}`;
    const known = chunkIndex.get(place);
    if (known !== undefined) return known;
    const row = JSON.stringify([
      indexOfPack(chunk.packId),
      chunk.chunkId,
      chunk.offset,
      chunk.sealedBytes,
      chunk.plainBytes,
    ]);
    chunkIndex.set(place, chunks.push(row) - 1);
    sizeBytes += row.length + 1;
    return chunks.length - 1;
  };
  return {
    get sizeBytes() {
      return sizeBytes;
    },
    indexOfChunk(chunk: ChunkLocation): number {
      if (latest?.chunk !== chunk) latest = { chunk, index: findOrAdd(chunk) };
      return latest.index;
    },
    push(record: readonly unknown[]): void {
      const text = JSON.stringify(record);
      records.push(text);
      sizeBytes += text.length + 1;
    },
    text: (): Buffer =>
      Buffer.from(`{"packs":${JSON.stringify(packs)},"chunks":[${chunks.join(',')}],"entries":[${records.join(',')}]}`),
  };
}

/** `salt`: 32 fresh random bytes. */
export function buildSegment(keys: VaultKeys, salt: Buffer): SegmentBuilder {
  const frames = buildFrames(keys, 'segment', salt);
  let frame = collectFrame();
  let firstKey: EntryKey | undefined;
  let lastKey: EntryKey | undefined;
  let entries = 0;
  const closeFrame = (): void => {
    frames.add(frame.text(), 'frame');
    frame = collectFrame();
  };
  const extentRows = (extents: readonly Extent[]) =>
    extents.map((e) => [frame.indexOfChunk(e.chunk), e.offset, e.length]);
  return {
    get full() {
      return frames.sizeBytes >= TARGET_BYTES;
    },
    get entries() {
      return entries;
    },
    add(entry) {
      if (lastKey !== undefined && entry.key <= lastKey)
        throw new IntegrityError('entries of a segment must come in key order');
      firstKey ??= entry.key;
      lastKey = entry.key;
      entries += 1;
      if (frame.sizeBytes >= FRAME_BYTES) closeFrame();
      if (entry.state === 'removed') {
        frame.push([entry.key]);
        return;
      }
      const { key, fingerprint, attributes, sha256, sizeBytes, extents } = entry;
      frame.push([key, fingerprint, attributes, sha256, sizeBytes, extentRows(extents.slice(0, MAX_EXTENTS))]);
      for (let at = MAX_EXTENTS; at < extents.length; at += MAX_EXTENTS) {
        closeFrame();
        frame.push([key, extentRows(extents.slice(at, at + MAX_EXTENTS))]);
      }
    },
    finish() {
      if (firstKey === undefined || lastKey === undefined)
        throw new IntegrityError('a segment holds at least one entry');
      frames.add(frame.text(), 'last frame');
      const bytes = frames.finish();
      return { segmentId: sha256Hex(bytes), bytes, firstKey, lastKey, entries };
    },
  };
}

const size = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const frameSchema = z.object({
  packs: z.array(z.string().refine(isHash, 'is no pack id')),
  chunks: z.array(z.tuple([size, z.string().refine(isHash, 'is no chunk id'), size, size, size])),
  // Each is checked by `readRecord`.
  entries: z.custom<readonly unknown[]>(Array.isArray, 'is no list'),
});

const BYTES_ONLY = /^[^\u0100-\uffff]*$/;

/** What the records of one frame are read with. */
interface FrameTable {
  readonly chunks: readonly ChunkLocation[];
  readonly malformed: (field: string) => IntegrityError;
}

/** An entry, or more extents of the one before. */
type StoredRecord = Entry | { readonly key: EntryKey; readonly state: 'continued'; readonly extents: Extent[] };

/** A record as it is stored; checked by hand, since a snapshot may hold a million of them. */
function readRecord(record: unknown, table: FrameTable): StoredRecord {
  const { malformed } = table;
  if (!Array.isArray(record)) throw malformed('record');
  const [key, second, attributes, sha256, sizeBytes, last]: unknown[] = record;
  if (typeof key !== 'string' || !BYTES_ONLY.test(key)) throw malformed('key');
  const entryKey = key as EntryKey;
  if (record.length === 1) return { key: entryKey, state: 'removed' };
  if (record.length === 2) return { key: entryKey, state: 'continued', extents: readExtents(second, table) };
  if (record.length !== 6) throw malformed('record');
  if (typeof second !== 'string') throw malformed('fingerprint');
  if (!isAttributes(attributes)) throw malformed('attributes');
  if (typeof sha256 !== 'string' || !isHash(sha256)) throw malformed('sha256');
  if (!isCount(sizeBytes)) throw malformed('size');
  const extents = readExtents(last, table);
  return { key: entryKey, state: 'present', fingerprint: second, attributes, sha256, sizeBytes, extents };
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

function readExtents(rows: unknown, { chunks, malformed }: FrameTable): Extent[] {
  if (!Array.isArray(rows)) throw malformed('extents');
  return rows.map((row: unknown) => {
    if (!Array.isArray(row) || row.length !== 3) throw malformed('extents');
    const [index, offset, length]: unknown[] = row;
    if (!isCount(index) || !isCount(offset) || !isCount(length)) throw malformed('extents');
    const chunk = chunks[index];
    if (chunk === undefined || length === 0 || offset + length > chunk.plainBytes) throw malformed('extents');
    return { chunk, offset, length };
  });
}

/** No source nests attributes nearly as deep; deeper ones would use up the stack of whoever walks them. */
const MAX_DEPTH = 100;

function isShallow(value: object, depth: number): boolean {
  if (depth === 0) return false;
  for (const inner of Object.values(value))
    if (typeof inner === 'object' && inner !== null && !isShallow(inner, depth - 1)) return false;
  return true;
}

// What JSON.parse gives is Json all the way down; that it is an object, and not too deep, is all there is to check.
const isAttributes = (value: unknown): value is Attributes =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && isShallow(value, MAX_DEPTH);

function readFrame(frame: Buffer, what: string): StoredRecord[] {
  const parsed = parseJson(frame, frameSchema, what);
  const chunks = parsed.chunks.map(([pack, chunkId, offset, sealedBytes, plainBytes]) => {
    const packId = parsed.packs[pack];
    if (packId === undefined) throw new IntegrityError(`${what}: a chunk names a pack that is not in its table`);
    return { chunkId, packId, offset, sealedBytes, plainBytes };
  });
  const malformed = (field: string) => new IntegrityError(`${what}: an entry's ${field} is not as the format says`);
  const table = { chunks, malformed };
  return parsed.entries.map((record) => readRecord(record, table));
}

/** The entries of a segment in key order, a frame's at a time. @throws IntegrityError when the bytes are not those of the id, or not as the format says. */
export function* readSegment(keys: VaultKeys, segmentId: string, blob: Buffer): Generator<Entry[]> {
  const what = `segment ${segmentId}`;
  if (sha256Hex(blob) !== segmentId) throw new IntegrityError(`${what}: the stored bytes are not those of its name`);
  // The last entry of a frame is given with the next one, in which its extents may go on.
  let held: Entry | undefined;
  for (const frame of openFrames(keys, 'segment', blob, what)) {
    const entries: Entry[] = [];
    for (const record of readFrame(frame, what)) {
      if (record.state === 'continued') {
        if (held?.state !== 'present' || held.key !== record.key)
          throw new IntegrityError(`${what}: extents without their entry`);
        held = { ...held, extents: [...held.extents, ...record.extents] };
        continue;
      }
      if (held !== undefined) {
        if (record.key <= held.key) throw new IntegrityError(`${what}: entries are out of order`);
        entries.push(checked(held, what));
      }
      held = record;
    }
    if (entries.length > 0) yield entries;
  }
  if (held !== undefined) yield [checked(held, what)];
}

function checked(entry: Entry, what: string): Entry {
  if (entry.state === 'removed') return entry;
  let sizeBytes = 0;
  for (const { length } of entry.extents) sizeBytes += length;
  if (sizeBytes !== entry.sizeBytes) throw new IntegrityError(`${what}: an entry's extents do not add up to its size`);
  return entry;
}
