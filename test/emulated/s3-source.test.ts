/** S3 as source and target on moto. What the source reads and writes is judged by raw requests of the SDK. */

import {
  DeleteObjectCommand,
  GetBucketAccelerateConfigurationCommand,
  GetBucketCorsCommand,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketOwnershipControlsCommand,
  GetBucketPolicyCommand,
  GetBucketTaggingCommand,
  GetBucketVersioningCommand,
  GetBucketWebsiteCommand,
  GetObjectCommand,
  GetObjectLockConfigurationCommand,
  GetObjectTaggingCommand,
  GetPublicAccessBlockCommand,
  type LifecycleRule,
  ListObjectsV2Command,
  PutBucketAccelerateConfigurationCommand,
  PutBucketCorsCommand,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketOwnershipControlsCommand,
  PutBucketPolicyCommand,
  PutBucketTaggingCommand,
  PutBucketVersioningCommand,
  PutBucketWebsiteCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  PutObjectLockConfigurationCommand,
  PutPublicAccessBlockCommand,
  RestoreObjectCommand,
  type S3Client,
  type ServerSideEncryptionRule,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { closeContent } from '../../functions/core/content.ts';
import { keyFromText, type ListedEntry, type PresentEntry } from '../../functions/core/entry.ts';
import { NotFoundError } from '../../functions/core/errors.ts';
import { sha256Hex } from '../../functions/core/ids.ts';
import { s3Source } from '../../functions/sources/s3.ts';
import { describeTarget, listAll, patternOf, pieces, readEntry } from '../contracts/source.ts';
import { createBucket, type Emulator, emulatedS3Client, startMoto } from './services.ts';

let moto: Emulator;
let client: S3Client;
let buckets = 0;
beforeAll(async () => {
  moto = await startMoto();
  client = emulatedS3Client(moto.endpoint);
});
afterAll(async () => {
  client.destroy();
  await moto.stop();
});

/** A new bucket as S3 makes them today: without ACLs. */
async function newBucket({ acls = false, lockable = false } = {}): Promise<string> {
  buckets += 1;
  const bucket = `source-${buckets}`;
  await createBucket(client, bucket, { lockable });
  const ObjectOwnership = acls ? 'ObjectWriter' : 'BucketOwnerEnforced';
  await client.send(
    new PutBucketOwnershipControlsCommand({ Bucket: bucket, OwnershipControls: { Rules: [{ ObjectOwnership }] } }),
  );
  return bucket;
}

const sourceOf = (bucket: string, prefix = '') => s3Source(client, { scheme: 's3', bucket, prefix });
const putRaw = (bucket: string, Key: string, Body: Buffer | string = '', more: Partial<PutObjectCommandInput> = {}) =>
  client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: Buffer.from(Body), ...more }));

/** All that S3 says of an object, but for what differs between two copies, or between one that came whole and one in parts. */
async function rawObject(bucket: string, Key: string) {
  const at = { Bucket: bucket, Key };
  const { Body, LastModified, ETag, ChecksumCRC32, $metadata, ...headers } = await client.send(
    new GetObjectCommand(at),
  );
  const content = Buffer.from((await Body?.transformToByteArray()) ?? []);
  const { TagSet } = await client.send(new GetObjectTaggingCommand(at));
  return { ...headers, sha256: sha256Hex(content), TagSet };
}

async function rawKeys(bucket: string): Promise<string[]> {
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket, EncodingType: 'url' }));
  return Contents.map(({ Key = '' }) => decodeURIComponent(Key));
}

/** Reads every entry of one place and writes it into another, as a backup and a restore would; returns what was not held. */
async function copy(from: string, to: string): Promise<string[]> {
  const [source, target] = [sourceOf(from), sourceOf(to)];
  const notHeld: string[] = [];
  for (const line of await listAll(source)) {
    const read = await readEntry(source, line);
    expect(read.fingerprint).toBe(line.fingerprint);
    const entry: PresentEntry = {
      key: line.key,
      state: 'present',
      fingerprint: read.fingerprint,
      attributes: read.attributes,
      sha256: sha256Hex(read.content),
      sizeBytes: read.sizeBytes,
      extents: [],
    };
    notHeld.push(...(await target.write(entry, pieces(read.content))));
  }
  return notHeld;
}

