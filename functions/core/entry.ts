/**
 * An entry is one thing inside a source: a key, attributes, content. Keys are exact bytes; order is byte order.
 */

declare const keyBrand: unique symbol;

/**
 * A source's key as exact bytes, held as a string whose every UTF-16 unit is one byte (Latin-1), so that `<` on two keys is byte
 * order, keys serve in a Map, and V8 stores one byte a unit. Never shown as it is: see `displayKey`.
 */
export type EntryKey = string & { readonly [keyBrand]: 'EntryKey' };

/** The key of raw bytes, as a disk gives a file name. */
export function keyFromBytes(bytes: Uint8Array): EntryKey {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1') as EntryKey;
}

/** The key of Unicode text (UTF-8), as S3 gives an object's name. */
export function keyFromText(text: string): EntryKey {
  return Buffer.from(text, 'utf8').toString('latin1') as EntryKey;
}

/** The key as manifests and lists hold it: a string whose units are bytes (FORMAT.md, "Keys"). */
export function keyFromLatin1(text: string): EntryKey {
  return text as EntryKey;
}

export function keyToBytes(key: EntryKey): Buffer {
  return Buffer.from(key, 'latin1');
}

/** The key as tame ASCII (base64url), as it stands in messages and cursors. */
export function encodeKey(key: EntryKey): string {
  return keyToBytes(key).toString('base64url');
}

export function decodeKey(text: string): EntryKey {
  return keyFromBytes(Buffer.from(text, 'base64url'));
}

/** The key as Unicode text, or undefined where its bytes are not UTF-8 (a disk holds such names, S3 does not). */
export function findKeyText(key: EntryKey): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(keyToBytes(key));
  } catch {
    return undefined; // The decoder throws for one reason only: these bytes are not UTF-8.
  }
}

/** The key for a person's eyes and for logs: control and invalid bytes as `\xNN`, so that it cannot forge a line or a colour. */
export function displayKey(key: EntryKey): string {
  const text = findKeyText(key);
  if (text === undefined)
    return key.replace(/[^\x20-\x7e]|\\/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029\\]/gu, (c) =>
    c === '\\' ? '\\\\' : [...Buffer.from(c)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''),
  );
}

/** The key in quotes for a sentence: as `displayKey` shows it, a long one shortened in its middle so that the sentence stays readable. */
export function quoteKey(key: EntryKey): string {
  const shown = displayKey(key);
  return shown.length <= 160 ? `"${shown}"` : `"${shown.slice(0, 100)}…${shown.slice(-40)}" (${key.length} bytes)`;
}

/** Any JSON value; attributes and settings are made of it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** Everything a restore must bring back that is not content; each source names its own (see `sources/`). */
export type Attributes = { readonly [name: string]: Json };

/** One line of a source's listing: enough to tell cheaply whether the entry changed. */
export interface ListedEntry {
  readonly key: EntryKey;
  /** Opaque; equal fingerprints mean "not changed". Undefined where the listing does not tell: then the entry is opened to know. */
  readonly fingerprint: string | undefined;
  /** Bytes of content as listed; undefined where the listing does not tell. */
  readonly sizeBytes: number | undefined;
}

/** Where a chunk rests: a range of a pack. */
export interface ChunkLocation {
  /** SHA-256 of the plain bytes, hex. */
  readonly chunkId: string;
  readonly packId: string;
  readonly offset: number;
  /** Bytes in the pack, sealed. */
  readonly sealedBytes: number;
  /** Bytes when unsealed. */
  readonly plainBytes: number;
}

/** A run of an entry's content: `length` plain bytes from `offset` within a chunk. */
export interface Extent {
  readonly chunk: ChunkLocation;
  readonly offset: number;
  readonly length: number;
}

/** An entry that is there, with its content located. */
export interface PresentEntry {
  readonly key: EntryKey;
  readonly state: 'present';
  readonly fingerprint: string;
  readonly attributes: Attributes;
  /** SHA-256 of the content, hex. */
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly extents: readonly Extent[];
}

/** The record, in a delta, that an entry of the base is gone. */
export interface RemovedEntry {
  readonly key: EntryKey;
  readonly state: 'removed';
}

export type Entry = PresentEntry | RemovedEntry;

/** The entry when it is there; undefined for one that is removed or was never known. */
export function findPresent(entry: Entry | undefined): PresentEntry | undefined {
  return entry?.state === 'present' ? entry : undefined;
}

/** A half-open range of keys: `after < key <= upTo`; an absent bound is open. */
export interface KeyRange {
  readonly after?: EntryKey | undefined;
  readonly upTo?: EntryKey | undefined;
}

export function inRange(key: EntryKey, range: KeyRange): boolean {
  return (range.after === undefined || key > range.after) && (range.upTo === undefined || key <= range.upTo);
}

/** SHA-256 of no bytes: what an entry without content carries. */
export const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** One entry that could not be backed up, and why. */
export interface Unprotected {
  readonly key: EntryKey;
  readonly reason: string;
}
