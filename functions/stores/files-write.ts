/**
 * Writing so that a power cut leaves the old state or the new: bytes go to a temporary file, are forced to the disk, and take their
 * name in one step, which is forced to the disk as well. What is only scratch is not forced: the end of a process leaves the old state or
 * the new, a power cut perhaps neither.
 */
import { randomBytes } from 'node:crypto';
import { link, lstat, mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InvalidInputError } from '../core/errors.ts';
import { RESERVED_PART } from './blob-name.ts';
import { codeOf } from './file-errors.ts';

const TEMPORARY_NAME = /^[0-9a-f]{32}\.part$/;
/** No write takes as long; what is older was left by a crash. */
const LITTER_AGE_MS = 24 * 3600 * 1000;

/** Gives bytes a name under a root; the paths are absolute and lie in the root. Throws Node's errors. */
export interface AtomicWriter {
  create(path: string, bytes: Uint8Array): Promise<'written' | 'exists'>;
  replace(path: string, bytes: Uint8Array): Promise<void>;
}

/**
 * A writer whose temporary files lie in a reserved folder of the root, on the same file system; old ones are swept once a day.
 * @param options `folderMode`: of the root and the folders in it, where they are made here; the process's mask takes bits from it.
 */
export function atomicWriter(
  root: string,
  { folderMode, scratch }: { readonly folderMode: number; readonly scratch: boolean },
): AtomicWriter {
  const folder = join(root, RESERVED_PART);
  const sync = scratch ? async () => {} : syncFolder;
  const makeFolder = async (path: string): Promise<void> => {
    const first = await mkdir(path, { recursive: true, mode: folderMode });
    if (first === undefined) return;
    for (let made = path; made.length >= first.length; made = dirname(made)) await sync(dirname(made));
  };
  let sweptAt = Number.NEGATIVE_INFINITY;

  const withTemporary = async <T>(bytes: Uint8Array, use: (temporary: string) => Promise<T>): Promise<T> => {
    await makeFolder(folder);
    const temporary = join(folder, `${randomBytes(16).toString('hex')}.part`);
    try {
      const writtenAt = await writeTemporary(temporary, bytes, scratch);
      if (writtenAt - sweptAt >= LITTER_AGE_MS) {
        sweptAt = writtenAt;
        await sweep(folder, writtenAt - LITTER_AGE_MS);
      }
      return await use(temporary);
    } finally {
      await unlink(temporary).catch(() => undefined); // Renamed away, or litter that a later sweep takes: the outcome stands.
    }
  };

  return {
    async create(path, bytes) {
      return await withTemporary(bytes, async (temporary) => {
        await makeFolder(dirname(path));
        const result = await linkNew(temporary, path);
        // Also for `exists`: whoever wrote it may not have come this far, and the caller will rely on it.
        await sync(dirname(path));
        return result;
      });
    },
    async replace(path, bytes) {
      await withTemporary(bytes, async (temporary) => {
        await makeFolder(dirname(path));
        await rename(temporary, path);
        await sync(dirname(path));
      });
    },
  };
}

/** Forces a folder's own list of names to the disk. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } catch (error) {
    // Network and FUSE file systems that cannot do it say so; on them nothing more can be done.
    if (!['EINVAL', 'ENOTSUP', 'ENOSYS'].includes(codeOf(error) ?? '')) throw error;
  } finally {
    await folder.close();
  }
}

/** Returns the file's time of modification, in ms: "now" by the file system's own clock. */
async function writeTemporary(path: string, bytes: Uint8Array, scratch: boolean): Promise<number> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(bytes);
    if (!scratch) await file.sync();
    return (await file.stat()).mtimeMs;
  } finally {
    await file.close();
  }
}

async function linkNew(temporary: string, path: string): Promise<'written' | 'exists'> {
  try {
    await link(temporary, path);
    return 'written';
  } catch (error) {
    const code = codeOf(error) ?? '';
    if (['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(code))
      throw new InvalidInputError(
        `${path}: this file system makes no hard links (${code}), without which a blob cannot be created safely; put the vault on one that does, such as ext4, XFS, APFS or NTFS`,
        { cause: error },
      );
    if (code !== 'EEXIST' || !(await isFileOrGone(path))) throw error;
    return 'exists';
  }
}

async function isFileOrGone(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isFile();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return true; // It was there a moment ago.
    throw error;
  }
}

async function sweep(folder: string, before: number): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!TEMPORARY_NAME.test(name)) continue;
    const path = join(folder, name);
    try {
      if ((await lstat(path)).mtimeMs < before) await unlink(path);
    } catch {
      // Another process sweeps too, or the file is another user's: litter harms nothing, and must not fail a backup.
    }
  }
}
