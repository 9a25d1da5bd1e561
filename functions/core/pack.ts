/**
 * A pack is a blob of sealed chunks: `HFPK`, version, key generation, encapsulated key, sealed chunks, sealed directory, directory length. Its
 * id is the SHA-256 of its bytes. See FORMAT.md.
 */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { ChunkLocation } from './entry.ts';
import { IntegrityError, InvalidInputError } from './errors.ts';
import { receiveSecret, sendSecret } from './hpke.ts';
import { sha256Hex } from './ids.ts';
import { parseJson } from './json.ts';
import { type Body, compress, type OpenedPiece, openPiece, seal, unseal, unzstdOptions } from './seal.ts';
import { getGeneration, type VaultKeys } from './vault-keys.ts';

const MAGIC = Buffer.from('HFPK\x01', 'latin1');
/** Magic, version, key generation and encapsulated key. */
export const PACK_HEAD_BYTES = MAGIC.length + 1 + 32;
const EXPORTER_CONTEXT = Buffer.from('holdfast/1 pack key');
const MAX_DIRECTORY_BYTES = 16 << 20;
/** No chunk, and no block, is larger when unsealed. */
export const MAX_CHUNK_BYTES = 16 << 20;
/** A pack is closed when it has reached this size, … */
const TARGET_BYTES = 32 << 20;
/** … or holds this many chunks, so that very compressible content cannot make one pack stand for gigabytes. */
const MAX_CHUNKS = 4096;

const infoOf = (keys: VaultKeys): Buffer => Buffer.from(`holdfast/1 pack ${keys.vaultId}`);

export const packName = (packId: string): string => `packs/${packId.slice(0, 2)}/${packId}`;

/** A chunk whose pack may not be closed yet: `packId` is '' until then. */
export type PackedChunk = { -readonly [P in keyof ChunkLocation]: ChunkLocation[P] };

export interface PackBuilder {
  /** Seals one chunk into the pack; the result's `packId` is filled in by `finish`. `body`: the chunk compressed, where that is done already. */
  add(chunkId: string, plain: Uint8Array, body?: Body): PackedChunk;
  readonly full: boolean;
  readonly chunks: readonly PackedChunk[];
  /** `bytes` lie in `space`, which another pack may be built in when they are not needed any more. */
  finish(): { readonly packId: string; readonly bytes: Buffer; readonly space: Buffer };
}

/** @param ephemeral 32 fresh random bytes, for this pack alone. @param space An earlier pack's, to be written over. */
export function buildPack(keys: VaultKeys, ephemeral: Buffer, space?: Buffer): PackBuilder {
  const { encapsulated, secret } = sendSecret(keys.contentPublicKey, ephemeral, infoOf(keys), EXPORTER_CONTEXT);
  const chunks: PackedChunk[] = [];
  const blob = collectBlob(space);
  for (const part of [MAGIC, Buffer.from([keys.generation]), encapsulated]) blob.append(part);
  const append = (kind: 'chunk' | 'directory', body: Body): number => {
    const before = blob.sizeBytes;
    for (const part of seal(secret, before, kind, body)) blob.append(part);
    return blob.sizeBytes - before;
  };
  return {
    chunks,
    get full() {
      return blob.sizeBytes >= TARGET_BYTES || chunks.length >= MAX_CHUNKS;
    },
    add(chunkId, plain, body = compress(plain)) {
      const offset = blob.sizeBytes;
      const chunk = { chunkId, packId: '', offset, sealedBytes: append('chunk', body), plainBytes: plain.length };
      chunks.push(chunk);
      return chunk;
    },
    finish() {
      const rows = chunks.map((c) => [c.chunkId, c.offset, c.sealedBytes, c.plainBytes]);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(append('directory', compress(Buffer.from(JSON.stringify(rows)))));
      blob.append(length);
      const finished = blob.finish();
      for (const chunk of chunks) chunk.packId = finished.packId;
      return finished;
    },
  };
}

/** Where the first bytes of a pack go. What outgrows it goes on in room for a whole one, of which only what is written to takes memory. */
const SMALL_SPACE_BYTES = 4 << 20;
const SPACE_BYTES = TARGET_BYTES + (8 << 20);

