import { Readable } from 'node:stream';
import {
  GetBucketOwnershipControlsCommand,
  GetObjectAclCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Attributes, keyFromText, type ListedEntry } from '../../functions/core/entry.ts';
import { AccessDeniedError, NotFoundError, TransientError } from '../../functions/core/errors.ts';
import { fingerprintOf } from '../../functions/sources/s3/listing.ts';
import { s3Source } from '../../functions/sources/s3.ts';

const s3 = mockClient(S3Client);
const MODIFIED = new Date('2026-01-02T03:04:05.000Z');
const state = (etag: string, sizeBytes: number, storageClass?: string) =>
  fingerprintOf({ etag, sizeBytes, modifiedAt: MODIFIED, storageClass });
const LISTED: ListedEntry = { key: keyFromText('k'), sizeBytes: 3, fingerprint: state('"v1"', 3) };

const source = () => s3Source(new S3Client({ region: 'us-east-1' }), { scheme: 's3', bucket: 'bucket', prefix: 'p/' });
const owner = (ObjectOwnership: 'BucketOwnerEnforced' | 'ObjectWriter') =>
  s3.on(GetBucketOwnershipControlsCommand).resolves({ OwnershipControls: { Rules: [{ ObjectOwnership }] } });
const refusal = (name: string, status: number, message = 'no') =>
  new S3ServiceException({ name, message, $fault: 'client', $metadata: { httpStatusCode: status } });

/** The answer to a GET; its body is a stream like the SDK's. */
function answer(headers: Partial<GetObjectCommandOutput> = {}, body = 'abc'): Partial<GetObjectCommandOutput> {
  const Body = Object.assign(Readable.from([Buffer.from(body)], { objectMode: false }), {
    transformToByteArray: () => Promise.reject(new Error('not streamed')),
    transformToString: () => Promise.reject(new Error('not streamed')),
    transformToWebStream: () => {
      throw new Error('not streamed');
    },
  });
  return { ETag: '"v1"', ContentLength: 3, LastModified: MODIFIED, Body, ...headers };
}

async function attributesOf(headers: Partial<GetObjectCommandOutput>): Promise<Attributes> {
  s3.on(GetObjectCommand).resolves(answer(headers));
  const opened = await source().open(LISTED);
  if (opened.state !== 'open') throw new Error(`it is ${opened.state}`);
  return opened.attributes;
}

beforeEach(() => {
  s3.reset();
  owner('BucketOwnerEnforced');
});

describe('opening an S3 object', () => {
  it('takes one request an object in the plain case, and one for the bucket', async () => {
    s3.on(GetObjectCommand).callsFake(() => answer());
    const reader = source();
    for (let index = 0; index < 3; index += 1) expect((await reader.open(LISTED)).state).toBe('open');
    expect(s3.calls().map(({ args }) => args[0].constructor.name)).toEqual([
      'GetObjectCommand',
      'GetBucketOwnershipControlsCommand',
      'GetObjectCommand',
      'GetObjectCommand',
    ]);
    expect(s3.commandCalls(GetObjectCommand)[0]?.args[0].input).toEqual({
      Bucket: 'bucket',
      Key: 'p/k',
      ChecksumMode: 'ENABLED',
      IfMatch: '"v1"',
    });
  });

  it('gives the fingerprint of the listing while the object is the listed one', async () => {
    s3.on(GetObjectCommand).resolves(answer());
    expect(await source().open(LISTED)).toMatchObject({ state: 'open', fingerprint: LISTED.fingerprint, sizeBytes: 3 });
  });

  it('takes the newer version when the object changed since it was listed', async () => {
    s3.on(GetObjectCommand, { IfMatch: '"v1"' }).rejects(refusal('PreconditionFailed', 412));
    s3.on(GetObjectCommand, { IfMatch: undefined }).resolves(answer({ ETag: '"v2"', ContentLength: 4 }, 'abcd'));
    const opened = await source().open(LISTED);
    expect(opened).toMatchObject({ state: 'open', fingerprint: state('"v2"', 4), sizeBytes: 4 });
  });

  it('tells an object that is gone from a bucket that is', async () => {
    s3.on(GetObjectCommand).rejects(refusal('NoSuchKey', 404));
    expect(await source().open(LISTED)).toEqual({ state: 'gone' });
    s3.on(GetObjectCommand).rejects(refusal('NoSuchBucket', 404));
    await expect(source().open(LISTED)).rejects.toThrow(NotFoundError);
  });

  it.each([
    ['InvalidObjectState', 403, 'not valid', /storage class GLACIER; restore it from the archive/],
    ['InvalidRequest', 400, 'The object was stored using a form of Server Side Encryption.', /SSE-C/],
    ['AccessDenied', 403, 'not authorized to perform: s3:GetObject', /access denied .*s3:GetObject/],
    ['KMS.DisabledException', 400, 'key/1 is disabled', /KMS key cannot be used .*key\/1/],
  ])('names an object that S3 answers with %s', async (code, status, message, reason) => {
    s3.on(GetObjectCommand).rejects(refusal(code, status, message));
    const opened = await source().open({ ...LISTED, fingerprint: state('"v1"', 3, 'GLACIER') });
    expect(opened).toMatchObject({ state: 'unprotected', reason: expect.stringMatching(reason) });
  });

  it.each(['InvalidAccessKeyId', 'ExpiredToken', 'SignatureDoesNotMatch', 'InvalidToken'])(
    'blames no object when the credentials are bad: %s',
    async (code) => {
      s3.on(GetObjectCommand).rejects(refusal(code, 403));
      await expect(source().open(LISTED)).rejects.toThrow(AccessDeniedError);
    },
  );

  it('blames no object for a throttle', async () => {
    s3.on(GetObjectCommand).rejects(refusal('SlowDown', 503));
    await expect(source().open(LISTED)).rejects.toThrow(TransientError);
  });

  it('lets an error that it does not know pass untouched', async () => {
    const bug = new TypeError('a bug');
    s3.on(GetObjectCommand).rejects(bug);
    await expect(source().open(LISTED)).rejects.toBe(bug);
  });

  it.each([
    ['has another size than was listed', { ContentLength: 243 }],
    ['has no ETag', { ETag: undefined }],
    ['has no length', { ContentLength: undefined }],
    ['has no time', { LastModified: undefined }],
  ])('never takes an answer for the object that %s', async (_, headers) => {
    s3.on(GetObjectCommand).callsFake(() => answer(headers, '<Error>'));
    expect(await source().open(LISTED)).toMatchObject({ state: 'unprotected' });
    expect(s3.commandCalls(GetObjectCommand).length).toBe(4);
    s3.on(GetObjectCommand).resolvesOnce(answer(headers, '<Error>')).resolves(answer());
    expect(await source().open(LISTED)).toMatchObject({ state: 'open' });
  });

  it('never ends content that is longer than S3 said', async () => {
    s3.on(GetObjectCommand).resolves(answer({}, 'abcd'));
    expect(await source().open(LISTED)).toMatchObject({ state: 'unprotected' });
  });
});

