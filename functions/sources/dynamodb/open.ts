/** Reads single items of a table, as they are now. */
import { createHash } from 'node:crypto';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { translateAwsError } from '../../core/aws-errors.ts';
import { type ListedEntry, quoteKey } from '../../core/entry.ts';
import type { OpenedEntry } from '../../core/ports.ts';
import { entryOfItem, ITEM_ATTRIBUTES, itemKeyOf } from './items.ts';
import { nameOfTable, type TableShape } from './table.ts';
import { getRaw } from './wire.ts';

export interface OpenedTable {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly shape: () => Promise<TableShape>;
}

/** Reads the item of a key, consistently; its fingerprint is the SHA-256 of its content. @throws InvalidInputError for no key of this table */
export async function openItem({ client, table, shape }: OpenedTable, { key }: ListedEntry): Promise<OpenedEntry> {
  const name = nameOfTable(table);
  const what = `${name}: reading ${quoteKey(key)}`;
  const { keySchema } = await shape();
  const keyJson = itemKeyOf(key, keySchema, name);
  try {
    const { Item } = (await getRaw(client, table, keyJson)).body;
    if (Item === undefined) return { state: 'gone' };
    const { content } = entryOfItem(Item, keySchema, what);
    return {
      state: 'open',
      fingerprint: createHash('sha256').update(content).digest('hex'),
      sizeBytes: content.length,
      attributes: ITEM_ATTRIBUTES,
      content,
    };
  } catch (error) {
    throw translateAwsError(error, what);
  }
}
