import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readdir, stat, unlink } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { IntegrityError, InvalidInputError, NotFoundError } from '../core/errors.ts';
import type { BlobInfo, BlobStore } from '../core/ports.ts';
import { assertBlobName, assertBlobPrefix, assertBlobSize, assertByteRange, isBlobName } from './blob-name.ts';
import { codeOf, translateFileError } from './file-errors.ts';
import { atomicWriter, syncFolder } from './files-write.ts';

/**
 * A folder as a place for blobs: a blob `a/b` is the file `a/b` in it. Survives a crash and a power cut at any point; the folder `.tmp`
 * in it then holds unfinished files, which are swept after a day.
 *
 * The first blob written creates the folder. Until then, and while its disk is not mounted, every read, listing and deletion throws
 * NotFoundError: a vault that is away is not an empty one. Files and folders whose names no blob can have are not ours and are ignored;
 * a symbolic link, a pipe or a device under a blob's name is an IntegrityError. The folder cannot hold `a` and `a/b` at once, which no
 * vault needs: an InvalidInputError.
 *
 * @param path The folder, absolute, on a file system with hard links.
 * @param options `scratch`: for blobs that are not sealed and that can be made again. Folders that are made are closed to other users, and
 * nothing is forced to the disk: a power cut may leave a blob cut short, which whoever reads it must tell by its content.
 */
export function filesBlobStore(path: string, { scratch = false }: { readonly scratch?: boolean } = {}): BlobStore {
  if (!isAbsolute(path))
    throw new InvalidInputError(`"${path}" is not an absolute path; write one that begins with "/"`);
  const url = `file://${path}`;
  const writer = atomicWriter(path, { folderMode: scratch ? 0o700 : 0o777, scratch });
  const during = async <T>(what: string, act: () => Promise<T>): Promise<T> => {
    try {
      return await act();
    } catch (error) {
      throw translateFileError(error, `${url}: ${what}`);
    }
  };
  /** What `act` gives, or undefined when nothing has that name although the folder itself is there. */
  const unlessAbsent = async <T>(act: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await act();
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw error;
      await identify(path, url);
      return undefined;
    }
  };

  return {
    url,
    async putNew(name, bytes) {
      assertBlobName(name);
      return await during(`writing ${name}`, () => writer.create(join(path, name), bytes));
    },
    async put(name, bytes) {
      assertBlobName(name);
      await during(`writing ${name}`, () => writer.replace(join(path, name), bytes));
    },
    async get(name, range) {
      assertBlobName(name);
      if (range !== undefined) assertByteRange(name, range);
      return await during(`reading ${name}`, async () => {
        // Without O_NONBLOCK, opening a pipe that lies there would wait for ever.
        const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
        const file = await unlessAbsent(() => open(join(path, name), flags));
        if (file === undefined) throw new NotFoundError(`${url}: ${name} is not there`);
        try {
          const info = describe(url, name, await file.stat());
          if (info === undefined) throw new NotFoundError(`${url}: ${name} is not there; a folder has that name`);
          if (range === undefined) assertBlobSize(url, name, info.sizeBytes);
          return await readExactly(file, url, info, range ?? { offset: 0, length: info.sizeBytes });
        } finally {
          await file.close();
        }
      });
    },
    async find(name) {
      assertBlobName(name);
      return await during(`looking for ${name}`, async () => {
        const stats = await unlessAbsent(() => lstat(join(path, name)));
        return stats === undefined ? undefined : describe(url, name, stats);
      });
    },
    async *list(prefix) {
      assertBlobPrefix(prefix);
      const before = await during('listing', () => identify(path, url));
      yield* walk({ root: path, url, prefix, during }, '');
      // A disk unmounted half-way leaves an empty folder in its place, which would end the listing as if it were whole.
      if ((await during('listing', () => identify(path, url))) !== before)
        throw new IntegrityError(`${url}: the folder was replaced or unmounted while it was listed; list it again`);
    },
    async delete(name) {
      assertBlobName(name);
      await during(`deleting ${name}`, async () => {
        const stats = await unlessAbsent(() => lstat(join(path, name)));
        if (stats === undefined || describe(url, name, stats) === undefined) return;
        await unlessAbsent(() => unlink(join(path, name)));
        // A manifest's deletion must be on the disk before that of the packs it names.
        if (!scratch) await syncFolder(dirname(join(path, name)));
      });
    },
  };
}

