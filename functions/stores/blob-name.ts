/**
 * A blob's name is tame ASCII, so that every kind of place holds it alike: parts of `[A-Za-z0-9._-]` joined by `/`. The rule is one for
 * all stores, so that what one vault holds can be copied to any other.
 */
import { IntegrityError, InvalidInputError } from '../core/errors.ts';

/** A first part that no blob has: where a store may keep what is not a blob. */
export const RESERVED_PART = '.tmp';

const MAX_CHARACTERS = 200;
const PART = /^[A-Za-z0-9._-]+$/;
const LAST_PART_BEGUN = /^[A-Za-z0-9._-]*$/;

/** Whether something found in a place is a blob by its name; all else there is not ours: never listed, read or deleted. */
export function isBlobName(name: string): boolean {
  return name.length <= MAX_CHARACTERS && areParts(name.split('/'));
}

/** @throws InvalidInputError naming the name and the rule. */
export function assertBlobName(name: string): void {
  if (!isBlobName(name))
    throw new InvalidInputError(
      `${JSON.stringify(name)} is not a blob name; use at most ${MAX_CHARACTERS} characters, in parts of A-Z, a-z, 0-9, ".", "_" and "-" joined by "/", none of them "." or "..", the first not "${RESERVED_PART}"`,
    );
}

/** A prefix of names may end in the middle of a part. @throws InvalidInputError */
export function assertBlobPrefix(prefix: string): void {
  const parts = prefix.split('/');
  const last = parts.pop() ?? '';
  if (!LAST_PART_BEGUN.test(last) || (parts.length > 0 && !areParts(parts)))
    throw new InvalidInputError(`${JSON.stringify(prefix)} is not the beginning of a blob name`);
}

/** @throws InvalidInputError unless both are whole numbers of bytes, 0 or more. */
export function assertByteRange(name: string, range: { readonly offset: number; readonly length: number }): void {
  if (!isCount(range.offset) || !isCount(range.length) || !isCount(range.offset + range.length))
    throw new InvalidInputError(`${name}: ${range.length} bytes from ${range.offset} is not a range of bytes`);
}

/** Packs and segments stay far below; a manifest is JSON, and Node holds no text longer than this. */
const MAX_BLOB_BYTES = 512 * 1024 * 1024;

/** Before a whole blob is read into memory. @throws IntegrityError when it is larger than any that is written. */
export function assertBlobSize(url: string, name: string, sizeBytes: number): void {
  if (sizeBytes > MAX_BLOB_BYTES)
    throw new IntegrityError(
      `${url}: ${name} has ${sizeBytes} bytes, more than any blob of a vault (${MAX_BLOB_BYTES}); it was replaced, repair it from a replica`,
    );
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function areParts(parts: readonly string[]): boolean {
  // Case folded, for disks on which `.TMP` is `.tmp`.
  return parts[0]?.toLowerCase() !== RESERVED_PART && parts.every((p) => PART.test(p) && p !== '.' && p !== '..');
}