for (const prefix of ['', 'a pre+fix/'])
  describeTarget(`S3 under "${prefix}"`, async () => {
    const bucket = await newBucket();
    return {
      uri: `s3://${bucket}/${prefix}`,
      target: sourceOf(bucket, prefix),
      attributes: (_, version) => ({
        type: 'object',
        contentType: `text/v${version}`,
        metadata: { version: String(version) },
        tags: [['version', String(version)]],
      }),
      dispose: async () => {},
    };
  });

describe('keys of S3 objects', () => {
  const KEYS = [
    ...['a//b', '//', '/', '/a', 'a', 'a/', '.', '..', './x', 'a/../b', 'a/.', 'a/..', '../x'],
    ...['\u0001x', 'a\rb', 'a\nb', 'a\tb', 'a+b', 'a b', ' a ', '50%.jpg', 'a%2Bb', '%', '%2', 'ü', 'u\u0308'],
    ...['\u{1f600}', '\ue000', 'é'.repeat(512), 'x'.repeat(1024), '007', '1e3', 'true', '&amp;<x>', '?q=1#f', '\'"\\'],
  ];
  const sorted = KEYS.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

  it('are listed and opened exactly as they are', async () => {
    const bucket = await newBucket();
    for (const key of KEYS) await putRaw(bucket, key, `of ${key}`);
    const source = sourceOf(bucket);
    const listed = await listAll(source);
    expect(listed.map(({ key }) => key)).toEqual(sorted.map(keyFromText));
    for (const [index, line] of listed.entries())
      expect((await readEntry(source, line)).content.toString()).toBe(`of ${sorted[index]}`);
  });

  it('come back under the very same keys', async () => {
    const [from, to] = [await newBucket(), await newBucket()];
    for (const key of KEYS) await putRaw(from, key, `of ${key}`);
    expect(await copy(from, to)).toEqual([]);
    expect(await rawKeys(to)).toEqual(sorted);
    for (const key of KEYS) expect((await rawObject(to, key)).sha256).toBe(sha256Hex(`of ${key}`));
  });

  it('lose their prefix, literally, and no more', async () => {
    const bucket = await newBucket();
    for (const key of ['p', 'p+', 'p+/a', 'p+b', 'p a', 'q']) await putRaw(bucket, key);
    expect((await listAll(sourceOf(bucket, 'p+'))).map(({ key }) => key)).toEqual(['', '/a', 'b']);
  });

  it('are listed beyond one page', async () => {
    const bucket = await newBucket();
    const keys = Array.from({ length: 1005 }, (_, index) => `k${String(index).padStart(4, '0')}`);
    for (let index = 0; index < keys.length; index += 15)
      await Promise.all(keys.slice(index, index + 15).map((key) => putRaw(bucket, key)));
    const listed = async (range: Parameters<typeof listAll>[1]) =>
      (await listAll(sourceOf(bucket), range)).map(({ key }) => key);
    expect(await listed({})).toEqual(keys);
    const bounds = { after: keyFromText('k0002'), upTo: keyFromText('k1003') };
    expect(await listed(bounds)).toEqual(keys.slice(3, 1004));
  });
});

