/** The last touch: directories' owners, modes and times, which every write below them would change again. */
import { chmodSync, lstatSync } from 'node:fs';
import { type Attributes, displayKey, type EntryKey, type Json, type PresentEntry } from '../../core/entry.ts';
import { AccessDeniedError, BackupError, messageOf } from '../../core/errors.ts';
import { type DiskAttributes, parseDiskAttributes } from './attributes.ts';
import { codeOf, diskError } from './errors.ts';
import type { Folders } from './folders.ts';
import { findKeyFault } from './keys.ts';
import { removePartialFolder } from './partial.ts';
import { type Place, pathOf } from './place.ts';
import { currentIdentity, directoryAt, touch } from './touch.ts';

const OWNER_ALL = 0o700;
/** So many problems are told in full. */
const TOLD = 10;

/**
 * Memory grows only with the directories that are closed to their owner in some way: these get their modes last, the deepest first, so
 * that what is below stays within reach. A directory that is not there is left out: its write has told why.
 * @throws AccessDeniedError naming what could not be set, after everything else was.
 */
export async function finishPlace(
  place: Place,
  folders: Folders,
  directories: AsyncIterable<PresentEntry>,
): Promise<void> {
  folders.ensureRoot();
  const identity = currentIdentity();
  const late = new Map<string, number>();
  const problems: string[] = [];
  let problemCount = 0;
  const attempt = (key: string, act: () => void) => {
    try {
      act();
    } catch (error) {
      const known = diskError(error, `${displayKey(key as EntryKey)} cannot be given its mode and times`);
      if (!(known instanceof BackupError)) throw known;
      problemCount += 1;
      if (problems.length < TOLD) problems.push(messageOf(known));
    }
  };

  for await (const { key, attributes: stored } of directories) {
    const attributes = parseDiskAttributes(key, stored);
    if (attributes?.type !== 'directory' || !isThere(place, folders, key)) continue;
    folders.opened.delete(key);
    const isLate = (attributes.mode & OWNER_ALL) !== OWNER_ALL;
    attempt(key, () => {
      const { mode } = touch(directoryAt(pathOf(place, key)), attributes, identity, { setMode: !isLate });
      if (isLate) late.set(key, mode);
    });
  }
  // Directories that had to be opened to write below them, and are not themselves restored, get back the mode that they had.
  for (const [key, mode] of folders.opened)
    if (!late.has(key) && isThere(place, folders, key as EntryKey)) late.set(key, mode);
  const deepestFirst = [...late].sort(([a], [b]) => (a < b ? 1 : -1));
  for (const [key, mode] of deepestFirst) attempt(key, () => chmodSync(pathOf(place, key), mode));
  folders.opened.clear();
  folders.forget();
  removePartialFolder(place);
  if (problemCount > 0)
    throw new AccessDeniedError(
      `${place.uri}: ${problemCount} directories are not as they were: ${problems.join('; ')}`,
    );
}

function isThere(place: Place, folders: Folders, key: EntryKey): boolean {
  if (findKeyFault(place, key) !== undefined || !folders.hasParentsOf(key)) return false;
  return lstatSync(pathOf(place, key), { throwIfNoEntry: false })?.isDirectory() === true;
}

/** The root's own attributes; every other setting is another kind of source's. Called last, because each write in the root moves its time. */
export function applyRootSettings(place: Place, settings: Attributes): readonly string[] {
  const problems = Object.keys(settings)
    .filter((name) => name !== 'root')
    .map((name) => `${name}: a directory has no such setting`);
  const root = settings.root === undefined ? undefined : rootOf(settings.root);
  if (root === undefined) return problems;
  try {
    const { notHeld } = touch(directoryAt(place.rootPath), root, currentIdentity());
    return [...problems, ...notHeld.map((name) => `root ${name}: this user may not set it`)];
  } catch (error) {
    if (codeOf(error) !== 'EPERM' && codeOf(error) !== 'EACCES')
      throw diskError(error, `${place.uri} cannot be given its mode and time`);
    return [...problems, `root: this user may not set the mode and time of ${place.uri} (${codeOf(error)})`];
  }
}

function rootOf(stored: Json): DiskAttributes | undefined {
  const fields = isObject(stored) ? stored : {};
  return parseDiskAttributes('the root' as EntryKey, { ...fields, type: 'directory' });
}

const isObject = (value: Json): value is Attributes =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
