import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { setImmediate as soon } from 'node:timers/promises';
import { S3Client } from '@aws-sdk/client-s3';
import { afterEach, describe, expect, it } from 'vitest';
import { piecesOf } from '../../../functions/core/content.ts';
import { keyFromText, type ListedEntry } from '../../../functions/core/entry.ts';
import type { OpenedEntry, SourceReader } from '../../../functions/core/ports.ts';
import { fingerprintOf } from '../../../functions/sources/s3/listing.ts';
import { s3Source } from '../../../functions/sources/s3.ts';
import type { Answer } from '../../fakes/loopback-server.ts';
import { noAcls, refuse, type ScriptedS3, scriptS3 } from './scripted-server.ts';

const MODIFIED = new Date('2026-01-02T03:04:05Z');
const CONTENT = Buffer.from('123456789');
const BUCKET = { scheme: 's3', bucket: 'bucket', prefix: '' } as const;

function listed(key: string, { etag = '"v1"', sizeBytes = CONTENT.length } = {}): ListedEntry {
  const fingerprint = fingerprintOf({ etag, sizeBytes, modifiedAt: MODIFIED, storageClass: undefined });
  return { key: keyFromText(key), sizeBytes, fingerprint };
}

function send(headers: { readonly [name: string]: string } = {}, content = CONTENT): Answer {
  return (_, response) => {
    response.writeHead(200, {
      etag: '"v1"',
      'last-modified': MODIFIED.toUTCString(),
      'content-length': content.length,
      ...headers,
    });
    response.end(content);
  };
}

let s3: ScriptedS3 | undefined;
afterEach(() => s3?.stop());

async function read(opened: OpenedEntry): Promise<unknown> {
  if (opened.state !== 'open') return opened;
  const parts: Uint8Array[] = [];
  for await (const part of piecesOf(opened.content)) parts.push(part);
  const { fingerprint, sizeBytes, attributes } = opened;
  return { fingerprint, sizeBytes, attributes, content: Buffer.concat(parts).toString('latin1') };
}

/** A source that has read one object already; then it gets these answers. */
async function learned(answers: readonly Answer[], first = send()): Promise<SourceReader> {
  s3 = await scriptS3([first, noAcls, ...answers]);
  const source = s3Source(s3.client, BUCKET);
  await read(await source.open(listed('first')));
  return source;
}

/** Who asked, from the third request on: the SDK counts its attempts in a header. */
const askers = (): string[] => (s3?.requests ?? []).slice(2).map((one) => (isSdk(one) ? 'sdk' : 'plain'));
const isSdk = (request: IncomingMessage): boolean => request.headers['amz-sdk-request'] !== undefined;

const EVERY_HEADER = {
  'content-type': 'text/plain; charset=utf-8',
  'cache-control': 'no-store, max-age=0',
  'content-encoding': 'gzip',
  'content-disposition': 'attachment; filename="a,b.txt"',
  'content-language': 'de, en',
  expires: 'Thu, 01 Dec 2026 16:00:00 GMT',
  'x-amz-meta-one': 'a, "b"',
  'x-amz-meta-constructor': '=?UTF-8?B?w6Q=?=',
  'x-amz-meta-empty': '',
  'x-amz-missing-meta': '2',
  'x-amz-storage-class': 'STANDARD_IA',
  'x-amz-website-redirect-location': '/else where',
  'x-amz-server-side-encryption': 'aws:kms',
  'x-amz-server-side-encryption-aws-kms-key-id': 'arn:aws:kms:eu-central-1:1:key/2',
  'x-amz-server-side-encryption-bucket-key-enabled': 'true',
  'x-amz-object-lock-mode': 'GOVERNANCE',
  'x-amz-object-lock-retain-until-date': '2027-01-02T03:04:05.678Z',
  'x-amz-object-lock-legal-hold': 'ON',
  'x-amz-version-id': 'ver-1',
  'x-amz-tagging-count': '0',
} as const;