describe('the attributes of an S3 object', () => {
  it('are those of its headers', async () => {
    expect(
      await attributesOf({
        ContentType: 'text/plain',
        CacheControl: 'no-cache',
        ContentEncoding: 'gzip',
        ContentDisposition: 'attachment',
        ContentLanguage: 'de',
        ExpiresString: 'tomorrow',
        Metadata: { b: '=?UTF-8?B?w7w=?=', a: '' },
        MissingMeta: 2,
        StorageClass: 'STANDARD_IA',
        WebsiteRedirectLocation: '/there',
        ServerSideEncryption: 'aws:kms',
        SSEKMSKeyId: 'arn:aws:kms:eu-west-1:1:key/1',
        BucketKeyEnabled: true,
        ObjectLockMode: 'COMPLIANCE',
        ObjectLockRetainUntilDate: new Date('2030-01-01T00:00:00.500Z'),
        ObjectLockLegalHoldStatus: 'ON',
      }),
    ).toEqual({
      type: 'object',
      contentType: 'text/plain',
      cacheControl: 'no-cache',
      contentEncoding: 'gzip',
      contentDisposition: 'attachment',
      contentLanguage: 'de',
      expires: 'tomorrow',
      metadata: { a: '', b: '=?UTF-8?B?w7w=?=' },
      missingMetadata: 2,
      storageClass: 'STANDARD_IA',
      websiteRedirect: '/there',
      encryption: { algorithm: 'aws:kms', kmsKeyId: 'arn:aws:kms:eu-west-1:1:key/1', bucketKey: true },
      objectLock: { mode: 'COMPLIANCE', retainUntil: '2030-01-01T00:00:00.500Z', legalHold: 'ON' },
    });
  });

  it('leave out what every object has', async () => {
    const plain = { ServerSideEncryption: 'AES256', StorageClass: 'STANDARD', Metadata: {}, MissingMeta: 0 } as const;
    expect(await attributesOf({ ...plain, BucketKeyEnabled: false, ObjectLockLegalHoldStatus: 'OFF' })).toEqual({
      type: 'object',
    });
  });

  it('have its tags in key order, of the version that is read', async () => {
    s3.on(GetObjectTaggingCommand).resolves({
      TagSet: [
        { Key: 'b', Value: '2' },
        { Key: 'a', Value: '' },
      ],
    });
    const { tags } = await attributesOf({ TagCount: 2, VersionId: 'ver-7' });
    expect(tags).toEqual([
      ['a', ''],
      ['b', '2'],
    ]);
    expect(s3.commandCalls(GetObjectTaggingCommand)[0]?.args[0].input).toMatchObject({ VersionId: 'ver-7' });
    expect(s3.commandCalls(HeadObjectCommand)).toEqual([]);
  });

  it('never mix tags with the content of an object that was replaced between the two', async () => {
    s3.on(GetObjectCommand).callsFake(() => answer({ TagCount: 1 }));
    s3.on(GetObjectTaggingCommand).resolves({ TagSet: [{ Key: 'of', Value: 'v2' }] });
    s3.on(HeadObjectCommand).rejectsOnce(refusal('Unknown', 412)).resolves({});
    expect((await source().open(LISTED)).state).toBe('open');
    expect(s3.commandCalls(HeadObjectCommand)[0]?.args[0].input).toMatchObject({ Key: 'p/k', IfMatch: '"v1"' });
    expect(s3.commandCalls(GetObjectCommand).length).toBe(2);
  });

  it('are not there when tags may not be read: the object is named', async () => {
    s3.on(GetObjectCommand).resolves(answer({ TagCount: 1 }));
    s3.on(GetObjectTaggingCommand).rejects(refusal('AccessDenied', 403, 'not authorized: s3:GetObjectTagging'));
    expect(await source().open(LISTED)).toEqual({
      state: 'unprotected',
      denied: true,
      reason: expect.stringContaining('s3:GetObjectTagging'),
    });
  });

  const FULL = { Grantee: { Type: 'CanonicalUser', ID: 'me' }, Permission: 'FULL_CONTROL' } as const;
  const PUBLIC = {
    Grantee: { Type: 'Group', URI: 'http://acs.amazonaws.com/groups/global/AllUsers' },
    Permission: 'READ',
  } as const;
  const FRIEND = { Grantee: { Type: 'CanonicalUser', ID: 'friend' }, Permission: 'READ_ACP' } as const;

  it('have its grants where the bucket uses ACLs and they are not the default', async () => {
    owner('ObjectWriter');
    s3.on(GetObjectAclCommand).resolves({ Owner: { ID: 'me' }, Grants: [PUBLIC, FULL, FRIEND] });
    expect((await attributesOf({})).grants).toEqual([
      ['id=friend', 'READ_ACP'],
      ['owner', 'FULL_CONTROL'],
      ['uri=http://acs.amazonaws.com/groups/global/AllUsers', 'READ'],
    ]);
    s3.on(GetObjectAclCommand).resolves({ Owner: { ID: 'me' }, Grants: [FULL] });
    expect(await attributesOf({})).toEqual({ type: 'object' });
  });

  it('have its grants in a bucket without an ownership setting', async () => {
    s3.on(GetBucketOwnershipControlsCommand).rejects(refusal('OwnershipControlsNotFoundError', 404));
    s3.on(GetObjectAclCommand).resolves({ Owner: { ID: 'me' }, Grants: [] });
    expect((await attributesOf({})).grants).toEqual([]);
  });

  it('have no grants where the ownership setting may not be read', async () => {
    s3.on(GetBucketOwnershipControlsCommand).rejects(refusal('AccessDenied', 403));
    expect(await attributesOf({})).toEqual({ type: 'object' });
    expect(s3.commandCalls(GetObjectAclCommand)).toEqual([]);
  });

  it('are asked for again after the question about ACLs failed for a while', async () => {
    s3.on(GetBucketOwnershipControlsCommand)
      .rejectsOnce(refusal('SlowDown', 503))
      .resolves({ OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] } });
    s3.on(GetObjectCommand).callsFake(() => answer());
    const reader = source();
    await expect(reader.open(LISTED)).rejects.toThrow(TransientError);
    expect((await reader.open(LISTED)).state).toBe('open');
  });
});

