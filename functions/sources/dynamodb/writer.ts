/** Writes items back into `dynamodb://table`. */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type EntryKey, keyFromText, type PresentEntry, quoteKey } from '../../core/entry.ts';
import { InvalidInputError } from '../../core/errors.ts';
import type { SourceWriter, WriteOptions } from '../../core/ports.ts';
import { isJsonObject } from '../../core/typed-json.ts';
import { type BatchWriter, batchWriter } from './batches.ts';
import type { Timing } from './budget.ts';
import { ITEM_ATTRIBUTES, itemKeyOf, itemOfContent, type KeySchema, keyText } from './items.ts';
import { nameOfTable, type TableShape } from './table.ts';

/** Side by side: as many as fill four requests. */
const WRITERS = 100;
// An item is at most 400 KB, of which a list of booleans makes eight times as much text.
const MAX_CONTENT_BYTES = 4 << 20;

export interface WrittenTable {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly shape: () => Promise<TableShape>;
}

/** An item appears whole, when its own `write` resolves. The table is looked at when the first item comes. */
export function itemWriter(
  { client, table, shape }: WrittenTable,
  options: WriteOptions,
  timing: Timing,
): Pick<SourceWriter, 'writers' | 'write' | 'remove' | 'finish'> {
  const name = nameOfTable(table);
  let batches: BatchWriter | undefined;
  const ready = async () => {
    const { keySchema } = await shape();
    const maxUnitsPerSecond = options.maxWriteUnitsPerSecond;
    batches ??= batchWriter({ client, table, maxUnitsPerSecond, timing, findKey: keyFinder(keySchema) });
    return { keySchema, batches };
  };
  return {
    writers: WRITERS,
    write: async (entry, content) => {
      refuseOthers(entry, name);
      const bytes = await gather(entry.key, content, name);
      const { keySchema, batches } = await ready();
      const item = itemOfContent(entry.key, bytes, keySchema, name);
      await batches.send({ key: entry.key, request: `{"PutRequest":{"Item":${item}}}`, sizeBytes: bytes.length });
      return Object.keys(entry.attributes).filter((attribute) => !Object.hasOwn(ITEM_ATTRIBUTES, attribute));
    },
    remove: async (key) => {
      const { keySchema, batches } = await ready();
      const request = `{"DeleteRequest":{"Key":${itemKeyOf(key, keySchema, name)}}}`;
      await batches.send({ key, request, sizeBytes: key.length });
    },
    finish: async () => undefined,
  };
}

function refuseOthers({ key, attributes, sizeBytes }: PresentEntry, name: string): void {
  if (attributes.type !== ITEM_ATTRIBUTES.type)
    throw new InvalidInputError(
      `${name}: ${quoteKey(key)} is not an item of a table; restore it to a place of the kind that it was taken from`,
    );
  refuseLarge(key, sizeBytes, name);
}

function refuseLarge(key: EntryKey, sizeBytes: number, name: string): void {
  if (sizeBytes > MAX_CONTENT_BYTES)
    throw new InvalidInputError(
      `${name}: ${quoteKey(key)} has ${sizeBytes} bytes or more; an item of a table is at most 400 KB`,
    );
}

/** The whole content, to its end: its hash is judged there. */
async function gather(key: EntryKey, content: AsyncIterable<Uint8Array>, name: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const piece of content) {
    pieces.push(piece);
    sizeBytes += piece.length;
    refuseLarge(key, sizeBytes, name);
  }
  return Buffer.concat(pieces, sizeBytes);
}

/** Finds the entry's key of a request that came back unprocessed. */
function keyFinder(schema: KeySchema): (request: unknown) => EntryKey | undefined {
  const unknown = new Error('not a request of ours');
  return (request) => {
    const { PutRequest: put, DeleteRequest: remove } = isJsonObject(request) ? request : {};
    const item = isJsonObject(put) ? put.Item : isJsonObject(remove) ? remove.Key : undefined;
    try {
      return keyFromText(keyText(item, schema, () => unknown));
    } catch (error) {
      if (error === unknown) return undefined;
      throw error;
    }
  };
}
