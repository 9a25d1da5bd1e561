/** Puts one file or symbolic link in its place: made under another name, and moved when it is whole. */
import { closeSync, openSync, renameSync, rmdirSync, symlinkSync, unlinkSync, write, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { displayKey, type EntryKey, type PresentEntry } from '../../core/entry.ts';
import { IntegrityError, InvalidInputError, TransientError } from '../../core/errors.ts';
import type { Aside, FileJob } from './aside.ts';
import { codeOf } from './errors.ts';
import type { Folders } from './folders.ts';
import type { Holdable } from './keys.ts';
import type { PartialFolder } from './partial.ts';
import { type Place, pathOf } from './place.ts';
import { foreseeTouch, type Identity, linkAt, openFileAt, type Touchable, touch } from './touch.ts';

/** Up to here content is gathered and written in one go: seven calls, about 20 µs; one after another, asynchronous ones take ten times as long. */
const SMALL_BYTES = 64 * 1024;
const DEFAULT_FILE = 0o644;
/** For one that others than this user must not read: values of parameters and secrets, environments of functions. */
const PRIVATE_FILE = 0o600;
const PRIVATE_TYPES: readonly unknown[] = ['parameter', 'secret', 'function'];

export interface Writer {
  readonly place: Place;
  readonly folders: Folders;
  readonly partial: PartialFolder;
  readonly identity: Identity;
  readonly aside: Aside;
}

const writeAsync = promisify(write);

/** Returns the names of the attributes that were not held. Nothing of the content shows before all of it is there. */
export async function putFile(
  writer: Writer,
  entry: PresentEntry,
  holdable: Holdable,
  { content, folderMode }: { readonly content: AsyncIterable<Uint8Array>; readonly folderMode: number },
): Promise<readonly string[]> {
  const { key, sizeBytes } = entry;
  const whole = sizeBytes > SMALL_BYTES ? undefined : await gather(content);
  if (whole !== undefined) {
    demandSize(entry, whole.length);
    const planned = planAside(writer, entry, holdable);
    if (planned !== undefined && (await writer.aside.write(planned.job, whole)) === true) return planned.notHeld;
  }
  const { path, made: fd } = writer.partial.create(writer.folders.nearestTo(key), (at) => openSync(at, 'wx', 0o600));
  try {
    let notHeld: readonly string[];
    try {
      if (whole === undefined) demandSize(entry, await writePieces(fd, content));
      else writeWhole(fd, whole);
      notHeld = touchNew(writer, openFileAt(fd), holdable, entry);
    } finally {
      closeSync(fd);
    }
    writer.folders.ensureParentOf(key, folderMode);
    publish(writer, path, key);
    return notHeld;
  } catch (error) {
    discard(path);
    throw error;
  }
}

/** How another thread writes a small file; undefined where more must be looked at first. */
function planAside(
  { place, folders, partial, identity }: Writer,
  entry: PresentEntry,
  { attributes, notHeld }: Holdable,
): { readonly job: FileJob; readonly notHeld: readonly string[] } | undefined {
  const parent = folders.remembered(entry.key);
  const partialPath = parent?.folder.sameDevice === true ? partial.pathIfReady() : undefined;
  if (parent === undefined || partialPath === undefined) return undefined;
  const touched =
    attributes === undefined
      ? { owner: undefined, mode: modeWithout(entry), seconds: undefined, notHeld }
      : foreseeTouch(attributes, identity);
  const job = {
    partialPath,
    path: place.prefix + entry.key,
    parent:
      parent.identity === undefined
        ? undefined
        : { path: place.prefix + parent.folder.key.slice(0, -1), identity: parent.identity },
    owner: touched.owner,
    mode: touched.mode,
    seconds: touched.seconds,
    sizeBytes: entry.sizeBytes,
  };
  return { job, notHeld: touched.notHeld };
}

/** For an entry of a source that knows no modes. */
const modeWithout = ({ attributes }: PresentEntry): number =>
  PRIVATE_TYPES.includes(attributes.type) ? PRIVATE_FILE : DEFAULT_FILE;

/** The directories on its way must be there. */
export function putLink(writer: Writer, key: EntryKey, holdable: Holdable): readonly string[] {
  const target = Buffer.from(holdable.attributes?.targetBase64 ?? '', 'base64');
  const { path } = writer.partial.create(writer.folders.nearestTo(key), (at) => symlinkSync(target, at));
  try {
    const notHeld = touchNew(writer, linkAt(path), holdable, undefined);
    publish(writer, path, key);
    return notHeld;
  } catch (error) {
    discard(path);
    throw error;
  }
}

function touchNew(
  writer: Writer,
  touchable: Touchable,
  { attributes, notHeld }: Holdable,
  entry: PresentEntry | undefined,
): readonly string[] {
  if (attributes !== undefined) return touch(touchable, attributes, writer.identity).notHeld;
  touchable.chmod?.(entry === undefined ? DEFAULT_FILE : modeWithout(entry));
  return notHeld;
}

async function gather(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of content) pieces.push(piece);
  const [first, ...more] = pieces;
  return first !== undefined && more.length === 0 ? first : Buffer.concat(pieces);
}

function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let offset = 0; offset < bytes.length; ) offset += writeSync(fd, bytes, offset);
}

/** Returns how many bytes there were. While a piece is written the next one is made ready. */
async function writePieces(fd: number, content: AsyncIterable<Uint8Array>): Promise<number> {
  let total = 0;
  let written: Promise<void> | undefined;
  try {
    for await (const piece of content) {
      await written;
      written = writePiece(fd, piece, total);
      written.catch(() => undefined); // Seen with the next piece, or at the end.
      total += piece.length;
    }
    await written;
  } finally {
    // The file is closed next, and its number may come to be another file's.
    await written?.catch(() => undefined);
  }
  return total;
}

async function writePiece(fd: number, piece: Uint8Array, position: number): Promise<void> {
  for (let offset = 0; offset < piece.length; ) {
    const { bytesWritten } = await writeAsync(fd, piece, offset, piece.length - offset, position + offset);
    offset += bytesWritten;
  }
}

function demandSize({ key, sizeBytes }: PresentEntry, found: number): void {
  if (found !== sizeBytes)
    throw new IntegrityError(`${displayKey(key)} has ${found} bytes of content, though its entry says ${sizeBytes}`);
}

/** Moves it over what is there; of directories, only an empty one gives way. */
function publish({ place, folders }: Writer, from: Buffer, key: EntryKey): void {
  const path = pathOf(place, key);
  try {
    renameSync(from, path);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      folders.forget();
      throw new TransientError(`${place.uri}: the directory of ${displayKey(key)} vanished`, { cause: error });
    }
    if (code !== 'EISDIR' && code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    removeEmpty(place, path, key);
    folders.forget();
    renameSync(from, path);
  }
}

function removeEmpty(place: Place, path: Buffer, key: EntryKey): void {
  try {
    rmdirSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOTEMPTY' && codeOf(error) !== 'EEXIST') throw error;
    throw new InvalidInputError(
      `${place.uri}: a directory with entries is in the way of ${displayKey(key)}; move it elsewhere`,
      { cause: error },
    );
  }
}

/** The error that led here is the one to tell; a file that stays is in the folder that the next restore clears. */
function discard(path: Buffer): void {
  try {
    unlinkSync(path);
  } catch {}
}
