/** Opens one entry of a directory, pinned to one version. */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  read,
  readlinkSync,
  readSync,
} from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Content } from '../../core/content.ts';
import { displayKey, type EntryKey, type ListedEntry } from '../../core/entry.ts';
import { ConflictError } from '../../core/errors.ts';
import type { OpenedEntry } from '../../core/ports.ts';
import {
  attributesOf,
  type DiskAttributes,
  fingerprintOf,
  isFileFingerprint,
  sameVersion,
  typeOf,
} from './attributes.ts';
import { codeOf, diskError } from './errors.ts';
import { type Place, pathOf } from './place.ts';
import type { Room } from './room.ts';

/** Up to here a file is read in one go when it is opened: six calls, about 6 µs, and nothing to close later. */
const SMALL_BYTES = 64 * 1024;
const READ_BYTES = 1024 * 1024;

// A named pipe would block without O_NONBLOCK; a link that took the file's place is refused by O_NOFOLLOW.
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

const readAsync = promisify(read);

/** @throws what the disk answers, but for "gone" and "denied", which are states. */
export async function openEntry(place: Place, { key, fingerprint }: ListedEntry, room: Room): Promise<OpenedEntry> {
  try {
    const path = pathOf(place, key);
    const at = { place, key, path };
    const atOnce = fingerprint !== undefined && isFileFingerprint(fingerprint) ? openAtOnce(at, room) : undefined;
    if (atOnce !== undefined) return atOnce;
    const { stats, settled } = key.endsWith('/') ? { stats: lookAt(path), settled: true } : await lookSettled(path);
    const type = typeOf(stats);
    if (typeof type !== 'string' || (type === 'directory') !== key.endsWith('/')) return { state: 'gone' };
    const pinned = pin(at, type, stats, settled);
    if (type === 'directory') return opened(pinned, 0, NOTHING);
    return type === 'symlink' ? openLink(pinned) : openFile(pinned, room);
  } catch (error) {
    const code = codeOf(error);
    // ELOOP: a symbolic link took the file's place.
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return { state: 'gone' };
    if (code === 'EACCES' || code === 'EPERM')
      return {
        state: 'unprotected',
        reason: `access denied (${code}); let the user that backs up read it`,
        denied: true,
      };
    throw diskError(error, `${place.uri}: ${displayKey(key)} cannot be read`);
  }
}

/** What was listed as a file is opened without another look, if it is one still and settled; undefined where a closer look is needed. */
function openAtOnce(at: Located, room: Room): OpenedEntry | undefined {
  let fd: number;
  try {
    fd = openSync(at.path, FLAGS);
  } catch (error) {
    const code = codeOf(error);
    // A socket or a symbolic link took its place.
    if (code === 'ENXIO' || code === 'ELOOP') return undefined;
    throw error;
  }
  return closingUnlessKept(fd, () => {
    const stats = fstatSync(fd, { bigint: true });
    if (!stats.isFile() || unsettledMillis(stats) > 0) return { result: undefined };
    return readOpen(fd, pin(at, 'file', stats, true), room);
  });
}

interface Located {
  readonly place: Place;
  readonly key: EntryKey;
  readonly path: Buffer;
}

interface Pinned extends Located {
  readonly type: DiskAttributes['type'];
  readonly stats: BigIntStats;
  readonly fingerprint: string;
}

function pin(at: Located, type: DiskAttributes['type'], stats: BigIntStats, settled: boolean): Pinned {
  // What may still change without a trace is read again next time: no listing ever gives this fingerprint.
  return { ...at, type, stats, fingerprint: fingerprintOf(type, stats) + (settled ? '' : ':unsettled') };
}

const NOTHING = Buffer.alloc(0);

function opened(pinned: Pinned, sizeBytes: number, content: Content, target?: Buffer): OpenedEntry {
  const { fingerprint, type, stats } = pinned;
  return { state: 'open', fingerprint, sizeBytes, attributes: attributesOf(type, stats, target), content };
}

const lookAt = (path: Buffer): BigIntStats => lstatSync(path, { bigint: true });

const MILLISECOND = 1_000_000n;
const SECOND = 1000n * MILLISECOND;

/** Waits for one version to settle, at most: a timer may fire a little before its time, or the clock be set back meanwhile. */
const WAITS = 3;

/**
 * Looks when the last change is older than the grain of the disk's times, so that every later change shows in them. Without it, a
 * second write in the same grain would leave size and times as they were, and be missed for good. Waits about a grain;
 * `settled` is false for what is changed again and again.
 */
async function lookSettled(path: Buffer): Promise<{ readonly stats: BigIntStats; readonly settled: boolean }> {
  let stats = lookAt(path);
  for (let waits = 0; ; waits += 1) {
    const wait = unsettledMillis(stats);
    if (wait === 0 || waits === WAITS) return { stats, settled: wait === 0 };
    await setTimeout(wait);
    const before = stats;
    stats = lookAt(path);
    if (!sameVersion(before, stats)) return { stats, settled: unsettledMillis(stats) === 0 };
  }
}

const LONG_SETTLED_MILLIS = 10_000;

