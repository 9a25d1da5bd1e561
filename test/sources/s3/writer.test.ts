import { setImmediate as turn } from 'node:timers/promises';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectAclCommand,
  PutObjectAclCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  S3Client,
  S3ServiceException,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Attributes, keyFromBytes, keyFromText, type PresentEntry } from '../../../functions/core/entry.ts';
import { IntegrityError, InvalidInputError, NotFoundError, TransientError } from '../../../functions/core/errors.ts';
import { sha256Hex } from '../../../functions/core/ids.ts';
import { partBytesFor } from '../../../functions/sources/s3/upload.ts';
import { s3Source } from '../../../functions/sources/s3.ts';
import { patternOf, pieces } from '../../contracts/source.ts';

const MiB = 1024 * 1024;
const s3 = mockClient(S3Client);
const target = (prefix = 'p/') =>
  s3Source(new S3Client({ region: 'us-east-1' }), { scheme: 's3', bucket: 'bucket', prefix });
const refusal = (name: string, status: number, message = 'no') =>
  new S3ServiceException({ name, message, $fault: 'client', $metadata: { httpStatusCode: status } });

const entryOf = (content: Buffer, attributes: Attributes = {}, key = keyFromText('k')): PresentEntry => ({
  key,
  state: 'present',
  fingerprint: 'f',
  attributes: { type: 'object', ...attributes },
  sha256: sha256Hex(content),
  sizeBytes: content.length,
  extents: [],
});
const write = (content: Buffer, attributes: Attributes = {}) =>
  target().write(entryOf(content, attributes), pieces(content));
const puts = () => s3.commandCalls(PutObjectCommand).map(({ args }) => args[0].input);
const names = () => s3.calls().map(({ args }) => args[0].constructor.name);

beforeEach(() => {
  s3.reset();
  s3.on(PutObjectCommand).resolves({});
  s3.on(CompleteMultipartUploadCommand).resolves({});
  s3.on(AbortMultipartUploadCommand).resolves({});
  s3.on(CreateMultipartUploadCommand).resolves({ UploadId: 'up' });
  s3.on(UploadPartCommand).callsFake(({ PartNumber }) => ({
    ETag: `"p${PartNumber}"`,
    ChecksumCRC32: `c${PartNumber}`,
  }));
});

const EVERYTHING: Attributes = {
  contentType: 'text/plain',
  cacheControl: 'no-cache',
  contentEncoding: 'gzip',
  contentDisposition: 'attachment',
  contentLanguage: 'de',
  metadata: { a: '1' },
  tags: [
    ['a b', 'c&d=+%'],
    ['e', ''],
  ],
  storageClass: 'GLACIER_IR',
  websiteRedirect: '/there',
  encryption: { algorithm: 'aws:kms', kmsKeyId: 'key-1', bucketKey: true },
  objectLock: { mode: 'GOVERNANCE', retainUntil: '2030-01-01T00:00:00.000Z', legalHold: 'ON' },
};
const EVERY_HEADER = {
  ContentType: 'text/plain',
  CacheControl: 'no-cache',
  ContentEncoding: 'gzip',
  ContentDisposition: 'attachment',
  ContentLanguage: 'de',
  Metadata: { a: '1' },
  Tagging: 'a%20b=c%26d%3D%2B%25&e=',
  StorageClass: 'GLACIER_IR',
  WebsiteRedirectLocation: '/there',
  ServerSideEncryption: 'aws:kms',
  SSEKMSKeyId: 'key-1',
  BucketKeyEnabled: true,
  ObjectLockMode: 'GOVERNANCE',
  ObjectLockRetainUntilDate: new Date('2030-01-01T00:00:00Z'),
  ObjectLockLegalHoldStatus: 'ON',
};

