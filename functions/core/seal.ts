/**
 * To seal is to compress, encrypt and authenticate one piece of a blob: zstd where it helps, then AES-256-GCM. The nonce is the
 * piece's offset in its blob; no nonce repeats under a key, since each blob has a key of its own.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { IntegrityError } from './errors.ts';

const CODECS = { raw: Buffer.from([0]), zstd: Buffer.from([1]) };
const TAG_BYTES = 16;
/** Frames and directories are JSON, which seldom becomes shorter than this part of itself. */
const EXPECTED_RATIO = 8;

/** What a piece is; authenticated with it, so that one kind cannot pass for another. */
export type PieceKind = 'chunk' | 'directory' | 'frame' | 'last frame';

function nonceOf(offset: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(offset), 4);
  return nonce;
}

/** Bytes of a sealed piece beyond its (compressed) content: codec byte and tag. */
export const SEAL_OVERHEAD_BYTES = 1 + TAG_BYTES;

/** A piece as it goes into its blob, but for encryption. */
export interface Body {
  readonly codec: keyof typeof CODECS;
  readonly bytes: Uint8Array;
}

/** How Node's zstd compresses a piece of so many bytes. */
export const zstdOptions = (plainBytes: number) => ({
  params: { [constants.ZSTD_c_compressionLevel]: 1 },
  // Room for all that may come out, so that it comes out in one part.
  chunkSize: plainBytes + (plainBytes >> 7) + 1024,
});

/** Chooses between a piece and what zstd made of it: less than one part in 32 saved is not worth the decompression on every restore. */
export const chooseBody = (plain: Uint8Array, compressed: Uint8Array): Body =>
  compressed.length < plain.length - (plain.length >> 5)
    ? { codec: 'zstd', bytes: compressed }
    : { codec: 'raw', bytes: plain };

export const compress = (plain: Uint8Array): Body =>
  chooseBody(plain, zstdCompressSync(plain, zstdOptions(plain.length)));

/** The sealed piece, in parts. `key`: 32 bytes, used for this blob alone; `offset`: where in the blob the sealed piece begins. */
export function seal(key: Buffer, offset: number, kind: PieceKind, body: Body): readonly Buffer[] {
  const cipher = createCipheriv('aes-256-gcm', key, nonceOf(offset)).setAAD(Buffer.from(kind));
  return [cipher.update(CODECS[body.codec]), cipher.update(body.bytes), cipher.final(), cipher.getAuthTag()];
}

/** A piece that is authenticated and decrypted, and perhaps still compressed. */
export interface OpenedPiece extends Body {
  readonly bytes: Buffer;
}

/** @throws IntegrityError whose message starts with `what` (the blob and the piece). */
export function openPiece(key: Buffer, offset: number, kind: PieceKind, sealed: Buffer, what: string): OpenedPiece {
  if (sealed.length < SEAL_OVERHEAD_BYTES) throw new IntegrityError(`${what}: the sealed ${kind} is too short`);
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(offset)).setAAD(Buffer.from(kind));
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  let opened: Buffer;
  try {
    opened = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES));
    decipher.final(); // GCM holds nothing back: this only authenticates.
  } catch (cause) {
    throw new IntegrityError(
      `${what}: the ${kind} at ${offset} does not authenticate (damaged, or sealed with another key)`,
      { cause },
    );
  }
  if (opened[0] !== 0 && opened[0] !== 1)
    throw new IntegrityError(`${what}: the ${kind} at ${offset} has unknown codec ${opened[0]}`);
  return { codec: opened[0] === 0 ? 'raw' : 'zstd', bytes: opened.subarray(1) };
}

/**
 * How Node's zstd decompresses a piece. `expectedBytes`: in so many (64 at least) it comes out in one part, which Node need not join; `maxPlainBytes`
 * bounds the memory that a lying piece could claim.
 */
export const unzstdOptions = (expectedBytes: number, maxPlainBytes: number) => ({
  maxOutputLength: maxPlainBytes,
  chunkSize: Math.max(64, Math.min(expectedBytes, maxPlainBytes) + 1),
});

/** Opens and decompresses a sealed piece of at most `maxPlainBytes`. @throws IntegrityError whose message starts with `what` (the blob and the piece). */
export function unseal(
  key: Buffer,
  offset: number,
  kind: PieceKind,
  sealed: Buffer,
  maxPlainBytes: number,
  what: string,
): Buffer {
  const { codec, bytes } = openPiece(key, offset, kind, sealed, what);
  if (codec === 'raw') {
    if (bytes.length > maxPlainBytes)
      throw new IntegrityError(`${what}: the ${kind} at ${offset} is larger than its format allows`);
    return bytes;
  }
  try {
    return zstdDecompressSync(bytes, unzstdOptions(EXPECTED_RATIO * bytes.length, maxPlainBytes));
  } catch (cause) {
    throw new IntegrityError(`${what}: the ${kind} at ${offset} does not decompress within ${maxPlainBytes} bytes`, {
      cause,
    });
  }
}