function unsettledMillis(stats: BigIntStats): number {
  // Nearly every file: no clock and no disk is that coarse.
  if (Date.now() - Number(stats.ctimeMs) > LONG_SETTLED_MILLIS) return 0;
  const wholeSeconds = stats.ctimeNs % SECOND === 0n && stats.mtimeNs % SECOND === 0n;
  // A kernel stamps with its tick, 10 ms at the longest; FAT holds even seconds.
  const grain = wholeSeconds ? 2n * SECOND : 20n * MILLISECOND;
  const age = BigInt(Date.now()) * MILLISECOND - stats.ctimeNs;
  // A time far ahead is another clock's (a network disk): waiting for it would never end.
  return age >= grain || age <= -grain ? 0 : Number((grain - age) / MILLISECOND) + 1;
}

function openLink(pinned: Pinned): OpenedEntry {
  const target = readlinkSync(pinned.path, { encoding: 'buffer' });
  const same = sameVersion(pinned.stats, lookAt(pinned.path));
  return opened(pinned, 0, same ? NOTHING : changed(pinned), target);
}

function openFile(pinned: Pinned, room: Room): OpenedEntry {
  const fd = openSync(pinned.path, FLAGS);
  return closingUnlessKept(fd, () =>
    sameVersion(pinned.stats, fstatSync(fd, { bigint: true }))
      ? readOpen(fd, pinned, room)
      : { result: opened(pinned, Number(pinned.stats.size), changed(pinned)) },
  );
}

interface Read<T> {
  readonly result: T;
  /** The file is closed by whoever reads its content. */
  readonly keep?: true;
}

function closingUnlessKept<T>(fd: number, act: () => Read<T>): T {
  let keep = false;
  try {
    const read = act();
    keep = read.keep === true;
    return read.result;
  } finally {
    if (!keep) closeSync(fd);
  }
}

function readOpen(fd: number, pinned: Pinned, room: Room): Read<OpenedEntry> {
  const sizeBytes = Number(pinned.stats.size);
  if (sizeBytes > SMALL_BYTES)
    return { result: opened(pinned, sizeBytes, closing(fd, readPieces(fd, pinned))), keep: true };
  const content = readSmall(fd, sizeBytes, room);
  const same = content !== undefined && sameVersion(pinned.stats, fstatSync(fd, { bigint: true }));
  return { result: opened(pinned, sizeBytes, same ? content : changed(pinned)) };
}

/** Exactly `sizeBytes`, or undefined when there are fewer or more. */
function readSmall(fd: number, sizeBytes: number, room: Room): Buffer | undefined {
  const buffer = room.next(sizeBytes + 1);
  let filled = 0;
  for (let got = -1; got !== 0 && filled < sizeBytes; filled += got)
    got = readSync(fd, buffer, filled, buffer.length - filled, filled);
  // A file that was empty when it was looked at is asked once, for a system file of size 0 may have content.
  if (sizeBytes === 0) filled = readSync(fd, buffer, 0, 1, 0);
  if (filled !== sizeBytes) return undefined;
  room.keep(sizeBytes);
  return buffer.subarray(0, sizeBytes);
}

async function* readPieces(fd: number, pinned: Pinned): AsyncGenerator<Uint8Array> {
  const sizeBytes = Number(pinned.stats.size);
  // Two by turns: one is read into while the other is in use. Fresh ones would cost more than the reading.
  let [next, other]: (Buffer | undefined)[] = [];
  const readAt = async (offset: number) => {
    const length = Math.min(READ_BYTES, sizeBytes - offset);
    const into = next ?? Buffer.allocUnsafeSlow(length);
    [next, other] = [other, into];
    const { bytesRead } = await readAsync(fd, into, 0, length, offset);
    return into.subarray(0, bytesRead);
  };
  let reading = readAt(0);
  try {
    for (let offset = 0; offset < sizeBytes; ) {
      const piece = await reading;
      if (piece.length === 0) throw changeOf(pinned);
      offset += piece.length;
      if (offset < sizeBytes) reading = readAt(offset);
      reading.catch(() => undefined); // Seen when its turn comes.
      yield piece;
    }
    if (!sameVersion(pinned.stats, fstatSync(fd, { bigint: true }))) throw changeOf(pinned);
  } catch (error) {
    throw diskError(error, `${pinned.place.uri}: ${displayKey(pinned.key)} cannot be read`);
  } finally {
    await reading.catch(() => undefined); // Whatever it gives, nobody waits for it: but the file must stay open until then.
    closeSync(fd);
  }
}

/** A generator that has not begun does not run its `finally` on `return`: then the file is closed here. */
function closing(fd: number, pieces: AsyncGenerator<Uint8Array>): AsyncIterable<Uint8Array> {
  let begun = false;
  const begin = () => {
    const first = !begun;
    begun = true;
    return first;
  };
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        begin();
        return pieces.next();
      },
      return: () => {
        if (begin()) closeSync(fd);
        return pieces.return(undefined);
      },
    }),
  };
}

// biome-ignore lint/correctness/useYield: the content of an entry that changed is its error.
async function* changed(pinned: Pinned): AsyncGenerator<Uint8Array> {
  throw changeOf(pinned);
}

const changeOf = ({ place, key }: Pinned): ConflictError =>
  new ConflictError(`${place.uri}: ${displayKey(key)} changed while it was read`);
