/** The content of one version of an object, over as many connections as it takes. */
import { Readable } from 'node:stream';
import type { GetObjectCommandOutput, S3Client } from '@aws-sdk/client-s3';
import { translateAwsError } from '../../core/aws-errors.ts';
import { ConflictError, TransientError } from '../../core/errors.ts';
import { getObject } from './get.ts';

/** What pins a read to one version. */
export interface PinnedObject {
  readonly bucket: string;
  readonly key: string;
  readonly etag: string;
  /** Keeps the read on its version when the object is overwritten meanwhile. */
  readonly versionId: string | undefined;
  readonly sizeBytes: number;
  /** The object's name for messages. */
  readonly name: string;
}

/** How often a read is resumed at the same byte. */
const MAX_FRUITLESS_RESUMES = 5;

/** Answers to a follow-up range which mean that the version under the pin is not there to read any more. */
const CHANGED = new Set([
  'PreconditionFailed',
  'NoSuchKey',
  'NoSuchVersion',
  'InvalidRange',
  'InvalidObjectState',
  'AccessDenied',
]);

/** The response's body, fit to wait until it is read: an error before that must not go unheard, and must not end the process. */
export function bodyOf(response: GetObjectCommandOutput, name: string): Readable {
  const body: unknown = response.Body;
  if (!(body instanceof Readable)) throw new TransientError(`${name}: S3 answered without a body; try again later`);
  return body.on('error', () => undefined);
}

/**
 * The whole content, once, beginning with a body that is already there. A connection that breaks is resumed where it broke.
 * @throws ConflictError when the version is gone, or what came is not it; TransientError when connections break without progress.
 */
export function readPinned(client: S3Client, object: PinnedObject, first: Readable): AsyncIterable<Uint8Array> {
  const bytes = readOn(client, object, first);
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => bytes.next(),
      // A generator that was never started runs no `finally`: its connection must be let go here.
      return: async () => {
        first.destroy();
        await bytes.return(undefined);
        return { done: true, value: undefined };
      },
    }),
  };
}

async function* readOn(client: S3Client, object: PinnedObject, first: Readable): AsyncGenerator<Uint8Array, void> {
  let body = first;
  let readBytes = 0;
  let fruitless = 0;
  for (;;) {
    const before = readBytes;
    let broken: unknown;
    try {
      for await (const chunk of body) {
        readBytes += lengthOf(chunk);
        if (readBytes > object.sizeBytes) throw notWhole(object, 'longer than S3 said');
        yield chunk;
      }
      if (readBytes === object.sizeBytes) return;
    } catch (error) {
      if (error instanceof ConflictError) throw error;
      // Every byte came and still an error: the SDK's comparison with the stored checksum.
      if (readBytes === object.sizeBytes) throw notWhole(object, 'not what its checksum says', error);
      broken = error;
    }
    if (readBytes > before) fruitless = 0;
    if (fruitless === MAX_FRUITLESS_RESUMES)
      throw new TransientError(
        `${object.name}: the connection broke ${fruitless + 1} times at byte ${readBytes} of ${object.sizeBytes}; try again later`,
        { cause: broken },
      );
    fruitless += 1;
    body = await resume(client, object, readBytes);
  }
}

function lengthOf(chunk: unknown): number {
  if (!(chunk instanceof Uint8Array)) throw new TypeError('a body of S3 gives bytes');
  return chunk.byteLength;
}

async function resume(client: S3Client, object: PinnedObject, offset: number): Promise<Readable> {
  const response = await getRange(client, object, offset, object.versionId);
  const body = bodyOf(response, object.name);
  const expected = `bytes ${offset}-${object.sizeBytes - 1}/${object.sizeBytes}`;
  if (response.ETag === object.etag && response.ContentRange === expected) return body;
  body.destroy();
  throw notWhole(object, `answered with "${response.ContentRange ?? 'no range'}" instead of "${expected}"`);
}

async function getRange(
  client: S3Client,
  object: PinnedObject,
  offset: number,
  versionId: string | undefined,
): Promise<GetObjectCommandOutput> {
  try {
    return await getObject(client, {
      Bucket: object.bucket,
      Key: object.key,
      Range: `bytes=${offset}-`,
      IfMatch: object.etag,
      ...(versionId === undefined ? {} : { VersionId: versionId }),
    });
  } catch (error) {
    const code = error instanceof Error ? error.name : '';
    // Naming a version takes s3:GetObjectVersion; whoever may only s3:GetObject still has the condition.
    if (code === 'AccessDenied' && versionId !== undefined) return getRange(client, object, offset, undefined);
    if (CHANGED.has(code)) throw notWhole(object, `changed (${code}) at byte ${offset}`, error);
    throw translateAwsError(error, `${object.name}: reading from byte ${offset}`);
  }
}

function notWhole(object: PinnedObject, how: string, cause?: unknown): ConflictError {
  return new ConflictError(`${object.name}: while it was read, the content was ${how}; read it again`, { cause });
}
