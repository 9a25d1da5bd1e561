import { ListObjectsV2Command, type ListObjectsV2CommandOutput, type S3Client } from '@aws-sdk/client-s3';
import { translateAwsError } from '../core/aws-errors.ts';
import { IntegrityError } from '../core/errors.ts';
import type { BlobInfo } from '../core/ports.ts';
import { isBlobName } from './blob-name.ts';

/** A bucket and what every key in it begins with, taken literally: `vault/` for a folder, `` for the whole bucket. */
export interface S3Place {
  readonly bucket: string;
  readonly prefix: string;
}

export function urlOf({ bucket, prefix }: S3Place): string {
  return `s3://${bucket}/${prefix}`;
}

/** Every blob in the place whose name starts with `prefix`, in byte order; all of them, or an IntegrityError. */
export async function* listBlobs(client: S3Client, place: S3Place, prefix: string): AsyncGenerator<BlobInfo> {
  const url = urlOf(place);
  let last: string | undefined;
  for await (const page of pages(client, place, prefix)) {
    for (const { Key, Size, LastModified } of page.Contents ?? []) {
      const key = decodeKey(Key, page.EncodingType, url);
      if (!key.startsWith(place.prefix + prefix))
        throw new IntegrityError(
          `${url}: the listing of "${prefix}" gives ${JSON.stringify(key)}, which it cannot hold; list it again`,
        );
      const name = key.slice(place.prefix.length);
      if (!isBlobName(name)) continue;
      if (last !== undefined && name <= last)
        throw new IntegrityError(`${url}: the listing gives ${name} after ${last}, out of order; list it again`);
      last = name;
      yield blobInfo(url, name, Size, LastModified);
    }
  }
}

/** All pages. @throws IntegrityError when an answer does not say whether there are more, or how to get them. */
async function* pages(client: S3Client, place: S3Place, prefix: string): AsyncGenerator<ListObjectsV2CommandOutput> {
  const url = urlOf(place);
  const tokens = new Set<string>();
  let token: string | undefined;
  do {
    const page = await getPage(client, place, prefix, token);
    // Without the field the answer is no listing at all, such as a gateway's page with status 200.
    if (page.IsTruncated === undefined)
      throw new IntegrityError(`${url}: the listing does not say whether it is complete; list it again`);
    token = page.IsTruncated ? page.NextContinuationToken : undefined;
    if (page.IsTruncated && (token === undefined || tokens.has(token)))
      throw new IntegrityError(`${url}: the listing is cut short: there is more, and no way on to it; list it again`);
    if (token !== undefined) tokens.add(token);
    yield page;
  } while (token !== undefined);
}

async function getPage(
  client: S3Client,
  { bucket, prefix: root }: S3Place,
  prefix: string,
  token: string | undefined,
): Promise<ListObjectsV2CommandOutput> {
  const next = token === undefined ? {} : { ContinuationToken: token };
  try {
    return await client.send(
      // URL-encoded, since a foreign object's control character would break the XML of the whole page.
      new ListObjectsV2Command({ Bucket: bucket, Prefix: root + prefix, EncodingType: 'url', ...next }),
    );
  } catch (error) {
    throw translateAwsError(error, `${urlOf({ bucket, prefix: root })}: listing "${prefix}"`);
  }
}

function decodeKey(key: string | undefined, encoding: string | undefined, url: string): string {
  if (key === undefined) throw new IntegrityError(`${url}: the listing has an object without a key; list it again`);
  if (encoding !== 'url') return key;
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch (cause) {
    throw new IntegrityError(`${url}: the listing gives ${JSON.stringify(key)}, which is not URL-encoded UTF-8`, {
      cause,
    });
  }
}

/** What S3 tells of a blob. @throws IntegrityError when it leaves out the size or the time. */
export function blobInfo(
  url: string,
  name: string,
  sizeBytes: number | undefined,
  modified: Date | undefined,
): BlobInfo {
  if (sizeBytes === undefined || modified === undefined)
    throw new IntegrityError(`${url}: the store tells no size or no time of ${name}; try again`);
  return { name, sizeBytes, modifiedAt: modified.toISOString() };
}
