import * as fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ListedEntry } from '../../../functions/core/entry.ts';
import { AccessDeniedError, ConflictError, InvalidInputError, TransientError } from '../../../functions/core/errors.ts';
import { fileSource } from '../../../functions/sources/files.ts';
import { listAll, readEntry } from '../../contracts/source.ts';
import { diskAttributes, each, entry, key, linesOf, makeRoot, pathsOf, removeRoots, stream, walk } from './tree.ts';

/** What happens instead of, or around, a call to the disk; by the call's name. */
const faults = vi.hoisted(() => new Map<string, (path: string, real: () => unknown) => unknown>());

vi.mock('node:fs', async (importActual) => {
  const actual = await importActual<typeof fs>();
  const names = [
    'lstatSync',
    'readdirSync',
    'openSync',
    'readSync',
    'writeSync',
    'write',
    'renameSync',
    'mkdirSync',
  ] as const;
  const wrapped = names.map((name) => {
    const real: (...given: unknown[]) => unknown = actual[name] as never;
    return [
      name,
      (...given: unknown[]) => {
        const fault = faults.get(name);
        return fault === undefined ? real(...given) : fault(String(given[0]), () => real(...given));
      },
    ];
  });
  return { ...actual, ...Object.fromEntries(wrapped) };
});

const errorOf = (code: string) => Object.assign(new Error(`${code}: as the system says`), { code });
const fails =
  (code: string, where = '') =>
  (path: string, real: () => unknown) => {
    if (!path.endsWith(where)) return real();
    throw errorOf(code);
  };

let root: string;
beforeEach(() => {
  root = makeRoot();
  fs.mkdirSync(`${root}/d`);
  for (const name of ['a', 'd/b', 'z']) fs.writeFileSync(`${root}/${name}`, 'content');
});
afterEach(() => {
  faults.clear();
  removeRoots();
});

describe('a listing', () => {
  it.each([
    ['lstatSync', '/d/b'],
    ['readdirSync', '/d'],
  ])('fails when the disk fails in %s, and is not shorter', async (call, where) => {
    faults.set(call, fails('EIO', where));
    await expect(linesOf(fileSource(root))).rejects.toThrow('EIO');
  });

  it('fails as one that may be tried again when the disk of a server has moved', async () => {
    faults.set('readdirSync', fails('ESTALE', '/d'));
    const listed = linesOf(fileSource(root));
    await expect(listed).rejects.toThrow(TransientError);
    await expect(listed).rejects.toThrow(/d\/ cannot be listed/);
  });
});

describe('reading', () => {
  const listed = async (name: string) => (await listAll(fileSource(root))).find((line) => line.key === key(name));

  /** As a listing that does not tell what it is: it is looked at before it is opened. */
  const lookedAt = (name: string): ListedEntry => ({ key: key(name), sizeBytes: undefined, fingerprint: undefined });

  it('fails when the disk fails, and never gives less', async () => {
    const line = await listed('a');
    faults.set('readSync', fails('EIO'));
    await expect(readEntry(fileSource(root), line)).rejects.toThrow('EIO');
    faults.clear();
    faults.set('openSync', fails('EIO'));
    await expect(readEntry(fileSource(root), line)).rejects.toThrow('EIO');
  });

  it('is tried again when too many files are open', async () => {
    const line = await listed('a');
    faults.set('openSync', fails('EMFILE'));
    await expect(readEntry(fileSource(root), line)).rejects.toThrow(TransientError);
  });

  it.each<[string, string, () => void]>([
    ['is rewritten while it is read', 'readSync', () => fs.writeFileSync(`${root}/a`, 'CONTENT')],
    ['is longer when it is read', 'readSync', () => fs.appendFileSync(`${root}/a`, '!')],
    ['is shorter when it is read', 'readSync', () => fs.truncateSync(`${root}/a`, 3)],
    ['is another when it is opened', 'openSync', () => fs.renameSync(`${root}/z`, `${root}/a`)],
  ])('conflicts when a small file %s', async (_, call, change) => {
    const line = lookedAt('a');
    faults.set(call, (_path, real) => {
      faults.clear();
      change();
      return real();
    });
    await expect(readEntry(fileSource(root), line)).rejects.toThrow(ConflictError);
    expect((await readEntry(fileSource(root), line)).content.length).toBeGreaterThan(0);
  });

  it('gives another file that took the place of the listed one whole, under its own fingerprint', async () => {
    fs.writeFileSync(`${root}/z`, 'another');
    const line = await listed('a');
    faults.set('openSync', (_path, real) => {
      faults.clear();
      fs.renameSync(`${root}/z`, `${root}/a`);
      return real();
    });
    const found = await readEntry(fileSource(root), line);
    expect(found.content.toString()).toBe('another');
    expect(found.fingerprint).toBe((await listed('a'))?.fingerprint);
  });

  it('is gone when a link takes the place of the file before it is opened', async () => {
    const line = lookedAt('a');
    faults.set('openSync', (_path, real) => {
      faults.clear();
      fs.unlinkSync(`${root}/a`);
      fs.symlinkSync('/etc/passwd', `${root}/a`);
      return real();
    });
    expect(await fileSource(root).open(line)).toEqual({ state: 'gone' });
  });

  it('gives a file that changes all the time a fingerprint that no listing gives', async () => {
    const line = lookedAt('a');
    let round = 0;
    faults.set('lstatSync', (_path, real) => {
      round += 1;
      fs.writeFileSync(`${root}/a`, `content ${round}`);
      return real();
    });
    const opened = await fileSource(root).open(line);
    faults.clear();
    expect(opened).toMatchObject({ state: 'open', fingerprint: expect.stringMatching(/:unsettled$/) });
    expect((await listed('a'))?.fingerprint).not.toMatch(/unsettled/);
  });
});

