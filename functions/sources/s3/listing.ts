/** The listing of an S3 source: exact keys, in byte order, complete or an error. */
import {
  type _Object,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  type ListObjectsV2CommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { translateAwsError } from '../../core/aws-errors.ts';
import {
  displayKey,
  type EntryKey,
  findKeyText,
  inRange,
  type KeyRange,
  keyFromText,
  type ListedEntry,
  quoteKey,
} from '../../core/entry.ts';
import { IntegrityError, InvalidInputError } from '../../core/errors.ts';
import { PEEKED_KEYS } from '../../core/ports.ts';
import { formatUri, type S3Uri } from '../../core/uri.ts';
import { entryKeyOf } from './keys.ts';

/** What tells one state of an object from another; the same from a listing and from the object's own headers. */
export interface ObjectState {
  readonly etag: string;
  readonly sizeBytes: number;
  readonly modifiedAt: Date;
  /** Undefined is STANDARD: listings say so, headers leave it out. */
  readonly storageClass: string | undefined;
}

/** The state as text. Seconds, because headers carry no milliseconds. Tags and ACLs may change without it: S3 does not list them. */
export function fingerprintOf({ etag, sizeBytes, modifiedAt, storageClass }: ObjectState): string {
  const seconds = `${modifiedAt.toISOString().slice(0, 19)}Z`;
  return JSON.stringify([etag, sizeBytes, seconds, storageClass ?? 'STANDARD']);
}

/** The ETag and storage class in a fingerprint that `fingerprintOf` made. */
export function readFingerprint(fingerprint: string): { readonly etag: string; readonly storageClass: string } {
  const parts: unknown = JSON.parse(fingerprint);
  if (!Array.isArray(parts) || typeof parts[0] !== 'string' || typeof parts[3] !== 'string')
    throw new InvalidInputError(`"${fingerprint}" is not the fingerprint of an S3 object`);
  return { etag: parts[0], storageClass: parts[3] };
}

/**
 * Every object of the range, by `EntryKey`, in byte order. Once the reader has gone on after the first page, each page is asked for while
 * the one before it is worked on.
 * @throws NotFoundError when the bucket is absent; IntegrityError when a page is out of order, cut short or served twice.
 */
export async function* listObjects(client: S3Client, uri: S3Uri, range: KeyRange): AsyncGenerator<ListedEntry[]> {
  const leaving = new AbortController();
  const fetchFrom = (options: PageOptions) => fetchPage(client, uri, options, leaving.signal);
  // Of pages without objects only: any other page that comes again is out of order.
  const emptyPages = new Set<string | undefined>();
  let last: EntryKey | undefined;
  let token: string | undefined;
  let ahead: Promise<ListObjectsV2CommandOutput> | undefined;
  try {
    for (let isFirst = true; isFirst || token !== undefined; isFirst = false) {
      const page = await (ahead ?? fetchFrom(token === undefined ? startAfterOf(uri, range) : nextAt(token)));
      const entries = inOrder(uri, page, last);
      last = entries.at(-1)?.key ?? last;
      if (entries.length === 0) emptyPages.add(token);
      else emptyPages.clear();
      const isPast = range.upTo !== undefined && last !== undefined && last > range.upTo;
      token = isPast ? undefined : nextToken(uri, page, token, emptyPages);
      // Whoever only looks at the first page pays for one.
      ahead = isFirst || token === undefined ? undefined : fetchFrom(nextAt(token));
      ahead?.catch(() => undefined); // Seen when its turn comes; until then it is not an unhandled rejection.
      yield entries.filter(({ key }) => inRange(key, range));
    }
  } finally {
    leaving.abort();
  }
}

const nextAt = (token: string): PageOptions => ({ ContinuationToken: token });

/** The page's entries. @throws IntegrityError where one does not come after the one before it. */
function inOrder(uri: S3Uri, page: ListObjectsV2CommandOutput, before: EntryKey | undefined): ListedEntry[] {
  let last = before;
  return (page.Contents ?? []).map((object) => {
    const entry = listedOf(uri, object, page.EncodingType);
    if (last !== undefined && entry.key <= last)
      throw new IntegrityError(
        `${formatUri(uri)}: the listing has ${quoteKey(entry.key)} after ${quoteKey(last)}, which is not S3's byte order; this store cannot be a source`,
      );
    last = entry.key;
    return entry;
  });
}

/** The first `PEEKED_KEYS` keys of the range, by one request (more only to a store whose pages are shorter); errors are those of the listing. */
export async function peekObjects(client: S3Client, uri: S3Uri, range: KeyRange): Promise<EntryKey[]> {
  const keys: EntryKey[] = [];
  for await (const page of listObjects(client, uri, range))
    if (keys.push(...page.map(({ key }) => key)) >= PEEKED_KEYS) break;
  return keys.slice(0, PEEKED_KEYS);
}

/** The key of the first object, by one request; undefined when there is none. */
export async function findFirstKey(client: S3Client, uri: S3Uri): Promise<EntryKey | undefined> {
  const page = await fetchPage(client, uri, { MaxKeys: 1 });
  const [object] = page.Contents ?? [];
  return object === undefined ? undefined : listedOf(uri, object, page.EncodingType).key;
}

function startAfterOf(uri: S3Uri, range: KeyRange): PageOptions {
  if (range.after === undefined) return {};
  const text = findKeyText(range.after);
  if (text === undefined)
    throw new InvalidInputError(`${formatUri(uri)}: ${quoteKey(range.after)} is not UTF-8, so it bounds no S3 keys`);
  // An empty key without a prefix: nothing sorts before it.
  return uri.prefix + text === '' ? {} : { StartAfter: uri.prefix + text };
}

type PageOptions = Pick<ListObjectsV2CommandInput, 'StartAfter' | 'ContinuationToken' | 'MaxKeys'>;

async function fetchPage(
  client: S3Client,
  uri: S3Uri,
  options: PageOptions,
  signal?: AbortSignal,
): Promise<ListObjectsV2CommandOutput> {
  const page = await sendPage(client, uri, options, signal);
  // Without the field the answer is no listing at all, such as a gateway's page with status 200: not an empty source.
  if (page.IsTruncated === undefined)
    throw new IntegrityError(`${formatUri(uri)}: the listing does not say whether it is complete; list it again`);
  return page;
}

async function sendPage(
  client: S3Client,
  uri: S3Uri,
  options: PageOptions,
  signal: AbortSignal | undefined,
): Promise<ListObjectsV2CommandOutput> {
  try {
    return await client.send(
      new ListObjectsV2Command({
        Bucket: uri.bucket,
        Prefix: uri.prefix,
        // Without it, XML 1.0 cannot carry control characters.
        EncodingType: 'url',
        ...options,
      }),
      signal === undefined ? {} : { abortSignal: signal },
    );
  } catch (error) {
    throw translateAwsError(error, `${formatUri(uri)}: listing`);
  }
}

function listedOf(uri: S3Uri, object: _Object, encodingType: string | undefined): ListedEntry {
  const { Key: listedKey, ETag: etag, Size: sizeBytes, LastModified: modifiedAt, StorageClass: storageClass } = object;
  if (listedKey === undefined || etag === undefined || sizeBytes === undefined || modifiedAt === undefined)
    throw new IntegrityError(
      `${formatUri(uri)}: the listing holds "${displayKey(keyFromText(listedKey ?? ''))}" without its key, ETag, size or time; this store cannot be a source`,
    );
  const key = entryKeyOf(uri, encodingType === 'url' ? decodeListed(uri, listedKey) : listedKey);
  return { key, sizeBytes, fingerprint: fingerprintOf({ etag, sizeBytes, modifiedAt, storageClass }) };
}

/** Listings are form-encoded: `+` is a space, a plus is `%2B`. */
function decodeListed(uri: S3Uri, text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', '%20'));
  } catch (cause) {
    throw new IntegrityError(`${formatUri(uri)}: the listing holds "${text}", which is not URL-encoded UTF-8`, {
      cause,
    });
  }
}

function nextToken(
  uri: S3Uri,
  page: ListObjectsV2CommandOutput,
  token: string | undefined,
  emptyPages: ReadonlySet<string | undefined>,
): string | undefined {
  if (page.IsTruncated !== true) return undefined;
  const next = page.NextContinuationToken;
  if (next === undefined || next === '')
    throw new IntegrityError(
      `${formatUri(uri)}: the listing was cut short: a page says that more follows, but not where`,
    );
  if (next === token || emptyPages.has(next))
    throw new IntegrityError(
      `${formatUri(uri)}: the listing goes round in circles: a page names itself, or one before it, as the next one`,
    );
  return next;
}
