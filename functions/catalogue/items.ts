/**
 * An item is its key, its place in an index, the record as JSON text and, where a condition needs it, a fencing token: nothing of a
 * record is spread over attributes, so that what is read is exactly what was written.
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { IntegrityError } from '../core/errors.ts';
import type { IndexKey, Key } from './keys.ts';

/** An item as it is written. */
export interface NewItem extends Key, Partial<IndexKey> {
  readonly record: string;
  readonly token?: number;
}

/** An item as it is read. */
export interface StoredItem extends Key {
  readonly record: string;
}

/** What must hold of the item that is there, for a put to happen. */
export type PutCondition =
  | { readonly kind: 'absent' }
  | { readonly kind: 'present' }
  /** The record is still, to the letter, the one that was read. */
  | { readonly kind: 'unchanged'; readonly record: string }
  /** Absent, or its token is not above this one. */
  | { readonly kind: 'token-not-above'; readonly token: number }
  /** Its token is this one. */
  | { readonly kind: 'token'; readonly token: number };

export interface Question {
  readonly partition: string;
  /** Only sort keys that begin so; not together with `index`. */
  readonly prefix?: string;
  readonly index?: 'gsi1';
  readonly newestFirst?: true;
}

// A page of a Query is as long as one BatchGetItem, so that a reader who stops after the first record has not paid for a megabyte.
const ITEMS_PER_PAGE = 100;

/** A key in words, for messages and maps. */
export const nameOf = (key: Key): string => `${key.pk}/${key.sk}`;

/** One for each key, the last of them: a batch may not name a key twice. */
export function distinct<T extends Key>(items: readonly T[]): readonly T[] {
  return [...new Map(items.map((item) => [nameOf(item), item])).values()];
}

/** The condition as PutItem takes it. */
export function conditionInput(condition: PutCondition) {
  const token = (expression: string, value: number) => ({
    ConditionExpression: expression,
    ExpressionAttributeNames: { '#token': 'token' },
    ExpressionAttributeValues: { ':token': { N: String(value) } },
  });
  switch (condition.kind) {
    case 'absent':
      return { ConditionExpression: 'attribute_not_exists(pk)' };
    case 'present':
      return { ConditionExpression: 'attribute_exists(pk)' };
    case 'unchanged':
      return {
        ConditionExpression: '#record = :record',
        ExpressionAttributeNames: { '#record': 'record' },
        ExpressionAttributeValues: { ':record': { S: condition.record } },
      };
    case 'token-not-above':
      return token('attribute_not_exists(pk) OR #token <= :token', condition.token);
    case 'token':
      return token('#token = :token', condition.token);
  }
}

/** The question as Query takes it, but for the table and the place to start. */
export function questionInput({ partition, prefix, index, newestFirst }: Question) {
  return {
    // An index cannot be read consistently; the records that it names are.
    ...(index === undefined ? { ConsistentRead: true } : { IndexName: index }),
    KeyConditionExpression: `#pk = :pk${prefix === undefined ? '' : ' AND begins_with(#sk, :prefix)'}`,
    ExpressionAttributeNames: {
      '#pk': index === undefined ? 'pk' : `${index}pk`,
      ...(prefix === undefined ? {} : { '#sk': 'sk' }),
    },
    ExpressionAttributeValues: {
      ':pk': { S: partition },
      ...(prefix === undefined ? {} : { ':prefix': { S: prefix } }),
    },
    ScanIndexForward: newestFirst !== true,
    Limit: ITEMS_PER_PAGE,
  };
}

/** Amounts to be added, as UpdateItem takes them. */
export function additionInput(amounts: readonly (readonly [name: string, amount: number])[]) {
  return {
    UpdateExpression: `ADD ${amounts.map((_, index) => `#n${index} :a${index}`).join(', ')}`,
    ExpressionAttributeNames: Object.fromEntries(amounts.map(([name], index) => [`#n${index}`, name])),
    ExpressionAttributeValues: Object.fromEntries(
      amounts.map(([, amount], index) => [`:a${index}`, { N: String(amount) }]),
    ),
  };
}

/** The numbers of an item, by name. */
export function unmarshalNumbers(item: Readonly<Record<string, AttributeValue>>): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(item).flatMap(([name, value]) => (value.N === undefined ? [] : [[name, Number(value.N)]])),
  );
}

/** Strings and numbers as DynamoDB writes them; what is undefined is left out. */
export function marshal(item: Readonly<Record<string, string | number | undefined>>): Record<string, AttributeValue> {
  return Object.fromEntries(
    Object.entries(item).flatMap(([name, value]) => {
      if (value === undefined) return [];
      return [[name, typeof value === 'number' ? { N: String(value) } : { S: value }]];
    }),
  );
}

/** @throws IntegrityError when there is none. */
export function unmarshalKey(item: Readonly<Record<string, AttributeValue>>): Key {
  const [pk, sk] = [item.pk?.S, item.sk?.S];
  if (pk === undefined || sk === undefined)
    throw new IntegrityError('an item of the catalogue came back without its key');
  return { pk, sk };
}

/** @throws IntegrityError naming the key, when there is no record. */
export function unmarshal(item: Readonly<Record<string, AttributeValue>>): StoredItem {
  const key = unmarshalKey(item);
  const record = item.record?.S;
  if (record === undefined)
    throw new IntegrityError(`${nameOf(key)} of the catalogue holds no record; run holdfast catalogue rebuild`);
  return { ...key, record };
}