describe('a small object of a bucket of which another was read', () => {
  it('is asked for by one request under its ETag, with its checksum, as the SDK asks', async () => {
    const source = await learned([send()]);
    await read(await source.open(listed('folder/b c.json')));
    expect(askers()).toEqual(['plain']);
    const [first, , plain] = s3?.requests ?? [];
    expect(plain?.url).toBe('/bucket/folder/b%20c.json?x-id=GetObject');
    for (const name of ['host', 'if-match', 'x-amz-checksum-mode', 'user-agent', 'x-amz-content-sha256'])
      expect([name, plain?.headers[name]]).toEqual([name, first?.headers[name] ?? 'missing']);
  });

  it.each([
    ['nothing but what it must have', {}],
    ['every header', EVERY_HEADER],
    ['the defaults spelt out', { 'x-amz-server-side-encryption': 'AES256', 'x-amz-storage-class': 'STANDARD' }],
    ['an Expires that is no date', { expires: '0' }],
  ])('is told as the SDK tells it, with %s', async (_, headers) => {
    const source = await learned([send(headers)], send(headers));
    const plain = await read(await source.open(listed('first')));
    expect(askers()).toEqual(['plain']);
    await s3?.stop();
    s3 = await scriptS3([send(headers), noAcls]);
    expect(plain).toEqual(await read(await s3Source(s3.client, BUCKET).open(listed('first'))));
  });

  it.each(['a', 'a b+c', 'ä/ß/日本', '!\'()*~-_.&=;:@$,?#[]%"<>\\^`{|}', '//a//b/', './../a', '\u0001\u007f', '🎈'])(
    'is signed as the SDK signs, whatever its key: %j',
    async (key) => {
      s3 = await scriptS3([send(), noAcls, send(), send()]);
      const source = s3Source(s3.client, BUCKET);
      // It is learnt from the SDK's request for the key only if the signature of that is the same here.
      await read(await source.open(listed(key)));
      await read(await source.open(listed(key)));
      expect(askers()).toEqual(['plain']);
      expect(s3.requests[2]?.url).toBe(s3.requests[0]?.url);
    },
  );

  it('that is empty comes empty', async () => {
    const source = await learned([send({}, Buffer.alloc(0))]);
    expect(await read(await source.open(listed('empty', { sizeBytes: 0 })))).toMatchObject({ content: '' });
    expect(askers()).toEqual(['plain']);
  });

  it('is signed with the credentials of the moment', async () => {
    s3 = await scriptS3([send(), noAcls, send()]);
    const { endpoint, region, forcePathStyle } = s3.client.config;
    let current = { accessKeyId: 'one', secretAccessKey: 's', sessionToken: 'token-1' };
    const client = new S3Client({
      ...(endpoint === undefined ? {} : { endpoint }),
      region,
      forcePathStyle,
      credentials: async () => ({ ...current, expiration: new Date(Date.now() + 1000) }),
    });
    const source = s3Source(client, BUCKET);
    await read(await source.open(listed('first')));
    current = { accessKeyId: 'two', secretAccessKey: 't', sessionToken: 'token-2' };
    await read(await source.open(listed('second')));
    client.destroy();
    expect(askers()).toEqual(['plain']);
    expect(s3.requests[2]?.headers.authorization).toContain('Credential=two/');
    expect(s3.requests[2]?.headers['x-amz-security-token']).toBe('token-2');
  });

  it('is seen by what the client has to watch its attempts', async () => {
    s3 = await scriptS3([send(), noAcls, send({ 'x-amz-checksum-crc32': 'y/Q5Jg==' })]);
    const seen: unknown[] = [];
    s3.client.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          const result = await next(args);
          seen.push([commandName, Reflect.get(Object(result.response), 'statusCode')]);
          return result;
        },
      { step: 'deserialize', priority: 'low', name: 'watcher' },
    );
    const source = s3Source(s3.client, BUCKET);
    for (const key of ['a', 'b']) await read(await source.open(listed(key)));
    expect(askers()).toEqual(['plain']);
    expect(seen).toEqual([
      ['GetObjectCommand', 200],
      ['GetBucketOwnershipControlsCommand', 200],
      ['GetObjectCommand', 200],
    ]);
  });

  it.each([
    ['crc64nvme', Buffer.from('ae8b14860a799888', 'hex')],
    ['crc32', Buffer.from('cbf43926', 'hex')],
    ['crc32c', Buffer.from('e3069283', 'hex')],
    ['sha1', createHash('sha1').update(CONTENT).digest()],
    ['sha256', createHash('sha256').update(CONTENT).digest()],
  ])('is compared with its %s', async (algorithm, sum) => {
    const headers = { [`x-amz-checksum-${algorithm}`]: sum.toString('base64') };
    const damaged = Buffer.from('123456780');
    const source = await learned([send(headers), send(headers, damaged), send(headers)]);
    expect(await read(await source.open(listed('whole')))).toMatchObject({ content: '123456789' });
    expect(askers()).toEqual(['plain']);
    expect(await read(await source.open(listed('damaged')))).toMatchObject({ content: '123456789' });
    expect(askers()).toEqual(['plain', 'plain', 'sdk']);
  });

  it('is not compared with the checksum of its parts', async () => {
    const source = await learned([send({ 'x-amz-checksum-crc32': 'AAAAAA==-2' })]);
    expect(await read(await source.open(listed('parts')))).toMatchObject({ content: '123456789' });
    expect(askers()).toEqual(['plain']);
  });
});

