/** One table of records: single-item writes, consistent reads, every list to its last page; here in DynamoDB, in `level-table.ts` embedded. */
import { setTimeout as sleepMillis } from 'node:timers/promises';
import {
  type AttributeValue,
  BatchGetItemCommand,
  BatchWriteItemCommand,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { translateAwsError } from '../core/aws-errors.ts';
import { IntegrityError, TransientError } from '../core/errors.ts';
import type { Clock } from '../core/ports.ts';
import {
  additionInput,
  conditionInput,
  distinct,
  marshal,
  type NewItem,
  nameOf,
  type PutCondition,
  type Question,
  questionInput,
  type StoredItem,
  unmarshal,
  unmarshalKey,
  unmarshalNumbers,
} from './items.ts';
import type { Key } from './keys.ts';
import { storeTimeOf } from './store-time.ts';

export interface TableOptions {
  /** The store's clock where the store does not tell its time (a mock); without it such a store is refused. */
  readonly clock?: Clock;
  readonly sleep?: (millis: number) => Promise<unknown>;
}

export interface Table {
  /** Reads consistently. `now()` is the store's time when it answered. */
  get(key: Key): Promise<{ readonly item: StoredItem | undefined; readonly now: () => Date }>;
  /** Writes or replaces; false when the condition did not hold, and then nothing changed. */
  put(item: NewItem, condition?: PutCondition): Promise<boolean>;
  /** Every item that answers the question, in order of its sort key (or its key in the index), to the last page. */
  query(question: Question): AsyncIterable<StoredItem>;
  /** The items that are there, in no order. Keys may repeat. */
  getMany(keys: readonly Key[], options?: { readonly consistent?: true }): Promise<readonly StoredItem[]>;
  putMany(items: readonly NewItem[]): Promise<void>;
  deleteMany(keys: readonly Key[]): Promise<void>;
  /** Adds to numbers of an item that holds nothing else, and makes it and them where they are not there. A repeat adds again. */
  addNumbers(key: Key, amounts: readonly (readonly [name: string, amount: number])[]): Promise<void>;
  /** Those numbers, read consistently; none where there is no such item. */
  numbers(key: Key): Promise<Readonly<Record<string, number>>>;
}

// BatchGetItem takes 100 keys, BatchWriteItem 25 (DynamoDB API reference).
const KEYS_PER_GET = 100;
const ITEMS_PER_WRITE = 25;

// Full jitter up to 0.1, 0.2, 0.4 … 5 s: about half a minute of patience with a table that is throttled.
const IDLE_ROUNDS = 14;
const backoffMillis = (idle: number): number => Math.random() * Math.min(5000, 100 * 2 ** idle);

export function dynamoTable(client: DynamoDBClient, tableName: string, options: TableOptions = {}): Table {
  const sleep = options.sleep ?? sleepMillis;
  const say = (what: string) => `catalogue table ${tableName}: ${what}`;

  async function translated<T>(what: string, request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      throw translateAwsError(error, say(what));
    }
  }

  const get: Table['get'] = async (key) => {
    const command = new GetItemCommand({ TableName: tableName, Key: marshal({ ...key }), ConsistentRead: true });
    const readTime = storeTimeOf(command);
    const { Item } = await translated(`reading ${nameOf(key)}`, () => client.send(command));
    return {
      item: Item === undefined ? undefined : unmarshal(Item),
      now: () => {
        const now = readTime() ?? options.clock?.now();
        if (now === undefined)
          throw new IntegrityError(
            `${say(nameOf(key))} came without a Date header, so its age by the store's clock cannot be judged; look for a proxy that removes the header`,
          );
        return now;
      },
    };
  };

  const put: Table['put'] = async (item, condition) => {
    const command = new PutItemCommand({
      TableName: tableName,
      Item: marshal({ ...item }),
      ...(condition === undefined ? {} : conditionInput(condition)),
    });
    return await translated(`writing ${nameOf(item)}`, async () => {
      try {
        await client.send(command);
        return true;
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false;
        throw error;
      }
    });
  };

  const addNumbers: Table['addNumbers'] = async (key, amounts) => {
    const command = new UpdateItemCommand({
      TableName: tableName,
      Key: marshal({ ...key }),
      ...additionInput(amounts),
    });
    await translated(`adding to ${nameOf(key)}`, () => client.send(command));
  };

  const numbers: Table['numbers'] = async (key) => {
    const command = new GetItemCommand({ TableName: tableName, Key: marshal({ ...key }), ConsistentRead: true });
    const { Item } = await translated(`reading ${nameOf(key)}`, () => client.send(command));
    return Item === undefined ? {} : unmarshalNumbers(Item);
  };

  async function* query(question: Question): AsyncGenerator<StoredItem> {
    const input = { TableName: tableName, ...questionInput(question) };
    let start: Record<string, AttributeValue> | undefined;
    do {
      const command = new QueryCommand({ ...input, ...(start === undefined ? {} : { ExclusiveStartKey: start }) });
      const page = await translated(`listing ${question.partition}`, () => client.send(command));
      if (page.Items === undefined)
        throw new IntegrityError(`${say(`the list of ${question.partition}`)} came back without its items`);
      if (question.index === undefined) yield* page.Items.map(unmarshal);
      else yield* await named(page.Items.map(unmarshalKey));
      start = page.LastEvaluatedKey;
    } while (start !== undefined);
  }

  /** The items of these keys, in the order of the keys; one that is gone since the index was written is left out. */
  async function named(keys: readonly Key[]): Promise<readonly StoredItem[]> {
    const items = new Map((await getMany(keys, { consistent: true })).map((item) => [nameOf(item), item]));
    return keys.flatMap((key) => items.get(nameOf(key)) ?? []);
  }

  const getMany: Table['getMany'] = async (keys, { consistent } = {}) => {
    const found: StoredItem[] = [];
    for (const batch of batches(distinct(keys), KEYS_PER_GET)) {
      const all = batch.map(({ pk, sk }) => marshal({ pk, sk }));
      await untilProcessed('read', all, async (pending) => {
        const request = { Keys: [...pending], ...(consistent ? { ConsistentRead: true } : {}) };
        const command = new BatchGetItemCommand({ RequestItems: { [tableName]: request } });
        const answer = await translated(`reading ${pending.length} items`, () => client.send(command));
        found.push(...(answer.Responses?.[tableName] ?? []).map(unmarshal));
        return answer.UnprocessedKeys?.[tableName]?.Keys;
      });
    }
    return found;
  };

  async function writeMany(requests: readonly WriteRequest[]): Promise<void> {
    for (const batch of batches(requests, ITEMS_PER_WRITE)) {
      await untilProcessed('written', batch, async (pending) => {
        const command = new BatchWriteItemCommand({ RequestItems: { [tableName]: [...pending] } });
        const answer = await translated(`writing ${pending.length} items`, () => client.send(command));
        return answer.UnprocessedItems?.[tableName];
      });
    }
  }

  /** Sends what comes back unprocessed again, and fails rather than drop any of it. */
  async function untilProcessed<T>(
    verb: 'read' | 'written',
    all: readonly T[],
    send: (pending: readonly T[]) => Promise<readonly T[] | undefined>,
  ): Promise<void> {
    let pending = all;
    for (let idle = 0; idle < IDLE_ROUNDS; ) {
      const left = (await send(pending)) ?? [];
      if (left.length === 0) return;
      // An answer that is full (16 MB) leaves items over too: only rounds that bring nothing at all count.
      idle = left.length < pending.length ? 0 : idle + 1;
      pending = left;
      await sleep(backoffMillis(idle));
    }
    throw new TransientError(
      say(
        `${pending.length} of ${all.length} items could not be ${verb} in ${IDLE_ROUNDS} rounds, because the table is throttled; try again later`,
      ),
    );
  }

  return {
    get,
    put,
    query,
    getMany,
    putMany: (items) => writeMany(distinct(items).map((item) => ({ PutRequest: { Item: marshal({ ...item }) } }))),
    addNumbers,
    numbers,
    deleteMany: (keys) =>
      writeMany(distinct(keys).map(({ pk, sk }) => ({ DeleteRequest: { Key: marshal({ pk, sk }) } }))),
  };
}

function* batches<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
