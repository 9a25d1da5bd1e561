import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Attributes, quoteKey } from '../../../functions/core/entry.ts';
import { AccessDeniedError, IntegrityError, InvalidInputError } from '../../../functions/core/errors.ts';
import type { Target } from '../../../functions/core/ports.ts';
import { fileSource } from '../../../functions/sources/files.ts';
import {
  asUser,
  diskAttributes,
  each,
  entry,
  isRoot,
  key,
  linkTo,
  makeRoot,
  NOBODY,
  pathsOf,
  removeRoots,
  stream,
  walk,
} from './tree.ts';

let root: string;
let target: Target;
beforeEach(() => {
  root = makeRoot();
  target = fileSource(root);
});
afterEach(removeRoots);

const putFile = (name: string, content: string | Buffer, more: Attributes = {}, to = target) =>
  to.write(entry(key(name), content, diskAttributes('file', more)), stream(content));
const putDirectory = (name: string, more: Attributes = {}, to = target) =>
  to.write(entry(key(name), '', diskAttributes('directory', more)), stream());
const putObject = (name: string, content: string, more: Attributes = {}) =>
  target.write(entry(key(name), content, { type: 'object', ...more }), stream(content));
const modeOf = (name: string) => lstatSync(`${root}/${name}`).mode & 0o7777;

describe('a key that a disk cannot hold', () => {
  it.each(
    [
      '',
      '/',
      '//',
      '/a',
      'a//b',
      'a//',
      '.',
      '..',
      './',
      '../',
      './x',
      '../x',
      'a/../b',
      'a/..',
      'a/.',
      'a/./b',
      'nul\0',
    ].concat(['n'.repeat(256), `d/${'n'.repeat(256)}/x`, 'ü'.repeat(128), 'deep/'.repeat(820)]),
  )('is refused with its name, and nothing is written: %j', async (name) => {
    const type = name.endsWith('/') ? 'directory' : 'file';
    const written = target.write(entry(key(name), '', diskAttributes(type)), stream());
    await expect(written).rejects.toThrow(InvalidInputError);
    await expect(written).rejects.toThrow(quoteKey(key(name)));
    expect(pathsOf(root)).toEqual([]);
    expect(readdirSync(`${root}/..`)).not.toContain('x');
  });

  it('is success to remove, for it is not there', async () => {
    writeFileSync(`${root}/kept`, 'x');
    for (const name of ['', '.', '..', '../x', './kept', 'sub/../kept', '/kept', `${'n'.repeat(256)}`])
      await target.remove(key(name));
    expect(pathsOf(root)).toEqual(['kept']);
  });

  it.each([
    ['x/', 'file'],
    ['x/', 'symlink'],
    ['x', 'directory'],
  ] as const)('is one whose end belies its type: %s as a %s', async (name, type) => {
    const attributes = type === 'symlink' ? linkTo('to') : diskAttributes(type);
    await expect(target.write(entry(key(name), '', attributes), stream())).rejects.toThrow(InvalidInputError);
    expect(pathsOf(root)).toEqual([]);
  });
});

it('holds names of 255 bytes', async () => {
  await putFile('n'.repeat(255), 'x');
  expect(pathsOf(root)).toContain('n'.repeat(255));
});

it.each<Attributes>([
  { type: 'file' },
  { ...diskAttributes('file'), mode: 0o10000 },
  { ...diskAttributes('file'), mode: '644' },
  { ...diskAttributes('file'), mtimeNs: 'yesterday' },
  { ...diskAttributes('file'), uid: -1 },
  { ...diskAttributes('symlink') },
  linkTo(''),
  linkTo('a\0b'),
  { ...linkTo('a'), targetBase64: '!' },
])('refuses attributes that no disk made: %j', async (attributes) => {
  await expect(target.write(entry(key('x'), '', attributes), stream())).rejects.toThrow(InvalidInputError);
  expect(pathsOf(root)).toEqual([]);
});