describe('attributes of S3 objects', () => {
  const ALL: Partial<PutObjectCommandInput> = {
    ContentType: 'text/plain; charset=utf-8',
    CacheControl: 'max-age=60',
    ContentEncoding: 'gzip',
    ContentDisposition: 'attachment; filename="a b.txt"',
    ContentLanguage: 'de, en',
    Expires: new Date('2030-01-01T00:00:00Z'),
    Metadata: { mixed: 'Case Value', empty: '', encoded: '=?UTF-8?B?w7w=?=' },
    Tagging: Array.from({ length: 10 }, (_, n) => `key%20${n}=v%2B%3D%3A%20${n}`).join('&'),
    StorageClass: 'STANDARD_IA',
    WebsiteRedirectLocation: '/elsewhere?a=b',
  };
  const SIZES = [64, 1024, 8192].flatMap((kib) => [kib * 1024 - 1, kib * 1024, kib * 1024 + 1]);

  it.each([0, ...SIZES])('all come back with %i bytes', async (sizeBytes) => {
    const [from, to] = [await newBucket(), await newBucket()];
    await putRaw(from, 'k', patternOf(sizeBytes, 1), ALL);
    expect(await copy(from, to)).toEqual([]);
    const [before, after] = [await rawObject(from, 'k'), await rawObject(to, 'k')];
    expect(before).toMatchObject({ TagCount: 10, ExpiresString: 'Tue, 01 Jan 2030 00:00:00 GMT' });
    expect(after).toEqual(before);
  });

  it('come back with a "folder" that has a body, and with an empty object', async () => {
    const [from, to] = [await newBucket(), await newBucket()];
    await putRaw(from, 'folder/', 'a body', { Metadata: { a: '1' } });
    await putRaw(from, 'empty', '', { Metadata: { b: '2' } });
    expect(await copy(from, to)).toEqual([]);
    for (const key of ['folder/', 'empty']) expect(await rawObject(to, key)).toEqual(await rawObject(from, key));
  });

  it.each([100, 8 * 1024 * 1024])('bring the KMS key back with %i bytes', async (sizeBytes) => {
    const [from, to] = [await newBucket(), await newBucket()];
    const key = 'arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab';
    await putRaw(from, 'k', patternOf(sizeBytes, 1), { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: key });
    expect(await copy(from, to)).toEqual([]);
    expect(await rawObject(to, 'k')).toMatchObject({ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: key });
  });

  // That they are set again is tested with exact requests: moto takes PutObjectAcl and ignores its body.
  it('have grants where the bucket uses ACLs and they are not the default', async () => {
    const bucket = await newBucket({ acls: true });
    await putRaw(bucket, 'private', 'x');
    await putRaw(bucket, 'public', 'x', { ACL: 'public-read' });
    const source = sourceOf(bucket);
    const grants = [];
    for (const line of await listAll(source)) grants.push((await readEntry(source, line)).attributes.grants);
    const everyone = 'uri=http://acs.amazonaws.com/groups/global/AllUsers';
    expect(grants).toEqual([
      undefined,
      [
        ['owner', 'FULL_CONTROL'],
        [everyone, 'READ'],
      ],
    ]);
  });

  it('bring locks back, and are named where the bucket has none', async () => {
    const [from, to, open] = [
      await newBucket({ lockable: true }),
      await newBucket({ lockable: true }),
      await newBucket(),
    ];
    const lock = {
      ObjectLockMode: 'GOVERNANCE',
      ObjectLockRetainUntilDate: new Date('2099-01-01T00:00:00Z'),
      ObjectLockLegalHoldStatus: 'ON',
    } as const;
    await putRaw(from, 'k', 'x', lock);
    expect(await copy(from, to)).toEqual([]);
    expect(await rawObject(to, 'k')).toMatchObject(lock);
    expect(await copy(from, open)).toEqual(['objectLock']);
    expect((await rawObject(open, 'k')).sha256).toBe(sha256Hex('x'));
  });
});