describe('writing an S3 object', () => {
  it('gives a small one everything in one request', async () => {
    const content = patternOf(70_000, 1);
    expect(await write(content, EVERYTHING)).toEqual([]);
    expect(names()).toEqual(['PutObjectCommand']);
    const { Body, ...input } = puts()[0] ?? {};
    expect(input).toEqual({ Bucket: 'bucket', Key: 'p/k', ...EVERY_HEADER });
    expect(Body instanceof Uint8Array && content.equals(Body)).toBe(true);
  });

  it('asks for nothing that was not stored', async () => {
    await write(Buffer.alloc(0));
    expect(puts()).toEqual([{ Bucket: 'bucket', Key: 'p/k', Body: Buffer.alloc(0) }]);
  });

  it('gives a large one everything when it begins it, and completes it with all parts in order', async () => {
    const content = patternOf(20 * MiB, 1);
    expect(await write(content, EVERYTHING)).toEqual([]);
    const [begun] = s3.commandCalls(CreateMultipartUploadCommand);
    expect(begun?.args[0].input).toEqual({ Bucket: 'bucket', Key: 'p/k', ...EVERY_HEADER });
    const parts = s3.commandCalls(UploadPartCommand).map(({ args }) => args[0].input);
    expect(parts.map(({ PartNumber }) => PartNumber)).toEqual([1, 2, 3]);
    const bodies = parts.map(({ Body }) => (Body instanceof Uint8Array ? Body : Buffer.alloc(0)));
    expect(Buffer.concat(bodies).equals(content)).toBe(true);
    expect(s3.commandCalls(CompleteMultipartUploadCommand)[0]?.args[0].input).toEqual({
      Bucket: 'bucket',
      Key: 'p/k',
      UploadId: 'up',
      MultipartUpload: {
        Parts: [1, 2, 3].map((n) => ({ PartNumber: n, ETag: `"p${n}"`, ChecksumCRC32: `c${n}` })),
      },
    });
  });

  it.each([
    [8 * MiB - 1, 'PutObjectCommand'],
    [8 * MiB, 'CreateMultipartUploadCommand'],
  ])('takes content of %i bytes by %s', async (sizeBytes, command) => {
    await write(Buffer.alloc(sizeBytes));
    expect(names()[0]).toBe(command);
  });

  it.each([
    [8 * MiB, 8 * MiB],
    [10_000 * 8 * MiB, 8 * MiB],
    [10_000 * 8 * MiB + 1, 9 * MiB],
    [5 * 1024 * 1024 * MiB, 525 * MiB],
  ])('cuts %i bytes into parts of %i, at most 10,000', (sizeBytes, partBytes) => {
    expect(partBytesFor(sizeBytes)).toBe(partBytes);
    expect(Math.ceil(sizeBytes / partBytes)).toBeLessThanOrEqual(10_000);
  });

  it('holds no more than eight parts on their way, and reads no further meanwhile', async () => {
    let [inFlight, most, readBytes] = [0, 0, 0];
    s3.on(UploadPartCommand).callsFake(async () => {
      inFlight += 1;
      most = Math.max(most, inFlight);
      for (let turns = 0; turns < 20; turns += 1) await turn();
      expect(readBytes).toBeLessThanOrEqual(sent + 8 * 8 * MiB + MiB);
      inFlight -= 1;
      sent += 8 * MiB;
      return { ETag: 'e' };
    });
    let sent = 0;
    const piece = Buffer.alloc(MiB);
    const content = async function* () {
      for (; readBytes < 160 * MiB; readBytes += MiB) yield piece;
    };
    await target().write({ ...entryOf(Buffer.alloc(0)), sizeBytes: 160 * MiB }, content());
    expect(most).toBe(8);
    expect(s3.commandCalls(UploadPartCommand).length).toBe(20);
  });

  it('holds as much of many objects side by side, large and small, as of one', async () => {
    let [readBytes, sentBytes, most] = [0, 0, 0];
    const arrive = async (sizeBytes: number) => {
      for (let turns = 0; turns < 20; turns += 1) await turn();
      sentBytes += sizeBytes;
      return { ETag: 'e' };
    };
    s3.on(UploadPartCommand).callsFake(({ Body }) => arrive(Body.length));
    s3.on(PutObjectCommand).callsFake(({ Body }) => arrive(Body.length));
    const piece = Buffer.alloc(MiB);
    const ended: Promise<void>[] = [];
    /** Comes after the contents of the entries before it, as contents of a restore do. */
    const contentOf = (sizeBytes: number): AsyncGenerator<Uint8Array> => {
      const before = ended.at(-1);
      const { promise, resolve } = Promise.withResolvers<void>();
      ended.push(promise);
      return (async function* () {
        await before;
        for (let at = 0; at < sizeBytes; at += MiB) {
          readBytes += MiB;
          most = Math.max(most, readBytes - sentBytes);
          yield piece;
        }
        resolve();
      })();
    };
    const to = target();
    const sizes = Array.from({ length: 48 }, (_, n) => (n % 3 === 0 ? 24 : (n % 7) + 1) * MiB);
    await Promise.all(
      sizes.map((sizeBytes) => to.write({ ...entryOf(Buffer.alloc(0)), sizeBytes }, contentOf(sizeBytes))),
    );
    expect(sentBytes).toBe(sizes.reduce((sum, sizeBytes) => sum + sizeBytes));
    expect(most).toBeGreaterThan(32 * MiB);
    expect(most).toBeLessThanOrEqual(64 * MiB + 8 * MiB + MiB);
  });

  it('comes to an end for the first object where the others hold all memory and wait for it', async () => {
    const to = target();
    const first = Promise.withResolvers<void>();
    const piece = Buffer.alloc(MiB);
    async function* waiting() {
      yield piece;
      await first.promise;
      for (let n = 1; n < 8; n += 1) yield piece;
    }
    async function* afterOthers() {
      for (let turns = 0; turns < 50; turns += 1) await turn();
      for (let n = 0; n < 24; n += 1) yield piece;
      first.resolve();
    }
    const large = to.write({ ...entryOf(Buffer.alloc(0)), sizeBytes: 24 * MiB }, afterOthers());
    const others = Array.from({ length: 20 }, () =>
      to.write({ ...entryOf(Buffer.alloc(0)), sizeBytes: 8 * MiB }, waiting()),
    );
    await Promise.all([large, ...others]);
    expect(s3.commandCalls(UploadPartCommand).length).toBe(3 + 20);
  });
});

