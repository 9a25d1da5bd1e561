/**
 * The table of an embedded catalogue: records in a LevelDB that this process alone has open. A write is one batch of an item and its
 * place in the index, done wholly or not at all; writes happen one after the other, so that a condition holds of what is replaced.
 *
 * | key, its parts joined by NUL       | value                                             |
 * | ---------------------------------- | ------------------------------------------------- |
 * | `item` pk sk                       | `{ record, token?, gsi1pk?, gsi1sk? }` as JSON    |
 * | `gsi1` gsi1pk gsi1sk pk sk         | nothing                                           |
 * | `numbers` pk sk                    | numbers by name as JSON                           |
 */
import type { ClassicLevel } from 'classic-level';
import * as z from 'zod';
import { IntegrityError, InvalidInputError, TransientError } from '../core/errors.ts';
import type { Clock } from '../core/ports.ts';
import { distinct, type NewItem, nameOf, type PutCondition, type Question, type StoredItem } from './items.ts';
import type { Key } from './keys.ts';
import type { Table } from './table.ts';

/** What is used of the database; keys and values are texts, ordered by their UTF-8 bytes. */
export type Level = Pick<ClassicLevel<string, string>, 'get' | 'getMany' | 'batch' | 'iterator' | 'location'>;

const valueSchema = z.object({
  record: z.string(),
  token: z.number().optional(),
  gsi1pk: z.string().optional(),
  gsi1sk: z.string().optional(),
});
type Value = z.infer<typeof valueSchema>;
const numbersSchema = z.record(z.string(), z.number());

/** A reader who stops after the first record has not read many more. */
const ITEMS_PER_PAGE = 100;

const SEPARATOR = '\0';

export function levelTable(level: Level, clock: Clock): Table {
  const during = async <T>(what: string, act: () => Promise<T>): Promise<T> => {
    try {
      return await act();
    } catch (error) {
      throw translateLevelError(error, `the embedded catalogue in ${level.location}: ${what}`);
    }
  };
  const parse = <T>(schema: z.ZodType<T>, key: string, text: string): T => {
    const value = schema.safeParse(jsonOf(text));
    if (value.success) return value.data;
    throw new IntegrityError(
      `the record under ${key.split(SEPARATOR).join('/')} of the embedded catalogue in ${level.location} is damaged; run holdfast catalogue rebuild`,
      { cause: value.error },
    );
  };
  const inTurn = oneByOne();

  /** The values under these keys, in their order; undefined for what is not there. */
  async function values(keys: readonly Key[]): Promise<readonly (Value | undefined)[]> {
    const names = keys.map(itemName);
    const texts = await during(`reading ${keys.length} items`, () => level.getMany([...names]));
    return names.map((name, index) => {
      const text = texts[index];
      return text === undefined ? undefined : parse(valueSchema, name, text);
    });
  }

  async function items(keys: readonly Key[]): Promise<readonly StoredItem[]> {
    const found = await values(keys);
    return keys.flatMap(({ pk, sk }, index) => {
      const value = found[index];
      return value === undefined ? [] : [{ pk, sk, record: value.record }];
    });
  }

  const write = (operations: readonly Operation[]): Promise<void> =>
    during(`writing ${operations.length} entries`, () => level.batch([...operations]));

  const get: Table['get'] = async (key) => {
    const [item] = await items([key]);
    return { item, now: clock.now };
  };

  const put: Table['put'] = (item, condition) =>
    inTurn(async () => {
      const [old] = await values([item]);
      if (condition !== undefined && !holds(condition, old)) return false;
      await write([...removal(item, old), ...insertion(item)]);
      return true;
    });

  async function* query({ partition, prefix = '', index, newestFirst }: Question): AsyncGenerator<StoredItem> {
    const start = named(index ?? 'item', partition, prefix);
    const iterator = level.iterator({ gte: start, lt: successor(start), reverse: newestFirst === true });
    try {
      for (;;) {
        const page = await during(`listing ${partition}`, () => iterator.nextv(ITEMS_PER_PAGE));
        if (page.length === 0) return;
        if (index !== undefined) yield* await items(page.map(([name]) => keyIn(name)));
        else for (const [name, text] of page) yield { ...keyIn(name), record: parse(valueSchema, name, text).record };
      }
    } finally {
      await iterator.close();
    }
  }

  const numbers: Table['numbers'] = async (key) => {
    const name = named('numbers', key.pk, key.sk);
    const text = await during(`reading ${nameOf(key)}`, () => level.get(name));
    return text === undefined ? {} : parse(numbersSchema, name, text);
  };

  const addNumbers: Table['addNumbers'] = (key, amounts) =>
    inTurn(async () => {
      const sums = new Map(Object.entries(await numbers(key)));
      for (const [name, amount] of amounts) sums.set(name, (sums.get(name) ?? 0) + amount);
      const value = JSON.stringify(Object.fromEntries(sums));
      await write([{ type: 'put', key: named('numbers', key.pk, key.sk), value }]);
    });

  return {
    get,
    put,
    query,
    numbers,
    addNumbers,
    getMany: (keys) => items(distinct(keys)),
    putMany: (added) =>
      inTurn(async () => {
        const news = distinct(added);
        const olds = await values(news);
        await write(news.flatMap((item, index) => [...removal(item, olds[index]), ...insertion(item)]));
      }),
    deleteMany: (keys) =>
      inTurn(async () => {
        const gone = distinct(keys);
        const olds = await values(gone);
        await write(gone.flatMap((key, index) => removal(key, olds[index])));
      }),
  };
}

