/**
 * Segments, manifests and staged runs are blobs of sealed frames: magic, version, key generation, salt, then frames of length and sealed bytes. Each blob's key
 * is derived from the metadata key and its salt; the last frame is marked as such, so that no prefix passes for the whole.
 */
import { hkdfSync } from 'node:crypto';
import { IntegrityError } from './errors.ts';
import { compress, seal, unseal } from './seal.ts';
import { getGeneration, type KeyGeneration, type VaultKeys } from './vault-keys.ts';

const VERSION = 1;
export const SALT_BYTES = 32;
/** Magic, version, key generation, salt. */
export const HEAD_BYTES = 4 + 1 + 1 + SALT_BYTES;
/** No frame is larger when unsealed. */
export const MAX_FRAME_BYTES = 64 << 20;

type Kind = 'segment' | 'manifest' | 'staged run';
const MAGIC: Readonly<Record<Kind, string>> = { segment: 'HFSG', manifest: 'HFMF', 'staged run': 'HFST' };

const keyOf = (keys: VaultKeys, { metadataKey }: KeyGeneration, kind: Kind, salt: Buffer): Buffer =>
  Buffer.from(hkdfSync('sha256', metadataKey, salt, `holdfast/1 ${kind} ${keys.vaultId}`, 32));

export interface FrameBuilder {
  /** Bytes so far. */
  readonly sizeBytes: number;
  add(plain: Uint8Array, kind: 'frame' | 'last frame'): void;
  /** The whole blob; the last frame must have been added. */
  finish(): Buffer;
}

/** `salt`: 32 fresh random bytes, for this blob alone. */
export function buildFrames(keys: VaultKeys, kind: Kind, salt: Buffer): FrameBuilder {
  const key = keyOf(keys, keys, kind, salt);
  const parts: Buffer[] = [Buffer.from(MAGIC[kind]), Buffer.from([VERSION, keys.generation]), salt];
  let sizeBytes = HEAD_BYTES;
  return {
    get sizeBytes() {
      return sizeBytes;
    },
    add(plain, frameKind) {
      const sealed = Buffer.concat(seal(key, sizeBytes + 4, frameKind, compress(plain)));
      const length = Buffer.alloc(4);
      length.writeUInt32BE(sealed.length);
      parts.push(length, sealed);
      sizeBytes += 4 + sealed.length;
    },
    finish: () => Buffer.concat(parts),
  };
}

/** @throws IntegrityError naming `what` when the bytes do not begin such a blob of this vault. */
function keyOfHead(keys: VaultKeys, kind: Kind, blob: Buffer, what: string): Buffer {
  if (blob.length < HEAD_BYTES || blob.toString('latin1', 0, 4) !== MAGIC[kind])
    throw new IntegrityError(`${what} does not begin as a ${kind}`);
  if (blob[4] !== VERSION)
    throw new IntegrityError(`${what} is of format ${blob[4]}, which is not known here; use a newer Holdfast`);
  return keyOf(keys, getGeneration(keys, blob[5] ?? 0, what), kind, blob.subarray(6, HEAD_BYTES));
}

/**
 * Opens single frames of a blob of which only the head is at hand, and by an index the places of its frames.
 * @throws IntegrityError naming `what` for a head or a frame that is not of this vault.
 */
export function frameOpener(
  keys: VaultKeys,
  kind: Kind,
  head: Buffer,
  what: string,
): (sealed: Buffer, at: { readonly offset: number; readonly last: boolean }) => Buffer {
  const key = keyOfHead(keys, kind, head, what);
  return (sealed, { offset, last }) =>
    unseal(key, offset, last ? 'last frame' : 'frame', sealed, MAX_FRAME_BYTES, what);
}

/** The frames of a blob, opened one by one. @throws IntegrityError naming `what` for anything that is not a whole blob of this vault. */
export function* openFrames(keys: VaultKeys, kind: Kind, blob: Buffer, what: string): Generator<Buffer> {
  const key = keyOfHead(keys, kind, blob, what);
  for (let at = HEAD_BYTES; ; ) {
    const length = at + 4 <= blob.length ? blob.readUInt32BE(at) : -1;
    const end = at + 4 + length;
    if (length < 0 || end > blob.length) throw new IntegrityError(`${what} is truncated at ${at}`);
    const last = end === blob.length;
    yield unseal(key, at + 4, last ? 'last frame' : 'frame', blob.subarray(at + 4, end), MAX_FRAME_BYTES, what);
    if (last) return;
    at = end;
  }
}