describe('S3 objects that are not simply there', () => {
  let bucket: string;
  beforeEach(async () => {
    bucket = await newBucket();
  });

  it('are named when they are archived, and read when they are restored for a while', async () => {
    for (const StorageClass of ['GLACIER', 'DEEP_ARCHIVE'] as const)
      for (const key of ['kept', 'restored']) await putRaw(bucket, `${StorageClass}/${key}`, 'x', { StorageClass });
    await putRaw(bucket, 'warm', 'x');
    const RestoreRequest = { Days: 1 };
    await client.send(new RestoreObjectCommand({ Bucket: bucket, Key: 'GLACIER/restored', RestoreRequest }));
    const source = sourceOf(bucket);
    const found: Record<string, string> = {};
    for (const line of await listAll(source)) {
      const opened = await source.open(line);
      found[line.key] = opened.state === 'unprotected' ? opened.reason : opened.state;
      if (opened.state === 'open') await closeContent(opened.content);
    }
    const archived = (name: string) =>
      `it is archived in storage class ${name}; restore it from the archive, then run again`;
    expect(found).toEqual({
      'DEEP_ARCHIVE/kept': archived('DEEP_ARCHIVE'),
      'DEEP_ARCHIVE/restored': archived('DEEP_ARCHIVE'),
      'GLACIER/kept': archived('GLACIER'),
      'GLACIER/restored': 'open',
      warm: 'open',
    });
  });

  it('are gone, new, or newer than they were listed', async () => {
    for (const key of ['deleted', 'replaced']) await putRaw(bucket, key, 'first');
    const source = sourceOf(bucket);
    const [deleted, replaced] = await listAll(source);
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'deleted' }));
    await putRaw(bucket, 'replaced', 'second and longer');
    await putRaw(bucket, 'created', 'x');
    expect(await source.open(existing(deleted))).toEqual({ state: 'gone' });
    const read = await readEntry(source, replaced);
    expect(read.content.toString()).toBe('second and longer');
    const again = await listAll(source);
    expect(again.map(({ key }) => key)).toEqual(['created', 'replaced']);
    expect(read.fingerprint).toBe(again[1]?.fingerprint);
  });

  it('are as they are now where the bucket is versioned, deletions included', async () => {
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    await putRaw(bucket, 'from before', 'old');
    await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }));
    const remove = (Key: string) => client.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
    await putRaw(bucket, 'a deleted', 'x');
    await remove('a deleted');
    await putRaw(bucket, 'b live', 'first', { Tagging: 'v=1' });
    await putRaw(bucket, 'b live', 'second', { Tagging: 'v=2' });
    await putRaw(bucket, 'c back', 'first');
    await remove('c back');
    await putRaw(bucket, 'c back', 'again');
    const source = sourceOf(bucket);
    const read: string[] = [];
    for (const line of await listAll(source)) {
      const { content, attributes } = await readEntry(source, line);
      read.push(`${line.key}: ${content} ${JSON.stringify(attributes.tags ?? [])}`);
    }
    expect(read).toEqual(['b live: second [["v","2"]]', 'c back: again []', 'from before: old []']);
    await source.remove(keyFromText('b live'));
    expect(await rawKeys(bucket)).toEqual(['c back', 'from before']);
    expect(await source.open({ ...existing((await listAll(source))[0]), key: keyFromText('b live') })).toEqual({
      state: 'gone',
    });
  });

  it('are in no bucket that is absent', async () => {
    const absent = sourceOf('no-such-bucket');
    await expect(listAll(absent)).rejects.toThrow(NotFoundError);
    await expect(absent.settings()).rejects.toThrow(NotFoundError);
    const line: ListedEntry = {
      key: keyFromText('k'),
      sizeBytes: 0,
      fingerprint: '["e",0,"2026-01-01T00:00:00Z","STANDARD"]',
    };
    await expect(absent.open(line)).rejects.toThrow(NotFoundError);
  });
});

