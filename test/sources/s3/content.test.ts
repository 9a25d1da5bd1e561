import type { ServerResponse } from 'node:http';
import { crc32 } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { keyFromText, type ListedEntry } from '../../../functions/core/entry.ts';
import { AccessDeniedError, ConflictError, TransientError } from '../../../functions/core/errors.ts';
import type { OpenedEntry } from '../../../functions/core/ports.ts';
import { fingerprintOf } from '../../../functions/sources/s3/listing.ts';
import { s3Source } from '../../../functions/sources/s3.ts';
import { inPieces, patternOf } from '../../contracts/source.ts';
import type { Answer } from '../../fakes/loopback-server.ts';
import { noAcls, refuse, type ScriptedS3, scriptS3 } from './scripted-server.ts';

const MODIFIED = new Date('2026-01-02T03:04:05Z');
/** Too large to be read as a whole when it is opened. */
const CONTENT = patternOf(1_200_000, 1);
const LISTED: ListedEntry = {
  key: keyFromText('k'),
  sizeBytes: CONTENT.length,
  fingerprint: fingerprintOf({
    etag: '"v1"',
    sizeBytes: CONTENT.length,
    modifiedAt: MODIFIED,
    storageClass: undefined,
  }),
};

let s3: ScriptedS3 | undefined;
afterEach(() => s3?.stop());

async function openWith(...answers: Answer[]): Promise<OpenedEntry> {
  const [first = refuse(400, 'Nothing'), ...others] = answers;
  s3 = await scriptS3([first, noAcls, ...others]);
  return s3Source(s3.client, { scheme: 's3', bucket: 'bucket', prefix: '' }).open(LISTED);
}

interface Sending {
  /** Breaks the connection before this byte, */
  readonly cutAt?: number;
  /** and not until then. */
  readonly cutAfter?: Promise<void>;
  readonly headers?: { readonly [name: string]: string };
  readonly content?: Buffer;
  /** Answers with the whole, whatever was asked for. */
  readonly whole?: true;
}

/** What S3 answers: the whole, or the range that was asked for. */
function send({ headers, content = CONTENT, cutAt = content.length, cutAfter, whole }: Sending = {}): Answer {
  return (request, response) => {
    const range = whole ? undefined : /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
    const offset = Number(range ?? 0);
    response.writeHead(range === undefined ? 200 : 206, {
      etag: '"v1"',
      'last-modified': MODIFIED.toUTCString(),
      'content-length': content.length - offset,
      ...(range === undefined ? {} : { 'content-range': `bytes ${offset}-${content.length - 1}/${content.length}` }),
      ...headers,
    });
    response.flushHeaders();
    if (cutAt >= content.length) response.end(content.subarray(offset));
    else if (cutAt > offset) response.write(content.subarray(offset, cutAt), async () => cut(response, cutAfter));
    else cut(response);
  };
}

async function cut(response: ServerResponse, after?: Promise<void>): Promise<void> {
  await after;
  response.socket?.destroySoon();
}

/** Reads all; tells when there are that many bytes. */
async function drain(opened: OpenedEntry, at = 0, reached: () => void = () => {}): Promise<Buffer> {
  if (opened.state !== 'open') throw new Error(`it is ${opened.state}`);
  const parts: Uint8Array[] = [];
  let readBytes = 0;
  for await (const part of inPieces(opened.content)) {
    parts.push(part);
    readBytes += part.length;
    if (readBytes >= at) reached();
  }
  return Buffer.concat(parts);
}

const headersOf = (index: number) => s3?.requests[index]?.headers;