describe('a symbolic link on the way to a key', () => {
  let outside: string;
  beforeEach(() => {
    outside = makeRoot();
    writeFileSync(`${outside}/victim`, 'untouched');
    mkdirSync(`${outside}/sub`, { mode: 0o700 });
    symlinkSync(outside, `${root}/link`);
  });

  it.each(['link/victim', 'link/new', 'link/sub/', 'link/sub/new', 'link/new/', 'link/a/b/c'])(
    'is not followed by a write of %s',
    async (name) => {
      const before = walk(outside);
      const attributes = diskAttributes(name.endsWith('/') ? 'directory' : 'file');
      await expect(target.write(entry(key(name), '', attributes), stream())).rejects.toThrow(InvalidInputError);
      expect(walk(outside)).toEqual(before);
    },
  );

  it('is not followed by the removal of what seems to be below it', async () => {
    for (const name of ['link/victim', 'link/sub/']) await target.remove(key(name));
    expect(pathsOf(outside)).toEqual(['sub', 'victim']);
  });

  it('is not followed when directories are finished', async () => {
    const before = walk(outside);
    const attributes = diskAttributes('directory', { mode: 0o777 });
    await target.finish(each(entry(key('link/'), '', attributes), entry(key('link/sub/'), '', attributes)));
    expect(walk(outside)).toEqual(before);
  });

  it('is replaced, and not followed, by a file or directory of its own name', async () => {
    symlinkSync(`${outside}/victim`, `${root}/file-link`);
    await putFile('file-link', 'new');
    await putDirectory('link/');
    expect(readFileSync(`${root}/file-link`, 'utf8')).toBe('new');
    expect(lstatSync(`${root}/link`).isDirectory()).toBe(true);
    expect(readFileSync(`${outside}/victim`, 'utf8')).toBe('untouched');
  });

  it('is not followed where it takes the place of a directory that was written to before', async () => {
    await putDirectory('d/');
    await putFile('d/x', 'x');
    await target.remove(key('d/x'));
    await target.write(entry(key('d'), '', linkTo(outside)), stream());
    await expect(putFile('d/victim', 'x')).rejects.toThrow(InvalidInputError);
    expect(readFileSync(`${outside}/victim`, 'utf8')).toBe('untouched');
  });
});

describe('a symbolic link that another user plants while a restore runs', () => {
  let outside: string;
  beforeEach(async () => {
    outside = makeRoot();
    mkdirSync(`${outside}/b`, { mode: 0o700 });
    writeFileSync(`${outside}/b/victim`, 'untouched');
    await putDirectory('a/');
    await putDirectory('a/b/');
    await putFile('a/b/x', 'x');
  });

  const plants: readonly (readonly [string, () => void])[] = [
    ['in the place of a directory that was written to', () => plant('a/b', `${outside}/b`)],
    ['in the place of one above it', () => plant('a', outside)],
  ];
  function plant(name: string, to: string): void {
    renameSync(`${root}/${name}`, `${root}/moved`);
    symlinkSync(to, `${root}/${name}`);
  }

  it.each(plants)('is not followed %s', async (_, act) => {
    act();
    const before = walk(outside);
    for (const name of ['a/b/victim', 'a/b/new']) await expect(putFile(name, 'x')).rejects.toThrow(InvalidInputError);
    await expect(putDirectory('a/b/new/')).rejects.toThrow(InvalidInputError);
    await target.remove(key('a/b/victim'));
    await target.finish(each(entry(key('a/b/'), '', diskAttributes('directory', { mode: 0o777 }))));
    expect(walk(outside)).toEqual(before);
  });
});

describe('what is in the way', () => {
  it('is refused where a file stands for a directory on the way', async () => {
    await putFile('a', 'a');
    await expect(putFile('a/b', 'b')).rejects.toThrow(InvalidInputError);
    expect(readFileSync(`${root}/a`, 'utf8')).toBe('a');
  });

  it('is never a tree that is deleted for a file or a link', async () => {
    await putFile('a/b', 'b');
    await expect(putFile('a', 'a')).rejects.toThrow(InvalidInputError);
    await expect(target.write(entry(key('a'), '', linkTo('x')), stream())).rejects.toThrow(InvalidInputError);
    await target.finish(each());
    expect(pathsOf(root)).toEqual(['a', 'a/b']);
  });

  it('gives way when it is an empty directory', async () => {
    mkdirSync(`${root}/a`);
    mkdirSync(`${root}/b`);
    await putFile('a', 'now a file');
    await target.write(entry(key('b'), '', linkTo('x')), stream());
    expect(readFileSync(`${root}/a`, 'utf8')).toBe('now a file');
    expect(readlinkSync(`${root}/b`)).toBe('x');
  });

  it('gives way to a directory when it is a file', async () => {
    writeFileSync(`${root}/a`, 'x');
    await putDirectory('a/');
    await putFile('a/b', 'b');
    expect(pathsOf(root)).toContain('a/b');
  });

  it('gives way to a directory before what is written below it at the same time', async () => {
    for (const name of ['a', 'b']) writeFileSync(`${root}/${name}`, 'x');
    async function* slowly() {
      await new Promise((resolve) => setImmediate(resolve));
      yield Buffer.alloc(0);
    }
    const slow = (name: string) => target.write(entry(key(name), '', diskAttributes('directory')), slowly());
    await Promise.all([slow('a/'), slow('a/b/'), putFile('a/b/c', 'x'), slow('b/'), putFile('b/c', 'x')]);
    await target.finish(each());
    expect(pathsOf(root)).toEqual(['a', 'a/b', 'a/b/c', 'b', 'b/c']);
  });

  it('does not hold up the refusal of keys of slashes while a directory is written', async () => {
    const names = ['/', '//', 'a//', '/a/'];
    const written = [putDirectory('a/'), ...names.map((name) => putDirectory(name))];
    const states = (await Promise.allSettled(written)).map(({ status }) => status);
    expect(states).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected', 'rejected']);
  });

  it('keeps what a directory holds when the directory is written again', async () => {
    await putFile('a/b', 'b');
    await putDirectory('a/');
    expect(readFileSync(`${root}/a/b`, 'utf8')).toBe('b');
  });

  it('leaves the other name of a file alone when one is replaced', async () => {
    writeFileSync(`${root}/one`, 'shared');
    linkSync(`${root}/one`, `${root}/two`);
    await putFile('one', 'new');
    expect(readFileSync(`${root}/two`, 'utf8')).toBe('shared');
  });

  it('is named where it is no directory and the root should be', async () => {
    writeFileSync(`${root}/file`, 'x');
    for (const path of [`${root}/file`, `${root}/file/below`])
      await expect(putFile('x', 'x', {}, fileSource(path))).rejects.toThrow(InvalidInputError);
  });
});

