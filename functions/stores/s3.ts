import { Readable } from 'node:stream';
import { setTimeout as after } from 'node:timers/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { httpStatusOf, translateAwsError } from '../core/aws-errors.ts';
import { IntegrityError, NotFoundError, TransientError } from '../core/errors.ts';
import type { BlobInfo, BlobStore } from '../core/ports.ts';
import { assertBlobName, assertBlobPrefix, assertBlobSize, assertByteRange } from './blob-name.ts';
import { asLocked } from './s3-errors.ts';
import { blobInfo, listBlobs, type S3Place, urlOf } from './s3-list.ts';
import { rangeCommand } from './s3-range.ts';

export type { S3Place } from './s3-list.ts';

/** S3 answers 409 to a conditional write that meets another in flight, and asks for a repetition (S3 user guide, "Conditional writes"). */
const CONFLICT_ATTEMPTS = 5;
const CONFLICT_DELAY_MS = 50;
/** Statuses whose reason stands in the body that a HEAD does not have. */
const UNTOLD: ReadonlySet<number | undefined> = new Set([301, 400, 403]);
/** The client repeats a request until an answer begins; a body that breaks off after that is for the caller to ask for again. */
const BODY_ATTEMPTS = 3;
const BODY_DELAY_MS = 100;

/**
 * A part of a bucket as a place for blobs. Needs s3:GetObject, s3:ListBucket (without it S3 answers 403 where something is absent) and
 * s3:PutObject; to delete also s3:DeleteObject and, where the bucket is versioned, s3:DeleteObjectVersion.
 *
 * - `putNew` is a PutObject with `If-None-Match: *`. When the client repeats a request whose first answer was lost, the blob that is found
 *   may be the very one that it wrote: `exists` then means "already there", as it does for every other reason. For a content-addressed
 *   name that is success; who gives a name of another kind compares the bytes before he speaks of a conflict.
 * - `delete` removes every version, newest first, since a delete marker would keep the bytes and their cost, and would slip past a lock.
 *   A version under Object Lock is a LockedError that says until when; the newest is locked longest, so that nothing was removed then.
 * - Objects whose names no blob can have are not ours, and are neither listed nor touched.
 *
 * @param client Its own retries are the only ones, but for the 409 above and for answers that break off.
 */
export function s3BlobStore(client: S3Client, place: S3Place): BlobStore {
  const { bucket, prefix: root } = place;
  const url = urlOf(place);
  const during = async <T>(what: string, act: () => Promise<T>): Promise<T> => {
    try {
      return await act();
    } catch (error) {
      throw translateAwsError(error, `${url}: ${what}`);
    }
  };
  const at = (name: string) => ({ Bucket: bucket, Key: root + name });
  const head = async (name: string): Promise<HeadObjectCommandOutput | undefined> => {
    try {
      return await client.send(new HeadObjectCommand(at(name)));
    } catch (error) {
      if (httpStatusOf(error) === 404) return undefined;
      throw error;
    }
  };
  const headUnlessAbsent = async (name: string): Promise<HeadObjectCommandOutput | undefined> => {
    // Answers to HEAD have no body: 404 stands for an absent bucket too, in which nothing is known to be absent, 400 for expired
    // credentials as well as for anything else, 403 for any that are not accepted. A listing tells, by its error.
    const askWhy = () => client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: root + name, MaxKeys: 1 }));
    try {
      const found = await head(name);
      if (found === undefined) await askWhy();
      return found;
    } catch (error) {
      if (UNTOLD.has(httpStatusOf(error))) await askWhy();
      throw error;
    }
  };
  const find = (name: string): Promise<BlobInfo | undefined> =>
    during(`looking for ${name}`, async () => {
      const found = await headUnlessAbsent(name);
      return found === undefined ? undefined : blobInfo(url, name, found.ContentLength, found.LastModified);
    });

  return {
    url,
    async putNew(name, bytes) {
      assertBlobName(name);
      const command = () => new PutObjectCommand({ ...at(name), Body: bytes, IfNoneMatch: '*' });
      return await during(`writing ${name}`, () => createOnce(url, name, () => client.send(command())));
    },
    async put(name, bytes) {
      assertBlobName(name);
      await during(`writing ${name}`, () => client.send(new PutObjectCommand({ ...at(name), Body: bytes })));
    },
    async get(name, range) {
      assertBlobName(name);
      if (range === undefined) return await during(`reading ${name}`, () => getWhole(client, url, name, at(name)));
      assertByteRange(name, range);
      if (range.length > 0) return await during(`reading ${name}`, () => getRange(client, url, name, at(name), range));
      // HTTP has no empty range; what remains to be told is whether the blob is there and reaches as far.
      const found = await find(name);
      if (found === undefined) throw new NotFoundError(`${url}: ${name} is not there`);
      if (found.sizeBytes < range.offset) throw tooShort(url, name, range, found.sizeBytes);
      return Buffer.alloc(0);
    },
    async find(name) {
      assertBlobName(name);
      return await find(name);
    },
    async *list(prefix) {
      assertBlobPrefix(prefix);
      yield* listBlobs(client, place, prefix);
    },
    async delete(name) {
      assertBlobName(name);
      await during(`deleting ${name}`, async () => {
        const newest = await headUnlessAbsent(name);
        let found = newest;
        while (found !== undefined) {
          const version = found.VersionId === undefined ? {} : { VersionId: found.VersionId };
          try {
            await client.send(new DeleteObjectCommand({ ...at(name), ...version }));
          } catch (error) {
            throw asLocked(translateAwsError(error, `${url}: deleting ${name}`), found, `${url}: ${name}`);
          }
          found = found.VersionId === undefined ? undefined : await head(name);
          if (isLater(found?.LastModified, newest?.LastModified)) return; // Written anew meanwhile: not what was to be deleted.
        }
      });
    },
  };
}

