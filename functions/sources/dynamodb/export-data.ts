/**
 * A data file of an export: gzip of lines, each the typed JSON of one item or of one change. It is read as a stream; what it is only shows
 * at its end, where its MD5 and the number of its lines are compared with the manifest, so that nothing read from it counts before.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { S3Client } from '@aws-sdk/client-s3';
import { keyFromText } from '../../core/entry.ts';
import { IntegrityError } from '../../core/errors.ts';
import type { ScannedEntry } from '../../core/ports.ts';
import { isJsonObject } from '../../core/typed-json.ts';
import { type ExportFile, nameOfFile, openFile } from './export-files.ts';
import type { DataFile } from './export-manifest.ts';
import { entryOfItem, type KeySchema, keyText, parseTyped } from './items.ts';

/**
 * An item has 400 KB at most as DynamoDB counts ("Quotas"; "Item sizes and formats"), and most text where it is a set of numbers like
 * -9.9E-130, which count 2 bytes and are written out in 137: 28 MB. A change has two images and the key.
 */
const MAX_LINE_BYTES = 64 << 20;

/** The entries of a file from the line `skip` (from 0) on. @throws IntegrityError naming the file, and never an end before the end */
export async function* readDataFile(
  s3: S3Client,
  bucket: string,
  file: DataFile,
  { skip, entryOf }: { readonly skip: number; readonly entryOf: (line: Buffer, what: string) => ScannedEntry },
): AsyncGenerator<ScannedEntry> {
  const name = nameOfFile(bucket, file.dataFileS3Key);
  const opened = await openFile(s3, bucket, file.dataFileS3Key);
  if (opened.etag.replaceAll('"', '') !== file.etag) {
    await opened.content[Symbol.asyncIterator]().return?.();
    throw new IntegrityError(`${name} is not the file that was exported: its ETag is ${opened.etag}, not ${file.etag}`);
  }
  const md5 = createHash('md5');
  let lines = 0;
  for await (const line of splitLines(
    gunzipped(opened, (bytes) => md5.update(bytes)),
    name,
  )) {
    lines += 1;
    if (lines > file.itemCount) break;
    if (lines > skip) yield entryOf(line, `${name}, line ${lines}`);
  }
  if (lines !== file.itemCount)
    throw new IntegrityError(
      `${name} has ${lines > file.itemCount ? 'more' : `${lines}`} lines where the manifest says ${file.itemCount} items`,
    );
  if (md5.digest('base64') !== file.md5Checksum)
    throw new IntegrityError(`${name} is not what its MD5 in the manifest says`);
}

/** The plain bytes; `onBytes` is told all stored ones, in order. An empty partition's file may have none at all. */
async function* gunzipped(file: ExportFile, onBytes: (bytes: Uint8Array) => void): AsyncGenerator<Buffer> {
  const told = async function* () {
    for await (const bytes of file.content) {
      onBytes(bytes);
      yield bytes;
    }
  };
  if (file.sizeBytes === 0) {
    for await (const bytes of told()) yield Buffer.from(bytes);
    return;
  }
  const gunzip = createGunzip();
  const stored = Readable.from(told(), { objectMode: false });
  const done = pipeline(stored, gunzip);
  done.catch(() => undefined); // The reader of `gunzip` sees it as well.
  try {
    for await (const bytes of gunzip) yield bytes;
    await done;
  } catch (error) {
    // Of zlib's own errors; the others are those of reading.
    if (!(error instanceof Error && 'code' in error && String(error.code).startsWith('Z_'))) throw error;
    throw new IntegrityError(`${file.name} is not whole gzip`, { cause: error });
  } finally {
    stored.destroy();
  }
}

async function* splitLines(chunks: AsyncIterable<Buffer>, name: string): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let length = 0;
  const add = (part: Buffer) => {
    parts.push(part);
    length += part.length;
    if (length > MAX_LINE_BYTES)
      throw new IntegrityError(`${name} has a line of more than ${MAX_LINE_BYTES} bytes, which no item can have`);
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      add(chunk.subarray(from, end));
      yield Buffer.concat(parts, length);
      [parts, length, from] = [[], 0, end + 1];
    }
    if (from < chunk.length) add(chunk.subarray(from));
  }
  if (length > 0) yield Buffer.concat(parts, length);
}

/** Of a line of a full export: `{"Item":{…}}`. @throws IntegrityError `<what>…`, which quotes nothing of the line */
export function entryOfFullLine(line: Buffer, schema: KeySchema, what: string): ScannedEntry {
  const record = recordOf(line, what);
  if (record.Item === undefined) throw new IntegrityError(`${what} has no Item`);
  return entryOfItem(record.Item, schema, what);
}

/**
 * Of a line of an incremental export: `{"Metadata":{…},"Keys":{…},"OldImage":{…},"NewImage":{…}}`. An item that was put has a new image,
 * one that was deleted an old image alone; one that came and went within the window has no line.
 * @throws IntegrityError `<what>…`, which quotes nothing of the line
 */
export function entryOfChangeLine(line: Buffer, schema: KeySchema, what: string): ScannedEntry {
  const { Keys: keys, NewImage: newImage, OldImage: oldImage } = recordOf(line, what);
  const refuse = (why: string) => new IntegrityError(`${what}: its Keys are not typed JSON of a key: ${why}`);
  const key = keyFromText(keyText(keys, schema, refuse));
  if (newImage === undefined && oldImage === undefined)
    throw new IntegrityError(`${what} has neither a new image nor an old one`);
  // The old image is looked at too: a removal is believed only when it is whole.
  const images = [newImage, oldImage].flatMap((image) =>
    image === undefined ? [] : [entryOfItem(image, schema, what)],
  );
  if (images.some((image) => image.key !== key))
    throw new IntegrityError(`${what} has an image of another key than its own`);
  return { key, content: newImage === undefined ? undefined : images[0]?.content };
}

function recordOf(line: Buffer, what: string): { readonly [name: string]: unknown } {
  const record = parseTyped(line, what);
  if (!isJsonObject(record)) throw new IntegrityError(`${what} is not a JSON object`);
  return record;
}
