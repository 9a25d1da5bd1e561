/**
 * A staged run: entries that a source gave in an order of its own, sorted by key and sealed on their way through the work place. An index beside
 * the blob says where each frame lies, so that a range of keys is read without the rest.
 */
import * as z from 'zod';
import { type KeyRange, keyFromBytes } from './entry.ts';
import { IntegrityError } from './errors.ts';
import type { ScannedEntry } from './ports.ts';
import { buildFrames, frameOpener, HEAD_BYTES } from './sealed-frames.ts';
import type { VaultKeys } from './vault-keys.ts';

/** Plain bytes of a frame, more where its last entry is large: small enough that hundreds of runs are merged side by side. */
export const FRAME_BYTES = 256 * 1024;

const count = z.number().int().nonnegative();

/** `[first key, entries, offset of the sealed bytes, their length]`; a key as a string whose units are bytes. */
const frameSchema = z.tuple([z.string(), count, count, count]);
export const stagedRunSchema = z.object({
  /** Name in the work place. */
  name: z.string(),
  /** The blob's head, base64. */
  head: z.string(),
  frames: z.array(frameSchema).min(1),
});
export type StagedRun = z.output<typeof stagedRunSchema>;

/** `lengths (4 + 4), key, content`; this length of content says that the entry is gone. */
const GONE = 0xffff_ffff;

/** @param entries At least one, in byte order of keys, no key twice. `salt`: 32 fresh random bytes. */
export function buildRun(
  keys: VaultKeys,
  entries: readonly ScannedEntry[],
  salt: Buffer,
): { readonly bytes: Buffer; readonly index: Omit<StagedRun, 'name'> } {
  const builder = buildFrames(keys, 'staged run', salt);
  const frames: StagedRun['frames'] = [];
  let records: Buffer[] = [];
  let plainBytes = 0;
  let from = 0;
  for (const [at, entry] of entries.entries()) {
    records.push(recordOf(entry));
    plainBytes += entry.key.length + (entry.content?.length ?? 0);
    const last = at + 1 === entries.length;
    if (plainBytes < FRAME_BYTES && !last) continue;
    const offset = builder.sizeBytes + 4;
    builder.add(Buffer.concat(records), last ? 'last frame' : 'frame');
    frames.push([entries[from]?.key ?? '', at + 1 - from, offset, builder.sizeBytes - offset]);
    [records, plainBytes, from] = [[], 0, at + 1];
  }
  const bytes = builder.finish();
  return { bytes, index: { head: bytes.subarray(0, HEAD_BYTES).toString('base64'), frames } };
}

function recordOf({ key, content }: ScannedEntry): Buffer {
  const bytes = Buffer.allocUnsafe(8 + key.length + (content?.length ?? 0));
  bytes.writeUInt32BE(key.length, 0);
  bytes.writeUInt32BE(content?.length ?? GONE, 4);
  bytes.write(key, 8, 'latin1');
  content?.copy(bytes, 8 + key.length);
  return bytes;
}

/** The numbers of the frames that may hold keys of the range: from the first, up to and without the second. */
export function framesOf({ frames }: StagedRun, range: KeyRange): { readonly from: number; readonly to: number } {
  // The last frame that begins at or before `after` may hold the first key behind it.
  const { after, upTo } = range;
  const from = after === undefined ? 0 : Math.max(0, firstThat(frames, (key) => key > after) - 1);
  const to = upTo === undefined ? frames.length : firstThat(frames, (key) => key > upTo);
  return { from, to: Math.max(from, to) };
}

/** Number of the first frame whose first key passes, which all later ones do. */
function firstThat(frames: StagedRun['frames'], passes: (firstKey: string) => boolean): number {
  let [low, high] = [0, frames.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const frame = frames[middle];
    if (frame !== undefined && passes(frame[0])) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * Opens frames `from` up to and without `to`, of which `sealed` are the bytes from the first one's offset on.
 * @throws IntegrityError naming the run.
 */
export function openRun(
  keys: VaultKeys,
  run: StagedRun,
  sealed: Buffer,
  { from, to }: { readonly from: number; readonly to: number },
): ScannedEntry[] {
  const open = frameOpener(keys, 'staged run', Buffer.from(run.head, 'base64'), run.name);
  const entries: ScannedEntry[] = [];
  const base = run.frames[from]?.[2] ?? 0;
  for (let number = from; number < to; number += 1) {
    const frame = run.frames[number];
    if (frame === undefined) throw new IntegrityError(`${run.name} has no frame ${number}`);
    const [, expected, offset, length] = frame;
    const last = number + 1 === run.frames.length;
    const before = entries.length;
    readRecords(open(sealed.subarray(offset - base, offset - base + length), { offset, last }), run.name, entries);
    if (entries.length - before !== expected)
      throw new IntegrityError(
        `${run.name}: frame ${number} holds ${entries.length - before} entries, not ${expected}`,
      );
  }
  return entries;
}

function readRecords(plain: Buffer, name: string, into: ScannedEntry[]): void {
  for (let at = 0; at < plain.length; ) {
    const keyLength = at + 8 <= plain.length ? plain.readUInt32BE(at) : plain.length;
    const contentLength = at + 8 <= plain.length ? plain.readUInt32BE(at + 4) : 0;
    const contentAt = at + 8 + keyLength;
    const end = contentAt + (contentLength === GONE ? 0 : contentLength);
    if (end > plain.length) throw new IntegrityError(`${name}: a record is longer than its frame`);
    into.push({
      key: keyFromBytes(plain.subarray(at + 8, contentAt)),
      content: contentLength === GONE ? undefined : plain.subarray(contentAt, end),
    });
    at = end;
  }
}
