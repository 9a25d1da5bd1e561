import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, chmod, lutimes, mkdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  expectSame,
  holdfast,
  newFolder,
  newKeptFolder,
  type Picture,
  pictureOf,
  removeKeptFolders,
} from './holdfast.ts';

/** Keys of the test's data whose names are odd, as `ls` shows them. */
const ODD = { notText: 'odd/not\\xffutf8', line: 'odd/line\\x0abreak', emoji: 'odd/🐘 and  spaces' };

async function fill(data: string): Promise<void> {
  await mkdir(join(data, 'odd'), { recursive: true });
  await mkdir(join(data, 'empty'));
  await writeFile(join(data, 'a.txt'), 'first version\n');
  await writeFile(join(data, 'large.bin'), Buffer.alloc(3_000_000, 'holdfast '));
  await writeFile(join(data, 'run.sh'), '#!/bin/sh\n', { mode: 0o755 });
  await writeFile(Buffer.concat([Buffer.from(`${data}/odd/not`), Buffer.from([0xff]), Buffer.from('utf8')]), 'bytes\n');
  await writeFile(join(data, 'odd/line\nbreak'), 'line\n');
  await writeFile(join(data, 'odd/🐘 and  spaces'), 'elephant\n');
  await symlink('../a.txt', join(data, 'odd/link'));
  await symlink('nowhere', join(data, 'odd/dangling'));
  await chmod(join(data, 'a.txt'), 0o640);
  await utimes(join(data, 'a.txt'), 1_000_000_000, 1_000_000_000.25);
  await lutimes(join(data, 'odd/link'), 1_100_000_000, 1_100_000_000);
  await utimes(join(data, 'empty'), 900_000_000, 900_000_000);
}

const json = (ended: { readonly stdout: Buffer }) => JSON.parse(ended.stdout.toString());

