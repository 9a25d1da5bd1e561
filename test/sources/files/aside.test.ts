import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { InvalidInputError } from '../../../functions/core/errors.ts';
import type { Target } from '../../../functions/core/ports.ts';
import { fileSource } from '../../../functions/sources/files.ts';
import { diskAttributes, each, entry, isRoot, key, makeRoot, pathsOf, removeRoots, stream, walk } from './tree.ts';

const sent = vi.spyOn(Worker.prototype, 'postMessage');

let root: string;
let target: Target;
const put = (name: string, content: string, more = {}) =>
  target.write(entry(key(name), content, diskAttributes('file', more)), stream(content));

/** A target for which small files are written by the other thread, as they are when there are many. */
beforeEach(async () => {
  root = makeRoot();
  target = fileSource(root);
  await put('d/first', 'x');
  sent.mockClear();
  for (let n = 0; sent.mock.calls.length === 0; n += 1) {
    if (n > 100_000) throw new Error('no thread has come');
    await put('d/first', 'x');
    if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  sent.mockClear();
});
afterEach(removeRoots);

describe('a small file that another thread writes', () => {
  it('is as one that this thread writes', async () => {
    const attributes = { mode: 0o640, mtimeNs: '1700000000123456000' };
    await put('d/aside', 'content', attributes);
    expect(sent).toHaveBeenCalledTimes(1);
    const other = makeRoot();
    mkdirSync(`${other}/d`, { mode: 0o700 });
    await fileSource(other).write(
      entry(key('d/here'), 'content', diskAttributes('file', attributes)),
      stream('content'),
    );
    const look = (tree: string, name: string) => walk(tree).get(Buffer.from(name).toString('hex'));
    expect(look(root, 'd/aside')).toEqual(look(other, 'd/here'));
    expect(readFileSync(`${root}/d/aside`, 'utf8')).toBe('content');
  });

  it.runIf(isRoot())('has its owner and its setuid bit', async () => {
    await put('d/x', 'x', { uid: 1234, gid: 2345, mode: 0o6755 });
    expect(sent).toHaveBeenCalledTimes(1);
    expect(walk(root).get(Buffer.from('d/x').toString('hex'))).toMatchObject({ owner: '1234:2345', mode: 0o6755 });
  });

  it('is one of many, each with its own content, the empty ones too', async () => {
    const contents = Array.from(
      { length: 500 },
      (_, n) => 'x'.repeat(n % 7 === 0 ? 0 : n * 10) + (n % 7 === 0 ? '' : n),
    );
    await Promise.all(contents.map((content, n) => put(`d/${n}`, content)));
    for (const [n, content] of contents.entries()) expect(readFileSync(`${root}/d/${n}`, 'utf8')).toBe(content);
    await target.finish(each());
    expect(pathsOf(root)).toHaveLength(502);
  });

  it('is in a new directory, and in the root', async () => {
    await Promise.all([put('e/f/x', '1'), put('e/f/y', '2'), put('z', '3')]);
    expect(['e/f/x', 'e/f/y', 'z'].map((name) => readFileSync(`${root}/${name}`, 'utf8'))).toEqual(['1', '2', '3']);
  });

  it('replaces a file, a link and an empty directory, and no other', async () => {
    const outside = makeRoot();
    writeFileSync(`${outside}/victim`, 'untouched');
    writeFileSync(`${root}/d/file`, 'old');
    symlinkSync(`${outside}/victim`, `${root}/d/link`);
    mkdirSync(`${root}/d/empty`);
    mkdirSync(`${root}/d/full/of`, { recursive: true });
    const written = ['file', 'link', 'empty', 'full'].map((name) => put(`d/${name}`, 'new'));
    const states = (await Promise.allSettled(written)).map(({ status }) => status);
    expect(states).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected']);
    await expect(put('d/full', 'new')).rejects.toThrow(InvalidInputError);
    for (const name of ['file', 'link', 'empty']) expect(readFileSync(`${root}/d/${name}`, 'utf8')).toBe('new');
    expect(readFileSync(`${outside}/victim`, 'utf8')).toBe('untouched');
    await target.finish(each());
    expect(readdirSync(root)).toEqual(['d']);
  });

  it.each(['the directory', 'one above it'])('follows no link that is planted in the place of %s', async (which) => {
    await put('a/b/x', 'x');
    const outside = makeRoot();
    mkdirSync(`${outside}/b`, { mode: 0o700 });
    const [planted, to] = which === 'the directory' ? ['a/b', `${outside}/b`] : ['a', outside];
    renameSync(`${root}/${planted}`, `${root}/moved`);
    symlinkSync(to, `${root}/${planted}`);
    const before = walk(outside);
    sent.mockClear();
    await expect(put('a/b/new', 'x')).rejects.toThrow(InvalidInputError);
    expect(sent).toHaveBeenCalledTimes(1);
    expect(walk(outside)).toEqual(before);
  });

  it('is written after another restore has removed the folder of partial files', async () => {
    rmSync(`${root}/.holdfast-partial`, { recursive: true });
    await put('d/x', 'x');
    await target.finish(each());
    expect(pathsOf(root)).toEqual(['d', 'd/first', 'd/x']);
  });
});

it('keeps the process at work until all is written, and no longer', async () => {
  const { spawnSync } = await import('node:child_process');
  const script = `
    import { fileSource } from ${JSON.stringify(new URL('../../../functions/sources/files.ts', import.meta.url).href)};
    const target = fileSource(${JSON.stringify(root)});
    const attributes = { type: 'file', mode: 0o644, mtimeNs: '0', uid: process.getuid(), gid: process.getgid() };
    for (let n = 0; n < 40; n += 1) {
      await Promise.all(Array.from({ length: 100 }, (_, i) => target.write(
        { key: 'many/' + (n * 100 + i), state: 'present', fingerprint: '', attributes, sha256: '', sizeBytes: 1, extents: [] },
        (async function* () { yield Buffer.from('x'); })(),
      )));
    }
    console.log('written');
  `;
  const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect({ stdout, status }).toEqual({ stdout: 'written\n', status: 0 });
  expect(readdirSync(`${root}/many`)).toHaveLength(4000);
});