type Operation =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'del'; readonly key: string };

function insertion({ pk, sk, record, token, gsi1pk, gsi1sk }: NewItem): readonly Operation[] {
  const value: Value = { record, token, gsi1pk, gsi1sk };
  return [
    { type: 'put', key: itemName({ pk, sk }), value: JSON.stringify(value) },
    ...indexNames({ pk, sk }, value).map((key) => ({ type: 'put' as const, key, value: '' })),
  ];
}

function removal(key: Key, old: Value | undefined): readonly Operation[] {
  if (old === undefined) return [];
  return [itemName(key), ...indexNames(key, old)].map((name) => ({ type: 'del', key: name }));
}

function holds(condition: PutCondition, old: Value | undefined): boolean {
  switch (condition.kind) {
    case 'absent':
      return old === undefined;
    case 'present':
      return old !== undefined;
    case 'unchanged':
      return old?.record === condition.record;
    case 'token-not-above':
      return old === undefined || (old.token !== undefined && old.token <= condition.token);
    case 'token':
      return old?.token === condition.token;
  }
}

const itemName = ({ pk, sk }: Key): string => named('item', pk, sk);

function indexNames({ pk, sk }: Key, { gsi1pk, gsi1sk }: Value): readonly string[] {
  return gsi1pk === undefined || gsi1sk === undefined ? [] : [named('gsi1', gsi1pk, gsi1sk, pk, sk)];
}

function named(...parts: readonly string[]): string {
  for (const part of parts)
    if (part.includes(SEPARATOR))
      throw new InvalidInputError(
        `"${part.replaceAll(SEPARATOR, '\\0')}" holds a NUL, which no key of the catalogue can`,
      );
  return parts.join(SEPARATOR);
}

/** The key of the item that a name stands for, in the items and in the index alike. */
function keyIn(name: string): Key {
  const [sk = '', pk = ''] = name.split(SEPARATOR).reverse();
  return { pk, sk };
}

/** The first text after all that begin with this one. */
function successor(start: string): string {
  const last = start.length - 1;
  return start.slice(0, last) + String.fromCharCode(start.charCodeAt(last) + 1);
}

function oneByOne(): <T>(act: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (act) => {
    const result = last.then(act);
    last = result.catch(() => {}); // Whoever asked for it is told.
    return result;
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return error;
  }
}

/** By the code (abstract-level, "Errors"); an unknown one passes untouched. */
function translateLevelError(error: unknown, what: string): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const said = error instanceof Error ? error.message : '';
  switch (code) {
    case 'LEVEL_CORRUPTION':
      return new IntegrityError(
        `${what}: its files are damaged (${said}); move that directory away and run holdfast catalogue rebuild`,
        { cause: error },
      );
    case 'LEVEL_IO_ERROR':
      return new TransientError(`${what}: ${said}; see that its disk is there and not full`, { cause: error });
    case 'LEVEL_DATABASE_NOT_OPEN':
    case 'LEVEL_ITERATOR_NOT_OPEN':
      return new TransientError(`${what}: it was closed meanwhile; start the command again`, { cause: error });
    default:
      return error;
  }
}
