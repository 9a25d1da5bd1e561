import { ListObjectsV2Command, S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { type KeyRange, keyFromBytes, keyFromText } from '../../../functions/core/entry.ts';
import { IntegrityError, InvalidInputError, NotFoundError } from '../../../functions/core/errors.ts';
import { s3Source } from '../../../functions/sources/s3.ts';
import { listAll } from '../../contracts/source.ts';
import { scriptS3 } from './scripted-server.ts';

let s3 = mockClient(S3Client);
const MODIFIED = new Date('2026-01-02T03:04:05.678Z');

beforeEach(() => s3.reset());

const source = (prefix = '') =>
  s3Source(new S3Client({ region: 'us-east-1' }), { scheme: 's3', bucket: 'bucket', prefix });
const object = (Key: string) => ({ Key, ETag: '"e"', Size: 1, LastModified: MODIFIED });
const keysOf = async (prefix = '', range: KeyRange = {}) =>
  (await listAll(source(prefix), range)).map(({ key }) => Buffer.from(key, 'latin1').toString('utf8'));
const inputs = () => s3.commandCalls(ListObjectsV2Command).map(({ args }) => args[0].input);

describe('the listing of an S3 source', () => {
  it.each([
    ['a+b', 'a b'],
    ['a%2Bb', 'a+b'],
    ['a%20b', 'a b'],
    ['50%25.jpg', '50%.jpg'],
    ['a%252Bb', 'a%2Bb'],
    ['%01%0A%0D%09', '\u0001\n\r\t'],
    ['%C3%BC', 'ü'],
    ['%F0%9F%98%80', '\u{1f600}'],
    ['a//b/', 'a//b/'],
    ['007', '007'],
  ])('reads %s as it is encoded in listings', async (listed, key) => {
    s3.on(ListObjectsV2Command).resolves({ EncodingType: 'url', Contents: [object(listed)], IsTruncated: false });
    expect(await keysOf()).toEqual([key]);
    expect(inputs()).toEqual([{ Bucket: 'bucket', Prefix: '', EncodingType: 'url' }]);
  });

  it('takes keys as they are from a store that does not encode them', async () => {
    s3.on(ListObjectsV2Command).resolves({ Contents: [object('a%2Bb+c')], IsTruncated: false });
    expect(await keysOf()).toEqual(['a%2Bb+c']);
  });

  it('removes the prefix, literally, and keeps an object that is called like it', async () => {
    s3.on(ListObjectsV2Command).resolves({
      EncodingType: 'url',
      Contents: ['a%2Bb', 'a%2Bb%2B', 'a%2Bb/'].map(object),
      IsTruncated: false,
    });
    expect(await keysOf('a+b')).toEqual(['', '+', '/']);
  });

  it('follows the tokens to the last page', async () => {
    s3.on(ListObjectsV2Command)
      .resolvesOnce({ Contents: [object('a')], IsTruncated: true, NextContinuationToken: 't1' })
      .resolvesOnce({ IsTruncated: true, NextContinuationToken: 't2' })
      .resolvesOnce({ Contents: [object('b')], IsTruncated: false });
    expect(await keysOf('', { after: keyFromText('A') })).toEqual(['a', 'b']);
    expect(inputs().map(({ StartAfter, ContinuationToken }) => [StartAfter, ContinuationToken])).toEqual([
      ['A', undefined],
      [undefined, 't1'],
      [undefined, 't2'],
    ]);
  });

  it('asks for a page while the one before it is worked on, but for no second one ahead of its time', async () => {
    const pages = ['a', 'b', 'c', 'd'];
    for (const [index, key] of pages.entries()) {
      const last = index === pages.length - 1;
      s3.on(ListObjectsV2Command, index === 0 ? {} : { ContinuationToken: `t${index}` }).resolves({
        Contents: [object(key)],
        IsTruncated: !last,
        ...(last ? {} : { NextContinuationToken: `t${index + 1}` }),
      });
    }
    const asked: number[] = [];
    for await (const page of source().list({})) {
      expect(page).toHaveLength(1);
      asked.push(inputs().length);
    }
    expect(asked).toEqual([1, 3, 4, 4]);
  });

  it('asks for nothing after the page on which the range ends', async () => {
    const more = { IsTruncated: true } as const;
    s3.on(ListObjectsV2Command)
      .resolvesOnce({ Contents: [object('a')], ...more, NextContinuationToken: 't1' })
      .resolvesOnce({ Contents: [object('b'), object('d')], ...more, NextContinuationToken: 't2' });
    expect(await keysOf('', { upTo: keyFromText('c') })).toEqual(['a', 'b']);
    expect(inputs()).toHaveLength(2);
  });

  it('tells of a page that fails ahead of its turn when its turn comes, and to nobody else', async () => {
    const listing = () => {
      s3.reset();
      s3.on(ListObjectsV2Command)
        .resolvesOnce({ Contents: [object('a')], IsTruncated: true, NextContinuationToken: 't1' })
        .resolvesOnce({ Contents: [object('b')], IsTruncated: true, NextContinuationToken: 't2' })
        .rejects(new S3ServiceException({ name: 'NoSuchBucket', $fault: 'client', $metadata: {} }));
      return source().list({})[Symbol.asyncIterator]();
    };
    const read = listing();
    for (const key of ['a', 'b']) expect((await read.next()).value).toMatchObject([{ key: keyFromText(key) }]);
    await expect(read.next()).rejects.toThrow(NotFoundError);
    const left = listing();
    for (const key of ['a', 'b']) expect((await left.next()).value).toMatchObject([{ key: keyFromText(key) }]);
    await left.return?.();
  });

  it('starts after the full key, as text', async () => {
    s3.on(ListObjectsV2Command).resolves({ IsTruncated: false });
    await keysOf('prä/', { after: keyFromText('ü+b') });
    await keysOf('pre', { after: keyFromText('') });
    await keysOf('', { after: keyFromText('') });
    expect(inputs().map(({ StartAfter }) => StartAfter)).toEqual(['prä/ü+b', 'pre', undefined]);
  });

  it('asks for no page beyond the upper bound', async () => {
    s3.on(ListObjectsV2Command).resolves({
      Contents: ['a', 'b', 'c'].map(object),
      IsTruncated: true,
      NextContinuationToken: 't',
    });
    expect(await keysOf('', { upTo: keyFromText('b') })).toEqual(['a', 'b']);
    expect(inputs().length).toBe(1);
  });

  it('leaves out what a store lists at or before the lower bound', async () => {
    s3.on(ListObjectsV2Command).resolves({ Contents: ['a', 'b', 'c'].map(object), IsTruncated: false });
    expect(await keysOf('', { after: keyFromText('b') })).toEqual(['c']);
  });

  it('takes the order of bytes, not of UTF-16', async () => {
    s3.on(ListObjectsV2Command).resolves({ Contents: ['\ue000', '\u{1f600}'].map(object), IsTruncated: false });
    expect(await keysOf()).toEqual(['\ue000', '\u{1f600}']);
  });

  it.each([
    ['within a page', [['b', 'a']]],
    ['across pages', [['b'], ['a']]],
    ['by a key that comes twice', [['a', 'a']]],
    ['by UTF-16 units', [['\u{1f600}', '\ue000']]],
  ])('refuses a listing that is out of order %s', async (_, pages) => {
    for (const [index, keys] of pages.entries()) {
      const token =
        index < pages.length - 1 ? { IsTruncated: true, NextContinuationToken: `t${index}` } : { IsTruncated: false };
      const page = { Contents: keys.map(object), ...token };
      if (index === 0) s3.on(ListObjectsV2Command).resolves(page);
      else s3.on(ListObjectsV2Command, { ContinuationToken: `t${index - 1}` }).resolves(page);
    }
    await expect(keysOf()).rejects.toThrow(IntegrityError);
  });

  it.each([
    ['names no next page', {}],
    ['names an empty next page', { NextContinuationToken: '' }],
  ])('refuses a page that is cut short and %s', async (_, token) => {
    s3.on(ListObjectsV2Command).resolves({ Contents: [object('a')], IsTruncated: true, ...token });
    await expect(keysOf()).rejects.toThrow(IntegrityError);
  });

  it('refuses a token that repeats', async () => {
    s3.on(ListObjectsV2Command).resolves({ IsTruncated: true, NextContinuationToken: 't' });
    await expect(keysOf()).rejects.toThrow(IntegrityError);
  });

  it.each([
    ['of empty pages', {}],
    ['of pages with objects', { Contents: [object('a')] }],
  ])('refuses a circle %s', async (_, page) => {
    const more = { ...page, IsTruncated: true };
    s3.on(ListObjectsV2Command).resolves({ ...more, NextContinuationToken: 't1' });
    s3.on(ListObjectsV2Command, { ContinuationToken: 't1' }).resolves({ ...more, NextContinuationToken: 't2' });
    s3.on(ListObjectsV2Command, { ContinuationToken: 't2' }).resolves({ ...more, NextContinuationToken: 't1' });
    await expect(keysOf()).rejects.toThrow(IntegrityError);
  });

  it.each([
    ['', 'nothing'],
    ['<html><body>Welcome to the gateway</body></html>', "a gateway's page"],
    ['<?xml version="1.0"?><ListBucketResult/>', 'an answer without its end'],
  ])('does not take the body %j with status 200, %s, for an empty source', async (body) => {
    s3.restore();
    const server = await scriptS3([(_, response) => response.writeHead(200).end(body)]);
    try {
      const uri = { scheme: 's3', bucket: 'bucket', prefix: '' } as const;
      await expect(listAll(s3Source(server.client, uri))).rejects.toThrow(IntegrityError);
    } finally {
      await server.stop();
      s3 = mockClient(S3Client);
    }
  });

  it.each([
    ['without a key', { Key: undefined }],
    ['without an ETag', { ETag: undefined }],
    ['without a size', { Size: undefined }],
    ['without a time', { LastModified: undefined }],
    ['beside the prefix', { Key: 'other' }],
    ['that is not encoded as it says', { Key: 'pre%ZZ' }],
    ['that is not UTF-8', { Key: 'pre%FF' }],
  ])('refuses an object %s', async (_, broken) => {
    const Contents = [{ ...object('pre/a'), ...broken }];
    s3.on(ListObjectsV2Command).resolves({ EncodingType: 'url', Contents, IsTruncated: false });
    await expect(keysOf('pre')).rejects.toThrow(IntegrityError);
  });

  it('tells an absent bucket from an empty one', async () => {
    s3.on(ListObjectsV2Command).rejects(
      new S3ServiceException({ name: 'NoSuchBucket', $fault: 'client', $metadata: { httpStatusCode: 404 } }),
    );
    await expect(keysOf()).rejects.toThrow(NotFoundError);
  });

  it('refuses a bound that no S3 key can have', async () => {
    s3.on(ListObjectsV2Command).resolves({ IsTruncated: false });
    await expect(keysOf('', { after: keyFromBytes(Buffer.from([0xff])) })).rejects.toThrow(InvalidInputError);
  });

  it('has whole seconds, and STANDARD where no class is listed, in the fingerprint', async () => {
    s3.on(ListObjectsV2Command).resolves({
      Contents: [object('a'), { ...object('b'), StorageClass: 'STANDARD' }],
      IsTruncated: false,
    });
    const [a, b] = await listAll(source());
    expect(a?.fingerprint).toBe('["\\"e\\"",1,"2026-01-02T03:04:05Z","STANDARD"]');
    expect(b?.fingerprint).toBe(a?.fingerprint);
  });
});

describe('the first keys of an S3 source', () => {
  const thousand = Array.from({ length: 1000 }, (_, at) => object(`k${String(at).padStart(4, '0')}`));
  const peek = async (range: KeyRange = {}) => (await source().peek?.(range)) ?? [];

  it('are a thousand by one request, though more follow', async () => {
    s3.on(ListObjectsV2Command).resolves({ Contents: thousand, IsTruncated: true, NextContinuationToken: 't' });
    expect((await peek({ after: keyFromText('k') })).length).toBe(1000);
    expect(inputs()).toEqual([{ Bucket: 'bucket', Prefix: '', EncodingType: 'url', StartAfter: 'k' }]);
  });

  it('end with the range, and then are fewer', async () => {
    s3.on(ListObjectsV2Command).resolves({ Contents: thousand, IsTruncated: true, NextContinuationToken: 't' });
    expect(await peek({ upTo: keyFromText('k0001') })).toEqual(['k0000', 'k0001']);
    expect(inputs().length).toBe(1);
  });

  it('are not taken for all when a store answers with a shorter page', async () => {
    s3.on(ListObjectsV2Command)
      .resolvesOnce({ Contents: [object('a')], IsTruncated: true, NextContinuationToken: 't1' })
      .resolvesOnce({ Contents: [object('b')], IsTruncated: false });
    expect(await peek()).toEqual(['a', 'b']);
  });

  it.each([
    ['out of order', { Contents: [object('b'), object('a')], IsTruncated: false }],
    ['cut short', { Contents: [object('a')], IsTruncated: true }],
    ['no listing at all', {}],
  ])('are refused from an answer that is %s', async (_, page) => {
    s3.on(ListObjectsV2Command).resolves(page);
    await expect(peek()).rejects.toThrow(IntegrityError);
  });
});
