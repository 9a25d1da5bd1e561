import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Content, piecesOf } from '../../../functions/core/content.ts';
import type { ListedEntry } from '../../../functions/core/entry.ts';
import { ConflictError } from '../../../functions/core/errors.ts';
import { fileSource } from '../../../functions/sources/files.ts';
import { listAll, patternOf, readEntry } from '../../contracts/source.ts';
import { asUser, isRoot, key, makeRoot, removeRoots } from './tree.ts';

const NONE = Buffer.alloc(0);
const LARGE = 3 * 1024 * 1024 + 5;

let root: string;
beforeEach(() => {
  root = makeRoot();
});
afterEach(removeRoots);

async function listed(name: string): Promise<ListedEntry> {
  const line = (await listAll(fileSource(root))).find((found) => found.key === key(name));
  if (line === undefined) throw new Error(`${name} is not listed`);
  return line;
}

async function openOf(name: string) {
  const opened = await fileSource(root).open(await listed(name));
  if (opened.state !== 'open') throw new Error(`${name} is ${opened.state}`);
  return opened;
}

it('gives a file its attributes: mode, time to the nanosecond, owner', async () => {
  writeFileSync(`${root}/x`, 'x');
  chmodSync(`${root}/x`, 0o4751);
  utimesSync(`${root}/x`, '-1.5', '-1.5');
  const { attributes } = await openOf('x');
  expect(attributes).toEqual({
    type: 'file',
    mode: 0o4751,
    mtimeNs: '-1500000000',
    uid: process.geteuid?.(),
    gid: process.getegid?.(),
  });
});

it('gives a symbolic link its target as bytes, which need not be text', async () => {
  const target = Buffer.from([0x2f, 0xff, 0x80]);
  symlinkSync(target, `${root}/link`);
  lutimesSync(`${root}/link`, 1_600_000_000, 1_600_000_000);
  const opened = await readEntry(fileSource(root), await listed('link'));
  expect(opened).toMatchObject({ sizeBytes: 0, content: Buffer.alloc(0) });
  expect(opened.attributes).toMatchObject({
    type: 'symlink',
    targetBase64: target.toString('base64'),
    mtimeNs: '1600000000000000000',
  });
});

it('gives a directory no content, and its mode and time', async () => {
  mkdirSync(`${root}/d`);
  chmodSync(`${root}/d`, 0o1750);
  utimesSync(`${root}/d`, 1_600_000_000, 1_600_000_000);
  const opened = await readEntry(fileSource(root), await listed('d/'));
  expect(opened).toMatchObject({ sizeBytes: 0, content: Buffer.alloc(0) });
  expect(opened.attributes).toMatchObject({ type: 'directory', mode: 0o1750, mtimeNs: '1600000000000000000' });
});

it('reports the modes of the root as a setting', async () => {
  chmodSync(root, 0o711);
  utimesSync(root, 1_600_000_000, 1_600_000_000);
  expect(await fileSource(root).settings()).toMatchObject({
    settings: { root: { mode: 0o711, mtimeNs: '1600000000000000000' } },
    notCaptured: [],
  });
});

describe('the fingerprint of a file', () => {
  it.each<[string, (path: string) => void]>([
    ['its mode', (path) => chmodSync(path, 0o600)],
    ['its content, at equal size and time', (path) => rewrite(path)],
    ['the file itself, for one of equal size and time', (path) => replace(path)],
  ])('changes with %s', async (_, change) => {
    writeFileSync(`${root}/x`, 'content');
    utimesSync(`${root}/x`, 1_600_000_000, 1_600_000_000);
    const before = (await openOf('x')).fingerprint;
    change(`${root}/x`);
    expect((await listed('x')).fingerprint).not.toBe(before);
  });

  it('tells a rewrite that comes at once after reading, at equal size', async () => {
    for (let round = 0; round < 20; round += 1) {
      writeFileSync(`${root}/x`, `round ${round} a`);
      const { fingerprint } = await openOf('x');
      writeFileSync(`${root}/x`, `round ${round} b`);
      expect((await listed('x')).fingerprint).not.toBe(fingerprint);
    }
  });

  it('of a directory does not change with what is in it beyond its time', async () => {
    mkdirSync(`${root}/d`);
    writeFileSync(`${root}/d/x`, 'x');
    const before = (await listed('d/')).fingerprint;
    writeFileSync(`${root}/d/x`, 'longer');
    expect((await listed('d/')).fingerprint).toBe(before);
  });
});

function rewrite(path: string): void {
  writeFileSync(path, 'CONTENT');
  utimesSync(path, 1_600_000_000, 1_600_000_000);
}

function replace(path: string): void {
  writeFileSync(`${path}.new`, 'content');
  utimesSync(`${path}.new`, 1_600_000_000, 1_600_000_000);
  renameSync(`${path}.new`, path);
}

describe('a file that changes while it is read', () => {
  it.each<[string, (path: string) => void]>([
    ['grows', (path) => appendFileSync(path, 'more')],
    ['shrinks', (path) => truncateSync(path, 1024 * 1024 + 1)],
    ['is emptied', (path) => truncateSync(path, 0)],
    ['is rewritten at equal size and time', (path) => rewriteLarge(path)],
  ])('that %s ends in a conflict and never normally', async (_, change) => {
    const path = `${root}/large`;
    writeFileSync(path, patternOf(LARGE, 1));
    utimesSync(path, 1_600_000_000, 1_600_000_000);
    const { content } = await openOf('large');
    let changed = false;
    const drain = async () => {
      for await (const _piece of content) {
        if (!changed) change(path);
        changed = true;
      }
    };
    await expect(drain()).rejects.toThrow(ConflictError);
    const again = await readEntry(fileSource(root), await listed('large'));
    expect(again.content.length).toBe(again.sizeBytes);
  });

  it('that changed before its content was asked for is one version, whole, with the attributes of that version', async () => {
    writeFileSync(`${root}/x`, 'old');
    const line = await listed('x');
    writeFileSync(`${root}/x`, 'newer');
    const opened = await readEntry(fileSource(root), line);
    expect(opened.content.toString()).toBe('newer');
    expect(opened.sizeBytes).toBe(5);
    expect(opened.fingerprint).toBe((await listed('x')).fingerprint);
  });
});