describe('the difference of attributes', () => {
  const differ = (stored: Attributes, found: Attributes) =>
    source().attributesDiffer({ type: 'object', ...stored }, { type: 'object', ...found });

  it.each([
    'contentType',
    'cacheControl',
    'contentEncoding',
    'contentDisposition',
    'contentLanguage',
    'expires',
    'metadata',
    'tags',
    'storageClass',
    'websiteRedirect',
    'encryption',
    'objectLock',
    'grants',
  ])('is told for %s', (name) => {
    expect(differ({ [name]: 'a' }, { [name]: 'a' })).toBeUndefined();
    expect(differ({ [name]: 'a' }, { [name]: 'b' })).toBe(`${name} was "a", is "b"`);
    expect(differ({ [name]: 'a' }, {})).toBe(`${name} was "a", is absent`);
  });

  it('is none between records in another order', () => {
    expect(differ({ metadata: { a: '1', b: '2' } }, { metadata: { b: '2', a: '1' } })).toBeUndefined();
  });

  it('is none where a bucket fills in what was not asked for', () => {
    expect(differ({}, { contentType: 'binary/octet-stream', encryption: {}, objectLock: {} })).toBeUndefined();
    expect(differ({}, { metadata: { a: '1' } })).toBe('metadata was absent, is {"a":"1"}');
  });

  it.each(['file', 'directory'])('is none for what was a %s: an object has nothing to compare', (type) => {
    expect(source().attributesDiffer({ type, mode: 0o644 }, { type: 'object', contentType: 'x' })).toBeUndefined();
  });
});
