import {
  DeleteObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  AccessDeniedError,
  IntegrityError,
  LockedError,
  NotFoundError,
  TransientError,
} from '../../functions/core/errors.ts';
import { s3BlobStore } from '../../functions/stores/s3.ts';

const sdk = mockClient(S3Client);
const store = s3BlobStore(new S3Client({ region: 'eu-west-1' }), { bucket: 'acme-vault', prefix: 'v1/' });
const BYTES = Buffer.from('bytes');
const MODIFIED = new Date('2026-11-25T10:00:00Z');

beforeEach(() => sdk.reset());

function vendorError(name: string, status: number, message = name): Error {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status } });
}

/** The inputs of every command sent, in order. */
function inputs(): unknown[] {
  return sdk.calls().map((call) => call.args[0].input);
}

describe('writing to a bucket', () => {
  it('creates with the condition that nothing is there', async () => {
    sdk.on(PutObjectCommand).resolves({});
    expect(await store.putNew('packs/ab/x', BYTES)).toBe('written');
    expect(inputs()).toEqual([{ Bucket: 'acme-vault', Key: 'v1/packs/ab/x', Body: BYTES, IfNoneMatch: '*' }]);
  });

  it('replaces without a condition', async () => {
    sdk.on(PutObjectCommand).resolves({});
    await store.put('holdfast.json', BYTES);
    expect(inputs()).toEqual([{ Bucket: 'acme-vault', Key: 'v1/holdfast.json', Body: BYTES }]);
  });

  it('takes a failed condition for "exists"', async () => {
    sdk.on(PutObjectCommand).rejects(vendorError('PreconditionFailed', 412));
    expect(await store.putNew('a', BYTES)).toBe('exists');
    expect(inputs()).toHaveLength(1);
  });

  it('repeats a write that met another in flight', async () => {
    const conflict = vendorError('ConditionalRequestConflict', 409);
    sdk.on(PutObjectCommand).rejectsOnce(conflict).rejectsOnce(conflict).resolves({});
    expect(await store.putNew('a', BYTES)).toBe('written');
    expect(inputs()).toHaveLength(3);
  });

  it('ends a repetition with "exists" when the other write won', async () => {
    sdk
      .on(PutObjectCommand)
      .rejectsOnce(vendorError('ConditionalRequestConflict', 409))
      .rejects(vendorError('PreconditionFailed', 412));
    expect(await store.putNew('a', BYTES)).toBe('exists');
  });

  it('gives a write up as transient when every attempt meets another', async () => {
    sdk.on(PutObjectCommand).rejects(vendorError('ConditionalRequestConflict', 409));
    await expect(store.putNew('a', BYTES)).rejects.toThrow(TransientError);
    expect(inputs()).toHaveLength(5);
  });

  it.each(['putNew', 'put'] as const)('translates the errors of %s, naming the place and the blob', async (method) => {
    sdk.on(PutObjectCommand).rejects(vendorError('AccessDenied', 403));
    const write = store[method]('a', BYTES);
    await expect(write).rejects.toThrow(AccessDeniedError);
    await expect(write).rejects.toThrow('s3://acme-vault/v1/: writing a: access is denied');
  });

  it('lets an unknown error pass untouched', async () => {
    const bug = new TypeError('a bug');
    sdk.on(PutObjectCommand).rejects(bug);
    await expect(store.putNew('a', BYTES)).rejects.toBe(bug);
  });
});

describe('finding in a bucket', () => {
  it('asks for the head of the object alone', async () => {
    sdk.on(HeadObjectCommand).resolves({ ContentLength: 5, LastModified: MODIFIED });
    expect(await store.find('a')).toEqual({ name: 'a', sizeBytes: 5, modifiedAt: '2026-11-25T10:00:00.000Z' });
    expect(inputs()).toEqual([{ Bucket: 'acme-vault', Key: 'v1/a' }]);
  });

  it('is sure of an absence only once a listing shows that the bucket is there', async () => {
    sdk.on(HeadObjectCommand).rejects(vendorError('NotFound', 404));
    sdk.on(ListObjectsV2Command).resolves({ IsTruncated: false });
    expect(await store.find('a')).toBeUndefined();
    expect(inputs()[1]).toEqual({ Bucket: 'acme-vault', Prefix: 'v1/a', MaxKeys: 1 });
    sdk.on(ListObjectsV2Command).rejects(vendorError('NoSuchBucket', 404));
    await expect(store.find('a')).rejects.toThrow(NotFoundError);
  });

  it('never takes a refusal for an absence', async () => {
    sdk.on(HeadObjectCommand).rejects(vendorError('403', 403));
    await expect(store.find('a')).rejects.toThrow(AccessDeniedError);
  });

  it('does not make up a size that it was not told', async () => {
    sdk.on(HeadObjectCommand).resolves({ LastModified: MODIFIED });
    await expect(store.find('a')).rejects.toThrow(IntegrityError);
  });
});

