/** What a command loads before it can begin: a time that every command costs, however little it does. */
import { readFileSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { holdfast, newFolder } from './holdfast.ts';

const PRELOADED = new URL('../fixtures/loaded-modules.mjs', import.meta.url);
const reportSchema = z.object({ urls: z.array(z.string()), compileCache: z.string().optional() });

/** Runs the command, which must end well; returns the packages that it loaded, the files of its own, and where Node keeps what it compiles. */
async function loadedBy(folder: string, ...args: readonly string[]) {
  const report = join(folder, 'loaded.json');
  const ended = await holdfast(folder, args, { LOADED_MODULES: report, NODE_OPTIONS: `--import=${PRELOADED}` });
  expect(ended).toMatchObject({ code: 0 });
  const { urls, compileCache } = reportSchema.parse(JSON.parse(readFileSync(report, 'utf8')));
  const packages = urls.flatMap((url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? []);
  const own = urls.flatMap((url) => /.*\/functions\/(.*)$/.exec(url)?.[1] ?? []);
  return { packages: new Set(packages), own: new Set(own), compileCache };
}

describe('starting', () => {
  test('loads the one command that is called, and no package that the command line alone needs not', async () => {
    const { packages, own } = await loadedBy(newFolder(), 'help');
    expect(own).toContain('local/main.ts');
    expect(
      [...own].filter((file) => /^local\/commands\/|^(operations|runtime|catalogue|sources|stores)\//.test(file)),
    ).toEqual([]);
    expect([...packages]).toEqual([]);
  });
});

describe('what Node compiled for an earlier start', () => {
  test('is kept beside the packages, where nobody else can put anything', async () => {
    const { compileCache } = await loadedBy(newFolder(), '--version');
    const kept = fileURLToPath(new URL('../../node_modules/.cache/holdfast/', import.meta.url));
    expect(compileCache?.startsWith(kept)).toBe(true);
  });

  test('changes nothing when it is damaged, cut short or cannot be written', async () => {
    const folder = newFolder();
    const said = (await holdfast(folder, ['help'], { NODE_COMPILE_CACHE: folder })).stdout.toString();
    expect(said).toContain('catalogue rebuild');
    const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    expect(files.length).toBeGreaterThan(5);
    for (const damage of ['', 'garbage'.repeat(1000)]) {
      for (const { parentPath, name } of files) await writeFile(join(parentPath, name), damage);
      expect(await holdfast(folder, ['help'], { NODE_COMPILE_CACHE: folder })).toMatchObject({ code: 0, stderr: '' });
    }
    await writeFile(join(folder, 'a-file'), '');
    const unwritable = { NODE_COMPILE_CACHE: join(folder, 'a-file') };
    expect(await holdfast(folder, ['help'], unwritable)).toMatchObject({ code: 0, stderr: '' });
  });
});