describe('a plan from its first run to a restore', () => {
  const at: { folder: string; data: string; full: string; incremental: string; states: Picture[] } = {
    folder: '',
    data: '',
    full: '',
    incremental: '',
    states: [],
  };
  const run = (...args: string[]) => holdfast(at.folder, args);

  // One story: each test looks at what the runs made.
  beforeAll(async () => {
    at.folder = newKeptFolder();
    at.data = join(at.folder, 'data');
    await fill(at.data);
    expect((await run('init', '--yes')).code).toBe(0);
    at.states.push(await pictureOf(at.data));
    const full = await run('--json', 'run', 'app');
    expect(full).toMatchObject({ code: 0, stderr: '' });
    at.full = json(full).sources[0].recoveryPoint.recoveryPointId;
    await appendFile(join(at.data, 'a.txt'), 'second version\n');
    await writeFile(join(at.data, 'new.txt'), 'new\n');
    await rm(join(at.data, 'run.sh'));
    at.states.push(await pictureOf(at.data));
    const incremental = await run('--json', 'run', 'app', '--kind', 'incremental');
    expect(incremental).toMatchObject({ code: 0, stderr: '' });
    at.incremental = json(incremental).sources[0].recoveryPoint.recoveryPointId;
    return removeKeptFolders;
  });

  it('tells what was backed up, and that a first incremental is a full', async () => {
    const points = json(await run('list', '--json')).recoveryPoints;
    expect(points.map((point: { kind: string }) => point.kind)).toEqual(['incremental', 'full']);
    expect(points[1].fullBecause).toMatch(/no recovery point/);
    expect(points[1].counts).toMatchObject({ entries: 10, added: 10, changed: 0, removed: 0, unprotected: 0 });
    expect(points[0].counts).toMatchObject({ entries: 10, added: 1, changed: 1, removed: 1 });
    expect(points[0].sizes.readBytes).toBe('first version\nsecond version\nnew\n'.length);
    for (const point of points) expect(point.verified).toMatchObject({ level: 'restore', outcome: 'verified' });
  });

  it('lists the recovery points of a source named by its path, newest first', async () => {
    const { stdout } = await run('list', 'data');
    const lines = stdout.toString().trimEnd().split('\n');
    expect(lines[0]).toBe(`file://${at.data}`);
    expect(lines.slice(2).map((line) => line.split(' ')[0])).toEqual([at.incremental, at.full]);
  });

  it('shows everything about one', async () => {
    const { stdout, code } = await run('show', at.incremental.slice(0, 25));
    expect(code).toBe(0);
    expect(stdout.toString()).toContain(`recovery point  ${at.incremental}\n`);
    expect(stdout.toString()).toMatch(/verified at level restore: 10 of 10 entries/);
  });

  it('lists the entries in byte order, odd names in a form that can be typed in again', async () => {
    const { stdout, code } = await run('ls', at.full, 'odd/');
    expect(code).toBe(0);
    const keys = stdout
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/^ *[\d,]+ {2}/, ''));
    expect(keys).toEqual(['odd/', 'odd/dangling', ODD.line, 'odd/link', ODD.notText, ODD.emoji]);
  });

  it.each([
    [ODD.notText, 'bytes\n'],
    [ODD.line, 'line\n'],
    [ODD.emoji, 'elephant\n'],
    ['a.txt', 'first version\n'],
  ])('writes the content of "%s" as it was', async (key, content) => {
    const ended = await run('cat', at.full, key);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(ended.stdout.toString()).toBe(content);
  });

  it('writes a content with its attributes as one document', async () => {
    const document = json(await run('--json', 'cat', at.full, 'large.bin'));
    expect(document).toMatchObject({ recoveryPointId: at.full, key: 'large.bin', sizeBytes: 3_000_000 });
    expect(Buffer.from(document.contentBase64, 'base64').equals(Buffer.alloc(3_000_000, 'holdfast '))).toBe(true);
  });

  it('says that a key is not there', async () => {
    const ended = await run('cat', at.full, 'new.txt');
    expect(ended.code).toBe(1);
    expect(ended.stdout).toHaveLength(0);
    expect(ended.stderr).toMatch(/^holdfast: .*new\.txt.*\n$/);
  });

  it('finds the versions of a key, newest first', async () => {
    const { versions } = json(await run('--json', 'find', 'data', 'a.txt'));
    expect(
      versions.map((version: { recoveryPointId: string; entry: { sizeBytes: number } }) => [
        version.recoveryPointId,
        version.entry.sizeBytes,
      ]),
    ).toEqual([
      [at.incremental, 29],
      [at.full, 14],
    ]);
    expect((await run('find', 'data', 'never.txt')).code).toBe(1);
  });

  it('tells two recovery points apart', async () => {
    const { stdout, code } = await run('diff', at.full, at.incremental);
    expect(code).toBe(0);
    expect(stdout.toString()).toBe('~ a.txt\n+ new.txt\n- run.sh\n');
  });

  it('brings back each state, byte for byte, with modes, times and links', async () => {
    for (const [index, id] of [at.full, at.incremental].entries()) {
      const to = join(at.folder, `restored-${index}`);
      expect(await run('restore', id, '--to', to)).toMatchObject({ code: 0, stderr: '' });
      expectSame(await pictureOf(to), at.states[index] ?? { entries: {}, times: {} });
    }
    const compared = spawnSync('diff', ['-r', '--no-dereference', at.data, join(at.folder, 'restored-1')]);
    expect(compared).toMatchObject({ status: 0 });
  });

  it('brings back the latest state of a source, only what is chosen', async () => {
    const to = join(at.folder, 'chosen');
    const report = json(await run('--json', 'restore', 'data', '--to', to, '--include', '*.txt', '--exclude', 'new*'));
    expect(report).toMatchObject({ status: 'succeeded', restored: 1, failed: 0, recoveryPointId: at.incremental });
    expect(await readFile(join(to, 'a.txt'), 'utf8')).toBe('first version\nsecond version\n');
  });

  it('brings back exactly the entries that are named as they are listed', async () => {
    const to = join(at.folder, 'named');
    const keys = ['--key', 'a.txt', '--key', ODD.line];
    const report = json(await run('--json', 'restore', at.full, '--to', to, ...keys));
    expect(report).toMatchObject({ status: 'succeeded', restored: 2, failed: 0 });
    expect(await readFile(join(to, 'odd/line\nbreak'), 'utf8')).toBe('line\n');
    const refused = await run('restore', at.full, '--to', `${to}-not`, '--key', 'never.txt');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/holds no entry with the key "never\.txt"; see holdfast ls/);
  });

  it('changes nothing in a dry run', async () => {
    const to = join(at.folder, 'dry');
    const report = json(await run('--json', 'restore', at.full, '--to', to, '--dry-run'));
    expect(report).toMatchObject({ status: 'dry-run', restored: 10 });
    expect(existsSync(to)).toBe(false);
  });

  it('refuses a target that is not empty, and leaves it as it is', async () => {
    const to = join(at.folder, 'taken');
    await mkdir(to);
    await writeFile(join(to, 'mine'), 'mine\n');
    const before = await pictureOf(to);
    const ended = await run('--json', 'restore', at.full, '--to', to);
    expect(ended.code).toBe(2);
    expect(json(ended).error).toMatchObject({
      name: 'InvalidInputError',
      message: expect.stringMatching(/is not empty/),
    });
    expect(ended.stderr).toMatch(/^holdfast: .* is not empty .*\n$/);
    expect(await pictureOf(to)).toEqual(before);
  });

  it('proves a recovery point on demand', async () => {
    const document = json(await run('--json', 'verify', at.incremental, '--level', 'data'));
    expect(document).toMatchObject({ recoveryPointId: at.incremental, outcome: 'verified' });
    expect(document.verification).toMatchObject({ level: 'data', checkedEntries: 10, totalEntries: 10 });
  });

  it('shows how old the newest verified state is', async () => {
    const { sources } = json(await run('--json', 'status'));
    expect(sources).toMatchObject([
      { source: `file://${at.data}`, plan: 'app', latest: at.incremental, latestVerified: at.incremental },
    ]);
    expect(sources[0].verifiedAgeSeconds).toBeGreaterThan(0);
  });

  it('makes the catalogue again from the vaults', async () => {
    const before = json(await run('--json', 'list')).recoveryPoints;
    await rm(join(at.folder, '.holdfast'), { recursive: true });
    expect(json(await run('--json', 'catalogue', 'rebuild'))).toEqual({ recoveryPoints: 2, problems: [] });
    const after = json(await run('--json', 'list')).recoveryPoints;
    const known = (points: { recoveryPointId: string; chain: string[]; counts: object }[]) =>
      points.map(({ recoveryPointId, chain, counts }) => ({ recoveryPointId, chain, counts }));
    expect(known(after)).toEqual(known(before));
  });
});