describe('listing a bucket', () => {
  const object = (Key: string) => ({ Key, Size: 1, LastModified: MODIFIED });
  const list = async (prefix = '') => {
    const names: string[] = [];
    for await (const { name } of store.list(prefix)) names.push(name);
    return names;
  };
  const answer = (...pages: Partial<ListObjectsV2CommandOutput>[]) => {
    const behaviour = sdk.on(ListObjectsV2Command);
    for (const page of pages) behaviour.resolvesOnce(page);
    behaviour.rejects(new Error('one page too many was asked for'));
  };

  it('goes from page to page to the end', async () => {
    answer(
      { Contents: [object('v1/a'), object('v1/b')], IsTruncated: true, NextContinuationToken: 'T1' },
      { IsTruncated: true, NextContinuationToken: 'T2' },
      { Contents: [object('v1/c')], IsTruncated: false },
    );
    expect(await list()).toEqual(['a', 'b', 'c']);
    const common = { Bucket: 'acme-vault', Prefix: 'v1/', EncodingType: 'url' };
    expect(inputs()).toEqual([common, { ...common, ContinuationToken: 'T1' }, { ...common, ContinuationToken: 'T2' }]);
  });

  it('asks for the prefix within the place', async () => {
    answer({ Contents: [object('v1/packs/ab/x')], IsTruncated: false });
    expect(await list('packs/a')).toEqual(['packs/ab/x']);
    expect(inputs()).toMatchObject([{ Prefix: 'v1/packs/a' }]);
  });

  it('decodes keys only where the answer says that they are encoded', async () => {
    const odd = s3BlobStore(new S3Client({ region: 'eu-west-1' }), { bucket: 'acme-vault', prefix: 'ü +/' });
    const names = async () => {
      for await (const { name } of odd.list('')) return name;
      return undefined;
    };
    answer({ Contents: [object('%C3%BC+%2B/a')], EncodingType: 'url', IsTruncated: false });
    expect(await names()).toBe('a');
    sdk.reset();
    answer({ Contents: [object('ü +/a')], IsTruncated: false });
    expect(await names()).toBe('a');
  });

  it('passes over what no blob is named', async () => {
    const foreign = ['v1/', 'v1/A/', 'v1/a b', 'v1/.tmp/x', 'v1/ü'].map(object);
    answer({ Contents: [...foreign, object('v1/b')], IsTruncated: false });
    expect(await list()).toEqual(['b']);
  });

  it.each<[string, Partial<ListObjectsV2CommandOutput>[]]>([
    ['there is more and no token', [{ Contents: [object('v1/a')], IsTruncated: true }]],
    [
      'a token comes again',
      [
        { Contents: [object('v1/a')], IsTruncated: true, NextContinuationToken: 'T1' },
        { Contents: [object('v1/b')], IsTruncated: true, NextContinuationToken: 'T2' },
        { Contents: [object('v1/c')], IsTruncated: true, NextContinuationToken: 'T1' },
      ],
    ],
    ['it does not say whether there is more', [{ Contents: [object('v1/a')] }]],
    ['it says nothing at all', [{}]],
    ['names are out of order', [{ Contents: [object('v1/b'), object('v1/a')], IsTruncated: false }]],
    ['a name comes twice', [{ Contents: [object('v1/a'), object('v1/a')], IsTruncated: false }]],
    [
      'a page begins before the last one ended',
      [
        { Contents: [object('v1/b')], IsTruncated: true, NextContinuationToken: 'T1' },
        { Contents: [object('v1/a')], IsTruncated: false },
      ],
    ],
    ['a key lies outside the place', [{ Contents: [object('other/a')], IsTruncated: false }]],
    ['a key is not encoded as it says', [{ Contents: [object('v1/%ZZ')], EncodingType: 'url', IsTruncated: false }]],
    ['an object has no key', [{ Contents: [{ Size: 1, LastModified: MODIFIED }], IsTruncated: false }]],
    ['an object has no size', [{ Contents: [{ Key: 'v1/a', LastModified: MODIFIED }], IsTruncated: false }]],
    ['an object has no time', [{ Contents: [{ Key: 'v1/a', Size: 1 }], IsTruncated: false }]],
  ])('throws IntegrityError when %s', async (_, pages) => {
    answer(...pages);
    await expect(list()).rejects.toThrow(IntegrityError);
  });

  it('throws what is wrong with a later page', async () => {
    sdk
      .on(ListObjectsV2Command)
      .resolvesOnce({ Contents: [object('v1/a')], IsTruncated: true, NextContinuationToken: 'T1' })
      .rejects(vendorError('SlowDown', 503));
    await expect(list('a')).rejects.toThrow(TransientError);
  });
});

