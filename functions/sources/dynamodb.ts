/**
 * The source `dynamodb://table`. Entries are the items of the table, keyed by the typed JSON of their key attributes; what a table is
 * besides them are its settings.
 */
import type { ReadOptions, SourceScanner, SourceWriter, WriteOptions } from '../core/ports.ts';
import { type DynamoDbUri, formatUri } from '../core/uri.ts';
import { applyTableSettings } from './dynamodb/apply.ts';
import { REAL_TIME, type Timing } from './dynamodb/budget.ts';
import { tableCreation } from './dynamodb/create.ts';
import { type ExportClients, exportScan } from './dynamodb/export.ts';
import { ENGINE_SETTING, EXPORTED } from './dynamodb/export-window.ts';
import { openItem } from './dynamodb/open.ts';
import { itemScan } from './dynamodb/scan.ts';
import { readTableSettings, type TableClients } from './dynamodb/settings.ts';
import { tableShape } from './dynamodb/table.ts';
import { itemWriter } from './dynamodb/writer.ts';

/** Reads the items of a table, and writes them back. Throttles are retried as the client is set up to. */
export function dynamoDbSource(
  clients: TableClients & ExportClients,
  uri: DynamoDbUri,
  options: ReadOptions & WriteOptions = {},
  timing: Timing = REAL_TIME,
): SourceScanner & SourceWriter {
  const { table } = uri;
  const exported = options.engine === 'export';
  const items = { client: clients.dynamoDb, table, shape: tableShape(clients.dynamoDb, table) };
  return {
    uri: formatUri(uri),
    ...(exported ? exportScan(clients, uri, options) : itemScan(items, options, timing)),
    open: (listed) => openItem(items, listed),
    settings: async () => {
      const { settings, notCaptured } = await readTableSettings(clients, table);
      return { settings: exported ? { ...settings, [ENGINE_SETTING]: EXPORTED } : settings, notCaptured };
    },
    attributesDiffer: ({ type: stored }, { type: found }) =>
      stored === found ? undefined : `it was stored as ${stored} and is ${found}`,
    ...itemWriter(items, options, timing),
    creation: tableCreation(clients, table),
    applySettings: (settings) => applyTableSettings(clients, table, settings),
  };
}
