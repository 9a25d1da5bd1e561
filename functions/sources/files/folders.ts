/** The directories on the way to an entry: made where they are missing, and never a symbolic link, so that no key leaves the root. */
import { chmodSync, lstatSync, mkdirSync, type Stats, statSync } from 'node:fs';
import { displayKey, type EntryKey } from '../../core/entry.ts';
import { InvalidInputError } from '../../core/errors.ts';
import { PERMISSIONS } from './attributes.ts';
import { codeOf, diskError } from './errors.ts';
import { ancestorsOf, type Place, parentOf, pathOf } from './place.ts';

/** Which directories are known to be real ones is remembered up to this number, about 2 MB. */
const REMEMBERED = 10_000;
const OWNER_ALL = 0o700;

export interface Folder {
  readonly key: string;
  /** Whether it is on the root's file system. */
  readonly sameDevice: boolean;
}

export interface Folders {
  /** Makes the root, with the directories above it, where it is absent. */
  ensureRoot(): void;
  /** The deepest directory on the key's way that is there. @throws InvalidInputError when something else is in a directory's place. */
  nearestTo(key: EntryKey): Folder;
  /**
   * The directory that holds the key, as it was when it was last looked at (`identity`: `device:inode`; undefined for the root); undefined when it was not.
   * Whoever goes by it makes sure that it is still the same one.
   */
  remembered(key: EntryKey): { readonly folder: Folder; readonly identity: string | undefined } | undefined;
  /** Makes the directories on the key's way that are missing. @throws InvalidInputError as `nearestTo`. */
  ensureParentOf(key: EntryKey, mode: number): void;
  /** Whether every directory above the key is there, as a real one. */
  hasParentsOf(key: EntryKey): boolean;
  /** The modes, by key, of directories that were closed to their owner, this user, and are open to it until `finish` sets their mode. */
  readonly opened: Map<string, number>;
  /** To be called when a directory was removed. */
  forget(): void;
}

export function foldersOf(place: Place): Folders {
  const known = new Map<string, { readonly folder: Folder; readonly identity: string }>();
  const opened = new Map<string, number>();
  let rootDevice: number | undefined;

  const ensureRoot = (): number => {
    rootDevice ??= makeRoot(place);
    return rootDevice;
  };

  /**
   * What is remembered, as long as the path still leads to the very same directory: someone who may write in the target may have put a
   * link in the place of it, or of one above it, since it was looked at.
   */
  const recall = (key: string): Folder | undefined => {
    const remembered = known.get(key);
    if (remembered === undefined) return undefined;
    const stats = lstatSync(pathOf(place, key), { throwIfNoEntry: false });
    if (stats !== undefined && identityOf(stats) === remembered.identity) return remembered.folder;
    known.clear();
    return undefined;
  };

  const look = (key: string): Folder | 'absent' | 'no directory' => {
    const remembered = recall(key);
    if (remembered !== undefined) return remembered;
    const stats = lstatSync(pathOf(place, key), { throwIfNoEntry: false });
    if (stats === undefined) return 'absent';
    if (!stats.isDirectory()) return 'no directory';
    open(key, stats);
    if (known.size >= REMEMBERED) known.clear();
    const folder = { key, sameDevice: stats.dev === ensureRoot() };
    known.set(key, { folder, identity: identityOf(stats) });
    return folder;
  };

  const open = (key: string, stats: Stats) => {
    const isOurs = stats.uid === process.geteuid?.() && stats.uid !== 0; // Root needs no permission.
    if (!isOurs || (stats.mode & OWNER_ALL) === OWNER_ALL) return;
    if (!opened.has(key)) opened.set(key, stats.mode & PERMISSIONS);
    chmodSync(pathOf(place, key), (stats.mode & PERMISSIONS) | OWNER_ALL);
  };

  const find = (key: string): Folder | undefined => {
    const folder = look(key);
    if (folder !== 'no directory') return folder === 'absent' ? undefined : folder;
    const name = displayKey(key.slice(0, -1) as EntryKey);
    throw new InvalidInputError(`${place.uri}: ${name} is in the way, for it is not a directory`);
  };

  const nearest = (key: string): Folder => {
    const parent = parentOf(key);
    if (parent === '') return { key: '', sameDevice: ensureRoot() !== undefined };
    const remembered = recall(parent);
    if (remembered !== undefined) return remembered;
    let last: Folder = { key: '', sameDevice: ensureRoot() !== undefined };
    for (const above of ancestorsOf(key)) {
      const folder = find(above);
      if (folder === undefined) break;
      last = folder;
    }
    return last;
  };

  return {
    ensureRoot,
    nearestTo: nearest,
    remembered(key) {
      const parent = parentOf(key);
      if (parent !== '') return known.get(parent);
      return rootDevice === undefined ? undefined : { folder: { key: '', sameDevice: true }, identity: undefined };
    },
    ensureParentOf(key, mode) {
      const there = nearest(key).key;
      if (there === parentOf(key)) return;
      for (const above of ancestorsOf(key).filter((folder) => folder.length > there.length)) {
        makeFolder(pathOf(place, above), mode);
        find(above);
      }
    },
    hasParentsOf: (key) =>
      recall(parentOf(key)) !== undefined || ancestorsOf(key).every((above) => typeof look(above) === 'object'),
    opened,
    forget: () => known.clear(),
  };
}

const identityOf = ({ dev, ino }: Stats): string => `${dev}:${ino}`;

/** The root's device. */
function makeRoot(place: Place): number {
  try {
    mkdirSync(place.rootPath, { recursive: true });
    return statSync(place.rootPath).dev;
  } catch (error) {
    if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOTDIR')
      throw new InvalidInputError(`${place.uri} is not a directory; name one, or a path where one can be made`, {
        cause: error,
      });
    throw diskError(error, `${place.uri} cannot be made`);
  }
}

/** Success also when another writer was faster. */
function makeFolder(path: Buffer, mode: number): void {
  try {
    mkdirSync(path, mode);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}