describe('content that fails on its way into S3', () => {
  async function* broken(content: Buffer): AsyncGenerator<Uint8Array> {
    yield* pieces(content);
    throw new IntegrityError('not what was stored');
  }

  it('never gets there when it is small', async () => {
    const content = patternOf(1000, 1);
    await expect(target().write(entryOf(content), broken(content))).rejects.toThrow('not what was stored');
    expect(names()).toEqual([]);
  });

  it('is thrown away when it is large', async () => {
    const content = patternOf(20 * MiB, 1);
    await expect(target().write(entryOf(content), broken(content))).rejects.toThrow('not what was stored');
    expect(names()).not.toContain('CompleteMultipartUploadCommand');
    expect(s3.commandCalls(AbortMultipartUploadCommand)[0]?.args[0].input).toEqual({
      Bucket: 'bucket',
      Key: 'p/k',
      UploadId: 'up',
    });
  });

  it.each([
    [1000, 999],
    [1000, 1001],
    [0, 1],
    [9 * MiB, 9 * MiB - 1],
    [9 * MiB, 9 * MiB + 1],
    [16 * MiB, 16 * MiB + 1],
  ])('is refused where %i bytes were to come and %i came', async (sizeBytes, came) => {
    const entry = { ...entryOf(Buffer.alloc(0)), sizeBytes };
    await expect(target().write(entry, pieces(Buffer.alloc(came)))).rejects.toThrow(IntegrityError);
    expect(names()).not.toContain('PutObjectCommand');
    expect(names()).not.toContain('CompleteMultipartUploadCommand');
  });

  it('is abandoned at the first part that fails, after all parts on their way', async () => {
    const order: string[] = [];
    s3.on(UploadPartCommand).callsFake(async ({ PartNumber }) => {
      if (PartNumber === 2) throw refusal('SlowDown', 503);
      for (let turns = 0; turns < 20; turns += 1) await turn();
      order.push(`part ${PartNumber}`);
      return { ETag: 'e' };
    });
    s3.on(AbortMultipartUploadCommand).callsFake(() => {
      order.push('abort');
      return {};
    });
    await expect(write(Buffer.alloc(80 * MiB))).rejects.toThrow(TransientError);
    expect(order.at(-1)).toBe('abort');
    expect(s3.commandCalls(UploadPartCommand).length).toBeLessThan(10);
    expect(names()).not.toContain('CompleteMultipartUploadCommand');
  });

  it('fails with its own error also when it cannot be thrown away', async () => {
    s3.on(CompleteMultipartUploadCommand).rejects(refusal('InternalError', 500));
    s3.on(AbortMultipartUploadCommand).rejects(refusal('AccessDenied', 403));
    await expect(write(Buffer.alloc(9 * MiB))).rejects.toThrow(TransientError);
  });
});

