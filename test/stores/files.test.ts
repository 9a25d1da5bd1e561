import { execFileSync } from 'node:child_process';
import {
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  AccessDeniedError,
  BackupError,
  IntegrityError,
  InvalidInputError,
  NotFoundError,
  TransientError,
} from '../../functions/core/errors.ts';
import { translateFileError } from '../../functions/stores/file-errors.ts';
import { filesBlobStore } from '../../functions/stores/files.ts';

const X = Buffer.from('x');
const DAY_MS = 86_400_000;

let place: string;
let root: string;

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'holdfast-files-'));
  root = join(place, 'disk/vault');
});
afterEach(async () => {
  await rm(place, { recursive: true });
});

async function names(prefix = ''): Promise<string[]> {
  const all: string[] = [];
  for await (const { name } of filesBlobStore(root).list(prefix)) all.push(name);
  return all;
}

describe('a folder that does not exist', () => {
  it('is not an empty vault: reads, listings and deletions throw, naming it', async () => {
    const store = filesBlobStore(root);
    const attempts = [
      () => store.get('a'),
      () => store.find('a'),
      () => store.delete('a'),
      () => names(),
      () => names('packs/'),
    ];
    for (const attempt of attempts) {
      await expect(attempt()).rejects.toThrow(NotFoundError);
      await expect(attempt()).rejects.toThrow(`file://${root}: there is no such folder`);
    }
  });

  it.each(['putNew', 'put'] as const)('is made by the first %s', async (method) => {
    await filesBlobStore(root)[method]('packs/ab/x', X);
    expect(await names()).toEqual(['packs/ab/x']);
  });

  it.each(['putNew', 'put'] as const)(
    'is made for its owner alone by the first %s, where it is scratch',
    async (method) => {
      await filesBlobStore(root, { scratch: true })[method]('parts/x', X);
      for (const folder of [root, join(root, 'parts'), join(root, '.tmp')])
        expect((await stat(folder)).mode & 0o777).toBe(0o700);
    },
  );

  it('forces what it writes and deletes to the disk, its bytes and then its name, unless it is scratch', async () => {
    const handle = await open(place, 'r');
    const sync = vi.spyOn(Object.getPrototypeOf(handle), 'sync');
    await handle.close();
    onTestFinished(() => sync.mockRestore());
    const synced = async (act: () => Promise<unknown>): Promise<number> => {
      sync.mockClear();
      await act();
      return sync.mock.calls.length;
    };
    for (const [scratch, folder] of [
      [false, root],
      [true, join(place, 'work')],
    ] as const) {
      const store = filesBlobStore(folder, { scratch });
      await store.put('first', X);
      const syncs = [
        await synced(() => store.put('first', X)),
        await synced(() => store.putNew('second', X)),
        await synced(() => store.putNew('second', X)),
        await synced(() => store.delete('second')),
      ];
      expect(syncs).toEqual(scratch ? [0, 0, 0, 0] : [2, 2, 2, 1]);
    }
  });

  it('is refused when a file has its name', async () => {
    await mkdir(dirname(root), { recursive: true });
    await writeFile(root, 'a file');
    const store = filesBlobStore(root);
    const attempts = [
      () => store.get('a'),
      () => store.find('a'),
      () => store.delete('a'),
      () => store.putNew('a', X),
      () => store.put('a', X),
      () => names(),
    ];
    for (const attempt of attempts) await expect(attempt()).rejects.toThrow(InvalidInputError);
    expect(await readFile(root, 'utf8')).toBe('a file');
  });

  it('must be named absolutely', () => {
    expect(() => filesBlobStore('vault')).toThrow(InvalidInputError);
  });
});

