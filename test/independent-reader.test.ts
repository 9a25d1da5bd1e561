import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { noise } from './fakes/noise.ts';
import { expectSame, holdfast, newFolder, pictureOf } from './local/holdfast.ts';

const READER = fileURLToPath(new URL('independent-reader.mjs', import.meta.url));

const read = (folder: string, snapshot: string, out: string, env: Record<string, string> = {}): string =>
  execFileSync(process.execPath, [READER, join(folder, 'vault'), snapshot, out], {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, ...env },
  });

function makeSource(folder: string): void {
  const source = join(folder, 'source');
  mkdirSync(join(source, 'deep/er'), { recursive: true });
  mkdirSync(join(source, 'empty folder'));
  writeFileSync(join(source, 'large'), noise('large', 5_000_000));
  writeFileSync(join(source, 'medium'), noise('medium', 300_000));
  for (let i = 0; i < 300; i += 1) writeFileSync(join(source, `deep/er/${i}.json`), JSON.stringify({ i }));
  writeFileSync(Buffer.concat([Buffer.from(`${source}/odd `), Buffer.from([0xff, 0x0a])]), 'odd');
  writeFileSync(join(source, 'nothing'), '');
  symlinkSync('../outside', join(source, 'link'));
  chmodSync(join(source, 'medium'), 0o640);
  chmodSync(join(source, 'deep'), 0o755);
  utimesSync(join(source, 'medium'), 1e9, 1_000_000_000.5);
}

async function backedUp(secret: Record<string, string> = {}) {
  const folder = newFolder();
  makeSource(folder);
  const [source, vault] = ['source', 'vault'].map((name) => `file://${join(folder, name)}`);
  const plan = `vaults:\n  primary: { url: "${vault}" }\nplans:\n  app:\n    sources: ["${source}"]\n    vault: primary\n`;
  writeFileSync(join(folder, 'holdfast.yml'), plan);
  const init = await holdfast(folder, ['init', '--yes'], secret);
  expect(init.code, init.stderr).toBe(0);
  const pictures = [];
  for (const kind of ['full', 'incremental', 'differential', 'incremental']) {
    if (kind !== 'full') {
      writeFileSync(join(folder, 'source', `new ${pictures.length}`), noise(`n${pictures.length}`, 90_000));
      rmSync(join(folder, `source/deep/er/${pictures.length}.json`));
    }
    const run = await holdfast(folder, ['run', 'app', '--kind', kind], secret);
    expect(run.code, run.stderr).toBe(0);
    pictures.push(await pictureOf(join(folder, 'source')));
  }
  const [sourceId = ''] = readdirSync(join(folder, 'vault/manifests'));
  const snapshots = readdirSync(join(folder, 'vault/manifests', sourceId)).sort();
  return { folder, snapshots, pictures };
}

describe('the independent reader', () => {
  it('restores every snapshot of a chain, with modes, times and links, by FORMAT.md alone', async () => {
    const { folder, snapshots, pictures } = await backedUp();
    expect(snapshots).toHaveLength(4);
    for (const [index, snapshot] of snapshots.entries()) {
      const out = join(folder, `out-${index}`);
      expect(read(folder, snapshot, out)).toContain(`snapshot ${snapshot}`);
      const picture = pictures[index];
      if (picture === undefined) throw new Error('no picture');
      expectSame(await pictureOf(out), picture);
    }
  });

  it('opens a vault with its passphrase', async () => {
    const secret = { HOLDFAST_PASSPHRASE: 'correct horse battery staple' };
    const { folder, snapshots } = await backedUp(secret);
    expect(read(folder, snapshots[0] ?? '', join(folder, 'out'), secret)).toContain('restored');
    expect(() => read(folder, snapshots[0] ?? '', join(folder, 'out-2'), { HOLDFAST_PASSPHRASE: 'wrong' })).toThrow(
      /opens no read slot/,
    );
  });

  it('uses nothing but built-in modules of Node, in under 250 lines', async () => {
    const text = await readFile(READER, 'utf8');
    const imports = [...text.matchAll(/from '([^']+)'|import\(([^)]*)\)/g)].map((match) => match[1] ?? match[2] ?? '');
    expect(imports.length).toBeGreaterThan(3);
    for (const name of imports)
      expect(name.startsWith('node:') && builtinModules.includes(name.slice(5)), name).toBe(true);
    expect(text.split('\n').length).toBeLessThan(250);
  });
});