describe('what S3 cannot hold', () => {
  it.each([
    ['a key of 1,025 bytes', keyFromText('x'.repeat(1023))],
    ['a key of 1,025 bytes in 512 characters and a half', keyFromText(`${'é'.repeat(511)}x`)],
    ['a key that is not UTF-8', keyFromBytes(Buffer.from([0x66, 0xff]))],
  ])('is named and not written: %s', async (_, key) => {
    const entry = entryOf(Buffer.alloc(0), {}, key);
    await expect(target().write(entry, pieces(Buffer.alloc(0)))).rejects.toThrow(InvalidInputError);
    expect(names()).toEqual([]);
  });

  it('does not begin before 1,024 bytes, prefix and all', async () => {
    await target().write(entryOf(Buffer.alloc(0), {}, keyFromText('x'.repeat(1022))), pieces(Buffer.alloc(0)));
    expect(puts()[0]?.Key).toBe(`p/${'x'.repeat(1022)}`);
  });

  it('is an empty key, unless the prefix makes it one', async () => {
    const entry = entryOf(Buffer.alloc(0), {}, keyFromText(''));
    await expect(target('').write(entry, pieces(Buffer.alloc(0)))).rejects.toThrow(InvalidInputError);
    await target('p').write(entry, pieces(Buffer.alloc(0)));
    expect(puts()[0]?.Key).toBe('p');
  });

  it('is a symbolic link', async () => {
    const link = { ...entryOf(Buffer.alloc(0)), attributes: { type: 'symlink', target: 'x' } };
    await expect(target().write(link, pieces(Buffer.alloc(0)))).rejects.toThrow(InvalidInputError);
  });

  it.each(['KeyTooLongError', 'InvalidURI', 'EntityTooLarge', 'MetadataTooLarge'])(
    'is an entry that S3 answers with %s',
    async (code) => {
      s3.on(PutObjectCommand).rejects(refusal(code, 400));
      await expect(write(Buffer.from('x'), EVERYTHING)).rejects.toThrow(InvalidInputError);
      expect(puts().length).toBe(1);
    },
  );

  it('is what a disk knows of a file', async () => {
    const file = {
      ...entryOf(Buffer.from('x')),
      attributes: { type: 'file', mode: 420, mtimeNs: '1', contentType: 'x' },
    };
    expect(await target().write(file, pieces(Buffer.from('x')))).toEqual(['mode', 'mtimeNs', 'contentType']);
    expect(puts()).toEqual([{ Bucket: 'bucket', Key: 'p/k', Body: Buffer.from('x') }]);
  });

  it('is a directory, so that an empty object stands for it', async () => {
    const directory = { ...entryOf(Buffer.alloc(0)), attributes: { type: 'directory', mode: 493 } };
    expect(await target().write(directory, pieces(Buffer.alloc(0)))).toEqual(['mode']);
    await target().write({ ...directory, key: keyFromText('d/') }, pieces(Buffer.alloc(0)));
    await target().write({ ...directory, key: keyFromText('') }, pieces(Buffer.alloc(0)));
    expect(puts().map(({ Key }) => Key)).toEqual(['p/k/', 'p/d/', 'p/']);
  });

  it('is an attribute, or a value of one, that S3 does not know', async () => {
    const strange: Attributes = {
      storageClass: 'HOLOGRAM',
      encryption: { algorithm: 'rot13' },
      objectLock: { mode: 'FOREVER', retainUntil: '2030-01-01T00:00:00Z' },
      tags: 'none',
      metadata: { a: 1 },
      grants: [['owner', 'SING']],
      missingMetadata: 2,
      colour: 'blue',
    };
    expect(await write(Buffer.from('x'), strange)).toEqual(Object.keys(strange));
    expect(puts()).toEqual([{ Bucket: 'bucket', Key: 'p/k', Body: Buffer.from('x') }]);
  });
});

