/** The checksums that S3 keeps with an object and tells (S3 user guide, "Checking object integrity"). */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Crc32c, Crc64Nvme } from '@aws-sdk/checksums/crc';

/** By the algorithm's name in lower case, in base 64; other names may be among them. */
export type ToldChecksums = (algorithm: string) => string | undefined;

interface Sum {
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array | Promise<Uint8Array>;
}

/** Compares the bytes of an object, as they come, with the checksum that was told; with none, or one that is not known here, all is well. */
export interface Comparison {
  update(bytes: Uint8Array): void;
  matches(): Promise<boolean>;
}

/** In the SDK's order: the first that is there is compared. */
const KNOWN: readonly (readonly [string, () => Sum])[] = [
  ['crc64nvme', () => new Crc64Nvme()],
  ['crc32', sumCrc32],
  ['crc32c', () => new Crc32c()],
  ['sha256', () => createHash('sha256')],
  ['sha1', () => createHash('sha1')],
];

export function compareChecksum(told: ToldChecksums): Comparison {
  for (const [algorithm, start] of KNOWN) {
    const expected = told(algorithm);
    // `-2` at its end: of the checksums of two parts.
    if (expected === undefined || expected.includes('-')) continue;
    const sum = start();
    return {
      update: (bytes) => {
        sum.update(bytes);
      },
      matches: async () => Buffer.from(await sum.digest()).toString('base64') === expected,
    };
  }
  return { update: () => undefined, matches: async () => true };
}

function sumCrc32(): Sum {
  let value = 0;
  return {
    update: (bytes) => {
      value = crc32(bytes, value);
    },
    digest: () => {
      const sum = Buffer.alloc(4);
      sum.writeUInt32BE(value);
      return sum;
    },
  };
}