it('opens directories of a disk to nobody else until they are finished', async () => {
  await putFile('a/b/c', 'x');
  await putDirectory('d/', { mode: 0o777 });
  expect([modeOf('a'), modeOf('a/b'), modeOf('d')]).toEqual([0o700, 0o700, 0o700]);
});

describe('content', () => {
  it.each([
    ['small', 10],
    ['large', 3_000_000],
  ])('that is %s and breaks off leaves nothing behind, no directory either', async (_, sizeBytes) => {
    const bytes = Buffer.alloc(sizeBytes, 7);
    async function* broken() {
      yield bytes.subarray(0, sizeBytes / 2);
      throw new IntegrityError('a chunk is missing');
    }
    await expect(target.write(entry(key('a/b/c'), bytes, diskAttributes('file')), broken())).rejects.toThrow(
      'a chunk is missing',
    );
    await target.finish(each());
    expect(pathsOf(root)).toEqual([]);
  });

  it.each([
    ['more', 'xy', 'xyz'],
    ['less', 'xy', 'x'],
    ['many more', Buffer.alloc(100_000), Buffer.alloc(100_001)],
    ['far less', Buffer.alloc(100_000), 'x'],
  ])('that has %s bytes than its entry says is not taken', async (_, said, content) => {
    await putFile('x', 'old');
    await expect(target.write(entry(key('x'), said, diskAttributes('file')), stream(content))).rejects.toThrow(
      IntegrityError,
    );
    expect(readFileSync(`${root}/x`, 'utf8')).toBe('old');
  });

  it('is refused for a directory or a link, by its entry or in the stream', async () => {
    const cases = [
      ['d/', diskAttributes('directory')],
      ['l', linkTo('x')],
    ] as const;
    for (const [name, attributes] of cases) {
      await expect(target.write(entry(key(name), 'body', attributes), stream('body'))).rejects.toThrow(
        InvalidInputError,
      );
      await expect(target.write(entry(key(name), '', attributes), stream('body'))).rejects.toThrow(IntegrityError);
    }
    expect(pathsOf(root)).toEqual([]);
  });
});

describe('an entry of an object store', () => {
  it.each(['parameter', 'secret', 'function'])('that holds the value of a %s is for this user alone', async (type) => {
    for (const content of ['small', 'x'.repeat(100_000)]) {
      await target.write(entry(key('value'), content, { type }), stream(content));
      expect(modeOf('value')).toBe(0o600);
    }
  });

  it('becomes a file of usual mode, in directories of usual mode, and names what is lost', async () => {
    const before = Date.now();
    const notHeld = await putObject('a/b', 'x', {
      contentType: 'text/plain',
      metadata: { x: '1' },
      tags: {},
      cacheControl: null,
      acl: [],
      x: '',
    });
    expect(notHeld).toEqual(['contentType', 'metadata']);
    expect(modeOf('a/b')).toBe(0o644);
    expect(modeOf('a')).toBe(0o777 & ~process.umask());
    expect(lstatSync(`${root}/a/b`).mtimeMs).toBeGreaterThanOrEqual(before - 1000);
  });

  it('becomes a directory when its key ends in a slash and it is empty', async () => {
    expect(await putObject('a/', '', { contentType: 'application/x-directory' })).toEqual(['contentType']);
    expect(modeOf('a')).toBe(0o777 & ~process.umask());
  });

  it.each([
    ['next to each other', []],
    ['with others between them', ['a!', 'a!/', 'a!/b', 'a-', 'a.txt']],
  ])('is refused as a directory where a file of its name came before it, %s', async (_, between) => {
    await putObject('a', 'the file');
    for (const name of between) await putObject(name, '').catch(() => undefined);
    await expect(putObject('a/', '')).rejects.toThrow(/a\/ cannot be beside the file/);
    expect(readFileSync(`${root}/a`, 'utf8')).toBe('the file');
  });

  it('is refused when its key ends in a slash and it has a body', async () => {
    await expect(putObject('a/', 'body')).rejects.toThrow(/"a\/": .*content/);
    expect(pathsOf(root)).toEqual([]);
  });
});

