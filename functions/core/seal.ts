/**
 * To seal is to compress, encrypt and authenticate one piece of a blob: zstd where it helps, then AES-256-GCM. The nonce is the
 * piece's offset in its blob; no nonce repeats under a key, since each blob has a key of its own.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { IntegrityError } from './errors.ts';

const CODECS = { raw: Buffer.from([0]), zstd: Buffer.from([1]) };
const TAG_BYTES = 16;

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

/**
 * Opens a sealed piece; `maxPlainBytes` bounds the memory that a lying piece could claim.
 * @throws IntegrityError whose message starts with `what` (the blob and the piece).
 */
export function unseal(
  key: Buffer,
  offset: number,
  kind: PieceKind,
  sealed: Buffer,
  maxPlainBytes: number,
  what: string,
): Buffer {
  if (sealed.length < SEAL_OVERHEAD_BYTES) throw new IntegrityError(`${what}: the sealed ${kind} is too short`);
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(offset)).setAAD(Buffer.from(kind));
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  let opened: Buffer;
  try {
    opened = Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES)), decipher.final()]);
  } catch (cause) {
    throw new IntegrityError(
      `${what}: the ${kind} at ${offset} does not authenticate (damaged, or sealed with another key)`,
      { cause },
    );
  }
  const body = opened.subarray(1);
  if (opened[0] === 0) {
    if (body.length > maxPlainBytes)
      throw new IntegrityError(`${what}: the ${kind} at ${offset} is larger than its format allows`);
    return body;
  }
  if (opened[0] !== 1) throw new IntegrityError(`${what}: the ${kind} at ${offset} has unknown codec ${opened[0]}`);
  try {
    return zstdDecompressSync(body, { maxOutputLength: maxPlainBytes });
  } catch (cause) {
    throw new IntegrityError(`${what}: the ${kind} at ${offset} does not decompress within ${maxPlainBytes} bytes`, {
      cause,
    });
  }
}
