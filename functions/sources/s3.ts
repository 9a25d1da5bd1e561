/**
 * The source `s3://bucket/prefix`. Entries are the objects under the prefix, keyed by what follows it, literally; an object whose key
 * is the prefix has the empty key. Of a versioned bucket the current versions are the entries; what is deleted is not there.
 *
 * In the plain case an object takes one request; a large one takes one for each range, and one for its checksum. Its tags, and its ACL where the bucket uses ACLs, take one more each.
 */
import { GetObjectAclCommand, GetObjectTaggingCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { httpStatusOf, translateAwsError } from '../core/aws-errors.ts';
import type { ListedEntry } from '../core/entry.ts';
import { ConflictError, messageOf } from '../core/errors.ts';
import type { ListedTarget, OpenedEntry, SourceReader } from '../core/ports.ts';
import { formatUri, type S3Uri } from '../core/uri.ts';
import { type AclUse, aclUse } from './s3/acl-use.ts';
import type { ObjectAnswer } from './s3/answer-headers.ts';
import { attributesDiffer, attributesOf, type SeparateAttributes } from './s3/attributes.ts';
import { type Got, getFirst } from './s3/first-answer.ts';
import { displayObject, objectKeyOf } from './s3/keys.ts';
import { fingerprintOf, listObjects, peekObjects, readFingerprint } from './s3/listing.ts';
import { type PlainGets, plainGets } from './s3/plain-get.ts';
import { readSettings } from './s3/settings.ts';
import { s3Writer } from './s3/writer.ts';

/** How often an object is opened anew when it changes, or S3 answers with something that it cannot be, before it is named. */
const MAX_ATTEMPTS = 4;
const CHANGING = `it changed each of the ${MAX_ATTEMPTS} times that it was opened; run again when it rests`;

/** Reads the objects under a URI, and writes them back. Throttles and dropped connections are retried as the client is set up to. */
export function s3Source(client: S3Client, uri: S3Uri): ListedTarget {
  return { ...s3Reader(client, uri), ...s3Writer(client, uri) };
}

function s3Reader(client: S3Client, uri: S3Uri): SourceReader {
  const reader = { client, uri, acls: aclUse(client, uri), plain: plainGets(client) };
  return {
    uri: formatUri(uri),
    list: (range) => listObjects(client, uri, range),
    peek: (range) => peekObjects(client, uri, range),
    open: (listed) => open(reader, listed),
    settings: () => readSettings(client, uri),
    attributesDiffer,
  };
}

interface Reader {
  readonly client: S3Client;
  readonly uri: S3Uri;
  readonly acls: AclUse;
  readonly plain: PlainGets;
}

async function open(reader: Reader, listed: ListedEntry): Promise<OpenedEntry> {
  const name = displayObject(reader.uri, listed.key);
  let { etag: pin }: { etag: string | undefined } = readFingerprint(listed.fingerprint ?? '');
  let reason = '';
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const opened = await openOnce(reader, listed, pin, name);
    if (!('again' in opened)) return opened;
    reason = opened.again;
    pin = undefined;
  }
  return { state: 'unprotected', reason };
}

/** One attempt; `again` says why it came to nothing and another is due. */
async function openOnce(
  { client, uri, acls, plain }: Reader,
  listed: ListedEntry,
  pin: string | undefined,
  name: string,
): Promise<OpenedEntry | { readonly again: string }> {
  const object = { Bucket: uri.bucket, Key: objectKeyOf(uri, listed.key) };
  let got: Got | undefined;
  try {
    got = await getFirst(
      { client, plain },
      object,
      { etag: pin, sizeBytes: listed.sizeBytes ?? 0 },
      name,
      (response) => typeof stateOf(response, listed) !== 'string',
    );
    const { response } = got;
    const state = stateOf(response, listed);
    if (typeof state === 'string') {
      got.drop();
      return { again: state };
    }
    const version = response.VersionId === undefined ? {} : { VersionId: response.VersionId };
    const separate = await readSeparate(client, { ...object, ...version }, response, await acls.inUse());
    const attributes = attributesOf(response, separate);
    const { etag, sizeBytes } = state;
    // Without versions, tags and grants might be those of a later object.
    if (response.VersionId === undefined && ('tags' in attributes || 'grants' in attributes))
      await client.send(new HeadObjectCommand({ ...object, IfMatch: etag }));
    const pinned = { bucket: uri.bucket, key: object.Key, etag, versionId: response.VersionId, sizeBytes, name };
    return { state: 'open', fingerprint: fingerprintOf(state), sizeBytes, attributes, content: got.content(pinned) };
  } catch (error) {
    got?.drop();
    return answerTo(error, listed, name);
  }
}

