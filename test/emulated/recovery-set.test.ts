/** One application of all kinds of source: one plan, one recovery set, all of it lost and brought back; and nothing of its values anywhere else. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMinistack } from '../deployed/ministack.ts';
import { type Ended, holdfast, newKeptFolder, removeKeptFolders } from '../local/holdfast.ts';
import { awsEnv, judgeSets } from './judge.ts';
import type { Emulator } from './services.ts';

const SOURCES = ['s3://shop-uploads/public/', 'dynamodb://shop-orders', 'ssm:///shop/', 'secretsmanager://shop/'];
const FUNCTIONS = 'lambda://shop-*';

const planted = Object.fromEntries(
  ['item', 'parameter', 'password', 'old', 'secret', 'binary', 'environment'].map((name) => [
    name,
    `${name}-${randomBytes(12).toString('hex')}`,
  ]),
);

let emulator: Emulator;
let folder: string;
/** All that the command line said. */
const said: string[] = [];

const judge = (...args: readonly string[]): Promise<string> => judgeSets(emulator.endpoint, ...args);
async function run(code: number, ...args: readonly string[]) {
  const ended: Ended = await holdfast(folder, ['--json', ...args], awsEnv(emulator.endpoint));
  said.push(ended.stderr, ended.stdout.toString());
  expect(ended.code, `${args.join(' ')}: ${ended.stderr}\n${ended.stdout}`).toBe(code);
  return JSON.parse(ended.stdout.toString());
}

beforeAll(async () => {
  emulator = await startMinistack();
  folder = newKeptFolder();
  mkdirSync(join(folder, 'files'));
  writeFileSync(join(folder, 'files', 'readme.txt'), 'a file of the shop');
  const sources = [...SOURCES, FUNCTIONS, `file://${folder}/files`].map((source) => `"${source}"`).join(', ');
  writeFileSync(
    join(folder, 'holdfast.yml'),
    `vaults:\n  primary: { url: "file://${folder}/vault" }\nplans:\n  shop:\n    sources: [${sources}]\n    vault: primary\n    verify: { sandbox: "s3://shop-sandbox/" }\n`,
  );
  await run(0, 'init', '--yes');
  await judge('make', JSON.stringify(planted));
});
afterAll(async () => {
  await emulator?.stop();
  await removeKeptFolders();
});

describe('an application of tables, objects, parameters, secrets, functions and files', () => {
  let before: string;
  let skewSeconds: number;

  it('is one recovery set, each source of it verified, and the distance between them measured', async () => {
    before = await judge('show');
    const { run: made, sources } = await run(0, 'run', 'shop');
    skewSeconds = made.skewSeconds;
    expect(skewSeconds).toBeGreaterThan(0);
    const levels = Object.fromEntries(
      sources.map(
        ({
          source,
          recoveryPoint,
        }: {
          source: string;
          recoveryPoint: { verified: { level: string; outcome: string } };
        }) => [
          source.slice(0, source.indexOf(':')),
          `${recoveryPoint.verified.outcome} at ${recoveryPoint.verified.level}`,
        ],
      ),
    );
    const restored = 'verified at restore';
    expect(levels).toEqual({
      s3: restored,
      dynamodb: restored,
      ssm: restored,
      secretsmanager: restored,
      file: restored,
      lambda: 'verified at data',
    });
    expect(JSON.parse(await judge('stray'))).toEqual([]);
  });

  it('costs no pack when nothing changed', async () => {
    const { sources } = await run(0, 'run', 'shop');
    for (const { source, recoveryPoint } of sources)
      expect({ source, ...recoveryPoint.sizes, ...recoveryPoint.counts }).toMatchObject({
        storedBytes: 0,
        added: 0,
        changed: 0,
        removed: 0,
      });
  });

  it('comes back whole after everything was lost or changed', async () => {
    await judge('ruin');
    rmSync(join(folder, 'files'), { recursive: true });
    const report = await run(0, 'restore', '--set', 'shop', '--in-place', '--exact');
    expect(report).toMatchObject({ status: 'succeeded', skewSeconds: expect.any(Number) });
    const order = report.sources.map(({ source }: { source: string }) => source.slice(0, source.indexOf(':')));
    expect(order.slice(0, 2).sort()).toEqual(['secretsmanager', 'ssm']);
    expect(order[2]).toBe('dynamodb');
    expect(order.slice(3, 5).sort()).toEqual(['file', 's3']);
    expect(order[5]).toBe('lambda');
    expect(JSON.parse(await judge('show'))).toEqual(JSON.parse(before));
    expect(readFileSync(join(folder, 'files', 'readme.txt'), 'utf8')).toBe('a file of the shop');
  });

  it('has its values in nothing that was said, recorded or named, whether it went well or not', async () => {
    await judge('ruin').catch(() => undefined);
    await holdfast(folder, ['run', 'shop'], { ...awsEnv(emulator.endpoint), AWS_ACCESS_KEY_ID: 'refused' }).then(
      (ended) => said.push(ended.stderr, ended.stdout.toString()),
    );
    const everything = [...said, ...filesBelow(folder)].join('\n');
    expect(everything).toContain('shop-orders');
    for (const value of Object.values(planted))
      for (const spelling of [
        value,
        Buffer.from(value).toString('base64').replace(/=+$/, ''),
        Buffer.from(value).toString('hex'),
      ])
        expect(everything.includes(spelling), spelling).toBe(false);
  });
});

/** Every file's name and bytes: vault, catalogue, work place, events. */
function filesBelow(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    const path = join(entry.parentPath, entry.name);
    return entry.isFile() ? [path, readFileSync(path, 'latin1')] : [path];
  });
}
