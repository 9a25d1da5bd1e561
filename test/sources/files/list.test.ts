import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keyFromBytes } from '../../../functions/core/entry.ts';
import { AccessDeniedError, InvalidInputError, NotFoundError, TransientError } from '../../../functions/core/errors.ts';
import { eachOf } from '../../../functions/operations/each-of.ts';
import { listPlace } from '../../../functions/sources/files/list.ts';
import { placeOf } from '../../../functions/sources/files/place.ts';
import { fileSource } from '../../../functions/sources/files.ts';
import { listAll, readEntry } from '../../contracts/source.ts';
import { asUser, diskAttributes, entry, key, linesOf, makeRoot, removeRoots, stream } from './tree.ts';

let root: string;
beforeEach(() => {
  root = makeRoot();
});
afterEach(removeRoots);

/** Makes files, and directories where the path ends in a slash. */
function make(...paths: readonly string[]): void {
  for (const path of paths) path.endsWith('/') ? mkdirSync(`${root}/${path}`) : writeFileSync(`${root}/${path}`, path);
}

it('lists directories, full and empty ones, with a slash at the end, in byte order of keys', async () => {
  make('a/', 'a/z', 'a/b/', 'a/b/c', 'a-b', 'a.b', 'a0', 'empty/');
  expect(await linesOf(fileSource(root))).toEqual(['a-b', 'a.b', 'a/', 'a/b/', 'a/b/c', 'a/z', 'a0', 'empty/']);
});

it('lists and reads names that are not UTF-8, in directories that are not either', async () => {
  const bytes = Buffer.from([0x80, 0xff, 0x0a]);
  const path = Buffer.concat([Buffer.from(`${root}/`), bytes]);
  mkdirSync(path);
  writeFileSync(Buffer.concat([path, Buffer.from('/'), bytes]), 'inside');
  const source = fileSource(root);
  const listed = await listAll(source);
  const inner = Buffer.concat([bytes, Buffer.from('/'), bytes]);
  expect(listed.map((line) => line.key)).toEqual([
    keyFromBytes(Buffer.concat([bytes, Buffer.from('/')])),
    keyFromBytes(inner),
  ]);
  expect((await readEntry(source, listed[1])).content.toString()).toBe('inside');
});

it('follows a root that is a symbolic link, and names a source by the path it was given', async () => {
  make('real/', 'real/x');
  symlinkSync('real', `${root}/link`);
  const source = fileSource(`${root}/link/`);
  expect(source.uri).toBe(`file://${root}/link`);
  expect(await linesOf(source)).toEqual(['x']);
});

it('lists symbolic links as entries of their own and follows none', async () => {
  make('dir/', 'dir/x');
  symlinkSync('dir', `${root}/to-dir`);
  symlinkSync('nowhere', `${root}/dangling`);
  symlinkSync('.', `${root}/dir/loop`);
  expect(await linesOf(fileSource(root))).toEqual(['dangling', 'dir/', 'dir/loop', 'dir/x', 'to-dir']);
});

it('names sockets and pipes as unprotected', async () => {
  make('file');
  execFileSync('mkfifo', [`${root}/pipe`]);
  const server = createServer().listen(`${root}/socket`);
  await new Promise((resolve) => server.once('listening', resolve));
  const lines = await linesOf(fileSource(root));
  await new Promise((resolve) => server.close(resolve));
  expect(lines).toEqual([
    'file',
    { key: 'pipe', unprotected: expect.stringContaining('named pipe') },
    { key: 'socket', unprotected: expect.stringContaining('socket') },
  ]);
});

it('names a directory that cannot be read, once, with all that is below it', async () => {
  make('a', 'closed/', 'closed/x', 'z');
  chmodSync(`${root}/closed`, 0o000);
  const closed = { key: 'closed/', unprotected: expect.stringContaining('access denied'), subtree: true };
  await asUser(async () => {
    if (process.geteuid?.() === 0) throw new Error('this test needs a user who is not root');
    // The directory belongs to root: a user who is not its owner is refused by mode 0 alike.
    expect(await linesOf(fileSource(root))).toEqual(['a', closed, 'z']);
    expect(await linesOf(fileSource(root), { upTo: key('closed/m') })).toEqual(['a', closed]);
    expect(await linesOf(fileSource(root), { after: key('closed0') })).toEqual(['z']);
    expect(await linesOf(fileSource(root), { upTo: key('b') })).toEqual(['a']);
  });
});

it('names a directory that cannot be read also in a range that only begins within it', async () => {
  make('closed/', 'closed/x', 'z');
  chmodSync(`${root}/closed`, 0o000);
  const closed = { key: 'closed/', unprotected: expect.stringContaining('access denied'), subtree: true };
  await asUser(async () => {
    expect(await linesOf(fileSource(root), { after: key('closed/m') })).toEqual([closed, 'z']);
  });
});

it('names each entry of a directory that may be listed and not entered', async () => {
  make('half/', 'half/file', 'half/sub/');
  chmodSync(`${root}/half`, 0o444);
  await asUser(async () => {
    expect(await linesOf(fileSource(root))).toEqual([
      'half/',
      { key: 'half/file', unprotected: expect.stringContaining('access denied') },
      { key: 'half/sub/', unprotected: expect.stringContaining('access denied'), subtree: true },
    ]);
  });
});

