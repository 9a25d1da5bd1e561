/**
 * Keys as a person reads and types them, so that what is shown can be typed in again: of a table typed JSON, in any spelling; of everything
 * else UTF-8 text with the escapes that `displayKey` prints.
 */
import { displayKey, type EntryKey, findKeyText, keyFromBytes, keyFromText } from '../core/entry.ts';
import { InvalidInputError } from '../core/errors.ts';
import { itemKeyRanges } from '../core/item-key.ts';
import { parseUri } from '../core/uri.ts';

const isTable = (sourceUri: string): boolean => parseUri(sourceUri).scheme === 'dynamodb';

/** A key of a source without anything that could steer a terminal: an item's as JSON, with JSON's own escapes. */
export function showKey(sourceUri: string, key: EntryKey): string {
  const text = isTable(sourceUri) ? findKeyText(key) : undefined;
  return text?.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, escapeJson) ?? displayKey(key);
}

function escapeJson(letter: string): string {
  return letter.split('').reduce((all, unit) => `${all}\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`, '');
}

/**
 * The keys that a text may name; one of them at most is in the source. Of an item the text does not tell which attribute is the partition key.
 * @throws InvalidInputError for what is not the key of an item, where the source is a table
 */
export function keysFromTyped(sourceUri: string, text: string): readonly [EntryKey, ...EntryKey[]] {
  if (!isTable(sourceUri)) return [keyFromTyped(text)];
  const [first, ...others] = itemKeyRanges(text).flatMap(({ upTo }) => (upTo === undefined ? [] : [upTo]));
  if (first === undefined) throw new InvalidInputError(`${sourceUri}: the key names no item; write its typed JSON`);
  return [first, ...others];
}

/** The beginning of keys; of items it is taken literally, as that of the JSON that is shown. */
export function prefixFromTyped(sourceUri: string, text: string): EntryKey {
  return isTable(sourceUri) ? keyFromText(text) : keyFromTyped(text);
}

/**
 * The text of a key or of a partition key as a restore takes it.
 * @throws InvalidInputError for what is not the key of an item, where the source is a table, and for bytes that are no text
 */
export function keyForRestore(sourceUri: string, text: string): string {
  if (isTable(sourceUri)) {
    itemKeyRanges(text);
    return text;
  }
  const key = findKeyText(keyFromTyped(text));
  if (key === undefined)
    throw new InvalidInputError(`--key "${text}" has bytes that are no text; choose the entry with --include`);
  return key;
}

/** `\xNN` is one byte and `\\` a backslash; any other backslash stands for itself. */
export function keyFromTyped(text: string): EntryKey {
  const parts: Buffer[] = [];
  for (const match of text.matchAll(/\\x([0-9a-fA-F]{2})|\\\\|\\|[^\\]+/g)) {
    const [part, byte] = match;
    if (byte !== undefined) parts.push(Buffer.from(byte, 'hex'));
    else parts.push(Buffer.from(part === '\\\\' ? '\\' : part, 'utf8'));
  }
  return keyFromBytes(Buffer.concat(parts));
}