describe('content of an S3 object', () => {
  it('comes in one request when nothing happens', async () => {
    expect((await drain(await openWith(send()))).equals(CONTENT)).toBe(true);
    expect(s3?.requests.map(({ method }) => method)).toEqual(['GET', 'GET']); // The second is about the bucket, once.
  });

  it('is asked for under the ETag that was listed, with its checksum', async () => {
    await drain(await openWith(send()));
    expect(headersOf(0)).toMatchObject({ 'if-match': '"v1"', 'x-amz-checksum-mode': 'ENABLED' });
  });

  it('goes on where a connection broke, under the same ETag', async () => {
    const arrived = Promise.withResolvers<void>();
    const opened = await openWith(send({ cutAt: 70_000, cutAfter: arrived.promise }), send());
    expect((await drain(opened, 70_000, arrived.resolve)).equals(CONTENT)).toBe(true);
    expect(headersOf(2)).toMatchObject({ range: 'bytes=70000-', 'if-match': '"v1"' });
    expect(s3?.requests[2]?.url).not.toContain('versionId');
  });

  it('goes on in the same version where the bucket has versions', async () => {
    const version = { 'x-amz-version-id': 'ver-7' };
    const opened = await openWith(send({ cutAt: 70_000, headers: version }), send({ headers: version }));
    expect((await drain(opened)).equals(CONTENT)).toBe(true);
    expect(s3?.requests[2]?.url).toContain('versionId=ver-7');
  });

  it('goes on by ETag where versions may not be named', async () => {
    const version = { 'x-amz-version-id': 'ver-7' };
    const opened = await openWith(send({ cutAt: 70_000, headers: version }), refuse(403, 'AccessDenied'), send());
    expect((await drain(opened)).equals(CONTENT)).toBe(true);
    expect(s3?.requests[3]?.url).not.toContain('versionId');
    expect(headersOf(3)).toMatchObject({ 'if-match': '"v1"' });
  });

  it('survives any number of breaks that each brought something', async () => {
    const cuts = Array.from({ length: 12 }, (_, index) => (index + 1) * 10_000);
    const arrived = cuts.map(() => Promise.withResolvers<void>());
    const answers = cuts.map((cutAt, index) => send({ cutAt, cutAfter: arrived[index]?.promise ?? Promise.resolve() }));
    const opened = await openWith(...answers, send());
    if (opened.state !== 'open') throw new Error(`it is ${opened.state}`);
    let read = Buffer.alloc(0);
    for await (const part of inPieces(opened.content)) {
      read = Buffer.concat([read, part]);
      for (const [index, cutAt] of cuts.entries()) if (read.length >= cutAt) arrived[index]?.resolve();
    }
    expect(read.equals(CONTENT)).toBe(true);
    expect(s3?.requests.length).toBe(1 + 1 + 12);
  });

  it('gives up when connections break again and again without a byte', async () => {
    const arrived = Promise.withResolvers<void>();
    const stuck = send({ cutAt: 70_000 });
    const first = send({ cutAt: 70_000, cutAfter: arrived.promise });
    const opened = await openWith(first, ...Array.from({ length: 8 }, () => stuck));
    await expect(drain(opened, 70_000, arrived.resolve)).rejects.toThrow(TransientError);
    expect(s3?.requests.length).toBe(2 + 5);
  });

  it('is resumed also when it broke between opening and reading', async () => {
    const opened = await openWith(send({ cutAt: 0 }), send());
    expect((await drain(opened)).equals(CONTENT)).toBe(true);
    expect(headersOf(2)).toMatchObject({ range: 'bytes=0-' });
  });

  it.each([
    ['PreconditionFailed', 412],
    ['NoSuchKey', 404],
    ['NoSuchVersion', 404],
    ['InvalidRange', 416],
    ['InvalidObjectState', 403],
    ['AccessDenied', 403],
  ])('is a conflict when the rest is answered with %s', async (code, status) => {
    const opened = await openWith(send({ cutAt: 70_000 }), refuse(status, code));
    await expect(drain(opened)).rejects.toThrow(ConflictError);
  });

  it('is a conflict when the rest has another ETag', async () => {
    const opened = await openWith(send({ cutAt: 70_000 }), send({ headers: { etag: '"v2"' } }));
    await expect(drain(opened)).rejects.toThrow(ConflictError);
  });

  it('is a conflict when the rest is of an object of another size', async () => {
    const other = Buffer.concat([CONTENT, Buffer.from('more')]);
    const opened = await openWith(send({ cutAt: 70_000 }), send({ content: other }));
    await expect(drain(opened)).rejects.toThrow(ConflictError);
  });

  it('is a conflict when a range is answered with the whole', async () => {
    const opened = await openWith(send({ cutAt: 70_000 }), send({ whole: true }));
    await expect(drain(opened)).rejects.toThrow(ConflictError);
  });

  it('is no conflict but an access error when the credentials expired meanwhile', async () => {
    const opened = await openWith(send({ cutAt: 70_000 }), refuse(400, 'ExpiredToken'));
    await expect(drain(opened)).rejects.toThrow(AccessDeniedError);
  });

  it('is a conflict when it is not what its checksum says', async () => {
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32(CONTENT));
    const damaged = Buffer.from(CONTENT);
    damaged[100] = (damaged[100] ?? 0) ^ 1;
    const headers = { 'x-amz-checksum-crc32': sum.toString('base64') };
    await expect(drain(await openWith(send({ headers, content: damaged })))).rejects.toThrow(ConflictError);
    await s3?.stop();
    expect((await drain(await openWith(send({ headers })))).equals(CONTENT)).toBe(true);
  });

  it.each(['crc64nvme', 'crc32c', 'sha1', 'sha256', 'sha512', 'md5', 'xxhash64', 'xxhash3', 'xxhash128'])(
    'comes whole with a checksum of several parts, or of an algorithm that the SDK does not know: %s',
    async (algorithm) => {
      const header = `x-amz-checksum-${algorithm}`;
      const parts = await openWith(send({ headers: { [header]: 'AAAAAA==-2', 'x-amz-checksum-type': 'COMPOSITE' } }));
      expect((await drain(parts)).equals(CONTENT)).toBe(true);
      if (!/^(sha512|md5|xxhash)/.test(algorithm)) return;
      await s3?.stop();
      expect((await drain(await openWith(send({ headers: { [header]: 'AAAAAA==' } })))).equals(CONTENT)).toBe(true);
    },
  );

  it('is resumed when a connection with a checksum breaks', async () => {
    const opened = await openWith(send({ cutAt: 70_000, headers: { 'x-amz-checksum-crc32': 'AAAAAA==' } }), send());
    expect((await drain(opened)).equals(CONTENT)).toBe(true);
  });

  it('is not compared, when it is resumed, with the checksum of the whole', async () => {
    const headers = { 'x-amz-checksum-crc32': 'AAAAAA==' };
    const opened = await openWith(send({ cutAt: 70_000, headers }), send({ headers }));
    expect((await drain(opened)).equals(CONTENT)).toBe(true);
  });

  it('that is empty needs no second request', async () => {
    const empty = Buffer.alloc(0);
    const fingerprint = fingerprintOf({ etag: '"v1"', sizeBytes: 0, modifiedAt: MODIFIED, storageClass: undefined });
    s3 = await scriptS3([send({ content: empty }), noAcls]);
    const source = s3Source(s3.client, { scheme: 's3', bucket: 'bucket', prefix: '' });
    expect(await source.open({ ...LISTED, sizeBytes: 0, fingerprint })).toMatchObject({ content: empty });
    expect(s3.requests.length).toBe(2);
  });

  it.each([0, 1])('lets its connection go when its reader stops after %i pieces', async (pieces) => {
    const closed = Promise.withResolvers<void>();
    // Never ended from that side, so that only this side can end it.
    const opened = await openWith((_, response) => {
      response.socket?.once('close', () => closed.resolve());
      response.writeHead(200, {
        etag: '"v1"',
        'last-modified': MODIFIED.toUTCString(),
        'content-length': CONTENT.length,
      });
      response.write(CONTENT.subarray(0, 1000));
    });
    if (opened.state !== 'open') throw new Error(`it is ${opened.state}`);
    const content = inPieces(opened.content)[Symbol.asyncIterator]();
    for (let index = 0; index < pieces; index += 1) await content.next();
    await content.return?.();
    await closed.promise;
    expect(await content.next()).toEqual({ done: true, value: undefined });
  });
});
