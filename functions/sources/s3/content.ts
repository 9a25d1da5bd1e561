/** The content of one version of an object, over as many connections as it takes. */
import { Readable } from 'node:stream';
import type { GetObjectCommandOutput, S3Client } from '@aws-sdk/client-s3';
import { translateAwsError } from '../../core/aws-errors.ts';
import { ConflictError, TransientError } from '../../core/errors.ts';
import type { Comparison } from './checksums.ts';
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

/** One connection to S3 brings less than a worker takes in: larger contents are read in ranges, of which so many come before their turn. */
export const RANGES_FROM_BYTES = 16 << 20;
export const RANGE_BYTES = 8 << 20;
const RANGES_AHEAD = 2;

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

/** An answer that is read first: from the object's first byte to before this one. */
export interface FirstBytes {
  readonly body: Readable;
  readonly until: number;
}

/** From one byte to before another. */
interface Span {
  readonly from: number;
  readonly until: number;
}

/**
 * The whole content, once, beginning with a body that is already there; what that does not hold is read in ranges side by side. A connection
 * that breaks is resumed where it broke.
 * @throws ConflictError when the version is gone, or what came is not it; TransientError when connections break without progress.
 */
export function readPinned(
  client: S3Client,
  object: PinnedObject,
  first: FirstBytes,
  comparison?: Comparison,
): AsyncIterable<Uint8Array> {
  const bytes = readCompared(object, readInRanges(client, object, first), comparison);
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => bytes.next(),
      // A generator that was never started runs no `finally`: its connection must be let go here.
      return: async () => {
        first.body.destroy();
        await bytes.return(undefined);
        return { done: true, value: undefined };
      },
    }),
  };
}

async function* readCompared(
  object: PinnedObject,
  bytes: AsyncGenerator<Uint8Array, void>,
  comparison: Comparison | undefined,
): AsyncGenerator<Uint8Array, void> {
  for await (const part of bytes) {
    comparison?.update(part);
    yield part;
  }
  if ((await comparison?.matches()) === false) throw notWhole(object, 'not what its checksum says');
}

async function* readInRanges(
  client: S3Client,
  object: PinnedObject,
  first: FirstBytes,
): AsyncGenerator<Uint8Array, void> {
  const leaving = new AbortController();
  const ranges: Promise<Uint8Array[]>[] = [];
  let begun = first.until;
  const begin = (): void => {
    while (ranges.length < RANGES_AHEAD && begun < object.sizeBytes) {
      const span = { from: begun, until: Math.min(begun + RANGE_BYTES, object.sizeBytes) };
      const range = gather(readSpan({ client, signal: leaving.signal }, object, span));
      range.catch(() => undefined); // Seen when its turn comes; until then it is not an unhandled rejection.
      ranges.push(range);
      begun = span.until;
    }
  };
  try {
    begin();
    yield* readSpan({ client, signal: leaving.signal }, object, { from: 0, until: first.until }, first.body);
    for (let range = ranges.shift(); range !== undefined; range = ranges.shift()) {
      const parts = await range;
      begin();
      yield* parts;
    }
  } finally {
    leaving.abort();
  }
}

/** All pieces, in order. */
export async function gather(bytes: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  for await (const part of bytes) parts.push(part);
  return parts;
}

interface Connecting {
  readonly client: S3Client;
  readonly signal: AbortSignal;
}

async function* readSpan(
  connecting: Connecting,
  object: PinnedObject,
  { from, until }: Span,
  first?: Readable,
): AsyncGenerator<Uint8Array, void> {
  let body = first ?? (await resume(connecting, object, { from, until }));
  let at = from;
  let fruitless = 0;
  for (;;) {
    const before = at;
    let broken: unknown;
    try {
      for await (const chunk of body) {
        at += lengthOf(chunk);
        if (at > until) throw notWhole(object, 'longer than S3 said');
        yield chunk;
      }
      if (at === until) return;
    } catch (error) {
      if (error instanceof ConflictError) throw error;
      // Every byte came and still an error: the SDK's comparison with the stored checksum.
      if (at === until) throw notWhole(object, 'not what its checksum says', error);
      broken = error;
    }
    if (at > before) fruitless = 0;
    if (fruitless === MAX_FRUITLESS_RESUMES)
      throw new TransientError(
        `${object.name}: the connection broke ${fruitless + 1} times at byte ${at} of ${object.sizeBytes}; try again later`,
        { cause: broken },
      );
    fruitless += 1;
    body = await resume(connecting, object, { from: at, until });
  }
}

function lengthOf(chunk: unknown): number {
  if (!(chunk instanceof Uint8Array)) throw new TypeError('a body of S3 gives bytes');
  return chunk.byteLength;
}

async function resume(connecting: Connecting, object: PinnedObject, span: Span): Promise<Readable> {
  const response = await getRange(connecting, object, span, object.versionId);
  const body = bodyOf(response, object.name);
  const expected = `bytes ${span.from}-${span.until - 1}/${object.sizeBytes}`;
  if (response.ETag === object.etag && response.ContentRange === expected) return body;
  body.destroy();
  throw notWhole(object, `answered with "${response.ContentRange ?? 'no range'}" instead of "${expected}"`);
}

async function getRange(
  { client, signal }: Connecting,
  object: PinnedObject,
  { from, until }: Span,
  versionId: string | undefined,
): Promise<GetObjectCommandOutput> {
  const input = {
    Bucket: object.bucket,
    Key: object.key,
    Range: `bytes=${from}-${until === object.sizeBytes ? '' : until - 1}`,
    IfMatch: object.etag,
    ...(versionId === undefined ? {} : { VersionId: versionId }),
  };
  try {
    return await getObject(client, input, { signal });
  } catch (error) {
    const code = error instanceof Error ? error.name : '';
    // Naming a version takes s3:GetObjectVersion; whoever may only s3:GetObject still has the condition.
    if (code === 'AccessDenied' && versionId !== undefined)
      return getRange({ client, signal }, object, { from, until }, undefined);
    if (CHANGED.has(code)) throw notWhole(object, `changed (${code}) at byte ${from}`, error);
    throw translateAwsError(error, `${object.name}: reading from byte ${from}`);
  }
}

function notWhole(object: PinnedObject, how: string, cause?: unknown): ConflictError {
  return new ConflictError(`${object.name}: while it was read, the content was ${how}; read it again`, { cause });
}
