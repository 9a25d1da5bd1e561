/** Which keys and entries a disk can hold. */
import { type Attributes, type EntryKey, type Json, type PresentEntry, quoteKey } from '../../core/entry.ts';
import { InvalidInputError } from '../../core/errors.ts';
import { type DiskAttributes, parseDiskAttributes } from './attributes.ts';
import type { Place } from './place.ts';

/** Of every file system in common use, in bytes (255 UTF-16 units on APFS, which are never fewer bytes). */
const NAME_BYTES = 255;
/** PATH_MAX less its terminator. */
const PATH_BYTES = process.platform === 'darwin' ? 1023 : 4095;

/** Why no path below the root can be made of the key, in words; undefined when one can. */
export function findKeyFault(place: Place, key: EntryKey): string | undefined {
  const names = (key.endsWith('/') ? key.slice(0, -1) : key).split('/');
  if (names.includes('')) return 'it has an empty name between slashes';
  if (names.includes('.') || names.includes('..')) return 'it has "." or ".." as a name';
  if (key.includes('\0')) return 'it has a NUL byte';
  if (names.some((name) => name.length > NAME_BYTES)) return `it has a name longer than ${NAME_BYTES} bytes`;
  if (place.prefix.length + key.length > PATH_BYTES) return `its path is longer than ${PATH_BYTES} bytes`;
  return undefined;
}

export interface Holdable {
  readonly type: DiskAttributes['type'];
  /** Undefined for an entry of another kind of source. */
  readonly attributes: DiskAttributes | undefined;
  /** Names of the attributes that a disk has no place for. */
  readonly notHeld: readonly string[];
}

/** What an entry becomes on a disk. @throws InvalidInputError naming the key when it cannot be held. */
export function holdableOf(place: Place, entry: PresentEntry): Holdable {
  const { key } = entry;
  const refuse = (reason: string) =>
    new InvalidInputError(`${place.uri} cannot hold the key ${quoteKey(key)}: ${reason}`);
  const fault = findKeyFault(place, key);
  if (fault !== undefined) throw refuse(fault);
  const attributes = parseDiskAttributes(key, entry.attributes);
  const isFolder = key.endsWith('/');
  const type = attributes?.type ?? (isFolder ? 'directory' : 'file');
  if (isFolder !== (type === 'directory'))
    throw refuse(`a key ${isFolder ? 'that ends' : 'without an end'} in "/" is no ${type}`);
  if (type !== 'file' && entry.sizeBytes > 0) throw refuse(`a ${type} cannot have content (${entry.sizeBytes} bytes)`);
  return { type, attributes, notHeld: attributes === undefined ? namesOfPresent(entry.attributes) : [] };
}

function namesOfPresent(attributes: Attributes): readonly string[] {
  return Object.keys(attributes).filter((name) => name !== 'type' && isPresent(attributes[name]));
}

function isPresent(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === '') return false;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}