function isLater(a: Date | undefined, b: Date | undefined): boolean {
  return a !== undefined && b !== undefined && a > b;
}

async function createOnce(url: string, name: string, send: () => Promise<unknown>): Promise<'written' | 'exists'> {
  for (let attempt = 1; ; attempt++) {
    try {
      await send();
      return 'written';
    } catch (error) {
      const status = httpStatusOf(error);
      if (status === 412) return 'exists';
      if (status !== 409) throw error;
      if (attempt === CONFLICT_ATTEMPTS)
        throw new TransientError(
          `${url}: writing ${name} met another write each of ${attempt} times; try again later`,
          {
            cause: error,
          },
        );
      await after(CONFLICT_DELAY_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2));
    }
  }
}

interface At {
  readonly Bucket: string;
  readonly Key: string;
}

/** The answer with its body, asked for again when the connection breaks or stalls within the body. */
async function getBody(
  send: () => Promise<GetObjectCommandOutput>,
): Promise<{ readonly answer: GetObjectCommandOutput; readonly bytes: Buffer }> {
  for (let attempt = 1; ; attempt++) {
    const answer = await send();
    try {
      return { answer, bytes: asBuffer(await answer.Body?.transformToByteArray()) };
    } catch (error) {
      if (attempt === BODY_ATTEMPTS || !(translateAwsError(error, '') instanceof TransientError)) throw error;
      await after(BODY_DELAY_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2));
    }
  }
}

async function getWhole(client: S3Client, url: string, name: string, at: At): Promise<Buffer> {
  const { answer, bytes } = await getBody(async () => {
    const begun = await client.send(new GetObjectCommand(at));
    try {
      // Judged before it is read: without a size, a part would look like the whole, and an end may never come.
      if (begun.ContentLength === undefined)
        throw new IntegrityError(`${url}: the store tells no size of ${name}; read it again`);
      assertBlobSize(url, name, begun.ContentLength);
      return begun;
    } catch (error) {
      if (begun.Body instanceof Readable) begun.Body.destroy();
      throw error;
    }
  });
  if (bytes.length !== answer.ContentLength)
    throw new IntegrityError(
      `${url}: ${name} came as ${bytes.length} bytes of ${answer.ContentLength ?? 'unknown'}; read it again`,
    );
  return bytes;
}

async function getRange(client: S3Client, url: string, name: string, at: At, range: ByteRange): Promise<Buffer> {
  const last = range.offset + range.length - 1;
  try {
    const { answer, bytes } = await getBody(() => client.send(rangeCommand(at, { first: range.offset, last })));
    if (!answer.ContentRange?.startsWith(`bytes ${range.offset}-`))
      throw new IntegrityError(
        `${url}: ${name}: asked for bytes from ${range.offset}, got ${answer.ContentRange ?? 'the whole'}`,
      );
    if (bytes.length !== range.length) throw tooShort(url, name, range, range.offset + bytes.length);
    return bytes;
  } catch (error) {
    if (httpStatusOf(error) === 416) throw tooShort(url, name, range, undefined, error);
    throw error;
  }
}

function asBuffer(bytes: Uint8Array | undefined): Buffer {
  return bytes === undefined ? Buffer.alloc(0) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

function tooShort(
  url: string,
  name: string,
  range: ByteRange,
  size: number | undefined,
  cause?: unknown,
): IntegrityError {
  return new IntegrityError(
    `${url}: ${name} ${size === undefined ? 'is shorter' : `has ${size} bytes, fewer`} than the ${range.length} bytes from ${range.offset} that were asked for; repair it from a replica`,
    { cause },
  );
}
