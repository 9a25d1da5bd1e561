import { randomUUID } from 'node:crypto';
import {
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LockedError, NotFoundError } from '../../functions/core/errors.ts';
import { s3BlobStore } from '../../functions/stores/s3.ts';
import { describeBlobStore } from '../contracts/blob-store.ts';
import { createBucket, type Emulator, emulatedS3Client, startMoto } from './services.ts';

let moto: Emulator;
let client: S3Client;

beforeAll(async () => {
  moto = await startMoto();
  client = emulatedS3Client(moto.endpoint);
});
afterAll(async () => {
  client.destroy();
  await moto.stop();
});

/** Every store has a bucket of its own, which goes with the emulator. */
async function makeBucket({ versioned = false, lockable = false } = {}): Promise<string> {
  const bucket = `b-${randomUUID()}`;
  await createBucket(client, bucket, { lockable });
  if (versioned)
    await client.send(
      new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } }),
    );
  return bucket;
}

const nothingToDispose = async () => {};

describeBlobStore('a whole bucket', async () => ({
  store: s3BlobStore(client, { bucket: await makeBucket(), prefix: '' }),
  dispose: nothingToDispose,
}));

describeBlobStore('a versioned bucket', async () => ({
  store: s3BlobStore(client, { bucket: await makeBucket({ versioned: true }), prefix: 'vault/' }),
  dispose: nothingToDispose,
}));

describeBlobStore('a prefix of odd characters in a bucket with other things', async () => {
  const bucket = await makeBucket();
  const neighbours = [
    'v',
    'vault ü+%2F',
    'vault ü+%2Fy/',
    'vault ü+%2F/\u0001',
    'vault ü+%2F/a b',
    'vault ü+%2F/sub/',
    'w',
  ];
  for (const Key of neighbours) await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'not a blob' }));
  return { store: s3BlobStore(client, { bucket, prefix: 'vault ü+%2F/' }), dispose: nothingToDispose };
});

describe('a bucket as a blob store', () => {
  it('tells an absent bucket from an absent blob in every method', async () => {
    const store = s3BlobStore(client, { bucket: 'there-is-no-such-bucket', prefix: '' });
    await expect(store.find('a')).rejects.toThrow(NotFoundError);
    await expect(store.get('a')).rejects.toThrow(NotFoundError);
    await expect(store.putNew('a', Buffer.from('x'))).rejects.toThrow(NotFoundError);
    await expect(store.put('a', Buffer.from('x'))).rejects.toThrow(NotFoundError);
    await expect(store.delete('a')).rejects.toThrow('there is no such bucket');
    await expect(store.list('')[Symbol.asyncIterator]().next()).rejects.toThrow('there is no such bucket');
  });

  it('deletes every version, so that no bytes and no marker stay behind', async () => {
    const bucket = await makeBucket({ versioned: true });
    const store = s3BlobStore(client, { bucket, prefix: '' });
    await store.put('a', Buffer.from('1'));
    await store.put('a', Buffer.from('2'));
    await store.put('ab', Buffer.from('3'));
    await store.delete('a');
    const left = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
    expect(left.Versions?.map(({ Key }) => Key)).toEqual(['ab']);
    expect(left.DeleteMarkers ?? []).toEqual([]);
  });

  it('creates anew over a delete marker that someone set', async () => {
    const bucket = await makeBucket({ versioned: true });
    const store = s3BlobStore(client, { bucket, prefix: '' });
    await store.putNew('a', Buffer.from('old'));
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'a' }));
    expect(await store.find('a')).toBeUndefined();
    await store.delete('a');
    expect(await store.putNew('a', Buffer.from('new'))).toBe('written');
    expect((await store.get('a')).toString()).toBe('new');
  });

  it('does not delete what a retention locks, and says until when', async () => {
    const bucket = await makeBucket({ lockable: true });
    const store = s3BlobStore(client, { bucket, prefix: '' });
    const until = new Date(Math.ceil(Date.now() / 1000) * 1000 + 86_400_000);
    await client.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: 'a',
        Body: 'x',
        ObjectLockMode: 'COMPLIANCE',
        ObjectLockRetainUntilDate: until,
      }),
    );
    const deletion = store.delete('a');
    await expect(deletion).rejects.toThrow(LockedError);
    await expect(deletion).rejects.toThrow(until.toISOString());
    expect((await store.get('a')).toString()).toBe('x');
  });

  it('does not delete what a legal hold keeps, and says so', async () => {
    const bucket = await makeBucket({ lockable: true });
    const store = s3BlobStore(client, { bucket, prefix: '' });
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: 'a', Body: 'x', ObjectLockLegalHoldStatus: 'ON' }));
    const deletion = store.delete('a');
    await expect(deletion).rejects.toThrow(LockedError);
    await expect(deletion).rejects.toThrow('legal hold');
    expect((await store.get('a')).toString()).toBe('x');
  });
});