describe('an attribute that S3 refuses', () => {
  it.each([
    ['encryption', 'KMS.NotFoundException', 400, 'key/1 does not exist'],
    ['encryption', 'AccessDenied', 403, 'not authorized to perform: kms:GenerateDataKey'],
    ['objectLock', 'InvalidRequest', 400, 'Bucket is missing Object Lock Configuration'],
    ['objectLock', 'InvalidArgument', 400, 'The retain until date must be in the future!'],
    ['storageClass', 'InvalidStorageClass', 400, 'The storage class you specified is not valid'],
    ['tags', 'InvalidTag', 400, 'The TagKey you have provided is invalid'],
    ['tags', 'AccessDenied', 403, 'not authorized to perform: s3:PutObjectTagging'],
  ])('is left out and returned by name: %s, by %s', async (attribute, code, status, message) => {
    s3.on(PutObjectCommand)
      .rejectsOnce(refusal(code, status, message))
      .resolves({});
    expect(await write(Buffer.from('x'), EVERYTHING)).toEqual([attribute]);
    const [first, second] = puts().map((input) => Object.keys(input));
    const left = first?.filter((field) => !second?.includes(field)) ?? [];
    expect(left.length).toBeGreaterThan(0);
    expect(left.every((field) => FIELDS[attribute]?.includes(field))).toBe(true);
  });

  const FIELDS: Readonly<Record<string, readonly string[]>> = {
    encryption: ['ServerSideEncryption', 'SSEKMSKeyId', 'BucketKeyEnabled'],
    objectLock: ['ObjectLockMode', 'ObjectLockRetainUntilDate', 'ObjectLockLegalHoldStatus'],
    storageClass: ['StorageClass'],
    tags: ['Tagging'],
  };

  it('is left out of a large object too', async () => {
    s3.on(CreateMultipartUploadCommand).rejectsOnce(refusal('KMS.DisabledException', 400)).resolves({ UploadId: 'up' });
    expect(await write(Buffer.alloc(9 * MiB), EVERYTHING)).toEqual(['encryption']);
  });

  it('takes the others with it when the refusal names none', async () => {
    s3.on(PutObjectCommand).rejectsOnce(refusal('NotImplemented', 501)).resolves({});
    const optional = ['tags', 'storageClass', 'websiteRedirect', 'encryption', 'objectLock'];
    expect((await write(Buffer.from('x'), EVERYTHING)).toSorted()).toEqual(optional.toSorted());
    expect(puts()[1]).toMatchObject({ ContentType: 'text/plain', Metadata: { a: '1' } });
  });

  it.each([
    ['NoSuchBucket', 404, NotFoundError],
    ['SlowDown', 503, TransientError],
    ['OperationAborted', 409, TransientError],
    ['InternalError', 500, TransientError],
  ])('is not to blame for %s', async (code, status, error) => {
    s3.on(PutObjectCommand).rejects(refusal(code, status));
    await expect(write(Buffer.from('x'), EVERYTHING)).rejects.toThrow(error);
    expect(puts().length).toBe(1);
  });

  it('is not to blame when the bare content is refused as well', async () => {
    s3.on(PutObjectCommand).rejects(refusal('AccessDenied', 403, 'not authorized to perform: s3:PutObject'));
    await expect(write(Buffer.from('x'), EVERYTHING)).rejects.toMatchObject({ name: 'AccessDeniedError' });
    expect(puts().length).toBe(2);
  });
});

