/** Exports read from moto's S3. Its DynamoDB does not write them as AWS's does: they are laid there as that would. */
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { IntegrityError } from '../../functions/core/errors.ts';
import { BUCKET, fakeExports } from '../fixtures/dynamodb-export.ts';
import {
  at,
  collect,
  DAY,
  entriesOf,
  HOUR,
  readerOf,
  since,
  T0,
  valuesOf,
  wanted,
} from '../sources/dynamodb/export-reader.ts';
import { createBucket, type Emulator, emulatedS3Client, startMoto } from './services.ts';

let moto: Emulator;
let s3: S3Client;
beforeAll(async () => {
  moto = await startMoto();
  s3 = emulatedS3Client(moto.endpoint);
  await createBucket(s3, BUCKET);
});
afterAll(async () => {
  s3.destroy();
  await moto.stop();
});

/** In one part, of which S3 makes an ETag that is no MD5. */
async function upload(Key: string, Body: Buffer): Promise<void> {
  const object = { Bucket: BUCKET, Key };
  if (!Key.endsWith('.gz')) {
    await s3.send(new PutObjectCommand({ ...object, Body }));
    return;
  }
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand(object));
  const part = { ...object, UploadId, PartNumber: 1 };
  const { ETag } = await s3.send(new UploadPartCommand({ ...part, Body }));
  const MultipartUpload = { Parts: [{ ETag, PartNumber: 1 }] };
  await s3.send(new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload }));
}

describe('an export in S3', () => {
  let fake = fakeExports();
  let source = readerOf(fake);
  beforeEach(() => {
    fake = fakeExports(
      Array.from({ length: 12_000 }, (_, index) => ({ at: T0 - HOUR, pk: `k${index}`, value: `value ${index}` })),
    );
    fake.earliest = T0 - 30 * DAY;
    fake.polls = 1;
    source = readerOf({ clients: { dynamoDb: fake.clients.dynamoDb, s3 } });
  });

  /** Begins a scan, and has its exports in the bucket. @returns the cursor after them */
  async function exported(now: number, base?: ReturnType<typeof since>): Promise<string> {
    const { cursor } = await source.beginScan(at(now), base);
    const [underWay] = await collect(source.scan(cursor));
    for (const [key, bytes] of fake.objects) await upload(key, bytes);
    return underWay?.cursor ?? '';
  }

  it('of the whole table gives every item', async () => {
    const entries = entriesOf(await source.readAll(await exported(T0)));
    expect(entries).toHaveLength(12_000);
    expect(valuesOf(entries)).toEqual(wanted(Object.fromEntries(fake.history.map(({ pk, value }) => [pk, value]))));
  });

  it('of two days gives the changes', async () => {
    fake.history.push({ at: T0 + DAY, pk: 'k1', value: undefined }, { at: T0 + DAY + HOUR, pk: 'k2', value: 'new' });
    const entries = entriesOf(await source.readAll(await exported(T0 + 2 * DAY, since(T0))));
    expect(valuesOf(entries)).toEqual(wanted({ k1: undefined, k2: 'new' }));
  });

  it('that has lost a file is damaged', async () => {
    const cursor = await exported(T0);
    const [Key = ''] = [...fake.objects.keys()].filter((key) => key.endsWith('.gz'));
    await s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key }));
    await expect(source.readAll(cursor)).rejects.toThrow(IntegrityError);
  });
});
