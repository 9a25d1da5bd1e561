/**
 * Engine `export` of `dynamodb://table`: DynamoDB itself writes the table, or its changes, to S3 as they were at one second, out of its
 * continuous backups; no capacity of the table is used. The exported files are left where they are: of the work place a lifecycle rule
 * takes them, in a bucket of the user's own they are the user's.
 */
import { DescribeContinuousBackupsCommand, DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { S3Client } from '@aws-sdk/client-s3';
import { translateAwsError } from '../../core/aws-errors.ts';
import { IntegrityError, InvalidInputError } from '../../core/errors.ts';
import type { ReadOptions, ScannedEntry, ScannedPage, ScanStart, SourceScanner } from '../../core/ports.ts';
import { type DynamoDbUri, formatUri, type S3Uri } from '../../core/uri.ts';
import { type ExportCursor, readCursor, writeCursor } from './export-cursor.ts';
import { entryOfChangeLine, entryOfFullLine, readDataFile } from './export-data.ts';
import { type DataFile, readManifests } from './export-manifest.ts';
import { findCompleted, parseExportTo, startExport } from './export-start.ts';
import { planExport } from './export-window.ts';
import { keySchemaOf } from './table.ts';

export interface ExportClients {
  readonly dynamoDb: DynamoDBClient;
  readonly s3: S3Client;
}

/** Until the next look at an export that is under way; the smallest take two minutes. */
const POLL_SECONDS = 30;
/** Until the next try where the time of an export is not available yet; it is some minutes behind the clock. */
const RETRY_SECONDS = 60;
const MAX_REFUSED = 20;
/** Exports under way side by side: DynamoDB throttles some 20 starts in a row. */
const MAX_STARTED_AHEAD = 10;
const PAGE_ENTRIES = 5000;
/** Of content, in a page. */
const PAGE_BYTES = 16 << 20;
/** Unless the table says otherwise (DynamoDB developer guide, "Point-in-time recovery"). */
const DEFAULT_RECOVERY_DAYS = 35;

/** Reads a table by exports. Its state is that of one second, exactly; an increment is what changed from the second before it. */
export function exportScan(
  clients: ExportClients,
  uri: DynamoDbUri,
  options: ReadOptions,
): Pick<SourceScanner, 'beginScan' | 'scan'> {
  const name = formatUri(uri);
  return {
    beginScan: (now, since) => beginScan(clients.dynamoDb, uri, options, now, since),
    scan: async function* (cursor) {
      const place = parseExportTo(options.exportTo, name);
      yield* scan({ clients, place, name }, readCursor(cursor, name));
    },
  };
}

/** Nothing is started here: a scan that is begun twice has no export too many. */
async function beginScan(
  dynamoDb: DynamoDBClient,
  uri: DynamoDbUri,
  { exportTo }: ReadOptions,
  now: Date,
  since: Parameters<SourceScanner['beginScan']>[1],
): Promise<ScanStart> {
  const name = formatUri(uri);
  parseExportTo(exportTo, name);
  const { table, keySchema } = await describeTable(dynamoDb, uri);
  const recovery = await describeRecovery(dynamoDb, uri);
  const keyNames = keySchema.map((key) => key.name);
  const plan = planExport(now, { tableId: table.id, keyNames, ...recovery }, since);
  const exports = plan.kind === 'full' ? [{ to: plan.at }] : [...plan.windows];
  const cursor: ExportCursor = {
    table: { ...table, keySchema: [...keySchema] },
    begunAt: now.toISOString(),
    exports,
    at: { export: 0, file: 0, line: 0 },
    waitSeconds: plan.kind === 'full' ? 0 : plan.waitSeconds,
    refused: 0,
  };
  const last = exports.at(-1)?.to ?? 0;
  return {
    cursor: writeCursor(cursor),
    consistentAt: new Date(last * 1000).toISOString(),
    changesOnly: plan.kind === 'changes',
    ...(plan.kind === 'full' && plan.because !== undefined ? { fullBecause: plan.because } : {}),
  };
}

async function describeTable(dynamoDb: DynamoDBClient, uri: DynamoDbUri) {
  const name = formatUri(uri);
  try {
    const { Table } = await dynamoDb.send(new DescribeTableCommand({ TableName: uri.table }));
    const { TableArn: arn, TableId: id } = Table ?? {};
    if (arn === undefined || id === undefined)
      throw new IntegrityError(`${name}: DynamoDB does not tell the table's ARN or id`);
    return { table: { arn, id }, keySchema: keySchemaOf(uri.table, Table) };
  } catch (error) {
    throw translateAwsError(error, `${name}: describing the table`);
  }
}

async function describeRecovery(dynamoDb: DynamoDBClient, uri: DynamoDbUri) {
  const name = formatUri(uri);
  try {
    const { ContinuousBackupsDescription: backups } = await dynamoDb.send(
      new DescribeContinuousBackupsCommand({ TableName: uri.table }),
    );
    const recovery = backups?.PointInTimeRecoveryDescription;
    if (recovery?.PointInTimeRecoveryStatus !== 'ENABLED')
      throw new InvalidInputError(
        `${name}: DynamoDB exports only tables with point-in-time recovery, and it is off; switch it on, or set engine: scan`,
      );
    return {
      earliest: recovery.EarliestRestorableDateTime,
      recoveryPeriodDays: recovery.RecoveryPeriodInDays ?? DEFAULT_RECOVERY_DAYS,
    };
  } catch (error) {
    throw translateAwsError(error, `${name}: reading its point-in-time recovery`);
  }
}

interface Exporter {
  readonly clients: ExportClients;
  readonly place: S3Uri;
  readonly name: string;
}

const wait = (cursor: ExportCursor, waitSeconds: number): ScannedPage => ({
  entries: [],
  cursor: writeCursor(cursor),
  waitSeconds,
});

async function* scan(exporter: Exporter, from: ExportCursor): AsyncGenerator<ScannedPage> {
  if (from.waitSeconds > 0) {
    yield wait({ ...from, waitSeconds: 0 }, from.waitSeconds);
    return;
  }
  let cursor = from;
  while (cursor.at.export < cursor.exports.length) {
    cursor = await startAhead(exporter, cursor);
    const completed = await findExport(exporter, cursor);
    if (completed === undefined) {
      const refused = cursor.exports[cursor.at.export]?.arn === undefined;
      yield wait(cursor, refused ? RETRY_SECONDS : POLL_SECONDS);
      return;
    }
    for await (const page of readExport(exporter.clients.s3, completed, cursor)) {
      cursor = { ...cursor, at: page.at };
      const more = cursor.at.export < cursor.exports.length;
      yield { entries: page.entries, cursor: more ? writeCursor(cursor) : undefined };
    }
  }
}

/** Starts the next exports, those whose time has come. @throws InvalidInputError when the time of the next one does not come */
async function startAhead({ clients, place, name }: Exporter, cursor: ExportCursor): Promise<ExportCursor> {
  const exports = [...cursor.exports];
  const { export: current } = cursor.at;
  for (const [index, one] of exports.entries()) {
    if (index >= current + MAX_STARTED_AHEAD) break;
    if (index < current || one.arn !== undefined) continue;
    const started = await startExport(clients.dynamoDb, cursor, one, place, name);
    if ('arn' in started) {
      exports[index] = { ...one, arn: started.arn };
      continue;
    }
    if (index > current) break;
    if (cursor.refused >= MAX_REFUSED)
      throw new InvalidInputError(
        `${name}: DynamoDB does not export the time up to ${new Date(one.to * 1000).toISOString()} (${started.refused}); check the clock of this machine and the table's point-in-time recovery`,
      );
    return { ...cursor, refused: cursor.refused + 1 };
  }
  return { ...cursor, exports };
}

interface CompletedExport {
  readonly bucket: string;
  readonly files: readonly DataFile[];
}

/** The export that is read now; undefined while it is not complete, or not started. */
async function findExport(
  { clients, place, name }: Exporter,
  cursor: ExportCursor,
): Promise<CompletedExport | undefined> {
  const { arn, from, to } = cursor.exports[cursor.at.export] ?? {};
  if (arn === undefined || to === undefined) return undefined;
  const found = await findCompleted(clients.dynamoDb, arn, name);
  if (found === undefined) return undefined;
  const { ExportManifest: manifestKey, ItemCount: itemCount, S3Bucket: bucket = place.bucket } = found;
  if (manifestKey === undefined)
    throw new IntegrityError(`${name}: export ${arn} is complete, but DynamoDB does not say where its manifest is`);
  const expected = { arn, tableId: cursor.table.id, bucket, manifestKey, itemCount, from, to };
  return { bucket, files: await readManifests(clients.s3, expected) };
}

interface ExportPage {
  readonly entries: readonly ScannedEntry[];
  readonly at: ExportCursor['at'];
}

/** Pages of one export from where the cursor is on. */
async function* readExport(
  s3: S3Client,
  { bucket, files }: CompletedExport,
  { at, exports, table }: ExportCursor,
): AsyncGenerator<ExportPage> {
  const entryOfLine = exports[at.export]?.from === undefined ? entryOfFullLine : entryOfChangeLine;
  const entryOf = (line: Buffer, what: string) => entryOfLine(line, table.keySchema, what);
  const ended = { export: at.export + 1, file: 0, line: 0 };
  for (const [file, data] of files.entries()) {
    if (file < at.file) continue;
    const skip = file === at.file ? at.line : 0;
    const next = file + 1 < files.length ? { ...at, file: file + 1, line: 0 } : ended;
    for await (const { entries, line } of readPages(readDataFile(s3, bucket, data, { skip, entryOf }), skip))
      yield { entries, at: line === undefined ? next : { ...at, file, line } };
  }
  if (files.length <= at.file) yield { entries: [], at: ended };
}

/** Entries of a file in pages, each with the line after it; the last, which has none, comes when the file has proved to be whole. */
async function* readPages(lines: AsyncIterable<ScannedEntry>, from: number) {
  let line = from;
  let [entries, bytes]: [ScannedEntry[], number] = [[], 0];
  for await (const entry of lines) {
    if (entries.length >= PAGE_ENTRIES || bytes >= PAGE_BYTES) {
      line += entries.length;
      yield { entries, line };
      [entries, bytes] = [[], 0];
    }
    entries.push(entry);
    bytes += entry.content?.length ?? 0;
  }
  yield { entries, line: undefined };
}
