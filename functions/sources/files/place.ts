/**
 * A directory on a disk, as a source or target: `file:///dir`. A key is the path below the root as exact bytes: `a/b` for a file or
 * symbolic link, `a/` for a directory. Names are handled as bytes, so that those which are not UTF-8 work like any other.
 */
import { type BigIntStats, statSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import type { EntryKey } from '../../core/entry.ts';
import { InvalidInputError, NotFoundError } from '../../core/errors.ts';
import { formatUri } from '../../core/uri.ts';
import { codeOf, diskError } from './errors.ts';

export interface Place {
  readonly uri: string;
  readonly rootPath: Buffer;
  /** The root's path as a key's bytes are held (one unit a byte), ending in `/`. */
  readonly prefix: string;
}

/** @param path absolute. @throws InvalidInputError when it is not, or this machine's paths are not POSIX paths. */
export function placeOf(path: string): Place {
  // Windows gives `\` and `:` in a name a meaning, by which a key could leave the root.
  if (process.platform === 'win32')
    throw new InvalidInputError(`a directory (${path}) can be backed up and restored on Linux and macOS only`);
  if (!path.startsWith('/')) throw new InvalidInputError(`"${path}" is not an absolute path`);
  const trimmed = path.replace(/\/+$/, '');
  return {
    uri: formatUri({ scheme: 'file', path: trimmed || '/' }),
    rootPath: Buffer.from(trimmed || '/'),
    prefix: `${Buffer.from(trimmed).toString('latin1')}/`,
  };
}

/** The path of a key; without a directory's trailing slash, because `lstat('x/')` would follow a link `x`. */
export function pathOf(place: Place, key: string): Buffer {
  return Buffer.from(place.prefix + (key.endsWith('/') ? key.slice(0, -1) : key), 'latin1');
}

/** The key of the directory that holds the key; empty for the root. */
export function parentOf(key: string): EntryKey {
  return (key.length < 2 ? '' : key.slice(0, key.lastIndexOf('/', key.length - 2) + 1)) as EntryKey;
}

/** The keys of the directories above a key, the outermost first. */
export function ancestorsOf(key: string): readonly string[] {
  const keys: string[] = [];
  for (let parent: string = parentOf(key); parent !== ''; parent = parentOf(parent)) keys.unshift(parent);
  return keys;
}

/** The root, followed where it is a link. @throws NotFoundError when absent; InvalidInputError when it is no directory. */
export function statRoot(place: Place): BigIntStats {
  let stats: BigIntStats;
  try {
    stats = statSync(place.rootPath, { bigint: true });
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR')
      throw new NotFoundError(`${place.uri} does not exist; is its disk mounted?`, { cause: error });
    throw diskError(error, `${place.uri} cannot be looked at`);
  }
  if (!stats.isDirectory()) throw new InvalidInputError(`${place.uri} is not a directory; name the directory it is in`);
  return stats;
}

/** For so long synchronous calls may follow one another before timers and the network get their turn. */
const TURN_MILLIS = 20;

/**
 * Small calls to the disk are made synchronously, which is several times faster; the returned function is awaited between them, so
 * that the rest of the process goes on.
 */
export function turnGiver(): () => Promise<void> | undefined {
  let last = performance.now();
  return () => {
    const now = performance.now();
    if (now - last < TURN_MILLIS) return undefined;
    last = now;
    return setImmediate();
  };
}
