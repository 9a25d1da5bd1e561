/** The first answer to whoever opens an object: all that is told of it, and its content, whole or on its way. */
import { type GetObjectCommandOutput, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { Content } from '../../core/content.ts';
import type { ObjectAnswer } from './answer-headers.ts';
import { type Comparison, compareChecksum } from './checksums.ts';
import { bodyOf, gather, type PinnedObject, RANGE_BYTES, RANGES_FROM_BYTES, readPinned } from './content.ts';
import { getObject } from './get.ts';
import { PLAIN_BYTES, type PlainGets, type SentRequest } from './plain-get.ts';

export interface Got {
  readonly response: ObjectAnswer;
  content(object: PinnedObject): Content;
  /** Lets go of the content. */
  drop(): void;
}

interface Asking {
  readonly client: S3Client;
  readonly plain: PlainGets;
}

interface ObjectName {
  readonly Bucket: string;
  readonly Key: string;
}

/**
 * @param pinned As listed; without an ETag the newest state is taken, whatever it is.
 * @param name The object's name for messages.
 * @param isUsable Whether an answer can be that of the object.
 */
export async function getFirst(
  asking: Asking,
  object: ObjectName,
  { etag, sizeBytes }: { readonly etag: string | undefined; readonly sizeBytes: number },
  name: string,
  isUsable: (response: ObjectAnswer) => boolean,
): Promise<Got> {
  if (etag === undefined) return await getWhole(asking, object, name, isUsable);
  const pinned = { ...object, IfMatch: etag };
  if (sizeBytes >= RANGES_FROM_BYTES) return await getFirstRange(asking.client, pinned, name);
  const plain = await asking.plain.find(object.Key, etag, sizeBytes);
  if (plain === undefined) return await getWhole(asking, pinned, name, isUsable);
  return { response: plain.answer, content: () => plain.content, drop: () => undefined };
}

/**
 * The SDK's answer; how it asked is what `plain` learns from. What is small is read before anything else is asked for: many are opened side
 * by side, and if each held its connection while it waited for another one, none would ever get it.
 */
async function getWhole(
  { client, plain }: Asking,
  input: ObjectName & { readonly IfMatch?: string },
  name: string,
  isUsable: (response: ObjectAnswer) => boolean,
): Promise<Got> {
  let sent: SentRequest | undefined;
  const onSent = (last: SentRequest): void => {
    sent = last;
  };
  const response = await getObject(client, input, { onSent });
  const body = bodyOf(response, name);
  const { ETag: etag, ContentLength: sizeBytes, VersionId: versionId } = response;
  if (isUsable(response) && etag !== undefined && sizeBytes !== undefined && sizeBytes <= PLAIN_BYTES) {
    const pinned = { bucket: input.Bucket, key: input.Key, etag, versionId, sizeBytes, name };
    const content = Buffer.concat(await gather(readPinned(client, pinned, { body, until: sizeBytes })));
    if (sent !== undefined) await plain.learn(input.Key, sent);
    return { response, content: () => content, drop: () => undefined };
  }
  return {
    response,
    content: (pinned) => readPinned(client, pinned, { body, until: pinned.sizeBytes }),
    drop: () => {
      body.destroy();
    },
  };
}

async function getFirstRange(
  client: S3Client,
  input: ObjectName & { readonly IfMatch: string },
  name: string,
): Promise<Got> {
  const response = await getObject(client, { ...input, Range: `bytes=0-${RANGE_BYTES - 1}` });
  const body = bodyOf(response, name);
  const drop = (): void => {
    body.destroy();
  };
  try {
    const { until, sizeBytes } = extentOf(response);
    const comparison = await askChecksum(client, input);
    return {
      response: { ...response, ContentLength: sizeBytes },
      content: (pinned) => readPinned(client, pinned, { body, until: until ?? pinned.sizeBytes }, comparison),
      drop,
    };
  } catch (error) {
    drop();
    throw error;
  }
}

/** A store that knows no ranges answers with the whole; an answer of any other range has no size that could be the object's. */
function extentOf({ ContentRange, ContentLength }: GetObjectCommandOutput): {
  readonly until: number | undefined;
  readonly sizeBytes: number | undefined;
} {
  if (ContentRange === undefined) return { until: ContentLength, sizeBytes: ContentLength };
  const [, last, size] = /^bytes 0-(\d+)\/(\d+)$/.exec(ContentRange) ?? [];
  if (last === undefined || size === undefined || Number(last) !== Math.min(RANGE_BYTES, Number(size)) - 1)
    return { until: undefined, sizeBytes: undefined };
  return { until: Number(last) + 1, sizeBytes: Number(size) };
}

/** The checksum of the whole, which S3 does not tell with a range. No version is named: that takes a right of its own. */
async function askChecksum(client: S3Client, object: ObjectName & { readonly IfMatch: string }): Promise<Comparison> {
  const { ChecksumCRC64NVME, ChecksumCRC32, ChecksumCRC32C, ChecksumSHA256, ChecksumSHA1 } = await client.send(
    new HeadObjectCommand({ ...object, ChecksumMode: 'ENABLED' }),
  );
  const told: Readonly<Record<string, string | undefined>> = {
    crc64nvme: ChecksumCRC64NVME,
    crc32: ChecksumCRC32,
    crc32c: ChecksumCRC32C,
    sha256: ChecksumSHA256,
    sha1: ChecksumSHA1,
  };
  return compareChecksum((algorithm) => told[algorithm]);
}
