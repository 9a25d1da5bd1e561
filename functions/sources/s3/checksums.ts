/** The checksums that S3 keeps with an object and sends along (S3 user guide, "Checking object integrity"). */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Crc32c, Crc64Nvme } from '@aws-sdk/checksums/crc';
import type { Headers } from './answer-headers.ts';

type Sum = (bytes: Buffer) => Uint8Array | Promise<Uint8Array>;

/** In the SDK's order: the first that is there is compared. */
const KNOWN: ReadonlyMap<string, Sum> = new Map<string, Sum>([
  ['x-amz-checksum-crc64nvme', (bytes) => digestOf(new Crc64Nvme(), bytes)],
  ['x-amz-checksum-crc32', crc32Of],
  ['x-amz-checksum-crc32c', (bytes) => digestOf(new Crc32c(), bytes)],
  ['x-amz-checksum-sha256', (bytes) => createHash('sha256').update(bytes).digest()],
  ['x-amz-checksum-sha1', (bytes) => createHash('sha1').update(bytes).digest()],
]);

/** Whether bytes are those of the checksum in their headers; true where there is none, or one of parts, or none that is known here. */
export async function matchesChecksum(headers: Headers, bytes: Buffer): Promise<boolean> {
  for (const [name, sum] of KNOWN) {
    const expected = headers[name];
    // `-2` at its end: of the checksums of two parts.
    if (expected === undefined || expected.includes('-')) continue;
    return Buffer.from(await sum(bytes)).toString('base64') === expected;
  }
  return true;
}

function crc32Of(bytes: Buffer): Buffer {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  return sum;
}

function digestOf(
  checksum: { update(bytes: Uint8Array): void; digest(): Promise<Uint8Array> },
  bytes: Buffer,
): Promise<Uint8Array> {
  checksum.update(bytes);
  return checksum.digest();
}
