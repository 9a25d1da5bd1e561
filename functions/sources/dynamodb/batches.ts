/** Single writes to one table, gathered into BatchWriteItem requests. */
import { setTimeout as sleepMillis } from 'node:timers/promises';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { translateAwsError } from '../../core/aws-errors.ts';
import { type EntryKey, quoteKey } from '../../core/entry.ts';
import { InvalidInputError, TransientError } from '../../core/errors.ts';
import { isJsonObject } from '../../core/typed-json.ts';
import { type Timing, unitBudget } from './budget.ts';
import { nameOfTable } from './table.ts';
import { batchWriteRaw, type RawAnswer, unitsOf } from './wire.ts';

/** One put or delete. */
export interface ItemWrite {
  readonly key: EntryKey;
  /** `{"PutRequest":{"Item":…}}` or `{"DeleteRequest":{"Key":…}}`. */
  readonly request: string;
  readonly sizeBytes: number;
}

export interface BatchWriter {
  /**
   * Resolves when the table has it. Of two writes of one key the later is sent after the earlier.
   * @throws InvalidInputError when the table refuses this one; TransientError when it stays unwritten
   */
  send(write: ItemWrite): Promise<void>;
}

export interface BatchWriterOptions {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly maxUnitsPerSecond: number | undefined;
  readonly timing: Timing;
  /** The key of a request that came back unprocessed, as an entry's key; undefined where it cannot be told. */
  readonly findKey: (request: unknown) => EntryKey | undefined;
}

// BatchWriteItem takes 25 requests and 16 MB (API reference); some room is left for what is around them.
const WRITES_PER_BATCH = 25;
const BYTES_PER_BATCH = 15 << 20;
const BATCHES_IN_FLIGHT = 8;
/** How long a batch that is not full waits for more. */
const LINGER_MILLIS = 5;
/** A unit writes 1 KB (developer guide, "Read and write capacity"). */
const BYTES_PER_UNIT = 1024;

// Full jitter up to 0.1, 0.2, 0.4 … 5 s: about half a minute of patience with a table that takes nothing.
const IDLE_ROUNDS = 14;
const backoffMillis = (idle: number): number => Math.random() * Math.min(5000, 100 * 2 ** idle);

const THROTTLES = ['ProvisionedThroughputExceededException', 'ThrottlingException', 'RequestLimitExceeded'];
/** One write that is at fault fails its whole batch with these. */
const REFUSALS = ['ValidationException', 'ItemCollectionSizeLimitExceededException'];

type Waiting = ItemWrite & PromiseWithResolvers<void>;

export function batchWriter(options: BatchWriterOptions): BatchWriter {
  const { client, table, timing, findKey } = options;
  const name = nameOfTable(table);
  const budget = unitBudget(options.maxUnitsPerSecond, timing);
  const maxUnits = options.maxUnitsPerSecond ?? Number.POSITIVE_INFINITY;
  const queue: Waiting[] = [];
  const busy = new Set<EntryKey>();
  let inFlight = 0;
  let lingering = false;

  /** Takes the next batch from the queue; a key that is being written waits, since a batch may not name it twice. */
  function takeBatch(): readonly Waiting[] {
    const batch: Waiting[] = [];
    let [bytes, units] = [0, 0];
    for (let at = 0; at < queue.length && batch.length < WRITES_PER_BATCH; ) {
      const write = queue[at];
      if (write === undefined) break;
      if (busy.has(write.key)) {
        at += 1;
        continue;
      }
      bytes += write.sizeBytes;
      units += unitsToWrite(write);
      if (batch.length > 0 && (bytes > BYTES_PER_BATCH || units > maxUnits)) break;
      queue.splice(at, 1);
      busy.add(write.key);
      batch.push(write);
    }
    return batch;
  }

  function pump(): void {
    while (inFlight < BATCHES_IN_FLIGHT) {
      const batch = takeBatch();
      if (batch.length === 0) return;
      inFlight += 1;
      void writeAll(batch)
        .catch((error: unknown) => {
          for (const write of batch) write.reject(error);
        })
        .finally(() => {
          inFlight -= 1;
          for (const { key } of batch) busy.delete(key);
          pump();
        });
    }
  }

  /** Settles every one of the writes. What comes back unprocessed is sent again; none is dropped. */
  async function writeAll(batch: readonly Waiting[]): Promise<void> {
    let pending = batch;
    for (let idle = 0; idle < IDLE_ROUNDS; ) {
      const left = await attempt(pending);
      if (left === 'refused') return await writeEach(pending);
      for (const write of pending) if (!left.includes(write)) write.resolve();
      if (left.length === 0) return;
      idle = left.length < pending.length ? 0 : idle + 1;
      pending = left;
      await timing.sleep(backoffMillis(idle));
    }
    for (const write of pending)
      write.reject(
        new TransientError(
          `${name}: ${quoteKey(write.key)} could not be written in ${IDLE_ROUNDS} rounds, because the table is throttled; raise its write capacity, or try again later`,
        ),
      );
  }

  /** Sends once; the writes that are still to be done, or that the table refuses one of them. */
  async function attempt(writes: readonly Waiting[]): Promise<readonly Waiting[] | 'refused'> {
    const units = writes.reduce((sum, write) => sum + unitsToWrite(write), 0);
    await budget.take(units);
    try {
      const requests = writes.map(({ request }) => request);
      const answer = await batchWriteRaw(client, table, requests);
      budget.settle(units, unitsWritten(answer) ?? units);
      return unprocessed(answer, writes);
    } catch (error) {
      budget.settle(units, 0);
      const code = error instanceof Error ? error.name : '';
      if (THROTTLES.includes(code)) return writes;
      if (REFUSALS.includes(code)) return 'refused';
      throw translateAwsError(error, `${name}: writing ${writes.length} items`);
    }
  }

  /** Finds the one that is at fault. */
  async function writeEach(writes: readonly Waiting[]): Promise<void> {
    const [only, ...others] = writes;
    if (only !== undefined && others.length === 0)
      // DynamoDB's own words may quote the item, so that they are no part of this, nor its cause.
      return only.reject(
        new InvalidInputError(
          `${name}: ${quoteKey(only.key)}: the table refuses it; an item is at most 400 KB, and its values must suit the table's key and indexes`,
        ),
      );
    for (const write of writes) {
      await writeAll([write]).catch((error: unknown) => write.reject(error));
    }
  }

  function unprocessed({ body }: RawAnswer, writes: readonly Waiting[]): readonly Waiting[] {
    const left = isJsonObject(body.UnprocessedItems) ? body.UnprocessedItems[table] : undefined;
    if (!Array.isArray(left)) return [];
    const keys = new Set(left.map(findKey));
    const found = writes.filter(({ key }) => keys.has(key));
    // One that cannot be recognised may be any of them; to write an item again changes nothing.
    return found.length === left.length ? found : writes;
  }

  return {
    send: (write) => {
      const waiting = { ...write, ...Promise.withResolvers<void>() };
      queue.push(waiting);
      if (queue.length >= WRITES_PER_BATCH) pump();
      else if (!lingering) {
        lingering = true;
        void sleepMillis(LINGER_MILLIS).then(() => {
          lingering = false;
          pump();
        });
      }
      return waiting.promise;
    },
  };
}

const unitsToWrite = ({ sizeBytes }: ItemWrite): number => Math.ceil(sizeBytes / BYTES_PER_UNIT);

function unitsWritten({ body }: RawAnswer): number | undefined {
  const { ConsumedCapacity: tables } = body;
  return Array.isArray(tables) ? unitsOf(tables[0]) : undefined;
}
