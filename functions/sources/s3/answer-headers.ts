/** What an answer to GetObject tells of the object besides its content, named as the SDK names it. */

export interface ObjectAnswer {
  readonly ETag?: string | undefined;
  readonly ContentLength?: number | undefined;
  readonly LastModified?: Date | undefined;
  readonly VersionId?: string | undefined;
  readonly StorageClass?: string | undefined;
  readonly TagCount?: number | undefined;
  readonly ContentType?: string | undefined;
  readonly CacheControl?: string | undefined;
  readonly ContentEncoding?: string | undefined;
  readonly ContentDisposition?: string | undefined;
  readonly ContentLanguage?: string | undefined;
  readonly ExpiresString?: string | undefined;
  readonly Metadata?: Readonly<Record<string, string>> | undefined;
  readonly MissingMeta?: number | undefined;
  readonly WebsiteRedirectLocation?: string | undefined;
  readonly ServerSideEncryption?: string | undefined;
  readonly SSEKMSKeyId?: string | undefined;
  readonly BucketKeyEnabled?: boolean | undefined;
  readonly ObjectLockMode?: string | undefined;
  readonly ObjectLockRetainUntilDate?: Date | undefined;
  readonly ObjectLockLegalHoldStatus?: string | undefined;
}

/** Names are in lower case. */
export type Headers = Readonly<Record<string, string | undefined>>;

const METADATA = 'x-amz-meta-';
const DIGITS = /^\d{1,15}$/;
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
const ISO_DATE = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/;

/** The same as the SDK reads; undefined where a header is not written as S3 writes it, which is the SDK's to judge. */
export function readAnswerHeaders(headers: Headers): ObjectAnswer | undefined {
  const length = headers['content-length'];
  const modified = headers['last-modified'];
  const tags = headers['x-amz-tagging-count'];
  const missing = headers['x-amz-missing-meta'];
  const bucketKey = headers['x-amz-server-side-encryption-bucket-key-enabled'];
  const retained = headers['x-amz-object-lock-retain-until-date'];
  const usual =
    [length, tags, missing].every((text) => text === undefined || DIGITS.test(text)) &&
    (modified === undefined || isDate(HTTP_DATE, modified)) &&
    (retained === undefined || isDate(ISO_DATE, retained)) &&
    (bucketKey === undefined || bucketKey === 'true' || bucketKey === 'false');
  if (!usual) return undefined;
  return {
    ETag: headers.etag,
    ContentLength: numberOf(length),
    LastModified: dateOf(modified),
    VersionId: headers['x-amz-version-id'],
    StorageClass: headers['x-amz-storage-class'],
    TagCount: numberOf(tags),
    ContentType: headers['content-type'],
    CacheControl: headers['cache-control'],
    ContentEncoding: headers['content-encoding'],
    ContentDisposition: headers['content-disposition'],
    ContentLanguage: headers['content-language'],
    ExpiresString: headers.expires,
    Metadata: metadataOf(headers),
    MissingMeta: numberOf(missing),
    WebsiteRedirectLocation: headers['x-amz-website-redirect-location'],
    ServerSideEncryption: headers['x-amz-server-side-encryption'],
    SSEKMSKeyId: headers['x-amz-server-side-encryption-aws-kms-key-id'],
    BucketKeyEnabled: bucketKey === undefined ? undefined : bucketKey === 'true',
    ObjectLockMode: headers['x-amz-object-lock-mode'],
    ObjectLockRetainUntilDate: dateOf(retained),
    ObjectLockLegalHoldStatus: headers['x-amz-object-lock-legal-hold'],
  };
}

function metadataOf(headers: Headers): Record<string, string> {
  const metadata: [string, string][] = [];
  for (const [name, value] of Object.entries(headers))
    if (name.startsWith(METADATA) && value !== undefined) metadata.push([name.slice(METADATA.length), value]);
  return Object.fromEntries(metadata);
}

const numberOf = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));
const dateOf = (text: string | undefined): Date | undefined => (text === undefined ? undefined : new Date(text));
const isDate = (form: RegExp, text: string): boolean => form.test(text) && !Number.isNaN(Date.parse(text));
