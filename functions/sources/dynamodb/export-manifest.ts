/**
 * The two manifests of an export, as DynamoDB writes them below `AWSDynamoDB/<export id>/` (developer guide, "DynamoDB table export output
 * format"): `manifest-summary.json`, and `manifest-files.json` with a line for each data file. Both are checked against the sums beside
 * them, against each other, and against what was asked for.
 */
import type { S3Client } from '@aws-sdk/client-s3';
import * as z from 'zod';
import { IntegrityError } from '../../core/errors.ts';
import { parseJson } from '../../core/json.ts';
import { findFile, md5Of, nameOfFile, openFile, readWhole } from './export-files.ts';

const MAX_SUMMARY_BYTES = 1 << 20;
/** A line has some 250 bytes, a partition of 10 GB a few files: more than the 100 TB that an account exports at a time. */
const MAX_FILES_BYTES = 64 << 20;
const MAX_SUM_BYTES = 1024;
/** The guide says `.checksum`; what DynamoDB writes is `.md5`. */
const SUM_ENDINGS = ['.md5', '.checksum'];

const count = z.int().nonnegative();
const summarySchema = z.looseObject({
  exportArn: z.string(),
  tableId: z.string(),
  exportTime: z.iso.datetime({ offset: true }).nullish(),
  exportFromTime: z.iso.datetime({ offset: true }).nullish(),
  exportToTime: z.iso.datetime({ offset: true }).nullish(),
  s3Bucket: z.string(),
  itemCount: count,
  outputFormat: z.string(),
  /** Absent where the export is of the whole table. */
  exportType: z.string().nullish(),
  outputView: z.string().nullish(),
});

const fileSchema = z.looseObject({
  itemCount: count,
  /** Of the bytes as stored, base64. */
  md5Checksum: z.string().min(1),
  /** As S3 gave it, without quotes. */
  etag: z.string().min(1),
  dataFileS3Key: z.string().min(1),
});
export type DataFile = z.output<typeof fileSchema>;

/** What an export must be. Times are seconds of the Unix epoch. */
export interface ExpectedExport {
  readonly arn: string;
  readonly tableId: string;
  readonly bucket: string;
  /** Key of `manifest-summary.json`, as DescribeExport tells. */
  readonly manifestKey: string;
  /** As DescribeExport tells. */
  readonly itemCount: number | undefined;
  /** Absent for the whole table at `to`. */
  readonly from?: number | undefined;
  readonly to: number;
}

/** The data files of a completed export, in the manifest's order. @throws IntegrityError naming the file that is missing or wrong */
export async function readManifests(s3: S3Client, expected: ExpectedExport): Promise<readonly DataFile[]> {
  const { bucket, manifestKey } = expected;
  const [folder, root] = foldersOf(expected);
  const summary = parseJson(
    await readSummed(s3, bucket, folder, 'manifest-summary', MAX_SUMMARY_BYTES),
    summarySchema,
    nameOfFile(bucket, manifestKey),
  );
  const wrong = findMismatch(summary, expected);
  if (wrong !== undefined) throw new IntegrityError(`${nameOfFile(bucket, manifestKey)}: ${wrong}`);
  const filesName = nameOfFile(bucket, `${folder}manifest-files.json`);
  const lines = (await readSummed(s3, bucket, folder, 'manifest-files', MAX_FILES_BYTES)).toString('utf8').split('\n');
  const files = lines.flatMap((line, at) =>
    line.trim() === '' ? [] : [parseJson(Buffer.from(line), fileSchema, `${filesName}, line ${at + 1}`)],
  );
  for (const { dataFileS3Key: key } of files)
    if (!key.startsWith(root))
      throw new IntegrityError(
        `${filesName} names ${nameOfFile(bucket, key)}, which is not below ${nameOfFile(bucket, root)}`,
      );
  if (new Set(files.map((file) => file.dataFileS3Key)).size !== files.length)
    throw new IntegrityError(`${filesName} names a file twice`);
  const items = files.reduce((sum, file) => sum + file.itemCount, 0);
  if (items !== summary.itemCount)
    throw new IntegrityError(`${filesName} has ${items} items, manifest-summary.json ${summary.itemCount}`);
  return files;
}

/** The export's own folder, and `…AWSDynamoDB/`, below which data files lie: a full export's in its own folder, others' in a shared one. */
function foldersOf({ bucket, manifestKey }: ExpectedExport): readonly [folder: string, root: string] {
  const [, root, id] = /^((?:.*\/)?AWSDynamoDB\/)([^/]+\/)manifest-summary\.json$/s.exec(manifestKey) ?? [];
  if (root === undefined || id === undefined)
    throw new IntegrityError(`${nameOfFile(bucket, manifestKey)} is not where an export keeps its manifest`);
  return [root + id, root];
}

/** One of the manifests, checked against the sum beside it. */
async function readSummed(
  s3: S3Client,
  bucket: string,
  folder: string,
  name: 'manifest-summary' | 'manifest-files',
  maxBytes: number,
): Promise<Buffer> {
  const sum = await readSum(s3, bucket, `${folder}${name}`);
  const bytes = await readWhole(await openFile(s3, bucket, `${folder}${name}.json`), maxBytes);
  if (md5Of(bytes) !== sum)
    throw new IntegrityError(`${nameOfFile(bucket, `${folder}${name}.json`)} is not what the checksum beside it says`);
  return bytes;
}

async function readSum(s3: S3Client, bucket: string, stem: string): Promise<string> {
  for (const ending of SUM_ENDINGS) {
    const file = await findFile(s3, bucket, `${stem}${ending}`);
    if (file !== undefined) return (await readWhole(file, MAX_SUM_BYTES)).toString('latin1').trim();
  }
  throw new IntegrityError(
    `${nameOfFile(bucket, `${stem}${SUM_ENDINGS[0]}`)} is missing, though its export is complete`,
  );
}

/** What the summary says that is not as it must be. */
function findMismatch(summary: z.output<typeof summarySchema>, expected: ExpectedExport): string | undefined {
  const incremental = expected.from !== undefined;
  const [from, to] = incremental ? [summary.exportFromTime, summary.exportToTime] : [undefined, summary.exportTime];
  const rows: readonly (readonly [what: string, found: unknown, wanted: unknown])[] = [
    ['export', summary.exportArn, expected.arn],
    ['table id', summary.tableId, expected.tableId],
    ['bucket', summary.s3Bucket, expected.bucket],
    ['format', summary.outputFormat, 'DYNAMODB_JSON'],
    ['type', summary.exportType ?? 'FULL_EXPORT', incremental ? 'INCREMENTAL_EXPORT' : 'FULL_EXPORT'],
    ['view', summary.outputView ?? undefined, incremental ? 'NEW_AND_OLD_IMAGES' : (summary.outputView ?? undefined)],
    ['beginning', secondsOf(from), expected.from],
    ['time', secondsOf(to), expected.to],
    ['number of items', summary.itemCount, expected.itemCount ?? summary.itemCount],
  ];
  const wrong = rows.find(([, found, wanted]) => found !== wanted);
  return wrong && `its ${wrong[0]} is ${wrong[1] ?? 'not told'} where ${wrong[2]} was asked for`;
}

const secondsOf = (time: string | null | undefined): number | undefined =>
  time === null || time === undefined ? undefined : Date.parse(time) / 1000;
