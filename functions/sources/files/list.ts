/** Walks a directory in byte order of keys. Memory is bounded by the widest directories along the current path. */
import { type BigIntStats, lstatSync, readdirSync } from 'node:fs';
import { displayKey, type EntryKey, inRange, type KeyRange, keyFromText } from '../../core/entry.ts';
import { TransientError } from '../../core/errors.ts';
import type { ListedPage } from '../../core/ports.ts';
import { fingerprintOf, typeOf } from './attributes.ts';
import { codeOf, diskError } from './errors.ts';
import { isPartialName, PARTIAL_FOLDER } from './partial.ts';
import { type Place, pathOf, statRoot, turnGiver } from './place.ts';

/** A directory that is being walked: its children's keys, sorted, directories with their slash. */
interface Level {
  readonly keys: readonly EntryKey[];
  next: number;
}

type Line = ListedPage[number];

/** `gone`: it vanished since it was listed; `refused`: in words, why it cannot be read. */
type Looked<T> = { readonly found: T } | { readonly gone: true } | { readonly refused: string };

/** Lines of one page: enough that what is awaited for a page does not count, few enough that one is there soon. */
const PAGE_LINES = 512;

/**
 * Every entry of the range. A directory that cannot be read is named instead of listed, also when it begins before the range and
 * only reaches into it. What vanishes while it is walked is left out, but never because the root itself did.
 * @throws NotFoundError, TransientError when the root is absent or becomes another; AccessDeniedError when it cannot be read.
 */
export async function* listPlace(place: Place, range: KeyRange, pageLines = PAGE_LINES): AsyncGenerator<ListedPage> {
  const root = statRoot(place);
  const levels: Level[] = [{ keys: readRoot(place), next: 0 }];
  const giveTurn = turnGiver();
  let page: Line[] = [];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const key = level.keys[level.next];
    level.next += 1;
    if (key === undefined) {
      levels.pop();
      continue;
    }
    if (range.upTo !== undefined && key > range.upTo) break;
    if (!reaches(key, range)) continue;
    const turn = giveTurn();
    if (turn !== undefined) await turn;
    const line = key.endsWith('/') ? lookAtDirectory(place, key, levels) : lookAtOther(place, key);
    if (line === undefined) demandSameRoot(place, root);
    else if (inRange(key, range) || 'unprotected' in line) page.push(line);
    if (page.length < pageLines) continue;
    yield page;
    page = [];
  }
  demandSameRoot(place, root);
  yield page;
}

/** Whether the key, or for a directory anything below it, comes after the range's lower bound. */
function reaches(key: EntryKey, range: KeyRange): boolean {
  return range.after === undefined || key > range.after || (key.endsWith('/') && range.after.startsWith(key));
}

/** An unmounted disk leaves an empty directory behind: everything would seem to have been removed. */
function demandSameRoot(place: Place, before: BigIntStats): void {
  const now = statRoot(place);
  if (now.dev !== before.dev || now.ino !== before.ino)
    throw new TransientError(`${place.uri} was replaced or unmounted while it was listed`);
}

function readRoot(place: Place): readonly EntryKey[] {
  const keys = readKeys(place, keyFromText(''));
  if ('found' in keys) return keys.found;
  statRoot(place);
  throw new TransientError(`${place.uri} was replaced while it was listed`);
}

/** The line for a directory, whose children become the next level; undefined when it has vanished or is not for the listing. */
function lookAtDirectory(place: Place, key: EntryKey, levels: Level[]): Line | undefined {
  const stats = lookAt(place, key);
  const children =
    'found' in stats ? (stats.found.isDirectory() ? readKeys(place, key) : { gone: true as const }) : stats;
  if ('refused' in children) return { key, unprotected: children.refused, subtree: true };
  if ('gone' in children || !('found' in stats)) return undefined;
  if (isOwnFolder(key, children.found)) return undefined;
  levels.push({ keys: children.found, next: 0 });
  return { key, fingerprint: fingerprintOf('directory', stats.found), sizeBytes: 0 };
}

/**
 * The writer's folder is no entry while it holds nothing but the writer's own temporary files, or nothing; so the one thing of a
 * user's that this could hide is an empty directory of that very name in the root.
 */
function isOwnFolder(key: EntryKey, children: readonly EntryKey[]): boolean {
  return key === `${PARTIAL_FOLDER}/` && children.every((child) => isPartialName(child.slice(key.length)));
}

function lookAtOther(place: Place, key: EntryKey): Line | undefined {
  const stats = lookAt(place, key);
  if ('refused' in stats) return { key, unprotected: stats.refused };
  if ('gone' in stats) return undefined;
  const type = typeOf(stats.found);
  if (typeof type !== 'string') return { key, unprotected: `is ${type.other}, which has no content to back up` };
  // A directory that has taken a file's place belongs elsewhere in the order: the next listing has it.
  if (type === 'directory') return undefined;
  return {
    key,
    fingerprint: fingerprintOf(type, stats.found),
    sizeBytes: type === 'file' ? Number(stats.found.size) : 0,
  };
}

function lookAt(place: Place, key: EntryKey): Looked<BigIntStats> {
  return attempt(place, key, () => lstatSync(pathOf(place, key), { bigint: true }));
}

function readKeys(place: Place, key: EntryKey): Looked<readonly EntryKey[]> {
  return attempt(place, key, () =>
    readdirSync(key === '' ? place.rootPath : pathOf(place, key), { encoding: 'latin1', withFileTypes: true })
      .map((child) => `${key}${child.name}${child.isDirectory() ? '/' : ''}` as EntryKey)
      .sort(),
  );
}

const REFUSALS: Readonly<Record<string, string>> = {
  EACCES: 'access denied (EACCES); let the user that backs up read it',
  EPERM: 'access denied (EPERM); let the user that backs up read it',
  ENAMETOOLONG: 'the path is longer than the system can open (ENAMETOOLONG)',
};

/** A refusal below the root is an answer; any other failure but "it is not there" is thrown, for a failed read is never an empty one. */
function attempt<T>(place: Place, key: EntryKey, look: () => T): Looked<T> {
  try {
    return { found: look() };
  } catch (error) {
    const code = codeOf(error) ?? '';
    if (code === 'ENOENT' || code === 'ENOTDIR') return { gone: true };
    const refused = REFUSALS[code];
    if (refused === undefined || key === '')
      throw diskError(error, `${place.uri}: ${key === '' ? 'the root' : displayKey(key)} cannot be listed`);
    return { refused };
  }
}
