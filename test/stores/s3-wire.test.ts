import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { crc32 } from 'node:zlib';
import { S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AccessDeniedError, IntegrityError, NotFoundError, TransientError } from '../../functions/core/errors.ts';
import type { BlobStore } from '../../functions/core/ports.ts';
import { s3BlobStore } from '../../functions/stores/s3.ts';
import { type Answer, type LoopbackServer, startLoopback } from '../fakes/loopback-server.ts';

/** What the SDK makes of answers as they come over the wire, and what it sends. */

let server: LoopbackServer;
let requests: IncomingMessage[];
let answer: Answer;

beforeEach(async () => {
  requests = [];
  server = await startLoopback((request, response) => {
    requests.push(request);
    request.resume().on('end', () => answer(request, response));
  });
});
afterEach(() => server.stop());

function store({ attempts = 1, socketTimeout = 0 } = {}): BlobStore {
  const client = new S3Client({
    endpoint: server.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    maxAttempts: attempts,
    requestHandler: { socketTimeout },
    credentials: { accessKeyId: 'testing', secretAccessKey: 'testing' },
  });
  return s3BlobStore(client, { bucket: 'acme-vault', prefix: '' });
}

function xmlError(status: number, code: string): Answer {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/xml' });
    response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>said S3</Message></Error>`);
  };
}

const EMPTY_LISTING =
  '<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>0</KeyCount></ListBucketResult>';

describe('reading over the wire', () => {
  it('asks for the range and gives exactly its bytes', async () => {
    answer = (_, response) => {
      response.writeHead(206, { 'content-range': 'bytes 3-6/10', 'content-length': 4 });
      response.end('3456');
    };
    expect((await store().get('a', { offset: 3, length: 4 })).toString()).toBe('3456');
    expect(requests.map(({ method, url, headers }) => [method, url?.split('?')[0], headers.range])).toEqual([
      ['GET', '/acme-vault/a', 'bytes=3-6'],
    ]);
  });

  it.each<[string, number, Record<string, string>, string]>([
    ['is cut at the end of the blob', 206, { 'content-range': 'bytes 3-4/5' }, '34'],
    ['begins elsewhere', 206, { 'content-range': 'bytes 0-3/10' }, '0123'],
    ['is the whole blob', 200, {}, '0123456789'],
    ['is a whole blob of the length asked for', 200, {}, '0123'],
  ])('refuses an answer to a range that %s', async (_, status, headers, body) => {
    answer = (_, response) => {
      response.writeHead(status, { ...headers, 'content-length': body.length });
      response.end(body);
    };
    await expect(store().get('a', { offset: 3, length: 4 })).rejects.toThrow(IntegrityError);
  });

  it('compares no range with the checksum of the whole, which some stores send along', async () => {
    answer = (_, response) => {
      response.writeHead(206, {
        'content-range': 'bytes 3-6/10',
        'content-length': 4,
        'x-amz-checksum-crc32': 'poTHxg==',
      });
      response.end('3456');
    };
    expect((await store().get('a', { offset: 3, length: 4 })).toString()).toBe('3456');
  });

  it('takes a range that begins past the end for a lack of integrity', async () => {
    answer = xmlError(416, 'InvalidRange');
    await expect(store().get('a', { offset: 10, length: 1 })).rejects.toThrow(IntegrityError);
  });

  it.each([undefined, { offset: 0, length: 10 }])(
    'takes a connection cut within the body for transient (%o)',
    async (range) => {
      answer = (_, response) => {
        response.writeHead(range === undefined ? 200 : 206, { 'content-length': 10, 'content-range': 'bytes 0-9/10' });
        response.write('01234', () => response.destroy());
      };
      await expect(store().get('a', range)).rejects.toThrow(TransientError);
    },
  );

  it.each([undefined, { offset: 0, length: 10 }])(
    'asks again when a connection is cut within the body (%o)',
    async (range) => {
      answer = (_, response) => {
        response.writeHead(range === undefined ? 200 : 206, { 'content-length': 10, 'content-range': 'bytes 0-9/10' });
        if (requests.length === 1) response.write('01234', () => response.destroy());
        else response.end('0123456789');
      };
      expect((await store().get('a', range)).toString()).toBe('0123456789');
      expect(requests).toHaveLength(2);
    },
  );

  it('asks again when a body stalls, and no more than twice', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'content-length': 10 }).write('01234');
    };
    await expect(store({ socketTimeout: 50 }).get('a')).rejects.toThrow(TransientError);
    expect(requests).toHaveLength(3);
  });

  it.each([
    ['is larger than any that is written', { 'content-length': 2 ** 40 }],
    ['has no size', { 'transfer-encoding': 'chunked' }],
  ])('refuses a whole blob that %s, and lets the connection go', async (_, headers) => {
    let closed: Promise<unknown> | undefined;
    answer = (_request, response) => {
      closed = once(response, 'close');
      response.writeHead(200, headers).write('and so on');
    };
    await expect(store().get('a')).rejects.toThrow(IntegrityError);
    await closed;
  });

  it('refuses a whole blob whose size it was not told, since a part would look the same', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'transfer-encoding': 'chunked' });
      response.end('0123');
    };
    await expect(store().get('a')).rejects.toThrow(IntegrityError);
  });

  it('looks up whether a blob reaches as far as an empty range', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'content-length': 10, 'last-modified': 'Wed, 25 Nov 2026 10:00:00 GMT' }).end();
    };
    expect(await store().get('a', { offset: 10, length: 0 })).toHaveLength(0);
    await expect(store().get('a', { offset: 11, length: 0 })).rejects.toThrow(IntegrityError);
    expect(requests.map(({ method }) => method)).toEqual(['HEAD', 'HEAD']);
  });

  it('refuses bytes that are not those of the checksum sent along', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'content-length': 4, 'x-amz-checksum-crc32': 'AAAAAA==' });
      response.end('0123');
    };
    await expect(store().get('a')).rejects.toThrow(IntegrityError);
  });

  it.each([
    [404, 'NoSuchKey', NotFoundError],
    [404, 'NoSuchBucket', NotFoundError],
    [403, 'AccessDenied', AccessDeniedError],
    [403, 'InvalidObjectState', AccessDeniedError],
    [403, 'SignatureDoesNotMatch', AccessDeniedError],
    [400, 'ExpiredToken', AccessDeniedError],
    [500, 'InternalError', TransientError],
    [503, 'SlowDown', TransientError],
  ])('translates the answer %i %s', async (status, code, expected) => {
    answer = xmlError(status, code);
    await expect(store().get('a')).rejects.toThrow(expected);
  });

  it('names the endpoint that nobody listens on', async () => {
    await server.stop();
    const read = store().get('a');
    await expect(read).rejects.toThrow(TransientError);
    await expect(read).rejects.toThrow(server.endpoint.slice('http://'.length));
  });
});

describe('finding over the wire', () => {
  const headThenList = (headStatus: number, list: Answer): Answer => {
    return (request, response) => {
      if (request.method === 'HEAD') response.writeHead(headStatus).end();
      else list(request, response);
    };
  };
  const emptyListing: Answer = (_, response) => response.writeHead(200).end(EMPTY_LISTING);

  it('is told of an absence by a bare 404', async () => {
    answer = headThenList(404, emptyListing);
    expect(await store().find('a')).toBeUndefined();
  });

  it.each([
    [404, 404, 'NoSuchBucket', NotFoundError, 'no such bucket'],
    [404, 403, 'AccessDenied', AccessDeniedError, 'access is denied'],
    [400, 400, 'ExpiredToken', AccessDeniedError, 'have expired'],
    [403, 403, 'InvalidAccessKeyId', AccessDeniedError, 'not accepted'],
    [403, 200, 'unused', AccessDeniedError, 'access is denied'],
    [503, 200, 'unused', TransientError, 'failing for now'],
    [301, 200, 'unused', Error, 'another region'],
  ])('is not told of one by a bare %i when a listing answers %i %s', async (head, list, code, expected, said) => {
    answer = headThenList(head, list === 200 ? emptyListing : xmlError(list, code));
    for (const attempt of [() => store().find('a'), () => store().delete('a')]) {
      await expect(attempt()).rejects.toThrow(expected);
      await expect(attempt()).rejects.toThrow(said);
    }
    expect(requests.map(({ method }) => method)).not.toContain('DELETE');
  });
});

describe('writing over the wire', () => {
  it('sends the condition and a checksum', async () => {
    answer = (_, response) => response.writeHead(200).end();
    expect(await store().putNew('a', Buffer.from('x'))).toBe('written');
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32BE(crc32('x'));
    expect(requests[0]?.headers).toMatchObject({
      'if-none-match': '*',
      'x-amz-checksum-crc32': checksum.toString('base64'),
    });
  });

  it('reports "exists" when the answer to its own write was lost and the client asked again', async () => {
    let there = false;
    answer = (request, response) => {
      if (there) return xmlError(412, 'PreconditionFailed')(request, response);
      there = true;
      response.destroy();
    };
    expect(await store({ attempts: 3 }).putNew('a', Buffer.from('x'))).toBe('exists');
    expect(requests).toHaveLength(2);
  });
});

describe('listing over the wire', () => {
  it.each(['', '<html><body>Welcome to the gateway</body></html>', '<?xml version="1.0"?><ListBucketResult/>'])(
    'does not take the body %j with status 200 for an empty vault',
    async (body) => {
      answer = (_, response) => response.writeHead(200).end(body);
      await expect(store().list('')[Symbol.asyncIterator]().next()).rejects.toThrow(IntegrityError);
    },
  );

  it('takes a listing of nothing for an empty vault', async () => {
    answer = (_, response) => response.writeHead(200).end(EMPTY_LISTING);
    expect((await store().list('')[Symbol.asyncIterator]().next()).done).toBe(true);
    expect(requests[0]?.url).toContain('encoding-type=url');
  });
});
