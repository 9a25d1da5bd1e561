/** From an entry's attributes to the request fields that give a new object the same. */
import {
  type Grant,
  type Grantee,
  ObjectLockLegalHoldStatus,
  ObjectLockMode,
  Permission,
  type PutObjectCommandInput,
  ServerSideEncryption,
  StorageClass,
  type Tag,
} from '@aws-sdk/client-s3';
import type { Attributes, Json } from '../../core/entry.ts';

/** The fields that PutObject and CreateMultipartUpload share. */
export type ObjectHeaders = Pick<
  PutObjectCommandInput,
  | 'ContentType'
  | 'CacheControl'
  | 'ContentEncoding'
  | 'ContentDisposition'
  | 'ContentLanguage'
  | 'Metadata'
  | 'Tagging'
  | 'StorageClass'
  | 'WebsiteRedirectLocation'
  | 'ServerSideEncryption'
  | 'SSEKMSKeyId'
  | 'BucketKeyEnabled'
  | 'ObjectLockMode'
  | 'ObjectLockRetainUntilDate'
  | 'ObjectLockLegalHoldStatus'
>;

/** What an object is to be given: with the request that makes it, and after. */
export interface ObjectPlan {
  /** The fields that each attribute needs, by the attribute's name, so that one can be left out. */
  readonly headers: ReadonlyMap<string, ObjectHeaders>;
  /** The exact text of the Expires header. The SDK's own field is a date, which would normalise it. */
  readonly expires: string | undefined;
  /** Tags that are too long for a header. */
  readonly tagsAfter: readonly Tag[] | undefined;
  /** The ACL, as a function of the new object's owner. */
  readonly grantsAfter: ((ownerId: string) => readonly Grant[]) | undefined;
  /** Names of attributes that an S3 object does not have. */
  readonly notHeld: readonly string[];
}

// S3 takes 8 KB of headers in all, of which user metadata may be 2 KB ("Working with object metadata").
const MAX_TAGGING_BYTES = 2048;

export function planObject(attributes: Attributes): ObjectPlan {
  const headers = new Map<string, ObjectHeaders>();
  const notHeld: string[] = [];
  let plan: Pick<ObjectPlan, 'expires' | 'tagsAfter' | 'grantsAfter'> = {
    expires: undefined,
    tagsAfter: undefined,
    grantsAfter: undefined,
  };
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'type') continue;
    const fields = attributes.type === 'object' ? HEADERS.get(name)?.(value) : undefined;
    const beside = attributes.type === 'object' && fields === undefined ? besideOf(name, value) : undefined;
    if (fields !== undefined) headers.set(name, fields);
    else if (beside !== undefined) plan = { ...plan, ...beside };
    else notHeld.push(name);
  }
  return { headers, ...plan, notHeld };
}

function besideOf(name: string, value: Json): Partial<ObjectPlan> | undefined {
  if (name === 'expires' && typeof value === 'string') return { expires: value };
  if (name === 'tags' && isPairs(value)) return { tagsAfter: value.map(([Key, Value]) => ({ Key, Value })) };
  if (name === 'grants' && isPairs(value)) return grantsOf(value);
  return undefined;
}

/** How each attribute goes into the request; undefined when its value is none that S3 knows. */
const HEADERS: ReadonlyMap<string, (value: Json) => ObjectHeaders | undefined> = new Map([
  ['contentType', (value: Json) => ifText(value, (ContentType) => ({ ContentType }))],
  ['cacheControl', (value: Json) => ifText(value, (CacheControl) => ({ CacheControl }))],
  ['contentEncoding', (value: Json) => ifText(value, (ContentEncoding) => ({ ContentEncoding }))],
  ['contentDisposition', (value: Json) => ifText(value, (ContentDisposition) => ({ ContentDisposition }))],
  ['contentLanguage', (value: Json) => ifText(value, (ContentLanguage) => ({ ContentLanguage }))],
  ['websiteRedirect', (value: Json) => ifText(value, (WebsiteRedirectLocation) => ({ WebsiteRedirectLocation }))],
  ['metadata', (value: Json) => (isTexts(value) ? { Metadata: { ...value } } : undefined)],
  ['storageClass', (value: Json) => (isOneOf(StorageClass, value) ? { StorageClass: value } : undefined)],
  ['tags', taggingOf],
  ['encryption', encryptionOf],
  ['objectLock', objectLockOf],
]);

function taggingOf(value: Json): ObjectHeaders | undefined {
  if (!isPairs(value)) return undefined;
  const Tagging = value.map(([key, text]) => `${encodeURIComponent(key)}=${encodeURIComponent(text)}`).join('&');
  return Tagging.length > MAX_TAGGING_BYTES ? undefined : { Tagging };
}

function encryptionOf(value: Json): ObjectHeaders | undefined {
  if (!isRecord(value)) return undefined;
  const { algorithm, kmsKeyId, bucketKey } = value;
  if (!isOneOf(ServerSideEncryption, algorithm)) return undefined;
  return {
    ServerSideEncryption: algorithm,
    ...(typeof kmsKeyId === 'string' ? { SSEKMSKeyId: kmsKeyId } : {}),
    // Said both ways, lest the bucket's default decide. Dual-layer encryption has no bucket keys.
    ...(algorithm === 'aws:kms' ? { BucketKeyEnabled: bucketKey === true } : {}),
  };
}

function objectLockOf(value: Json): ObjectHeaders | undefined {
  if (!isRecord(value)) return undefined;
  const { mode, retainUntil, legalHold } = value;
  const held = isOneOf(ObjectLockLegalHoldStatus, legalHold) ? { ObjectLockLegalHoldStatus: legalHold } : {};
  if (mode === undefined) return held;
  if (!isOneOf(ObjectLockMode, mode) || typeof retainUntil !== 'string') return undefined;
  return { ...held, ObjectLockMode: mode, ObjectLockRetainUntilDate: new Date(retainUntil) };
}

function grantsOf(pairs: readonly (readonly [string, string])[]): Partial<ObjectPlan> | undefined {
  const known = pairs.flatMap(([grantee, permission]) =>
    isOneOf(Permission, permission) ? [{ grantee, Permission: permission }] : [],
  );
  if (known.length < pairs.length) return undefined;
  return {
    grantsAfter: (ownerId) =>
      known.map(({ grantee, Permission }) => ({ Grantee: granteeOf(grantee, ownerId), Permission })),
  };
}

function granteeOf(grantee: string, ownerId: string): Grantee {
  if (grantee.startsWith('uri=')) return { Type: 'Group', URI: grantee.slice('uri='.length) };
  if (grantee.startsWith('emailAddress='))
    return { Type: 'AmazonCustomerByEmail', EmailAddress: grantee.slice('emailAddress='.length) };
  return { Type: 'CanonicalUser', ID: grantee === 'owner' ? ownerId : grantee.slice('id='.length) };
}

function ifText(value: Json, fields: (text: string) => ObjectHeaders): ObjectHeaders | undefined {
  return typeof value === 'string' ? fields(value) : undefined;
}

function isRecord(value: Json): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTexts(value: Json): value is { readonly [name: string]: string } {
  return isRecord(value) && Object.values(value).every((text) => typeof text === 'string');
}

function isPairs(value: Json): value is readonly (readonly [string, string])[] {
  return (
    Array.isArray(value) &&
    value.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every((text) => typeof text === 'string'))
  );
}

function isOneOf<T extends string>(set: Readonly<Record<string, T>>, value: Json | undefined): value is T {
  return typeof value === 'string' && Object.values<string>(set).includes(value);
}