describe('two vaults', () => {
  it('a lost replica fails the run in part only, and is brought level again by init and replicate', async () => {
    const folder = newFolder();
    await mkdir(join(folder, 'data'));
    await writeFile(join(folder, 'data', 'a'), 'a');
    await writeFile(
      join(folder, 'holdfast.yml'),
      `vaults: { primary: { url: "file://${folder}/one" }, offsite: { url: "file://${folder}/two" } }
plans: { app: { sources: ["file://${folder}/data"], vault: primary, replicateTo: [offsite] } }
`,
    );
    await holdfast(folder, ['init']);
    expect((await holdfast(folder, ['run', 'app'])).code).toBe(0);
    await rm(join(folder, 'two'), { recursive: true });
    await writeFile(join(folder, 'data', 'b'), 'b');
    const partial = await holdfast(folder, ['--json', 'run', 'app']);
    expect(partial.code).toBe(3);
    expect(json(partial).run.status).toBe('partial');
    const failed = await holdfast(folder, ['--json', 'replicate', 'app']);
    expect(failed.code).toBe(1);
    expect(json(failed).replicas).toMatchObject([{ vault: 'offsite', status: 'failed', error: 'NotFoundError' }]);
    expect((await holdfast(folder, ['init'])).code).toBe(0);
    const level = await holdfast(folder, ['--json', 'replicate', 'app', '--to', 'offsite']);
    expect(level.code).toBe(0);
    expect(json(level).replicas).toEqual([{ vault: 'offsite', status: 'level' }]);
    await rm(join(folder, 'one'), { recursive: true });
    expect(await holdfast(folder, ['restore', 'data', '--vault', 'offsite', '--to', 'back'])).toMatchObject({
      code: 0,
    });
    expectSame(await pictureOf(join(folder, 'back')), await pictureOf(join(folder, 'data')));
  });
});
