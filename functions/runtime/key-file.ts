/** A key file's text: `holdfast-key-1 <base64 of 32 random bytes>`, on one line, so that it can be printed, kept and typed in again. */
import { InvalidInputError } from '../core/errors.ts';

const KEY_BYTES = 32;

/** @param bytes the 32 bytes of the key. */
export function formatKeyFile(bytes: Uint8Array): string {
  if (bytes.length !== KEY_BYTES) throw new InvalidInputError(`a key is ${KEY_BYTES} bytes, not ${bytes.length}`);
  return `holdfast-key-1 ${Buffer.from(bytes).toString('base64')}\n`;
}

/** The 32 bytes of the key. @throws InvalidInputError, without showing the text, when it is not a key file's. */
export function parseKeyFile(text: string): Buffer {
  const match = /^\s*holdfast-key-1\s+([A-Za-z0-9+/]{43}=)\s*$/.exec(text);
  if (match?.[1] === undefined)
    throw new InvalidInputError('the key file is not one line of the form "holdfast-key-1 <44 characters of base64>"');
  return Buffer.from(match[1], 'base64');
}
