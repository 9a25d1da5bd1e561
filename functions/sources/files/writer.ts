/** Writes entries back into a directory. */
import { lstatSync, mkdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { displayKey, type EntryKey, type PresentEntry } from '../../core/entry.ts';
import { IntegrityError, InvalidInputError } from '../../core/errors.ts';
import type { SourceWriter } from '../../core/ports.ts';
import { makeAside } from './aside.ts';
import { codeOf, diskError } from './errors.ts';
import { applyRootSettings, finishPlace } from './finish.ts';
import { foldersOf } from './folders.ts';
import { findKeyFault, type Holdable, holdableOf } from './keys.ts';
import { partialFolderOf } from './partial.ts';
import { ancestorsOf, type Place, pathOf, turnGiver } from './place.ts';
import { putFile, putLink, type Writer } from './put.ts';
import { currentIdentity, foreseeTouch } from './touch.ts';

/** So many that the thread for small files has some to write while others are made ready. */
const WRITERS = 128;
/** One for all: the disk is not faster for more. */
const aside = makeAside();
/** A directory on the way to a restored entry is closed to others until its own entry is finished. */
const PRIVATE_FOLDER = 0o700;
/** A source that has no directories (S3) says nothing of their modes: this user's default. */
const DEFAULT_FOLDER = 0o777;

/**
 * The writing half of a directory source. A key never leaves the root: no directory on its way may be a symbolic link. Content is
 * visible only when it is whole. Nothing is forced to the disk: after a power cut, restore again.
 *
 * `finish` must be given every directory of the restored state in which anything may have been written or removed, changed itself or
 * not, since that moves its time. It leaves the root alone; `applySettings` sets the root's mode and time, and so comes last.
 */
export function fileWriter(place: Place): SourceWriter {
  const writer: Writer = {
    place,
    folders: foldersOf(place),
    partial: partialFolderOf(place),
    identity: currentIdentity(),
    aside,
  };
  const giveTurn = turnGiver();
  const directoriesFirst = orderOfDirectories();
  const refuseBesideFile = rememberFiles(place);
  return {
    uri: place.uri,
    writers: WRITERS,
    write: (entry, content) =>
      directoriesFirst(entry.key, async () => {
        await giveTurn();
        refuseBesideFile(entry.key);
        try {
          return await put(writer, entry, content);
        } catch (error) {
          throw diskError(error, `${place.uri}: ${displayKey(entry.key)} cannot be written`);
        }
      }),
    async remove(key) {
      await giveTurn();
      try {
        removeKey(writer, key);
      } catch (error) {
        throw diskError(error, `${place.uri}: ${displayKey(key)} cannot be removed`);
      }
    },
    finish: (directories) => finishPlace(place, writer.folders, directories),
    applySettings: async (settings) => applyRootSettings(place, settings),
  };
}

/**
 * An object store may hold `a` and `a/`, a directory only one of them: the one that came first must not give way to the other unseen. All that comes
 * between them in key order begins with `a`, so that few names have to be remembered.
 */
function rememberFiles(place: Place): (key: EntryKey) => void {
  let files: string[] = [];
  return (key) => {
    files = files.filter((file) => key.startsWith(file));
    if (!key.endsWith('/')) files.push(key);
    else if (files.includes(key.slice(0, -1)))
      throw new InvalidInputError(
        `${place.uri}: ${displayKey(key)} cannot be beside the file of that name; restore it to another place with --include`,
      );
  };
}

/**
 * Writes go on side by side; one that begins while a directory above it is still being written waits for it, because something else
 * may yet have to give way to that directory.
 */
function orderOfDirectories() {
  const begun = new Map<string, Promise<unknown>>();
  return async <T>(key: EntryKey, act: () => Promise<T>): Promise<T> => {
    const above = begun.size === 0 ? [] : ancestorsOf(key).flatMap((directory) => begun.get(directory) ?? []);
    const done = above.length === 0 ? act() : Promise.allSettled(above).then(act);
    if (!key.endsWith('/')) return done;
    begun.set(key, done);
    try {
      return await done;
    } finally {
      begun.delete(key);
    }
  };
}

async function put(
  writer: Writer,
  entry: PresentEntry,
  content: AsyncIterable<Uint8Array>,
): Promise<readonly string[]> {
  const holdable = holdableOf(writer.place, entry);
  const folderMode = holdable.attributes === undefined ? DEFAULT_FOLDER : PRIVATE_FOLDER;
  if (holdable.type === 'file') return putFile(writer, entry, holdable, { content, folderMode });
  await drainEmpty(entry.key, content);
  writer.folders.ensureParentOf(entry.key, folderMode);
  return holdable.type === 'symlink'
    ? putLink(writer, entry.key, holdable)
    : putDirectory(writer, entry.key, holdable, folderMode);
}

async function drainEmpty(key: EntryKey, content: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const piece of content)
    if (piece.length > 0)
      throw new IntegrityError(`${displayKey(key)} has content, though its entry says that it has none`);
}

/** A directory that is there is kept; what else has its name gives way. Mode, owner and times are set when all is written. */
function putDirectory(
  writer: Writer,
  key: EntryKey,
  { attributes, notHeld }: Holdable,
  mode: number,
): readonly string[] {
  const path = pathOf(writer.place, key);
  try {
    mkdirSync(path, mode);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    if (!lstatSync(path).isDirectory()) {
      unlinkSync(path);
      mkdirSync(path, mode);
    }
  }
  return attributes === undefined ? notHeld : foreseeTouch(attributes, writer.identity).notHeld;
}

/** `x` and `x/` are two keys: a directory is not what is removed when the file is meant. */
function removeKey({ place, folders }: Writer, key: EntryKey): void {
  if (findKeyFault(place, key) !== undefined || !folders.hasParentsOf(key)) return;
  const path = pathOf(place, key);
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined || stats.isDirectory() !== key.endsWith('/')) return;
  try {
    if (stats.isDirectory()) rmdirSync(path);
    else unlinkSync(path);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOTEMPTY' || code === 'EEXIST')
      throw new InvalidInputError(`${place.uri}: ${displayKey(key)} is not empty; remove what is in it first`, {
        cause: error,
      });
    if (code !== 'ENOENT') throw error;
  }
  if (stats.isDirectory()) folders.forget();
}
