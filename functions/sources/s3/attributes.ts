/**
 * An S3 object's attributes: everything that a restore brings back besides its content. All are optional but `type`:
 *
 * `type: 'object'`, `contentType`, `cacheControl`, `contentEncoding`, `contentDisposition`, `contentLanguage`, `expires` (the header's
 * exact text), `metadata: { name: value }` (names as S3 returns them, in lower case; a value that is not ASCII as RFC 2047 has it),
 * `missingMetadata` (how many metadata S3 could not return over HTTP), `tags: [[key, value]…]` in key order, `storageClass` (absent:
 * STANDARD), `websiteRedirect`, `encryption: { algorithm, kmsKeyId?, bucketKey? }` (KMS only), `objectLock: { mode?, retainUntil?,
 * legalHold? }`, `grants: [[grantee, permission]…]` (`owner`, `id=…`, `uri=…` or `emailAddress=…`), where the ACL is not the default.
 */
import type { Grant, Tag } from '@aws-sdk/client-s3';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { Attributes, Json } from '../../core/entry.ts';
import type { ObjectAnswer } from './answer-headers.ts';

/** What takes requests of its own to know. */
export interface SeparateAttributes {
  readonly tags: readonly Tag[];
  /** Undefined where the bucket has no ACLs. */
  readonly acl: { readonly ownerId: string | undefined; readonly grants: readonly Grant[] } | undefined;
}

/** The attributes of an object, from the headers of its GET and what was asked for besides. */
export function attributesOf(response: ObjectAnswer, { tags, acl }: SeparateAttributes): Attributes {
  const metadata = Object.entries(response.Metadata ?? {}).sort(byName);
  return present({
    type: 'object',
    contentType: response.ContentType,
    cacheControl: response.CacheControl,
    contentEncoding: response.ContentEncoding,
    contentDisposition: response.ContentDisposition,
    contentLanguage: response.ContentLanguage,
    expires: response.ExpiresString,
    metadata: metadata.length === 0 ? undefined : Object.fromEntries(metadata),
    missingMetadata: response.MissingMeta === 0 ? undefined : response.MissingMeta,
    tags: tags.length === 0 ? undefined : tags.map(({ Key, Value }) => [Key ?? '', Value ?? ''] as const).sort(byName),
    storageClass: response.StorageClass === 'STANDARD' ? undefined : response.StorageClass,
    websiteRedirect: response.WebsiteRedirectLocation,
    encryption: encryptionOf(response),
    objectLock: objectLockOf(response),
    grants: acl === undefined ? undefined : grantsOf(acl.ownerId, acl.grants),
  });
}

function encryptionOf(response: ObjectAnswer): Attributes | undefined {
  const { ServerSideEncryption: algorithm, SSEKMSKeyId: kmsKeyId, BucketKeyEnabled: bucketKey } = response;
  // AES256 is what S3 does with every object that asks for nothing.
  if (algorithm === undefined || algorithm === 'AES256') return undefined;
  return present({ algorithm, kmsKeyId, bucketKey: bucketKey === true ? true : undefined });
}

function objectLockOf(response: ObjectAnswer): Attributes | undefined {
  const { ObjectLockMode: mode, ObjectLockRetainUntilDate: until, ObjectLockLegalHoldStatus: hold } = response;
  const lock = present({ mode, retainUntil: until?.toISOString(), legalHold: hold === 'ON' ? hold : undefined });
  return Object.keys(lock).length === 0 ? undefined : lock;
}

/** The grants, sorted; undefined for the default ACL, which gives its owner full control and nobody else anything. */
function grantsOf(ownerId: string | undefined, grants: readonly Grant[]): Json | undefined {
  const named = grants.map(({ Grantee, Permission }) => {
    const { ID: id, URI: uri, EmailAddress: email } = Grantee ?? {};
    if (id !== undefined) return [id === ownerId ? 'owner' : `id=${id}`, Permission ?? ''] as const;
    return [uri === undefined ? `emailAddress=${email ?? ''}` : `uri=${uri}`, Permission ?? ''] as const;
  });
  const [only, ...others] = named;
  if (others.length === 0 && only?.[0] === 'owner' && only[1] === 'FULL_CONTROL') return undefined;
  return named.sort((a, b) => (a.join(' ') < b.join(' ') ? -1 : 1));
}

/**
 * The first attribute that differs, in words; undefined when all are equal. Where nothing was asked for, the place's own defaults
 * (content type, encryption, retention) are no difference; nor is anything but existence when the entry came from elsewhere.
 */
export function attributesDiffer(stored: Attributes, found: Attributes): string | undefined {
  if (stored.type !== 'object') return undefined;
  for (const name of COMPARED) {
    const [before, now] = [stored[name], found[name]];
    if (before === undefined && DEFAULTED.has(name)) continue;
    const [wanted, is] = [canonicalJson(before ?? null), canonicalJson(now ?? null)];
    if (wanted !== is)
      return `${name} was ${before === undefined ? 'absent' : wanted}, is ${now === undefined ? 'absent' : is}`;
  }
  return undefined;
}

const COMPARED = [
  'contentType',
  'cacheControl',
  'contentEncoding',
  'contentDisposition',
  'contentLanguage',
  'expires',
  'metadata',
  'missingMetadata',
  'tags',
  'storageClass',
  'websiteRedirect',
  'encryption',
  'objectLock',
  'grants',
] as const;

/** What a bucket fills in by itself. */
const DEFAULTED: ReadonlySet<string> = new Set(['contentType', 'encryption', 'objectLock']);

/** Without what is undefined. */
function present(attributes: { readonly [name: string]: Json | undefined }): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).filter((entry): entry is [string, Json] => entry[1] !== undefined),
  );
}

// Code-unit order: the same on every machine, whatever its language.
function byName(a: readonly [string, string], b: readonly [string, string]): number {
  return a[0] < b[0] ? -1 : 1;
}
