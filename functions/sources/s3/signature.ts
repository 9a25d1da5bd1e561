/** Signature Version 4 of a request without a body (S3 API reference, "Authenticating Requests: Using the Authorization Header"). */
import { createHash, createHmac, createSecretKey, type KeyObject } from 'node:crypto';

/** What is signed; names of headers are in lower case. */
export interface UnsignedRequest {
  readonly method: string;
  /** As it goes over the wire, encoded. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** With `x-amz-date` and `x-amz-content-sha256`. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Signer {
  /** The `authorization` header. */
  sign(
    request: UnsignedRequest,
    credentials: { readonly accessKeyId: string; readonly secretAccessKey: string },
  ): string;
}

/** @param signedHeaders Names in order; the request has each. */
export function signerOf(region: string, signedHeaders: readonly string[]): Signer {
  const names = signedHeaders.join(';');
  let derived: { readonly from: string; readonly key: KeyObject } | undefined;
  const keyOf = (secret: string, day: string): KeyObject => {
    const from = `${day} ${secret}`;
    if (derived?.from !== from) {
      const key = [day, region, 's3', 'aws4_request'].reduce<Buffer>(hmac, Buffer.from(`AWS4${secret}`));
      // Made into a key once: that takes longer than to sign with it.
      derived = { from, key: createSecretKey(key) };
    }
    return derived.key;
  };
  return {
    sign({ method, path, query, headers }, { accessKeyId, secretAccessKey }) {
      const date = headers['x-amz-date'] ?? '';
      const day = date.slice(0, 8);
      const scope = `${day}/${region}/s3/aws4_request`;
      const lines = signedHeaders.map((name) => `${name}:${(headers[name] ?? '').trim().replace(/\s+/g, ' ')}\n`);
      const canonical = `${method}\n${path}\n${canonicalQuery(query)}\n${lines.join('')}\n${names}\n${headers['x-amz-content-sha256'] ?? ''}`;
      const hash = createHash('sha256').update(canonical).digest('hex');
      const signature = hmac(keyOf(secretAccessKey, day), `AWS4-HMAC-SHA256\n${date}\n${scope}\n${hash}`);
      return `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature.toString('hex')}`;
    },
  };
}

/** Encodes as the signature wants it: all but letters, digits and `-._~`. */
export function encodeForSignature(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function canonicalQuery(query: Readonly<Record<string, string>>): string {
  return Object.entries(query)
    .map(([name, value]) => `${encodeForSignature(name)}=${encodeForSignature(value)}`)
    .sort()
    .join('&');
}

function hmac(key: Buffer | KeyObject, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