async function drain(content: Content): Promise<void> {
  for await (const _piece of piecesOf(content));
}

function rewriteLarge(path: string): void {
  writeFileSync(path, patternOf(LARGE, 2));
  utimesSync(path, 1_600_000_000, 1_600_000_000);
}

describe('an entry that is no longer what was listed', () => {
  it.each<[string, (path: string) => void]>([
    ['was deleted', () => {}],
    ['became a directory', (path) => mkdirSync(path)],
    ['became a pipe, which would block', (path) => void execFileSync('mkfifo', [path])],
  ])('is gone when it %s', async (_, become) => {
    writeFileSync(`${root}/x`, 'x');
    const line = await listed('x');
    unlinkSync(`${root}/x`);
    become(`${root}/x`);
    expect(await fileSource(root).open(line)).toEqual({ state: 'gone' });
  });

  it('is gone when it became a socket', async () => {
    writeFileSync(`${root}/x`, 'x');
    const line = await listed('x');
    unlinkSync(`${root}/x`);
    const server = createServer().listen(`${root}/x`);
    await once(server, 'listening');
    try {
      expect(await fileSource(root).open(line)).toEqual({ state: 'gone' });
    } finally {
      server.close();
    }
  });

  it('is read as the symbolic link that it became, and as the file that a link became', async () => {
    writeFileSync(`${root}/x`, 'x');
    const file = await listed('x');
    unlinkSync(`${root}/x`);
    symlinkSync('elsewhere', `${root}/x`);
    expect(await fileSource(root).open(file)).toMatchObject({ state: 'open', attributes: { type: 'symlink' } });
    const link = await listed('x');
    unlinkSync(`${root}/x`);
    writeFileSync(`${root}/x`, 'x');
    expect(await fileSource(root).open(link)).toMatchObject({ state: 'open', attributes: { type: 'file' } });
  });

  it('is gone when a directory became a file, or its parent did', async () => {
    mkdirSync(`${root}/d/e`, { recursive: true });
    const lines = [await listed('d/'), await listed('d/e/')];
    rmSync(`${root}/d`, { recursive: true });
    writeFileSync(`${root}/d`, 'x');
    for (const line of lines) expect(await fileSource(root).open(line)).toEqual({ state: 'gone' });
  });
});

it('keeps the contents of many files apart, of every size, while all are held', async () => {
  const sizes = [0, 1, 4096, 65_535, 65_536, 65_537, 1_048_575, 1_048_576, 1, 65_536, 0, 40_000];
  const contents = Array.from({ length: 60 }, (_, number) => patternOf(sizes[number % sizes.length] ?? 0, number));
  for (const [number, content] of contents.entries()) writeFileSync(`${root}/${number + 100}`, content);
  const source = fileSource(root);
  const lines = await listAll(source);
  const found = await Promise.all(lines.map((line) => readEntry(source, line)));
  expect(found.map(({ content }, number) => content.equals(contents[number] ?? NONE))).toEqual(
    contents.map(() => true),
  );
});

it('says of a file that may not be read that it is unprotected', async () => {
  writeFileSync(`${root}/secret`, 'x');
  chmodSync(`${root}/secret`, 0o000);
  const line = await listed('secret');
  const opened = await asUser(() => fileSource(root).open(line));
  expect(opened).toEqual({ state: 'unprotected', denied: true, reason: expect.stringContaining('access denied') });
});

it.runIf(existsSync('/proc/sys/kernel/ostype'))(
  'does not take a system file that claims to be empty for empty',
  async () => {
    const opened = await fileSource('/proc/sys/kernel').open({ key: key('ostype'), fingerprint: '', sizeBytes: 0 });
    if (opened.state !== 'open') throw new Error(`it is ${opened.state}`);
    await expect(drain(opened.content)).rejects.toThrow(ConflictError);
  },
);

it.runIf(existsSync('/proc/self/fd'))('leaves no file open, however far the content is read', async () => {
  writeFileSync(`${root}/large`, patternOf(LARGE, 1));
  writeFileSync(`${root}/small`, 'x');
  const before = readdirSync('/proc/self/fd').length;
  for (const name of ['large', 'small'])
    for (const pieces of [0, 1, 2, 99]) {
      const { content } = await openOf(name);
      if (Buffer.isBuffer(content)) continue;
      const iterator = content[Symbol.asyncIterator]();
      for (let index = 0; index < pieces; index += 1) if ((await iterator.next()).done) break;
      await iterator.return?.();
      await iterator.return?.();
      expect((await iterator.next()).done).toBe(true);
    }
  const { content } = await openOf('large');
  appendFileSync(`${root}/large`, 'x');
  await expect(drain(content)).rejects.toThrow(ConflictError);
  expect(readdirSync('/proc/self/fd').length).toBe(before);
});

it.runIf(isRoot())('reads what belongs to others when it may', async () => {
  writeFileSync(`${root}/secret`, 'x');
  chmodSync(`${root}/secret`, 0o000);
  expect((await readEntry(fileSource(root), await listed('secret'))).content.toString()).toBe('x');
});
