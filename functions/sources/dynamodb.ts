/**
 * The source `dynamodb://table`. Entries are the items of the table, keyed by the typed JSON of their key attributes; what a table is
 * besides them are its settings.
 */
import { InvalidInputError } from '../core/errors.ts';
import type { ReadOptions, SourceScanner, SourceWriter, WriteOptions } from '../core/ports.ts';
import { type DynamoDbUri, formatUri } from '../core/uri.ts';
import { applyTableSettings } from './dynamodb-apply.ts';
import { REAL_TIME, type Timing } from './dynamodb-budget.ts';
import { tableCreation } from './dynamodb-create.ts';
import { openItem } from './dynamodb-open.ts';
import { itemScan } from './dynamodb-scan.ts';
import { readTableSettings, type TableClients } from './dynamodb-settings.ts';
import { tableShape } from './dynamodb-table.ts';
import { itemWriter } from './dynamodb-writer.ts';

/** Reads the items of a table, and writes them back. Throttles are retried as the client is set up to. */
export function dynamoDbSource(
  clients: TableClients,
  uri: DynamoDbUri,
  options: ReadOptions & WriteOptions = {},
  timing: Timing = REAL_TIME,
): SourceScanner & SourceWriter {
  const { table } = uri;
  if (options.engine === 'export')
    throw new InvalidInputError(`${formatUri(uri)}: the engine "export" is not there yet; write engine: scan`);
  const items = { client: clients.dynamoDb, table, shape: tableShape(clients.dynamoDb, table) };
  return {
    uri: formatUri(uri),
    ...itemScan(items, options, timing),
    open: (listed) => openItem(items, listed),
    settings: () => readTableSettings(clients, table),
    attributesDiffer: ({ type: stored }, { type: found }) =>
      stored === found ? undefined : `it was stored as ${stored} and is ${found}`,
    ...itemWriter(items, options, timing),
    creation: tableCreation(clients, table),
    applySettings: (settings) => applyTableSettings(clients, table, settings),
  };
}