describe('deleting from a bucket', () => {
  const notFound = vendorError('NotFound', 404);

  it('deletes the object by its key where there are no versions', async () => {
    sdk.on(HeadObjectCommand).resolves({ ContentLength: 1, LastModified: MODIFIED });
    sdk.on(DeleteObjectCommand).resolves({});
    await store.delete('a');
    expect(inputs()).toEqual([
      { Bucket: 'acme-vault', Key: 'v1/a' },
      { Bucket: 'acme-vault', Key: 'v1/a' },
    ]);
    expect(sdk.commandCalls(DeleteObjectCommand)).toHaveLength(1);
  });

  it('deletes version after version, by its id', async () => {
    sdk
      .on(HeadObjectCommand)
      .resolvesOnce({ LastModified: MODIFIED, VersionId: 'v2' })
      .resolvesOnce({ LastModified: new Date(0), VersionId: 'null' })
      .rejects(notFound);
    sdk.on(DeleteObjectCommand).resolves({});
    await store.delete('a');
    expect(sdk.commandCalls(DeleteObjectCommand).map((call) => call.args[0].input)).toEqual([
      { Bucket: 'acme-vault', Key: 'v1/a', VersionId: 'v2' },
      { Bucket: 'acme-vault', Key: 'v1/a', VersionId: 'null' },
    ]);
  });

  it('leaves a version alone that was written after the deletion began', async () => {
    sdk
      .on(HeadObjectCommand)
      .resolvesOnce({ LastModified: MODIFIED, VersionId: 'v1' })
      .resolves({ LastModified: new Date(MODIFIED.getTime() + 1000), VersionId: 'v2' });
    sdk.on(DeleteObjectCommand).resolves({});
    await store.delete('a');
    expect(sdk.commandCalls(DeleteObjectCommand)).toHaveLength(1);
  });

  it('deletes nothing when nothing is there', async () => {
    sdk.on(HeadObjectCommand).rejects(notFound);
    sdk.on(ListObjectsV2Command).resolves({ IsTruncated: false });
    await store.delete('a');
    expect(sdk.commandCalls(DeleteObjectCommand)).toHaveLength(0);
  });

  const refusal = (message: string) => vendorError('AccessDenied', 403, message);
  const later = new Date('2999-01-01T00:00:00Z');
  const earlier = new Date('2000-01-01T00:00:00Z');

  it.each([
    ['S3 names Object Lock', {}, 'Access Denied because object protected by object lock.', 'is locked; delete'],
    ['another store names WORM', {}, 'Object is WORM protected and cannot be overwritten', 'is locked; delete'],
    ['the object is retained', { ObjectLockRetainUntilDate: later }, 'Access Denied', `until ${later.toISOString()}`],
    ['the object is held', { ObjectLockLegalHoldStatus: 'ON' as const }, 'Access Denied', 'legal hold'],
  ])('tells a lock from a refusal when %s', async (_, found, message, said) => {
    sdk.on(HeadObjectCommand).resolves({ LastModified: MODIFIED, VersionId: 'v1', ...found });
    sdk.on(DeleteObjectCommand).rejects(refusal(message));
    const deletion = store.delete('a');
    await expect(deletion).rejects.toThrow(LockedError);
    await expect(deletion).rejects.toThrow(said);
  });

  it.each([
    [
      'a policy refuses',
      {},
      'User: arn:aws:iam::1:role/worm-object-lock is not authorized to perform: s3:DeleteObject',
    ],
    ['the retention is over', { ObjectLockRetainUntilDate: earlier }, 'Access Denied'],
    ['the hold is off', { ObjectLockLegalHoldStatus: 'OFF' as const }, 'Access Denied'],
  ])('tells a refusal from a lock when %s', async (_, found, message) => {
    sdk.on(HeadObjectCommand).resolves({ LastModified: MODIFIED, VersionId: 'v1', ...found });
    sdk.on(DeleteObjectCommand).rejects(refusal(message));
    await expect(store.delete('a')).rejects.toThrow(AccessDeniedError);
  });

  it('does not take the words of a place for those of the store', async () => {
    const named = s3BlobStore(new S3Client({ region: 'eu-west-1' }), {
      bucket: 'acme-vault',
      prefix: 'WORM object lock/',
    });
    sdk.on(HeadObjectCommand).resolves({ LastModified: MODIFIED, VersionId: 'v1' });
    sdk.on(DeleteObjectCommand).rejects(refusal('Access Denied'));
    await expect(named.delete('a')).rejects.toThrow(AccessDeniedError);
  });

  it('does not take another error for a lock', async () => {
    sdk.on(HeadObjectCommand).resolves({ LastModified: MODIFIED, VersionId: 'v1', ObjectLockRetainUntilDate: later });
    sdk.on(DeleteObjectCommand).rejects(vendorError('SlowDown', 503));
    await expect(store.delete('a')).rejects.toThrow(TransientError);
  });
});
