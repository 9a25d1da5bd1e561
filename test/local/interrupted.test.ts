import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { expectSame, holdfast, newFolder, pictureOf, start } from './holdfast.ts';

/** More than two packs of 32 MiB: an interruption after the first meets a run that is far from its end. */
async function setUp(): Promise<{ readonly folder: string; readonly data: string }> {
  const folder = newFolder();
  const data = join(folder, 'data');
  await mkdir(data);
  let seed = 1;
  for (let file = 0; file < 6; file++) {
    const bytes = new Uint32Array(3_000_000);
    for (let index = 0; index < bytes.length; index++) {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) | 0;
      bytes[index] = seed ^ (seed >>> 13);
    }
    await writeFile(join(data, `${file}.bin`), bytes);
  }
  expect((await holdfast(folder, ['init', '--yes'])).code).toBe(0);
  return { folder, data };
}

async function untilFirstPack(folder: string): Promise<void> {
  for (;;) {
    const packs = join(folder, 'vault', 'packs');
    if (existsSync(packs) && (await readdir(packs)).length > 0) return;
    await after(5);
  }
}

async function expectWhole(folder: string, data: string): Promise<void> {
  const listed = await holdfast(folder, ['--json', 'list']);
  expect(JSON.parse(listed.stdout.toString()).recoveryPoints).toMatchObject([{ status: 'available', kind: 'full' }]);
  expect((await holdfast(folder, ['restore', 'data', '--to', 'restored'])).code).toBe(0);
  expectSame(await pictureOf(join(folder, 'restored')), await pictureOf(data));
}

it('a run that is killed leaves no recovery point, and the next run makes a whole one', async () => {
  const { folder, data } = await setUp();
  const run = start(folder, ['run', 'app']);
  await untilFirstPack(folder);
  run.kill('SIGKILL');
  expect(await run.ended).toMatchObject({ signal: 'SIGKILL' });
  expect(existsSync(join(folder, 'vault', 'manifests'))).toBe(false);
  expect(await holdfast(folder, ['run', 'app'])).toMatchObject({ code: 0, stderr: '' });
  await expectWhole(folder, data);
});

it('a run that is stopped by Ctrl-C says how to go on, and goes on so to one recovery point', async () => {
  const { folder, data } = await setUp();
  const run = start(folder, ['run', 'app', '--kind', 'full']);
  await untilFirstPack(folder);
  run.kill('SIGINT');
  const { code, stderr } = await run.ended;
  expect(code).toBe(130);
  expect(existsSync(join(folder, 'vault', 'manifests'))).toBe(false);
  const [, command] = /\nholdfast: stopped; go on with it by: holdfast (.*)\n$/.exec(stderr) ?? [];
  expect(command).toMatch(/^run app --kind full --scheduled-at 20\S+Z$/);
  expect(await holdfast(folder, command?.split(' ') ?? [])).toMatchObject({ code: 0, stderr: '' });
  await expectWhole(folder, data);
});

it('a run whose workers are short of time again and again makes the same recovery point', async () => {
  const { folder, data } = await setUp();
  const ended = await holdfast(folder, ['run', 'app'], { HOLDFAST_WORKER_SECONDS: '1.2' });
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  await expectWhole(folder, data);
});

it('a restore that is stopped by Ctrl-C says how to go on, and goes on so to the whole state', async () => {
  const { folder, data } = await setUp();
  expect((await holdfast(folder, ['run', 'app'])).code).toBe(0);
  const args = ['restore', data, '--to', 'back'];
  const stopped = start(folder, args);
  while (!existsSync(join(folder, 'back'))) await after(5);
  stopped.kill('SIGINT');
  const { code, stderr } = await stopped.ended;
  expect(code).toBe(130);
  expect(stderr).toMatch(/the same command with --exact\n$/);
  expect((await holdfast(folder, [...args, '--exact'])).code).toBe(0);
  expectSame(await pictureOf(join(folder, 'back')), await pictureOf(data));
}, 120_000);
