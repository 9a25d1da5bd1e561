import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { noise } from '../fakes/noise.ts';
import { expectSame, holdfast, newFolder, pictureOf } from '../local/holdfast.ts';
import { awsEnv, judge as judgeAt } from './judge.ts';
import { type Emulator, startMoto } from './services.ts';

let moto: Emulator;
let env: Record<string, string>;
beforeAll(async () => {
  moto = await startMoto();
  env = awsEnv(moto.endpoint);
});
afterAll(() => moto?.stop());

const judge = (...args: readonly string[]): Promise<string> => judgeAt(moto.endpoint, ...args);

const dump = async (bucket: string, prefix: string): Promise<Record<string, unknown>> =>
  JSON.parse(await judge('dump', bucket, prefix));

/** Runs the command and gives its JSON document; any exit code but the expected one fails the test with what was said. */
async function run(folder: string, code: number, ...args: readonly string[]) {
  const ended = await holdfast(folder, ['--json', ...args], env);
  expect(ended.code, `${args.join(' ')}: ${ended.stderr}`).toBe(code);
  return JSON.parse(ended.stdout.toString());
}

const writePlan = (folder: string, source: string, vault: string, more = ''): void =>
  writeFileSync(
    join(folder, 'holdfast.yml'),
    `vaults:\n  primary: { url: "${vault}" }\nplans:\n  app:\n    sources: ["${source}"]\n    vault: primary\n${more}`,
  );

/** Backs a bucket up three times while it changes, and restores each state into a prefix of its own. */
async function threeStates(folder: string, name: string): Promise<void> {
  const source = `s3://${name}-source/data/`;
  await run(folder, 0, 'init', '--yes');
  await judge('fill', `${name}-source`, 'data/', name);
  const states: Record<string, unknown>[] = [];
  for (const kind of ['full', 'incremental', 'differential']) {
    if (kind === 'incremental') await judge('change', `${name}-source`, 'data/');
    await run(folder, 0, 'run', 'app', '--kind', kind);
    states.push(await dump(`${name}-source`, 'data/'));
  }
  const list = await run(folder, 0, 'list', source);
  const ids: string[] = (list.recoveryPoints ?? list)
    .map((point: { recoveryPointId: string }) => point.recoveryPointId)
    .sort();
  expect(ids).toHaveLength(3);
  for (const [index, id] of ids.entries()) {
    await run(folder, 0, 'restore', id, '--to', `s3://${name}-target/${index}/`);
    expect(await dump(`${name}-target`, `${index}/`)).toEqual(states[index]);
  }
}

describe('an S3 source', () => {
  it('comes back from an S3 vault with every key, byte and attribute, after a full, an incremental and a differential', async () => {
    const folder = newFolder();
    await judge('make', 'one-source', 'one-target', 'one-vault', 'one-sandbox');
    writePlan(
      folder,
      's3://one-source/data/',
      's3://one-vault/v/',
      '    verify: { level: restore, sandbox: "s3://one-sandbox/" }\n',
    );
    await threeStates(folder, 'one');
    expect(Object.keys(await dump('one-sandbox', ''))).toEqual([]);
  });

  it('comes back the same from a vault on a disk, and from its replica on S3 when the disk is gone', async () => {
    const folder = newFolder();
    await judge('make', 'two-source', 'two-target', 'two-vault');
    writeFileSync(
      join(folder, 'holdfast.yml'),
      `vaults:\n  primary: { url: "file://${folder}/vault" }\n  offsite: { url: "s3://two-vault/" }\nplans:\n  app:\n    sources: ["s3://two-source/data/"]\n    vault: primary\n    replicateTo: [offsite]\n`,
    );
    await run(folder, 0, 'init', '--yes');
    await judge('fill', 'two-source', 'data/', 'two');
    await run(folder, 0, 'run', 'app');
    await judge('change', 'two-source', 'data/');
    await run(folder, 0, 'run', 'app');
    const state = await dump('two-source', 'data/');
    await run(folder, 0, 'restore', 's3://two-source/data/', '--to', 's3://two-target/disk/');
    expect(await dump('two-target', 'disk/')).toEqual(state);
    rmSync(join(folder, 'vault'), { recursive: true });
    rmSync(join(folder, '.holdfast'), { recursive: true });
    await run(folder, 3, 'catalogue', 'rebuild');
    await run(folder, 0, 'restore', 's3://two-source/data/', '--vault', 'offsite', '--to', 's3://two-target/away/');
    expect(await dump('two-target', 'away/')).toEqual(state);
  });

  it('is made equal to a snapshot again in place, touching only what differs', async () => {
    const folder = newFolder();
    await judge('make', 'three-source', 'three-vault');
    writePlan(folder, 's3://three-source/data/', 's3://three-vault/');
    await run(folder, 0, 'init', '--yes');
    await judge('fill', 'three-source', 'data/', 'three');
    await judge('fill', 'three-source', 'other/', 'three');
    await run(folder, 0, 'run', 'app');
    const [state, other] = [await dump('three-source', 'data/'), await dump('three-source', 'other/')];
    await judge('change', 'three-source', 'data/');
    const report = await run(
      folder,
      0,
      'restore',
      's3://three-source/data/',
      '--to',
      's3://three-source/data/',
      '--exact',
    );
    expect(report).toMatchObject({ status: 'succeeded', restored: 5, removed: 1 });
    expect(await dump('three-source', 'data/')).toEqual(state);
    expect(await dump('three-source', 'other/')).toEqual(other);
  });
});

describe('a directory source', () => {
  it('comes back from an S3 vault identically', async () => {
    const folder = newFolder();
    await judge('make', 'four-vault');
    const source = join(folder, 'source');
    mkdirSync(join(source, 'deep/empty'), { recursive: true });
    for (let i = 0; i < 200; i += 1) writeFileSync(join(source, `deep/${i}`), `file ${i}`);
    writeFileSync(join(source, 'large'), noise('large', 10_000_000), { mode: 0o600 });
    writeFileSync(Buffer.concat([Buffer.from(`${source}/`), Buffer.from([0xfe, 0x20, 0x0a])]), 'odd');
    symlinkSync('nowhere', join(source, 'link'));
    writePlan(folder, `file://${source}`, 's3://four-vault/');
    await run(folder, 0, 'init', '--yes');
    await run(folder, 0, 'run', 'app');
    writeFileSync(join(source, 'deep/0'), 'changed');
    rmSync(join(source, 'deep/1'));
    await run(folder, 0, 'run', 'app', '--kind', 'incremental');
    await run(folder, 0, 'restore', `file://${source}`, '--to', `file://${folder}/restored`);
    expectSame(await pictureOf(join(folder, 'restored')), await pictureOf(source));
    expect(existsSync(join(folder, 'restored/deep/empty'))).toBe(true);
  });
});
