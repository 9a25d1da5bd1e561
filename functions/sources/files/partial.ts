/**
 * Content is written to a temporary file and moved under its name when it is whole. The temporary files rest in one folder in the
 * root, so that they are on the same file system and a killed restore leaves nothing among the user's files.
 */
import { createHash, randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { InvalidInputError } from '../../core/errors.ts';
import { codeOf, diskError } from './errors.ts';
import type { Folder } from './folders.ts';
import { type Place, pathOf } from './place.ts';

export const PARTIAL_FOLDER = '.holdfast-partial';

// `<host>.<pid>.<process>.<count>`: who made it, so that what a dead process left can be told from what a live one writes.
const NAME = /^([0-9a-f]{12})\.(\d{1,10})\.([0-9a-f]{8})\.\d+$/;
const HOST = createHash('sha256').update(hostname()).digest('hex').slice(0, 12);
const PROCESS = randomBytes(4).toString('hex');
let count = 0;

/** Another host's process cannot be asked whether it lives; no write takes this long without touching its file. */
const ABANDONED_MILLIS = 24 * 3_600_000;

export const isPartialName = (name: string): boolean => NAME.test(name);

export interface PartialFolder {
  /**
   * Makes something under a new temporary path on the file system of the directory `near`: in this folder, or in `near` itself where
   * another file system is mounted there; what a killed restore leaves in `near` stays, and is seen. @throws InvalidInputError when something else has the folder's name.
   */
  create<T>(near: Folder, make: (path: Buffer) => T): { readonly path: Buffer; readonly made: T };
  /** A new temporary path in this folder, which was there when it was last looked at; undefined before it was. */
  pathIfReady(): string | undefined;
}

export function partialFolderOf(place: Place): PartialFolder {
  let isReady = false;
  const newName = (): string => {
    count += 1;
    return `${HOST}.${process.pid}.${PROCESS}.${count}`;
  };
  return {
    pathIfReady: () => (isReady ? `${place.prefix}${PARTIAL_FOLDER}/${newName()}` : undefined),
    create(near, make) {
      const name = newName();
      const { sameDevice, key } = near;
      const path = pathOf(place, sameDevice ? `${PARTIAL_FOLDER}/${name}` : `${key}${PARTIAL_FOLDER}.${name}`);
      if (sameDevice && !isReady) makePartialFolder(place);
      isReady ||= sameDevice;
      try {
        return { path, made: make(path) };
      } catch (error) {
        if (codeOf(error) !== 'ENOENT' || !sameDevice) throw error;
        makePartialFolder(place); // Another restore, when it finished, removed the empty folder.
        return { path, made: make(path) };
      }
    },
  };
}

/** A link of the folder's name would lead the content elsewhere. */
function makePartialFolder(place: Place): void {
  const path = pathOf(place, PARTIAL_FOLDER);
  try {
    mkdirSync(path, 0o700);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw diskError(error, `${place.uri}: ${PARTIAL_FOLDER} cannot be made`);
    if (!lstatSync(path).isDirectory())
      throw new InvalidInputError(`${place.uri}: ${PARTIAL_FOLDER} is in the way; move it elsewhere and start again`);
  }
}

/** Removes what dead processes left, and the folder when nothing remains in it. */
export function removePartialFolder(place: Place): void {
  const path = pathOf(place, PARTIAL_FOLDER);
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return;
  try {
    for (const name of readdirSync(path)) {
      const file = pathOf(place, `${PARTIAL_FOLDER}/${name}`);
      if (isAbandoned(name, file)) unlinkSync(file);
    }
    rmdirSync(path);
  } catch (error) {
    // Another restore is still at work there, or has just removed it; or it has a user's files.
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? ''))
      throw diskError(error, `${place.uri}: ${PARTIAL_FOLDER} cannot be removed`);
  }
}

function isAbandoned(name: string, file: Buffer): boolean {
  const [, host, pid, made] = NAME.exec(name) ?? [];
  if (host === undefined) return false;
  if (host === HOST && Number(pid) === process.pid) return made !== PROCESS;
  if (host === HOST && !isAlive(Number(pid))) return true;
  return Date.now() - lstatSync(file).ctimeMs > ABANDONED_MILLIS;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0); // Signal 0 only asks.
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}