describe('temporary files', () => {
  it('are gone after every write, whatever came of it', async () => {
    const store = filesBlobStore(root);
    await store.putNew('a', X);
    await store.putNew('a', X);
    await store.put('a', X);
    await expect(store.putNew('a/b', X)).rejects.toThrow(InvalidInputError);
    await expect(store.put('a/b', X)).rejects.toThrow(InvalidInputError);
    expect(await readdir(join(root, '.tmp'))).toEqual([]);
  });

  it('are swept when a day old, at the next write, and only those that a store made', async () => {
    const folder = join(root, '.tmp');
    await mkdir(folder, { recursive: true });
    const made = (c: string) => join(folder, `${c.repeat(32)}.part`);
    const files = [
      { path: made('a'), ageMs: DAY_MS + 60_000 },
      { path: made('b'), ageMs: DAY_MS - 60_000 },
      { path: join(folder, 'notes.part'), ageMs: 10 * DAY_MS },
      { path: join(folder, 'a'.repeat(32)), ageMs: 10 * DAY_MS },
    ];
    for (const { path, ageMs } of files) {
      await writeFile(path, '');
      const time = new Date(Date.now() - ageMs);
      await utimes(path, time, time);
    }
    await filesBlobStore(root).putNew('blob', X);
    expect((await readdir(folder)).sort()).toEqual(['a'.repeat(32), `${'b'.repeat(32)}.part`, 'notes.part'].sort());
  });

  it('are swept by the first write of a process only, not by each', async () => {
    const store = filesBlobStore(root);
    await store.putNew('a', X);
    const old = join(root, '.tmp', `${'c'.repeat(32)}.part`);
    await writeFile(old, '');
    await utimes(old, new Date(0), new Date(0));
    await store.putNew('b', X);
    expect(await readdir(join(root, '.tmp'))).toHaveLength(1);
  });

  it('are what a killed writer leaves at worst, and never a part of a blob', async () => {
    const size = 3_000_000;
    const script = `
      import { filesBlobStore } from ${JSON.stringify(join(import.meta.dirname, '../../functions/stores/files.ts'))};
      const store = filesBlobStore(${JSON.stringify(root)});
      for (let i = 0; ; i++) {
        if (i === 7) setImmediate(() => process.kill(process.pid, 'SIGKILL'));
        await store.putNew('packs/' + i, Buffer.alloc(${size}, i));
      }`;
    expect(() => execFileSync(process.execPath, ['--input-type=module', '-e', script], { stdio: 'pipe' })).toThrow();
    const store = filesBlobStore(root);
    const found = await names();
    expect(found.length).toBeGreaterThanOrEqual(7);
    for (const name of found)
      expect((await store.get(name)).equals(Buffer.alloc(size, Number(name.slice(6))))).toBe(true);
    expect(await store.putNew('packs/next', X)).toBe('written');
  });
});

describe('what is not a blob', () => {
  it('is a file under its name that is larger than any: refused before it is read into memory', async () => {
    await mkdir(root, { recursive: true });
    const file = await open(join(root, 'holdfast.json'), 'w');
    await file.truncate(2 ** 40);
    await file.close();
    await expect(filesBlobStore(root).get('holdfast.json')).rejects.toThrow(IntegrityError);
  });

  it('is not listed when its name is not tame, however it came there', async () => {
    await filesBlobStore(root).putNew('a', X);
    for (const name of ['lost+found', 'ü', 'with space']) await mkdir(join(root, name));
    await writeFile(join(root, 'lost+found/b'), '');
    await writeFile(join(root, 'odd name'), '');
    expect(await names()).toEqual(['a']);
  });

  it.each(['file', 'folder', 'dangling'])('is an error when it is a symbolic link to a %s', async (kind) => {
    const store = filesBlobStore(root);
    await store.putNew('packs/ab/x', X);
    const target = join(place, 'elsewhere');
    if (kind === 'file') await writeFile(target, 'secret');
    if (kind === 'folder') await mkdir(target);
    await symlink(target, join(root, 'packs/cd'));
    await expect(names()).rejects.toThrow(IntegrityError);
    await expect(names('packs/cd/e')).rejects.toThrow(IntegrityError);
    expect(await names('packs/ab')).toEqual(['packs/ab/x']);
    await expect(store.get('packs/cd')).rejects.toThrow(IntegrityError);
    await expect(store.find('packs/cd')).rejects.toThrow(IntegrityError);
    await expect(store.delete('packs/cd')).rejects.toThrow(IntegrityError);
    await expect(store.putNew('packs/cd', X)).rejects.toThrow(BackupError);
  });

  it('is an error when it is a pipe, and nobody waits for it', async () => {
    const store = filesBlobStore(root);
    await store.putNew('a', X);
    execFileSync('mkfifo', [join(root, 'pipe')]);
    await expect(store.get('pipe')).rejects.toThrow(IntegrityError);
    await expect(names()).rejects.toThrow(IntegrityError);
  });

  it('is in the way when a folder has the name of a blob', async () => {
    const store = filesBlobStore(root);
    await store.putNew('a/b', X);
    await expect(store.putNew('a', X)).rejects.toThrow(InvalidInputError);
    await expect(store.put('a', X)).rejects.toThrow(InvalidInputError);
    await expect(store.get('a')).rejects.toThrow(NotFoundError);
    expect(await names()).toEqual(['a/b']);
  });
});

