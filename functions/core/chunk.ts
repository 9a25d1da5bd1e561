/**
 * A chunk is a run of content bytes, the unit of dedup. Large contents are cut by content (FastCDC: Xia et al., USENIX ATC 2016,
 * normalised chunking with a gear hash), so that an insertion changes the chunks around it and no others.
 */
import { createHash } from 'node:crypto';
import type { Chunking } from './descriptor.ts';

/** Contents of this size and more are cut into chunks. */
export const CUT_FROM_BYTES = 1 << 20;
/** Contents from this size are a chunk of their own; smaller ones share blocks. */
export const OWN_CHUNK_FROM_BYTES = 64 << 10;
/** Blocks are closed before they would grow beyond this. */
export const BLOCK_BYTES = 1 << 20;

/** 256 random-looking words that are the same for ever: the first four bytes of SHA-256 of `holdfast gear <byte>`. */
const GEAR = Int32Array.from({ length: 256 }, (_, byte) =>
  createHash('sha256').update(`holdfast gear ${byte}`).digest().readInt32BE(0),
);

/** `ones` leading one bits: the high bits of a gear hash depend on the most bytes. */
const highMask = (ones: number): number => (ones === 0 ? 0 : -1 << (32 - ones));

export interface Cutter {
  /**
   * Goes on with a content at `from` in these bytes, which are not empty from there. Returns the index behind the last byte of the current
   * chunk, after which the next one begins; or undefined when all of them belong to a chunk that may still grow.
   */
  findEnd(bytes: Uint8Array, from: number): number | undefined;
}

/** Cuts one content into chunks, however it is divided into calls. The rest behind the last cut is a chunk too. */
export function cutContent(chunking: Chunking): Cutter {
  const averageBits = Math.round(Math.log2(chunking.averageBytes));
  // Normalisation: a cut is made unlikely before the average and likely after it.
  const strict = highMask(averageBits + 2);
  const loose = highMask(averageBits - 2);
  const { minBytes, averageBytes, maxBytes } = chunking;
  /** Of the current chunk, so far. */
  let length = 0;
  const rolled = { hash: 0 };

  return {
    findEnd(bytes, from) {
      const begin = from - length;
      const strictFrom = Math.min(bytes.length, Math.max(from, begin + minBytes));
      const strictEnd = Math.min(bytes.length, Math.max(from, begin + averageBytes));
      const looseEnd = Math.min(bytes.length, begin + maxBytes);
      let cut = scan(bytes, strictFrom, strictEnd, strict, rolled);
      if (cut === -1) cut = scan(bytes, Math.max(strictFrom, strictEnd), looseEnd, loose, rolled);
      if (cut === -1 && looseEnd === begin + maxBytes) cut = looseEnd;
      length = cut === -1 ? length + bytes.length - from : 0;
      if (cut === -1) return undefined;
      rolled.hash = 0;
      return cut;
    },
  };
}

/** Half of what `scan` goes through in one round. */
const LANE_BYTES = 4096;

/**
 * The index behind the first byte at which the gear hash has none of the mask's bits, or -1. A gear hash depends on the last 32 bytes alone, so
 * that two places of one content can be hashed at once: each byte waits for the hash before it, and a processor has time for two.
 */
function scan(bytes: Uint8Array, from: number, to: number, mask: number, rolled: { hash: number }): number {
  const gear = GEAR;
  let at = from;
  let left = rolled.hash;
  for (; at + 2 * LANE_BYTES <= to; at += 2 * LANE_BYTES) {
    const middle = at + LANE_BYTES;
    let right = 0;
    for (let i = middle - 32; i < middle; i += 1) right = ((right << 1) + (gear[bytes[i] as number] as number)) | 0;
    for (let i = at, j = middle; i < middle; i += 1, j += 1) {
      left = ((left << 1) + (gear[bytes[i] as number] as number)) | 0;
      right = ((right << 1) + (gear[bytes[j] as number] as number)) | 0;
      if ((left & mask) === 0) return i + 1;
      if ((right & mask) === 0) {
        rolled.hash = left;
        const earlier = scanOne(bytes, i + 1, middle, mask, rolled);
        return earlier === -1 ? j + 1 : earlier;
      }
    }
    left = right;
  }
  rolled.hash = left;
  return scanOne(bytes, at, to, mask, rolled);
}

function scanOne(bytes: Uint8Array, from: number, to: number, mask: number, rolled: { hash: number }): number {
  const gear = GEAR;
  let hash = rolled.hash;
  for (let i = from; i < to; i += 1) {
    hash = ((hash << 1) + (gear[bytes[i] as number] as number)) | 0;
    if ((hash & mask) === 0) return i + 1;
  }
  rolled.hash = hash;
  return -1;
}
