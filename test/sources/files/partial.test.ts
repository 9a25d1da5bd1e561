import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { InvalidInputError } from '../../../functions/core/errors.ts';
import { fileSource } from '../../../functions/sources/files.ts';
import { diskAttributes, each, entry, key, linesOf, makeRoot, pathsOf, removeRoots, stream } from './tree.ts';

const FOLDER = '.holdfast-partial';
const SIZE = 1_000_000;

let root: string;
beforeEach(() => {
  root = makeRoot();
});
afterEach(removeRoots);

/** A write that has begun and goes on when it is told to. */
function heldWrite(name: string, to = fileSource(root)) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  async function* content() {
    yield Buffer.alloc(SIZE / 2, 1);
    begun.resolve();
    await promise;
    yield Buffer.alloc(SIZE / 2, 2);
  }
  const done = to.write(entry(key(name), Buffer.alloc(SIZE), diskAttributes('file')), content());
  return { begun: begun.promise, finish: resolve, done };
}

it('shows nothing of a file under its name or in the listing before it is whole', async () => {
  const target = fileSource(root);
  const write = heldWrite('d/large', target);
  await write.begun;
  expect(pathsOf(root)).toEqual([FOLDER, expect.stringMatching(`^${FOLDER}/`)]);
  expect(await linesOf(target)).toEqual([]);
  write.finish();
  await write.done;
  expect(await linesOf(target)).toEqual(['d/', 'd/large']);
});

it('keeps what another restore is writing when one finishes', async () => {
  const [one, other] = [fileSource(root), fileSource(root)];
  const write = heldWrite('large', one);
  await write.begun;
  await other.write(entry(key('x'), 'x', diskAttributes('file')), stream('x'));
  await other.finish(each());
  write.finish();
  await write.done;
  await one.finish(each());
  expect(pathsOf(root)).toEqual(['large', 'x']);
  expect(readFileSync(`${root}/large`)).toEqual(Buffer.concat([Buffer.alloc(SIZE / 2, 1), Buffer.alloc(SIZE / 2, 2)]));
});

it('writes on after another restore has removed the empty folder', async () => {
  const [one, other] = [fileSource(root), fileSource(root)];
  await one.write(entry(key('a'), 'x', diskAttributes('file')), stream('x'));
  await other.finish(each());
  await one.write(entry(key('b'), 'x', diskAttributes('file')), stream('x'));
  await one.finish(each());
  expect(pathsOf(root)).toEqual(['a', 'b']);
});

it('removes, at the next finish, what a killed restore left', async () => {
  const script = `
    import { fileSource } from ${JSON.stringify(fileURLToPath(new URL('../../../functions/sources/files.ts', import.meta.url)))};
    const attributes = { type: 'file', mode: 0o644, mtimeNs: '0', uid: process.geteuid(), gid: process.getegid() };
    async function* content() {
      yield Buffer.alloc(100_000);
      console.log('begun');
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    }
    const entry = { key: 'large', state: 'present', fingerprint: '', attributes, sha256: '', sizeBytes: 200_000, extents: [] };
    await fileSource(${JSON.stringify(root)}).write(entry, content());`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  expect(readdirSync(`${root}/${FOLDER}`)).toHaveLength(1);
  const target = fileSource(root);
  expect(await linesOf(target)).toEqual([]);
  await target.finish(each());
  expect(pathsOf(root)).toEqual([]);
});

it('leaves alone what a user has in a folder of that name', async () => {
  mkdirSync(`${root}/${FOLDER}`);
  writeFileSync(`${root}/${FOLDER}/mine`, 'x');
  const target = fileSource(root);
  await target.write(entry(key('x'), 'x', diskAttributes('file')), stream('x'));
  await target.finish(each());
  expect(pathsOf(root)).toEqual([FOLDER, `${FOLDER}/mine`, 'x']);
});

it.each<[string, (path: string) => void]>([
  ['a link', (path) => symlinkSync(makeRoot(), path)],
  ['a file', (path) => writeFileSync(path, 'x')],
])('writes nothing when %s has the name of its folder', async (_, make) => {
  make(`${root}/${FOLDER}`);
  const target = fileSource(root);
  const write = target.write(entry(key('x'), 'x', diskAttributes('file')), stream('x'));
  await expect(write).rejects.toThrow(InvalidInputError);
  expect(pathsOf(root)).toEqual([FOLDER]);
});