describe('the settings of a bucket', () => {
  it('are captured and set again on another bucket', async () => {
    const [from, to] = [await newBucket({ acls: true }), await newBucket()];
    const at = { Bucket: from };
    const policy = {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${from}/*` }],
    };
    const Rules: LifecycleRule[] = [
      {
        ID: 'r',
        Status: 'Enabled',
        Filter: { Prefix: 'tmp/' },
        Expiration: { Date: new Date('2030-01-01T00:00:00Z') },
      },
    ];
    const cors = [{ AllowedMethods: ['GET'], AllowedOrigins: ['https://app.example'], MaxAgeSeconds: 60 }];
    const encryption: ServerSideEncryptionRule[] = [
      { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' }, BucketKeyEnabled: false },
    ];
    const website = { IndexDocument: { Suffix: 'index.html' }, ErrorDocument: { Key: 'error.html' } };
    const block = {
      BlockPublicAcls: true,
      IgnorePublicAcls: true,
      BlockPublicPolicy: false,
      RestrictPublicBuckets: false,
    };
    const tags = [{ Key: 'team', Value: 'web' }];
    await client.send(new PutBucketVersioningCommand({ ...at, VersioningConfiguration: { Status: 'Enabled' } }));
    await client.send(new PutBucketPolicyCommand({ ...at, Policy: JSON.stringify(policy) }));
    await client.send(new PutBucketLifecycleConfigurationCommand({ ...at, LifecycleConfiguration: { Rules } }));
    await client.send(new PutBucketCorsCommand({ ...at, CORSConfiguration: { CORSRules: cors } }));
    await client.send(
      new PutBucketEncryptionCommand({ ...at, ServerSideEncryptionConfiguration: { Rules: encryption } }),
    );
    await client.send(new PutBucketWebsiteCommand({ ...at, WebsiteConfiguration: website }));
    await client.send(new PutPublicAccessBlockCommand({ ...at, PublicAccessBlockConfiguration: block }));
    await client.send(new PutBucketTaggingCommand({ ...at, Tagging: { TagSet: tags } }));
    await client.send(
      new PutBucketAccelerateConfigurationCommand({ ...at, AccelerateConfiguration: { Status: 'Enabled' } }),
    );
    const { settings, notCaptured } = await sourceOf(from).settings();
    expect(notCaptured).toEqual([]);
    expect(await sourceOf(to).applySettings(settings)).toEqual([]);

    const there = { Bucket: to };
    expect(await client.send(new GetBucketVersioningCommand(there))).toMatchObject({ Status: 'Enabled' });
    expect(JSON.parse((await client.send(new GetBucketPolicyCommand(there))).Policy ?? '')).toEqual({
      ...policy,
      Statement: [{ ...policy.Statement[0], Resource: `arn:aws:s3:::${to}/*` }],
    });
    expect(await client.send(new GetBucketLifecycleConfigurationCommand(there))).toMatchObject({ Rules });
    expect(await client.send(new GetBucketCorsCommand(there))).toMatchObject({ CORSRules: cors });
    expect(await client.send(new GetBucketEncryptionCommand(there))).toMatchObject({
      ServerSideEncryptionConfiguration: { Rules: encryption },
    });
    expect(await client.send(new GetBucketWebsiteCommand(there))).toMatchObject(website);
    expect(await client.send(new GetPublicAccessBlockCommand(there))).toMatchObject({
      PublicAccessBlockConfiguration: block,
    });
    expect(await client.send(new GetBucketTaggingCommand(there))).toMatchObject({ TagSet: tags });
    expect(await client.send(new GetBucketAccelerateConfigurationCommand(there))).toMatchObject({ Status: 'Enabled' });
    expect(await client.send(new GetBucketOwnershipControlsCommand(there))).toMatchObject({
      OwnershipControls: { Rules: [{ ObjectOwnership: 'ObjectWriter' }] },
    });
  });

  it('bring a lock back, and have a line for what cannot be set', async () => {
    const [from, lockable, open] = [
      await newBucket({ lockable: true }),
      await newBucket({ lockable: true }),
      await newBucket(),
    ];
    const ObjectLockConfiguration = {
      ObjectLockEnabled: 'Enabled',
      Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 3 } },
    } as const;
    await client.send(new PutObjectLockConfigurationCommand({ Bucket: from, ObjectLockConfiguration }));
    const { settings } = await sourceOf(from).settings();
    expect(await sourceOf(lockable).applySettings(settings)).toEqual([]);
    expect(await client.send(new GetObjectLockConfigurationCommand({ Bucket: lockable }))).toMatchObject({
      ObjectLockConfiguration,
    });
    const { versioning: _, ...withoutVersions } = settings;
    expect(await sourceOf(open).applySettings(withoutVersions)).toEqual([expect.stringMatching(/^objectLock: ./)]);
  });
});

function existing(line: ListedEntry | undefined): ListedEntry {
  if (line === undefined) throw new Error('it is not listed');
  return line;
}