describe('what an S3 object is given after it is made', () => {
  const grants = [
    ['emailAddress=a@b.example', 'WRITE_ACP'],
    ['id=friend', 'READ'],
    ['owner', 'FULL_CONTROL'],
    ['uri=http://acs.amazonaws.com/groups/global/AllUsers', 'READ'],
  ];

  it('is its ACL, with the new owner in the place of the old', async () => {
    s3.on(PutObjectCommand).resolves({ VersionId: 'ver-7' });
    s3.on(GetObjectAclCommand).resolves({ Owner: { ID: 'new-owner' } });
    expect(await write(Buffer.from('x'), { grants })).toEqual([]);
    expect(s3.commandCalls(PutObjectAclCommand)[0]?.args[0].input).toEqual({
      Bucket: 'bucket',
      Key: 'p/k',
      VersionId: 'ver-7',
      AccessControlPolicy: {
        Owner: { ID: 'new-owner' },
        Grants: [
          { Grantee: { Type: 'AmazonCustomerByEmail', EmailAddress: 'a@b.example' }, Permission: 'WRITE_ACP' },
          { Grantee: { Type: 'CanonicalUser', ID: 'friend' }, Permission: 'READ' },
          { Grantee: { Type: 'CanonicalUser', ID: 'new-owner' }, Permission: 'FULL_CONTROL' },
          {
            Grantee: { Type: 'Group', URI: 'http://acs.amazonaws.com/groups/global/AllUsers' },
            Permission: 'READ',
          },
        ],
      },
    });
  });

  it('is its tags when they are too long for a header', async () => {
    const tags = Array.from({ length: 10 }, (_, index) => [`k${index}`, 'ü'.repeat(200)]);
    expect(await write(Buffer.from('x'), { tags })).toEqual([]);
    expect(puts()[0]).not.toHaveProperty('Tagging');
    expect(s3.commandCalls(PutObjectTaggingCommand)[0]?.args[0].input).toEqual({
      Bucket: 'bucket',
      Key: 'p/k',
      Tagging: { TagSet: tags.map(([Key, Value]) => ({ Key, Value })) },
    });
  });

  it.each([
    ['AccessControlListNotSupported', 400],
    ['AccessDenied', 403],
    ['NotImplemented', 501],
  ])('is returned by name when S3 answers %s', async (code, status) => {
    s3.on(GetObjectAclCommand).resolves({ Owner: { ID: 'me' } });
    s3.on(PutObjectAclCommand).rejects(refusal(code, status));
    expect(await write(Buffer.from('x'), { grants })).toEqual(['grants']);
  });

  it('makes the write fail when it fails for a while', async () => {
    s3.on(GetObjectAclCommand).rejects(refusal('SlowDown', 503));
    await expect(write(Buffer.from('x'), { grants })).rejects.toThrow(TransientError);
  });
});

describe('removing an S3 object', () => {
  it('deletes the key, of no particular version', async () => {
    s3.on(DeleteObjectCommand).resolves({});
    await target().remove(keyFromText('a//b'));
    expect(s3.commandCalls(DeleteObjectCommand)[0]?.args[0].input).toEqual({ Bucket: 'bucket', Key: 'p/a//b' });
  });

  it('succeeds where a store says that nothing is there, and fails where there is no bucket', async () => {
    s3.on(DeleteObjectCommand).rejectsOnce(refusal('NoSuchKey', 404)).rejects(refusal('NoSuchBucket', 404));
    await target().remove(keyFromText('a'));
    await expect(target().remove(keyFromText('a'))).rejects.toThrow(NotFoundError);
  });
});
