import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { crc32 } from 'node:zlib';
import { S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { piecesOf } from '../../../functions/core/content.ts';
import { keyFromText, type ListedEntry } from '../../../functions/core/entry.ts';
import { ConflictError } from '../../../functions/core/errors.ts';
import type { OpenedEntry } from '../../../functions/core/ports.ts';
import { fingerprintOf } from '../../../functions/sources/s3/listing.ts';
import { s3Source } from '../../../functions/sources/s3.ts';
import { type LoopbackServer, startLoopback } from '../../fakes/loopback-server.ts';

const MIB = 1 << 20;
const MODIFIED = new Date('2026-01-02T03:04:05Z');
/** Four ranges and a half. */
const CONTENT = Buffer.alloc(36 * MIB);
for (let at = 0; at < CONTENT.length; at += 4) CONTENT.writeUInt32LE((at * 2654435761) % 2 ** 32, at);

/** One object as S3 would answer for it; a test changes what it is, and looks at what was asked for. */
interface ServedObject {
  etag: string;
  content: Buffer;
  readonly headers: Record<string, string>;
  /** Called before a GET is answered; what it gives back is where the connection breaks. */
  beforeGet: (range: string, response: ServerResponse) => number | undefined | Promise<number | undefined>;
  knowsRanges: boolean;
}

let server: LoopbackServer;
let client: S3Client;
let object: ServedObject;
let asked: string[];

beforeEach(async () => {
  asked = [];
  object = { etag: '"v1"', content: CONTENT, headers: {}, beforeGet: () => undefined, knowsRanges: true };
  server = await startLoopback((request, response) => void answer(request, response));
  client = new S3Client({
    endpoint: server.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  });
});
afterEach(async () => {
  client.destroy();
  await server.stop();
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url?.includes('ownershipControls')) {
    response.end(
      '<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>',
    );
    return;
  }
  const range = request.headers.range?.replace('bytes=', '') ?? '';
  asked.push(`${request.method} ${range}`.trim());
  const cutAt = request.method === 'GET' ? await object.beforeGet(range, response) : undefined;
  if (request.headers['if-match'] !== undefined && request.headers['if-match'] !== object.etag) {
    response.writeHead(412, { 'content-type': 'application/xml' });
    response.end(request.method === 'HEAD' ? '' : '<Error><Code>PreconditionFailed</Code></Error>');
    return;
  }
  const { content } = object;
  const [first = '', last = ''] = object.knowsRanges ? range.split('-') : [];
  const from = Number(first);
  const until = last === '' ? content.length : Math.min(Number(last) + 1, content.length);
  response.writeHead(first === '' ? 200 : 206, {
    etag: object.etag,
    'last-modified': MODIFIED.toUTCString(),
    'content-length': until - from,
    ...(first === '' ? {} : { 'content-range': `bytes ${from}-${until - 1}/${content.length}` }),
    ...object.headers,
  });
  if (request.method === 'HEAD') response.end();
  else if (cutAt === undefined) response.end(content.subarray(from, until));
  else response.write(content.subarray(from, cutAt), () => response.socket?.destroySoon());
}

function listed(sizeBytes = CONTENT.length): ListedEntry {
  const fingerprint = fingerprintOf({ etag: '"v1"', sizeBytes, modifiedAt: MODIFIED, storageClass: undefined });
  return { key: keyFromText('large'), sizeBytes, fingerprint };
}

const open = (entry = listed()): Promise<OpenedEntry> =>
  s3Source(client, { scheme: 's3', bucket: 'bucket', prefix: '' }).open(entry);

async function contentOf(opened: OpenedEntry): Promise<Buffer> {
  if (opened.state !== 'open') throw new Error(`it is ${opened.state}`);
  const parts: Uint8Array[] = [];
  for await (const part of piecesOf(opened.content)) parts.push(part);
  return Buffer.concat(parts);
}

const bytes = (fromMib: number, untilMib: number): string => `GET ${fromMib * MIB}-${untilMib * MIB - 1}`;
const ALL = ['HEAD', bytes(0, 8), bytes(8, 16), bytes(16, 24), bytes(24, 32), `GET ${32 * MIB}-`].sort();

describe('a large S3 object', () => {
  it('is read in ranges, and comes whole and in order', async () => {
    const opened = await open();
    expect(opened).toMatchObject({ state: 'open', sizeBytes: CONTENT.length, fingerprint: listed().fingerprint });
    expect((await contentOf(opened)).equals(CONTENT)).toBe(true);
    expect([...asked].sort()).toEqual(ALL);
  });

  it('comes in order also when later ranges are there first', async () => {
    const last = Promise.withResolvers<undefined>();
    object.beforeGet = (range) => {
      if (range.startsWith(`${16 * MIB}-`)) last.resolve(undefined);
      return range.startsWith(`${8 * MIB}-`) ? last.promise : undefined;
    };
    expect((await contentOf(await open())).equals(CONTENT)).toBe(true);
  });

  it('has no more than two ranges on their way, or waiting, before their turn', async () => {
    const opened = await open();
    if (opened.state !== 'open' || Buffer.isBuffer(opened.content)) throw new Error('it came whole');
    let readBytes = 0;
    for await (const part of opened.content) {
      readBytes += part.length;
      const current = Math.ceil(readBytes / (8 * MIB));
      expect(asked.filter((one) => one.startsWith('GET')).length).toBeLessThanOrEqual(current + 2);
    }
    expect(readBytes).toBe(CONTENT.length);
  });

  it.each([15, 16])('of %i MiB takes ranges from 16 MiB on', async (mib) => {
    object.content = CONTENT.subarray(0, mib * MIB);
    expect((await contentOf(await open(listed(mib * MIB)))).equals(object.content)).toBe(true);
    expect([...asked].sort()).toEqual(mib === 15 ? ['GET'] : ['HEAD', bytes(0, 8), `GET ${8 * MIB}-`].sort());
  });

  it.each([0, 1, 2, 3, 4])(
    'is no mixture of versions when it is overwritten before range %i is asked for',
    async (index) => {
      object.beforeGet = (range) => {
        if (range.startsWith(`${index * 8 * MIB}-`)) {
          object.etag = '"v2"';
          object.content = Buffer.alloc(CONTENT.length, 2);
        }
        return undefined;
      };
      if (index === 0) {
        // As it is opened anew, it is the new version, whole.
        expect((await contentOf(await open())).equals(Buffer.alloc(CONTENT.length, 2))).toBe(true);
        return;
      }
      await expect(open().then(contentOf)).rejects.toThrow(ConflictError);
    },
  );

  it('goes on in the version that it began with, where the bucket has versions', async () => {
    object.headers['x-amz-version-id'] = 'ver-7';
    const urls: (string | undefined)[] = [];
    object.beforeGet = (range, response) => {
      if (!range.startsWith('0-')) urls.push(response.req.url);
      return undefined;
    };
    await contentOf(await open());
    expect(urls).toHaveLength(4);
    for (const url of urls) expect(url).toContain('versionId=ver-7');
  });

  it.each([0, 1, 4])('is resumed within range %i where its connection broke', async (index) => {
    const from = index * 8 * MIB;
    object.beforeGet = (range) => (range.startsWith(`${from}-`) ? from + 3 * MIB : undefined);
    expect((await contentOf(await open())).equals(CONTENT)).toBe(true);
    const more = asked.filter((one) => !ALL.includes(one));
    expect(more).toHaveLength(1);
    const [, start, end] = /^GET (\d+)-(\d*)$/.exec(more[0] ?? '') ?? [];
    expect(Number(start)).toBeGreaterThanOrEqual(from);
    expect(Number(start)).toBeLessThanOrEqual(from + 3 * MIB);
    expect(end).toBe(index === 4 ? '' : String(from + 8 * MIB - 1));
  });

  const crc32Of = (content: Buffer): Buffer => {
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32(content));
    return sum;
  };
  it.each([
    ['crc32', crc32Of],
    ['sha256', (content: Buffer) => createHash('sha256').update(content).digest()],
  ])('is a conflict when the whole is not what its %s says', async (algorithm, sumOf) => {
    object.headers[`x-amz-checksum-${algorithm}`] = sumOf(CONTENT).toString('base64');
    expect((await contentOf(await open())).equals(CONTENT)).toBe(true);
    object.content = Buffer.from(CONTENT);
    object.content[20 * MIB] = (object.content[20 * MIB] ?? 0) ^ 1;
    await expect(open().then(contentOf)).rejects.toThrow(/not what its checksum says/);
  });

  it('comes from a store that knows no ranges by one request', async () => {
    object.knowsRanges = false;
    expect((await contentOf(await open())).equals(CONTENT)).toBe(true);
    expect([...asked].sort()).toEqual(['HEAD', bytes(0, 8)].sort());
  });

  it.each([0, 1, 200])('lets all its connections go when its reader stops after %i pieces', async (pieces) => {
    const opened = await open();
    if (opened.state !== 'open' || Buffer.isBuffer(opened.content)) throw new Error('it came whole');
    const content = opened.content[Symbol.asyncIterator]();
    for (let index = 0; index < pieces; index += 1) await content.next();
    await content.return?.();
    expect(await content.next()).toEqual({ done: true, value: undefined });
    expect(asked.length).toBeLessThan(ALL.length);
  });
});