/** The state that a response shows, or why it cannot be the listed object: a 200 may carry an error instead of the object. */
function stateOf(response: ObjectAnswer, listed: ListedEntry) {
  const { ETag: etag, ContentLength: sizeBytes, LastModified: modifiedAt, StorageClass: storageClass } = response;
  if (etag === undefined || sizeBytes === undefined || modifiedAt === undefined)
    return `S3 answered ${MAX_ATTEMPTS} times without the object's ETag, size or time; run again`;
  if (etag === readFingerprint(listed.fingerprint ?? '').etag && sizeBytes !== listed.sizeBytes)
    return `S3 answered ${MAX_ATTEMPTS} times with ${sizeBytes} bytes for an object of ${listed.sizeBytes}; run again`;
  return { etag, sizeBytes, modifiedAt, storageClass };
}

async function readSeparate(
  client: S3Client,
  object: { readonly Bucket: string; readonly Key: string; readonly VersionId?: string },
  response: ObjectAnswer,
  aclsInUse: boolean,
): Promise<SeparateAttributes> {
  const tagged = (response.TagCount ?? 0) > 0;
  const tags = tagged ? ((await client.send(new GetObjectTaggingCommand(object))).TagSet ?? []) : [];
  if (!aclsInUse) return { tags, acl: undefined };
  const acl = await client.send(new GetObjectAclCommand(object));
  return { tags, acl: { ownerId: acl.Owner?.ID, grants: acl.Grants ?? [] } };
}

/** What S3's refusal means for this one entry. @throws what concerns more than this entry. */
function answerTo(error: unknown, listed: ListedEntry, name: string): OpenedEntry | { readonly again: string } {
  const code = error instanceof Error ? error.name : '';
  const said = messageOf(error);
  // While a small one was read.
  if (error instanceof ConflictError) return { again: CHANGING };
  // HEAD has no body, so that 412 comes without a code, and 404 does not tell an absent bucket from an absent object: GET will.
  if (code === 'PreconditionFailed' || code === 'NotFound' || httpStatusOf(error) === 412) return { again: CHANGING };
  if (code === 'NoSuchKey' || code === 'NoSuchVersion') return { state: 'gone' };
  if (code === 'InvalidObjectState') {
    const { storageClass } = readFingerprint(listed.fingerprint ?? '');
    return unprotected(`it is archived in storage class ${storageClass}; restore it from the archive, then run again`);
  }
  if (code === 'InvalidRequest' && /encryption/i.test(said))
    return unprotected(
      'it is encrypted with a key that S3 does not keep (SSE-C); copy it onto itself with SSE-S3 or SSE-KMS to have it backed up',
    );
  if (code === 'AccessDenied')
    return {
      state: 'unprotected',
      reason: `access denied (${said}); grant reading it, its tags and its ACL (and its KMS key) to these credentials`,
      denied: true,
    };
  if (/^KMS\.(Disabled|NotFound|KMSInvalidState|InvalidKeyUsage)/.test(code))
    return unprotected(`its KMS key cannot be used (${code}: ${said}); enable the key, then run again`);
  throw translateAwsError(error, `${name}: reading`);
}

function unprotected(reason: string): OpenedEntry {
  return { state: 'unprotected', reason };
}