describe('a listing', () => {
  it('ends with an error when the disk is unmounted and its mount point is empty', async () => {
    const store = filesBlobStore(root);
    await store.putNew('a', X);
    await store.putNew('b', X);
    const listing = store.list('')[Symbol.asyncIterator]();
    expect((await listing.next()).value).toMatchObject({ name: 'a' });
    await rename(root, `${root}-unmounted`);
    await mkdir(root);
    await expect(listing.next()).rejects.toThrow(IntegrityError);
  });

  it('ends with an error when a folder vanishes before it was read', async () => {
    const store = filesBlobStore(root);
    await store.putNew('a', X);
    await store.putNew('packs/x', X);
    const listing = store.list('')[Symbol.asyncIterator]();
    expect((await listing.next()).value).toMatchObject({ name: 'a' });
    await rm(join(root, 'packs'), { recursive: true });
    await expect(listing.next()).rejects.toThrow(IntegrityError);
  });

  it('goes on over a blob that is deleted meanwhile', async () => {
    const store = filesBlobStore(root);
    for (const name of ['a', 'b', 'c']) await store.putNew(name, X);
    const listing = store.list('')[Symbol.asyncIterator]();
    expect((await listing.next()).value).toMatchObject({ name: 'a' });
    await store.delete('b');
    expect((await listing.next()).value).toMatchObject({ name: 'c' });
    expect((await listing.next()).done).toBe(true);
  });
});

describe('two processes on one folder', () => {
  it('are two stores of which exactly one creates a blob', async () => {
    const stores = [filesBlobStore(root), filesBlobStore(root), filesBlobStore(root)];
    const results = await Promise.all(stores.map((store, i) => store.putNew('packs/ab/x', Buffer.from(`${i}`))));
    expect(results.filter((result) => result === 'written')).toHaveLength(1);
    expect((await stores[0]?.get('packs/ab/x'))?.toString()).toBe(`${results.indexOf('written')}`);
  });
});

describe('the time of a blob', () => {
  it('is the time of its file, in UTC', async () => {
    const store = filesBlobStore(root);
    await store.putNew('a', X);
    const time = new Date('2026-03-29T01:30:00.123Z');
    await utimes(join(root, 'a'), time, time);
    expect((await store.find('a'))?.modifiedAt).toBe('2026-03-29T01:30:00.123Z');
    expect((await stat(join(root, 'a'))).isFile()).toBe(true);
  });
});

describe('translateFileError', () => {
  const nodeError = (code: string) => Object.assign(new Error(`${code}: it failed`), { code });

  it.each([
    ['EACCES', AccessDeniedError],
    ['EPERM', AccessDeniedError],
    ['EROFS', AccessDeniedError],
    ['ENOSPC', TransientError],
    ['EDQUOT', TransientError],
    ['EMFILE', TransientError],
    ['ENFILE', TransientError],
    ['EIO', TransientError],
    ['EBUSY', TransientError],
    ['EAGAIN', TransientError],
    ['ESTALE', TransientError],
    ['ETIMEDOUT', TransientError],
    ['EHOSTDOWN', TransientError],
    ['ENOTCONN', TransientError],
    ['EEXIST', InvalidInputError],
    ['ENOTDIR', InvalidInputError],
    ['EISDIR', InvalidInputError],
    ['ENOTEMPTY', InvalidInputError],
    ['EXDEV', InvalidInputError],
    ['ELOOP', IntegrityError],
  ])('makes of %s what the caller can act upon', (code, expected) => {
    const cause = nodeError(code);
    const error = translateFileError(cause, 'file:///vault: writing a');
    expect(error).toBeInstanceOf(expected);
    expect(error).toMatchObject({ cause, context: { code } });
    expect(String(error)).toContain('file:///vault: writing a');
  });

  it('lets what it does not know pass untouched', () => {
    for (const error of [nodeError('ENOENT'), nodeError('EWHATEVER'), new TypeError('x'), 'text', undefined])
      expect(translateFileError(error, 'x')).toBe(error);
  });

  it('says of a full disk what to do', () => {
    expect(String(translateFileError(nodeError('ENOSPC'), 'x'))).toContain('no space left; free some');
  });
});