/** Which folder on which file system the root is now. @throws NotFoundError when there is none. */
async function identify(root: string, url: string): Promise<string> {
  try {
    const stats = await stat(root, { bigint: true });
    if (!stats.isDirectory()) throw new InvalidInputError(`${url} is a file; a vault needs a folder of its own`);
    return `${stats.dev}:${stats.ino}`;
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    throw new NotFoundError(
      `${url}: there is no such folder; mount its disk, or create the vault with "holdfast init"`,
      {
        cause: error,
      },
    );
  }
}

/** A file's blob; undefined for a folder, which is no blob but the way to some. */
function describe(url: string, name: string, stats: Stats): BlobInfo | undefined {
  if (stats.isDirectory()) return undefined;
  if (!stats.isFile()) throw notRegular(url, name);
  return { name, sizeBytes: stats.size, modifiedAt: stats.mtime.toISOString() };
}

function notRegular(url: string, name: string): IntegrityError {
  return new IntegrityError(
    `${url}: ${name} is a symbolic link, a pipe or a device; a vault holds plain files and folders, put those in its place`,
  );
}

async function readExactly(
  file: FileHandle,
  url: string,
  { name, sizeBytes }: BlobInfo,
  { offset, length }: { readonly offset: number; readonly length: number },
): Promise<Buffer> {
  const tooShort = (size: number) =>
    new IntegrityError(
      `${url}: ${name} has ${size} bytes, fewer than the ${length} from ${offset} that were asked for; repair it from a replica`,
    );
  if (offset + length > sizeBytes) throw tooShort(sizeBytes);
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) throw tooShort(offset + filled);
    filled += bytesRead;
  }
  return bytes;
}

interface Walk {
  readonly root: string;
  readonly url: string;
  readonly prefix: string;
  readonly during: <T>(what: string, act: () => Promise<T>) => Promise<T>;
}

/** The blobs below `folder` ("" or `a/b/`), folder by folder: what is held in memory are the names of the folders on the way. */
async function* walk({ root, url, prefix, during }: Walk, folder: string): AsyncGenerator<BlobInfo> {
  const what = `listing ${folder}`;
  const found = await during(what, () => readFolder(join(root, folder), `${url}/${folder}`));
  const children = found
    .filter((child) => isBlobName(folder + child.name))
    // With its slash a folder sorts among the full names: `a.b` before what is in `a/`, and that before `a0`.
    .map((child) => ({ child, sortKey: folder + child.name + (child.isDirectory() ? '/' : '') }))
    .filter(({ child, sortKey }) => {
      const mayLeadTo = !child.isFile() && prefix.startsWith(`${folder}${child.name}/`); // Also a symbolic link: refused below.
      return sortKey.startsWith(prefix) || mayLeadTo;
    })
    .sort((a, b) => (a.sortKey < b.sortKey ? -1 : 1));
  for (const { child, sortKey } of children) {
    if (child.isDirectory()) {
      yield* walk({ root, url, prefix, during }, sortKey);
      continue;
    }
    if (!child.isFile()) throw notRegular(url, sortKey);
    const stats = await during(what, () => lstatUnlessGone(join(root, sortKey)));
    const info = stats === undefined ? undefined : describe(url, sortKey, stats);
    if (info !== undefined) yield info;
  }
}

async function readFolder(path: string, url: string) {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    // No store removes folders: the listing would lack whatever is in there.
    throw new IntegrityError(`${url} vanished while it was listed; see that its disk is mounted, and list it again`, {
      cause: error,
    });
  }
}

/** A blob deleted since its folder was read is no longer there, and no gap in the listing. */
async function lstatUnlessGone(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