it('names what lies deeper than the system can open a path', async () => {
  const name = 'n'.repeat(250);
  const before = process.cwd();
  try {
    process.chdir(root);
    for (let depth = 0; depth < 17; depth += 1) {
      mkdirSync(name);
      process.chdir(name);
    }
  } finally {
    process.chdir(before);
  }
  const lines = await linesOf(fileSource(root));
  const [last, ...others] = lines.reverse();
  expect(others.every((line) => typeof line === 'string')).toBe(true);
  expect(last).toEqual({
    key: expect.stringMatching(/n\/$/),
    unprotected: expect.stringContaining('longer'),
    subtree: true,
  });
  execFileSync('rm', ['-r', `${root}/${name}`]); // Node's own removal does not reach so deep.
});

it('says that a root that is not there is not found, and is no empty source', async () => {
  await expect(linesOf(fileSource(`${root}/absent`))).rejects.toThrow(NotFoundError);
  await expect(fileSource(`${root}/absent`).settings()).rejects.toThrow(NotFoundError);
});

it('refuses a root that is a file', async () => {
  make('file');
  await expect(linesOf(fileSource(`${root}/file`))).rejects.toThrow(InvalidInputError);
});

it('refuses a root that is not an absolute path', () => {
  expect(() => fileSource('relative/dir')).toThrow(InvalidInputError);
});

it('fails when the root itself may not be read', async () => {
  chmodSync(root, 0o000);
  await asUser(() => expect(linesOf(fileSource(root))).rejects.toThrow(AccessDeniedError));
});

/** The lines of the root one by one, each looked at only when the one before it was given. */
const stepwise = () => eachOf(listPlace(placeOf(root), {}, 1));

it('leaves out what vanishes while the directory is walked', async () => {
  make('a', 'b', 'c/', 'c/x', 'd');
  const keys: string[] = [];
  for await (const line of stepwise()) {
    keys.push(line.key);
    if (line.key === 'a') rmSync(`${root}/b`);
    if (line.key === 'a') rmSync(`${root}/c`, { recursive: true });
  }
  expect(keys).toEqual(['a', 'd']);
});

it('leaves out what becomes another kind of thing while the directory is walked', async () => {
  make('a', 'file', 'sub/', 'sub/x', 'z');
  const keys: string[] = [];
  for await (const line of stepwise()) {
    keys.push(line.key);
    if (line.key !== 'a') continue;
    rmSync(`${root}/file`);
    rmSync(`${root}/sub`, { recursive: true });
    make('file/', 'file/new', 'sub');
  }
  expect(keys).toEqual(['a', 'z']);
});

it.each([
  ['vanishes', () => {}, NotFoundError],
  ['is replaced by an empty one, as an unmounted disk is', () => mkdirSync(root), TransientError],
])('fails when the root %s while it is walked', async (_, then, expected) => {
  make('a', 'b', 'c/', 'c/x');
  const drain = async () => {
    for await (const line of stepwise()) {
      if (line.key !== 'a') continue;
      renameSync(root, `${root}-moved`);
      then();
    }
  };
  await expect(drain()).rejects.toThrow(expected);
  rmSync(`${root}-moved`, { recursive: true });
});

it('fails at once when the root is replaced, before anything of the other one is listed', async () => {
  make('a', 'b', 'z');
  const listing = stepwise();
  await listing.next();
  renameSync(root, `${root}-moved`);
  mkdirSync(root);
  make('z');
  await expect(listing.next()).rejects.toThrow(TransientError);
  rmSync(`${root}-moved`, { recursive: true });
});

it('fails at the end when the root was replaced by one that has the same entries', async () => {
  make('a', 'b');
  const drain = async () => {
    for await (const line of stepwise()) {
      if (line.key !== 'a') continue;
      renameSync(root, `${root}-moved`);
      mkdirSync(root);
      make('a', 'b');
    }
  };
  await expect(drain()).rejects.toThrow(TransientError);
  rmSync(`${root}-moved`, { recursive: true });
});

it('hides the folder of a restore that was cut short, and only in the root', async () => {
  const source = fileSource(root);
  await source.write(entry('x', 'x', diskAttributes('file')), stream('x'));
  const folder = readdirSync(root).find((name) => name.startsWith('.'));
  const name = '0123456789ab.4711.89abcdef.12';
  writeFileSync(`${root}/${folder}/${name}`, 'left over');
  mkdirSync(`${root}/sub/${folder}`, { recursive: true });
  writeFileSync(`${root}/sub/${folder}/${name}`, 'a user made this');
  expect(await linesOf(source)).toEqual(['sub/', `sub/${folder}/`, `sub/${folder}/${name}`, 'x']);
});

it('lists a folder of that name as soon as it holds anything else', async () => {
  const own = '.holdfast-partial/0123456789ab.4711.89abcdef.12';
  make('.holdfast-partial/', own, '.holdfast-partial/mine');
  expect(await linesOf(fileSource(root))).toEqual(['.holdfast-partial/', own, '.holdfast-partial/mine']);
});
