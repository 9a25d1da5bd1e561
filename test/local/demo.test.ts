import { spawn } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { differences, witness } from '../../functions/local/demo-compare.ts';
import { newFolder, pictureOf } from './holdfast.ts';

const DEMO = fileURLToPath(new URL('../../functions/local/demo.mjs', import.meta.url));

function demo(folder: string, ...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { PATH = '' } = process.env;
  const child = spawn(process.execPath, [DEMO, ...args], {
    cwd: folder,
    env: { PATH, HOME: folder, TMPDIR: folder, HOLDFAST_PASSPHRASE: 'not for the demonstration' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (piece) => {
    stdout += piece;
  });
  child.stderr.on('data', (piece) => {
    stderr += piece;
  });
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

describe('the demonstration', () => {
  it('tells the whole story, and again from the start', async () => {
    const folder = newFolder();
    for (const _ of [1, 2]) {
      const { code, stdout, stderr } = await demo(folder);
      expect(stderr).toBe('');
      expect(stdout.match(/every byte, mode, time and link is the same/g)).toHaveLength(3);
      expect(stdout).toMatch(/measuredRpoSeconds +\d+\.\d/);
      expect(stdout).toMatch(/measuredRtoSeconds +\d+\.\d/);
      expect(code).toBe(0);
    }
  }, 240_000);

  it("reads a user's folder and never writes to it", async () => {
    const folder = newFolder();
    const mine = join(folder, 'mine');
    await mkdir(join(mine, 'sub'), { recursive: true });
    await writeFile(join(mine, 'sub', 'a'), 'a');
    await symlink('nowhere', join(mine, 'link'));
    const before = await pictureOf(mine);
    const { code, stdout, stderr } = await demo(folder, 'mine');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('every byte, mode, time and link is the same');
    expect(await pictureOf(mine)).toEqual(before);
  });

  it('says that a folder is not there', async () => {
    const folder = newFolder();
    const { code, stdout, stderr } = await demo(folder, 'nowhere');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe(
      `holdfast demo: ${folder}/nowhere is not a folder that is there; write npm start -- /some/folder\n`,
    );
  });
});

describe('the witness of the demonstration', () => {
  const sameTime = 1_000_000_000;
  const changes: readonly (readonly [what: string, change: string, words: RegExp])[] = [
    [
      'a flipped byte',
      'printf X | dd of=a bs=1 seek=2 conv=notrunc 2>/dev/null; touch -d @$T a',
      /"a" has another content/,
    ],
    ['a mode', 'chmod 600 a', /"a" had mode 644 and has 600/],
    ['a time', 'touch -d @5 a', /"a" was modified at/],
    ['a missing file', 'rm a', /"a" is missing/],
    ['a file too many', 'touch -d @$T c', /"c" was not there before/],
    ['a link that points elsewhere', 'ln -sfn elsewhere link', /"link" has another content/],
    ['a folder that is a file', 'rmdir sub; touch -d @$T sub', /"sub" was a folder and is a file/],
  ];

  it.each(changes)('sees %s', async (_, change, words) => {
    const folder = newFolder();
    const shell = (script: string) =>
      new Promise<void>((resolve, reject) => {
        const env = { PATH: process.env.PATH ?? '', T: String(sameTime) };
        spawn('sh', ['-c', `cd "${folder}"; ${script}`], { env }).on('close', (code) =>
          code === 0 ? resolve() : reject(new Error(`${script} ended with ${code}`)),
        );
      });
    await shell('umask 022; printf content > a; mkdir sub; ln -s nowhere link; touch -h -d @$T a sub link');
    const before = await witness(folder);
    expect(differences(before, await witness(folder), { setsOwners: true })).toEqual([]);
    await shell(change);
    const found = differences(before, await witness(folder), { setsOwners: true });
    expect(found.map(({ sentence }) => sentence).join('\n')).toMatch(words);
  });
});
