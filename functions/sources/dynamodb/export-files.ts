/** Files of an export as they lie in S3: each is known to be there, so that one which is not, or is another, is an IntegrityError. */
import { createHash } from 'node:crypto';
import type { S3Client } from '@aws-sdk/client-s3';
import { translateAwsError } from '../../core/aws-errors.ts';
import { displayKey, keyFromText } from '../../core/entry.ts';
import { ConflictError, IntegrityError } from '../../core/errors.ts';
import { formatUri } from '../../core/uri.ts';
import { bodyOf, readPinned } from '../s3/content.ts';
import { getObject } from '../s3/get.ts';

/** What S3 answers for an object that is not there. */
const ABSENT: ReadonlySet<string> = new Set(['NoSuchKey', 'NotFound']);

export interface ExportFile {
  /** As messages name it. */
  readonly name: string;
  readonly sizeBytes: number;
  /** With the quotes, as S3 gives it. */
  readonly etag: string;
  /** Once. Whoever does not drain it must call its iterator's `return`. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** `s3://bucket/key`, control characters made visible. */
export const nameOfFile = (bucket: string, key: string): string =>
  `${formatUri({ scheme: 's3', bucket, prefix: '' })}${displayKey(keyFromText(key))}`;

/** Opens one, pinned to the version that is there; undefined when S3 says that it is absent. */
export async function findFile(s3: S3Client, bucket: string, key: string): Promise<ExportFile | undefined> {
  const name = nameOfFile(bucket, key);
  try {
    const response = await getObject(s3, { Bucket: bucket, Key: key });
    const body = bodyOf(response, name);
    const { ETag: etag, ContentLength: sizeBytes, VersionId: versionId } = response;
    if (etag === undefined || sizeBytes === undefined) {
      body.destroy();
      throw new IntegrityError(`${name}: S3 answered without the file's ETag or size`);
    }
    const pinned = { bucket, key, etag, versionId, sizeBytes, name };
    return { name, sizeBytes, etag, content: unchanged(readPinned(s3, pinned, { body, until: sizeBytes }), name) };
  } catch (error) {
    if (error instanceof Error && ABSENT.has(error.name)) return undefined;
    throw translateAwsError(error, `${name}: reading`);
  }
}

/** @throws IntegrityError when it is not there */
export async function openFile(s3: S3Client, bucket: string, key: string): Promise<ExportFile> {
  const file = await findFile(s3, bucket, key);
  if (file === undefined)
    throw new IntegrityError(`${nameOfFile(bucket, key)} is missing, though its export is complete`);
  return file;
}

/** The whole of a small file. @throws IntegrityError when it is larger than `maxBytes` */
export async function readWhole({ name, sizeBytes, content }: ExportFile, maxBytes: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  const iterator = content[Symbol.asyncIterator]();
  if (sizeBytes > maxBytes) {
    await iterator.return?.();
    throw new IntegrityError(`${name} has ${sizeBytes} bytes, more than the ${maxBytes} that such a file can have`);
  }
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) parts.push(next.value);
  return Buffer.concat(parts);
}

/** An export writes each file once: one that changes while it is read is not the export's any more. */
function unchanged(content: AsyncIterable<Uint8Array>, name: string): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]() {
      const bytes = content[Symbol.asyncIterator]();
      return {
        next: async () => {
          try {
            return await bytes.next();
          } catch (error) {
            if (!(error instanceof ConflictError)) throw translateAwsError(error, `${name}: reading`);
            throw new IntegrityError(`${name} changed while it was read; back up again`, { cause: error });
          }
        },
        return: async () => {
          await bytes.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}

/** MD5 in base64, by which an export tells its files apart; it guards against damage, not against an attacker. */
export const md5Of = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('base64');