describe('small objects that are opened side by side', () => {
  it.each([
    ['tags', { 'x-amz-tagging-count': '1' }, noAcls],
    ['ACLs', {}, refuse(404, 'OwnershipControlsNotFoundError')],
  ])('hold no connection that one of them needs to ask for its %s', async (_, headers, ownership) => {
    const answer: Answer = (request, response) => {
      const query = request.url?.split('?')[1] ?? '';
      if (query.includes('ownershipControls')) ownership(request, response);
      else if (/tagging|acl/.test(query))
        response.end(query.includes('acl') ? '<AccessControlPolicy/>' : '<Tagging><TagSet/></Tagging>');
      else send(headers)(request, response);
    };
    s3 = await scriptS3(Array.from({ length: 100 }, () => answer));
    const { endpoint } = s3.client.config;
    const client = new S3Client({
      ...(endpoint === undefined ? {} : { endpoint }),
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      requestHandler: { httpAgent: { keepAlive: true, maxSockets: 2 } },
    });
    const source = s3Source(client, BUCKET);
    for (const round of ['a', 'b']) {
      const keys = Array.from({ length: 8 }, (_, index) => `${round}${index}`);
      const opened = await Promise.all(keys.map((key) => source.open(listed(key))));
      for (const one of opened) expect(await read(one)).toMatchObject({ content: '123456789' });
    }
    client.destroy();
  });
});

describe('what is not the plain case', () => {
  const broken: Answer = (_, response) => {
    response.writeHead(200, { etag: '"v1"', 'last-modified': MODIFIED.toUTCString(), 'content-length': 9 });
    response.write('1234', () => response.socket?.destroySoon());
  };
  const closed: Answer = (_, response) => response.socket?.destroy();
  const endless: Answer = (_, response) => {
    response.writeHead(200, { etag: '"v1"', 'last-modified': MODIFIED.toUTCString(), 'content-length': 10 });
    response.write('123456789');
  };

  it.each<[string, Answer]>([
    ['a throttle', refuse(503, 'SlowDown')],
    ['a refusal', refuse(403, 'AccessDenied')],
    ['a redirect', refuse(301, 'PermanentRedirect')],
    ['a clock that is wrong', refuse(403, 'RequestTimeTooSkewed')],
    ['a changed object', refuse(412, 'PreconditionFailed')],
    ['an absent object', refuse(404, 'NoSuchKey')],
    ['a closed connection', closed],
    ['a body that breaks off', broken],
    ['a body of another length', endless],
    ['another ETag', send({ etag: '"v2"' })],
    ['a time in another form', send({ 'last-modified': 'yesterday' })],
    ['a page of a gateway', (_, response) => response.end('<html></html>')],
    ['an answer without content', (_, response) => response.writeHead(204).end()],
  ])('is asked for again by the SDK, and then learnt anew: %s', async (_, answer) => {
    const source = await learned([answer, send(), send()]);
    for (const key of ['a', 'b']) {
      expect(await read(await source.open(listed(key)))).toMatchObject({ content: '123456789' });
      await soon();
    }
    expect(askers()).toEqual(['plain', 'sdk', 'plain']);
  });

  it('has the outcome that the SDK gives it', async () => {
    const source = await learned([refuse(404, 'NoSuchKey'), refuse(404, 'NoSuchKey'), refuse(403, 'AccessDenied')]);
    expect(await source.open(listed('gone'))).toEqual({ state: 'gone' });
    expect(await source.open(listed('denied'))).toMatchObject({ state: 'unprotected', denied: true });
    // Nothing came well meanwhile, so that nothing is asked for twice.
    expect(askers()).toEqual(['plain', 'sdk', 'sdk']);
  });

  it('is a content of more than a mebibyte', async () => {
    const content = Buffer.alloc(1024 * 1024 + 1, 7);
    const source = await learned([send({}, content), send()]);
    await read(await source.open(listed('large', { sizeBytes: content.length })));
    await read(await source.open(listed('small')));
    expect(askers()).toEqual(['sdk', 'plain']);
  });
});