describe('owners', () => {
  it.runIf(isRoot())('come back when root restores, with setuid and setgid', async () => {
    expect(await putFile('x', 'x', { uid: 1234, gid: 2345, mode: 0o6755 })).toEqual([]);
    expect(await target.write(entry(key('l'), '', { ...linkTo('x'), uid: 12, gid: 23 }), stream())).toEqual([]);
    expect(walk(root).get(Buffer.from('x').toString('hex'))).toMatchObject({ owner: '1234:2345', mode: 0o6755 });
    expect(walk(root).get(Buffer.from('l').toString('hex'))).toMatchObject({ owner: '12:23' });
  });

  it('that another user cannot give are named, and setuid and setgid are not given to the wrong one', async () => {
    await asUser(async () => {
      const own = fileSource(root);
      const foreign = { uid: 12, gid: 23 };
      expect(await putFile('plain', 'x', { ...foreign, mode: 0o1755 }, own)).toEqual(['uid', 'gid']);
      expect(await putFile('set', 'x', { ...foreign, mode: 0o6755 }, own)).toEqual(['uid', 'gid', 'mode']);
      expect(await putDirectory('d/', { ...foreign, mode: 0o2755 }, own)).toEqual(['uid', 'gid', 'mode']);
      expect(await putFile('mine', 'x', { mode: 0o6755 }, own)).toEqual([]);
    });
    expect([modeOf('plain'), modeOf('set'), modeOf('mine')]).toEqual([0o1755, 0o755, 0o6755]);
  });
});

it.runIf(isRoot())('gives a file its own group, also where new files get that of their directory', async () => {
  chownSync(root, NOBODY, 23);
  chmodSync(root, 0o2777);
  await asUser(async () => {
    expect(await fileSource(root).write(entry(key('x'), 'x', diskAttributes('file')), stream('x'))).toEqual([]);
  });
  expect(lstatSync(`${root}/x`).gid).toBe(NOBODY);
});

describe('removal', () => {
  it('takes files, links and empty directories, and not what a link points to', async () => {
    await putFile('d/file', 'x');
    symlinkSync('d', `${root}/link`);
    mkdirSync(`${root}/empty`);
    for (const name of ['link', 'empty/']) await target.remove(key(name));
    await target.finish(each());
    expect(pathsOf(root)).toEqual(['d', 'd/file']);
  });

  it('refuses a directory with something in it', async () => {
    await putFile('d/file', 'x');
    await expect(target.remove(key('d/'))).rejects.toThrow(/d\/ is not empty/);
    expect(existsSync(`${root}/d/file`)).toBe(true);
  });

  it('of a file leaves a directory of that name, and the reverse', async () => {
    await putDirectory('d/');
    await putFile('f', 'x');
    await target.remove(key('d'));
    await target.remove(key('f/'));
    await target.finish(each());
    expect(pathsOf(root)).toEqual(['d', 'f']);
  });

  it('lets a directory be made again afterwards', async () => {
    await putFile('d/e/x', 'x');
    for (const name of ['d/e/x', 'd/e/', 'd/']) await target.remove(key(name));
    await putFile('d/e/y', 'y');
    expect(readFileSync(`${root}/d/e/y`, 'utf8')).toBe('y');
  });

  it('in a target that is not there is success and makes nothing', async () => {
    await fileSource(`${root}/absent`).remove(key('a/b'));
    expect(existsSync(`${root}/absent`)).toBe(false);
  });

  it.runIf(isRoot())('that is not permitted says so', async () => {
    mkdirSync(`${root}/theirs`);
    writeFileSync(`${root}/theirs/x`, 'x');
    await asUser(() => expect(fileSource(root).remove(key('theirs/x'))).rejects.toThrow(AccessDeniedError));
  });
});

it.runIf(isRoot())('says when it may not write', async () => {
  mkdirSync(`${root}/theirs`);
  await asUser(() => expect(putFile('theirs/x', 'x', {}, fileSource(root))).rejects.toThrow(AccessDeniedError));
  expect(pathsOf(root)).not.toContain('theirs/x');
});
