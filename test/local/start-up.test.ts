/** What a command loads before it can begin: a time that every command costs, however little it does. */
import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { parsePlanFile } from '../../functions/runtime/plan-file.ts';
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
  const parts = urls.flatMap((url) => /.*\/node_modules\/(.*)$/.exec(url)?.[1] ?? []);
  return { packages: new Set(packages), parts, own: new Set(own), compileCache };
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

  test('loads for directories nothing that speaks to AWS, and the engine only to run', async () => {
    const folder = newFolder();
    await mkdir(join(folder, 'data'));
    await writeFile(join(folder, 'data', 'a'), 'a');
    expect(await holdfast(folder, ['init', '--yes'])).toMatchObject({ code: 0 });
    const [plan] = Object.keys(
      parsePlanFile(await readFile(join(folder, 'holdfast.yml'), 'utf8'), 'holdfast.yml').plans,
    );
    const run = await loadedBy(folder, 'run', plan ?? '');
    const list = await loadedBy(folder, 'list');
    const restore = await loadedBy(folder, 'restore', `file://${folder}/data`, '--to', join(folder, 'back'));
    for (const { packages, parts, own } of [run, list, restore]) {
      expect([...packages]).toContain('classic-level');
      expect([...parts].filter((part) => part.startsWith('zod/v4/locales/'))).toEqual(['zod/v4/locales/en.js']);
      expect([...packages].filter((name) => /^@aws|^@smithy|^asl-|^ajv|^tar-stream$|^dynalite$/.test(name))).toEqual(
        [],
      );
      expect(
        [...own].filter((file) => /aws-places|\/(s3|dynamodb|lambda|ssm\.ts|secrets-manager\.ts)|deployed/.test(file)),
      ).toEqual([]);
    }
    expect(run.own).toContain('operations/take-snapshot.ts');
    expect(run.own).not.toContain('operations/restore.ts');
    expect(restore.own).not.toContain('operations/take-snapshot.ts');
    expect(run.packages).toContain('aws-local-stepfunctions');
    expect(list.packages).not.toContain('aws-local-stepfunctions');
    expect([...list.own].filter((file) => file.startsWith('operations/'))).toEqual(['operations/points-of-run.ts']);
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