/** Joins the parts of a pack in one place and hashes them on the way. */
function collectBlob(space: Buffer = Buffer.allocUnsafeSlow(SMALL_SPACE_BYTES)) {
  const hash = createHash('sha256');
  let held = space;
  let sizeBytes = 0;
  return {
    get sizeBytes() {
      return sizeBytes;
    },
    append(part: Buffer): void {
      const end = sizeBytes + part.length;
      if (end > held.length) {
        const larger = Buffer.allocUnsafeSlow(Math.max(end, SPACE_BYTES));
        held.copy(larger, 0, 0, sizeBytes);
        held = larger;
      }
      held.set(part, sizeBytes);
      hash.update(part);
      sizeBytes = end;
    },
    finish: () => ({ packId: hash.digest('hex'), bytes: held.subarray(0, sizeBytes), space: held }),
  };
}

/**
 * The key of a pack, from its first `PACK_HEAD_BYTES` bytes.
 * @throws IntegrityError when this is no pack; InvalidInputError when this process holds no private content key.
 */
export function packKey(keys: VaultKeys, packId: string, head: Buffer): Buffer {
  if (head.length < PACK_HEAD_BYTES || !head.subarray(0, MAGIC.length).equals(MAGIC))
    throw new IntegrityError(`pack ${packId} does not begin as a pack of format 1`);
  const { contentPrivateKey } = getGeneration(keys, head[MAGIC.length] ?? 0, `pack ${packId}`);
  if (contentPrivateKey === undefined)
    throw new InvalidInputError(
      'the key given here may back up but not read back; restore and verify with a key or passphrase of kind read',
    );
  try {
    return receiveSecret(
      contentPrivateKey,
      head.subarray(MAGIC.length + 1, PACK_HEAD_BYTES),
      infoOf(keys),
      EXPORTER_CONTEXT,
    );
  } catch (cause) {
    throw new IntegrityError(`pack ${packId}: its encapsulated key is not a valid point`, { cause });
  }
}

const nameOf = (chunk: ChunkLocation): string => `pack ${chunk.packId}, chunk ${chunk.chunkId}`;

/**
 * One chunk, authenticated at its place in its pack, and perhaps still compressed. `key` is `packKey`'s; `sealed` the chunk's range of the pack.
 * @throws IntegrityError
 */
export const decryptChunk = (key: Buffer, chunk: ChunkLocation, sealed: Buffer): OpenedPiece =>
  openPiece(key, chunk.offset, 'chunk', sealed, nameOf(chunk));

/** How a chunk is decompressed: to what its location says, and never to more than a chunk may have. */
export const chunkUnzstdOptions = ({ plainBytes }: ChunkLocation) =>
  unzstdOptions(plainBytes, Math.max(1, Math.min(plainBytes, MAX_CHUNK_BYTES)));

/** @throws IntegrityError unless it has the chunk's length. */
export function assertChunkSize(chunk: ChunkLocation, plain: Uint8Array): void {
  if (plain.length !== chunk.plainBytes || plain.length > MAX_CHUNK_BYTES) throw notTheChunk(chunk);
}

/** @throws IntegrityError unless these are the bytes that the chunk's id names. */
export function assertChunkId(chunk: ChunkLocation, plain: Uint8Array): void {
  if (sha256Hex(plain) !== chunk.chunkId) throw notTheChunk(chunk);
}

/** For a chunk that is not what its location says. */
export const notTheChunk = (chunk: ChunkLocation, cause?: unknown): IntegrityError =>
  new IntegrityError(`${nameOf(chunk)}: the content is not what its id says`, { cause });

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const size = z.number().int().nonnegative();
const directorySchema = z.array(z.tuple([hash, size, size, size]));

/** Every chunk of a whole pack, as its own directory says. @throws IntegrityError */
export function readPackDirectory(keys: VaultKeys, packId: string, pack: Buffer): readonly ChunkLocation[] {
  const key = packKey(keys, packId, pack);
  const length = pack.length >= PACK_HEAD_BYTES + 4 ? pack.readUInt32BE(pack.length - 4) : 0;
  const offset = pack.length - 4 - length;
  if (length === 0 || offset < PACK_HEAD_BYTES) throw new IntegrityError(`pack ${packId} is truncated`);
  const sealed = pack.subarray(offset, pack.length - 4);
  const rows = parseJson(
    unseal(key, offset, 'directory', sealed, MAX_DIRECTORY_BYTES, `pack ${packId}`),
    directorySchema,
    `pack ${packId}`,
  );
  return rows.map(([chunkId, at, sealedBytes, plainBytes]) => ({
    chunkId,
    packId,
    offset: at,
    sealedBytes,
    plainBytes,
  }));
}
