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
  /** Takes more content; returns the chunks that are complete. */
  push(bytes: Uint8Array): Buffer[];
  /** The rest, if any. */
  end(): Buffer | undefined;
}

/** Cuts one content into chunks, however it is divided into pushes. */
export function cutContent(chunking: Chunking): Cutter {
  const averageBits = Math.round(Math.log2(chunking.averageBytes));
  // Normalisation: a cut is made unlikely before the average and likely after it.
  const strict = highMask(averageBits + 2);
  const loose = highMask(averageBits - 2);
  const { minBytes, averageBytes, maxBytes } = chunking;
  let held: Uint8Array[] = [];
  let length = 0;
  let hash = 0;

  /** How many of these bytes belong to the current chunk, or -1 when all do and it is not complete. */
  const findCut = (bytes: Uint8Array, from: number): number => {
    const room = bytes.length - from;
    let at = Math.max(0, Math.min(minBytes - length, room));
    const strictEnd = Math.min(room, averageBytes - length);
    const looseEnd = Math.min(room, maxBytes - length);
    let h = hash;
    for (; at < strictEnd; at += 1) {
      h = ((h << 1) + (GEAR[bytes[from + at] as number] as number)) | 0;
      if ((h & strict) === 0) return at + 1;
    }
    for (; at < looseEnd; at += 1) {
      h = ((h << 1) + (GEAR[bytes[from + at] as number] as number)) | 0;
      if ((h & loose) === 0) return at + 1;
    }
    hash = h;
    return looseEnd < room || length + looseEnd === maxBytes ? looseEnd : -1;
  };

  return {
    push(bytes) {
      const complete: Buffer[] = [];
      let from = 0;
      while (from < bytes.length) {
        const cut = findCut(bytes, from);
        if (cut === -1) {
          held.push(bytes.subarray(from));
          length += bytes.length - from;
          break;
        }
        complete.push(Buffer.concat([...held, bytes.subarray(from, from + cut)]));
        held = [];
        length = 0;
        hash = 0;
        from += cut;
      }
      return complete;
    },
    end() {
      const rest = length > 0 ? Buffer.concat(held) : undefined;
      held = [];
      length = 0;
      hash = 0;
      return rest;
    },
  };
}
