/** Where small contents are read to, one behind the other: memory costs less in large pieces. */
export interface Room {
  /** The next bytes that nobody holds, to read into. */
  next(sizeBytes: number): Buffer;
  /** Holds the first of them for good. */
  keep(sizeBytes: number): void;
}

/** Of several contents of the largest size that is read at once, and of a block's. */
const ROOM_BYTES = 1024 * 1024;

export function makeRoom(): Room {
  let free = Buffer.alloc(0);
  return {
    next(sizeBytes) {
      if (free.length < sizeBytes) free = Buffer.allocUnsafeSlow(ROOM_BYTES);
      return free.subarray(0, sizeBytes);
    },
    keep(sizeBytes) {
      free = free.subarray(sizeBytes);
    },
  };
}