describe('a file that has just been written', () => {
  it.each([1, 2, 3])('settles though the clock stands still for %i looks', async (looks) => {
    fs.writeFileSync(`${root}/a`, 'written just now');
    const [line] = await listAll(fileSource(root));
    const at = Date.now();
    let left = looks;
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => {
      left -= 1;
      return left >= 0 ? at : at + 1000;
    });
    if (line === undefined) throw new Error('it is not listed');
    const opened = await fileSource(root).open(line);
    clock.mockRestore();
    expect(opened).toMatchObject({ state: 'open', fingerprint: line.fingerprint });
  });
});

describe('writing', () => {
  const small = entry(key('d/new'), 'content', diskAttributes('file'));
  const large = entry(key('d/new'), Buffer.alloc(200_000), diskAttributes('file'));
  const put = (one = small) => fileSource(root).write(one, stream(one === small ? 'content' : Buffer.alloc(200_000)));

  it.each([
    ['writeSync', 'ENOSPC', AccessDeniedError, /disk is full/],
    ['writeSync', 'EDQUOT', AccessDeniedError, /quota/],
    ['writeSync', 'EFBIG', InvalidInputError, /size/],
    ['openSync', 'EROFS', AccessDeniedError, /read-only/],
    ['openSync', 'EMFILE', TransientError, /try again/],
    ['renameSync', 'EILSEQ', InvalidInputError, /name/],
    ['renameSync', 'ENAMETOOLONG', InvalidInputError, /too long/],
    ['renameSync', 'ENOENT', TransientError, /vanished/],
    ['renameSync', 'EXDEV', InvalidInputError, /mounted/],
  ])(
    'that fails in %s with %s says so in one sentence and leaves the target as it was',
    async (call, code, type, words) => {
      const before = walk(root);
      faults.set(call, fails(code));
      const written = put();
      await expect(written).rejects.toThrow(type);
      await expect(written).rejects.toThrow(words);
      faults.clear();
      await fileSource(root).finish(each());
      expect([...walk(root).keys()]).toEqual([...before.keys()]);
    },
  );

  it('that fails in a way that is not known passes the error on', async () => {
    faults.set('renameSync', fails('EIO'));
    await expect(put()).rejects.toMatchObject({ code: 'EIO' });
  });

  it('of a large file says that the disk is full', async () => {
    faults.set('write', fails('ENOSPC'));
    await expect(put(large)).rejects.toThrow(/disk is full/);
    faults.clear();
    await fileSource(root).finish(each());
    expect(pathsOf(root)).not.toContain('d/new');
  });

  it('keeps its temporary file on the file system of the entry, where another one is mounted in the target', async () => {
    const opened: string[] = [];
    faults.set('lstatSync', (path, real) => {
      const stats = real();
      if (path.endsWith('/d') && stats instanceof fs.Stats) stats.dev += 1;
      return stats;
    });
    faults.set('openSync', (path, real) => {
      opened.push(path);
      return real();
    });
    await put();
    expect(opened).toEqual([expect.stringMatching(/\/d\/\.holdfast-partial\.[^/]*$/)]);
    faults.clear();
    expect(pathsOf(root)).toEqual(['a', 'd', 'd/b', 'd/new', 'z']);
  });
});
