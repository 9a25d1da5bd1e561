/**
 * The plain case of reading: a whole small object, as it was listed, by one request that succeeds at once. It is asked for as the SDK
 * asks, over the SDK's own connections, but without its machinery, which takes several times the time of the request itself.
 *
 * How to ask is learnt from a request of the SDK's that S3 answered well: address, headers, region. Whatever then is not the plain case
 * (a refusal, a redirect, a break, another object, a damaged body) is no answer here: the SDK asks again, with its retries and its errors, and
 * the next request is learnt anew.
 */
import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import { type ObjectAnswer, readAnswerHeaders } from './answer-headers.ts';
import { compareChecksum } from './checksums.ts';
import { encodeForSignature, type Signer, signerOf, type UnsignedRequest } from './signature.ts';

/** Contents up to this are gathered before they are given on. */
export const PLAIN_BYTES = 1024 * 1024;

/** A request of the SDK's as it goes out, and what sends it, or another like it. */
export interface SentRequest {
  readonly request: unknown;
  send(request: object): Promise<unknown>;
}

export interface PlainAnswer {
  readonly answer: ObjectAnswer;
  readonly content: Buffer;
}

export interface PlainGets {
  /** Takes in how the SDK asked for an object that came. */
  learn(key: string, sent: SentRequest): Promise<void>;
  /** The object under the ETag; undefined where the SDK must ask. */
  find(key: string, etag: string, sizeBytes: number | undefined): Promise<PlainAnswer | undefined>;
}

/** What each request of a bucket has in common. */
interface Model {
  readonly request: UnsignedRequest;
  /** The path up to the key. */
  readonly path: string;
  readonly signer: Signer;
  send(request: object): Promise<unknown>;
}

export function plainGets(client: S3Client): PlainGets {
  let model: Model | undefined;
  return {
    async learn(key, sent) {
      if (model !== undefined) return;
      const credentials = await client.config.credentials();
      model = modelOf(key, sent, credentials);
    },
    async find(key, etag, sizeBytes) {
      const current = model;
      if (current === undefined || sizeBytes === undefined || sizeBytes > PLAIN_BYTES) return undefined;
      const credentials = await client.config.credentials();
      const now = new Date(Date.now() + client.config.systemClockOffset);
      const request = requestFor(current, { key, etag, now, credentials });
      const found = await answerTo(current, request, etag, sizeBytes);
      if (found === undefined && model === current) model = undefined;
      return found;
    },
  };
}

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

function modelOf(key: string, { request, send }: SentRequest, credentials: Credentials): Model | undefined {
  if (!isRequest(request)) return undefined;
  const { path, headers } = request;
  const encodedKey = encodeKeyPath(key);
  const authorization = /Credential=[^/]+\/\d{8}\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+),/.exec(
    headers.authorization ?? '',
  );
  const [, region, signedHeaders] = authorization ?? [];
  if (region === undefined || signedHeaders === undefined || !path.endsWith(`/${encodedKey}`)) return undefined;
  const signed = signedHeaders.split(';');
  if (!signed.includes('if-match')) return undefined;
  // Where the signature comes out otherwise than the SDK's, it is of another kind.
  if (signerOf(region, signed).sign(request, credentials) !== headers.authorization) return undefined;
  // What tells one of the SDK's attempts from another.
  const isOfAttempt = (name: string): boolean => name.startsWith('amz-sdk-');
  return {
    request: {
      ...request,
      headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !isOfAttempt(name))),
    },
    path: path.slice(0, path.length - encodedKey.length),
    signer: signerOf(
      region,
      signed.filter((name) => !isOfAttempt(name)),
    ),
    send,
  };
}

function requestFor(
  { request, path, signer }: Model,
  ask: { readonly key: string; readonly etag: string; readonly now: Date; readonly credentials: Credentials },
): UnsignedRequest {
  const { sessionToken } = ask.credentials;
  const unsigned = {
    ...request,
    path: path + encodeKeyPath(ask.key),
    headers: {
      ...request.headers,
      'if-match': ask.etag,
      'x-amz-date': ask.now.toISOString().replace(/[-:]|\.\d+/g, ''),
      ...(sessionToken === undefined ? {} : { 'x-amz-security-token': sessionToken }),
    },
  };
  return { ...unsigned, headers: { ...unsigned.headers, authorization: signer.sign(unsigned, ask.credentials) } };
}

async function answerTo(
  { send }: Model,
  request: UnsignedRequest,
  etag: string,
  sizeBytes: number,
): Promise<PlainAnswer | undefined> {
  const response = await send(request).then(responseIn, () => undefined);
  if (response === undefined) return undefined;
  const { statusCode, headers, body } = response;
  const answer = readAnswerHeaders(headers);
  const plain = statusCode === 200 && answer?.ETag === etag && answer.ContentLength === sizeBytes;
  const content = plain ? await gather(body, sizeBytes) : undefined;
  if (answer === undefined || content === undefined) {
    body.on('error', () => undefined).destroy();
    return undefined;
  }
  const comparison = compareChecksum((algorithm) => headers[`x-amz-checksum-${algorithm}`]);
  comparison.update(content);
  return (await comparison.matches()) ? { answer, content } : undefined;
}

/** Exactly so many bytes; undefined when the body breaks, or is longer or shorter. */
function gather(body: Readable, sizeBytes: number): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let length = 0;
  return new Promise((resolve) => {
    body.on('data', (part: Buffer) => {
      length += part.length;
      if (length > sizeBytes) resolve(undefined);
      else parts.push(part);
    });
    body.on('end', () => resolve(length === sizeBytes ? Buffer.concat(parts, length) : undefined));
    body.on('error', () => resolve(undefined));
    body.on('close', () => resolve(undefined));
  });
}

function encodeKeyPath(key: string): string {
  return key.split('/').map(encodeForSignature).join('/');
}

function isRequest(value: unknown): value is UnsignedRequest {
  return (
    isRecord(value) &&
    typeof value.method === 'string' &&
    typeof value.path === 'string' &&
    isTexts(value.query) &&
    isTexts(value.headers)
  );
}

function responseIn(sent: unknown) {
  const response = isRecord(sent) ? sent.response : undefined;
  if (!isRecord(response)) return undefined;
  const { statusCode, headers, body } = response;
  return typeof statusCode === 'number' && isTexts(headers) && body instanceof Readable
    ? { statusCode, headers, body }
    : undefined;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

const isTexts = (value: unknown): value is Readonly<Record<string, string>> =>
  isRecord(value) && Object.values(value).every((one) => typeof one === 'string');
