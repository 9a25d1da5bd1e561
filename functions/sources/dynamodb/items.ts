/**
 * Items of a table as entries. An entry's content is the canonical typed JSON of the item, its key that of the key attributes, hash key
 * first: `{"pk":{"S":"a"},"sk":{"N":"1"}}`.
 */
import { type Attributes, type EntryKey, findKeyText, keyFromText, quoteKey } from '../../core/entry.ts';
import { IntegrityError, InvalidInputError } from '../../core/errors.ts';
import type { ScannedEntry } from '../../core/ports.ts';
import { canonicalItem, canonicalKey, isJsonObject, keyTypeOf, type Refuse } from '../../core/typed-json.ts';

export interface KeyAttribute {
  readonly name: string;
  readonly type: 'S' | 'N' | 'B';
}

/** The key attributes of a table: the hash key, then the range key where there is one. */
export type KeySchema = readonly KeyAttribute[];

/** The attributes of every item's entry. */
export const ITEM_ATTRIBUTES: Attributes = { type: 'item' };

/** The entry of an item as it came from the table. @throws IntegrityError `<what>: …` */
export function entryOfItem(item: unknown, schema: KeySchema, what: string): ScannedEntry & { content: Buffer } {
  const refuse = (why: string) => new IntegrityError(`${what}: an item is not typed JSON as DynamoDB gives it: ${why}`);
  return {
    key: keyFromText(keyText(item, schema, refuse)),
    content: Buffer.from(canonicalItem(item, refuse), 'utf8'),
  };
}

/**
 * The item that a content holds, as canonical typed JSON for a request.
 * @throws IntegrityError when the content is no item; InvalidInputError when it does not fit the table, or the key is another item's
 */
export function itemOfContent(key: EntryKey, content: Uint8Array, schema: KeySchema, what: string): string {
  const name = `${what}: ${quoteKey(key)}`;
  const item = parseTyped(content, `${name}: its content`);
  const text = canonicalItem(item, (why) => new IntegrityError(`${name}: its content is no item: ${why}`));
  const found = keyText(item, schema, doesNotFit(name, schema));
  if (keyFromText(found) !== key)
    throw new InvalidInputError(
      `${name}: its content is the item of another key in this table, whose key is ${shown(schema)}`,
    );
  return text;
}

/** The key as typed JSON for a request. @throws InvalidInputError when it is no key of this table */
export function itemKeyOf(key: EntryKey, schema: KeySchema, what: string): string {
  const refuse = doesNotFit(`${what}: ${quoteKey(key)}`, schema);
  const text = findKeyText(key);
  const value = text === undefined ? undefined : findJson(text);
  if (!isJsonObject(value)) throw refuse('it is not typed JSON');
  if (Object.keys(value).length !== schema.length) throw refuse('it has other attributes');
  return keyText(value, schema, refuse);
}

/** Typed JSON in UTF-8. @throws IntegrityError `<what> …` */
export function parseTyped(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    // Without the parser's error as its cause, whose message quotes the text.
    throw new IntegrityError(`${what} is not JSON in UTF-8`);
  }
}

/** The canonical text of an item's key. */
export function keyText(item: unknown, schema: KeySchema, refuse: Refuse): string {
  const names = schema.map(({ name }) => name);
  const text = canonicalKey(item, names, refuse);
  for (const { name, type } of schema)
    if (isJsonObject(item) && keyTypeOf(item[name]) !== type)
      throw refuse(`the key attribute ${JSON.stringify(name)} is not typed as ${type}`);
  return text;
}

const doesNotFit =
  (name: string, schema: KeySchema): Refuse =>
  (why) =>
    new InvalidInputError(
      `${name}: it does not fit this table, whose key is ${shown(schema)}: ${why}; restore it into a table with the key that it was taken from`,
    );

const shown = (schema: KeySchema): string =>
  schema.map(({ name, type }) => `${JSON.stringify(name)} (${type})`).join(', ');

/** The value of a JSON text; undefined when it is none. */
export function findJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Whatever the parser says, it is not JSON.
  }
}
