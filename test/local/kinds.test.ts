import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { serializeDescriptor } from '../../functions/core/descriptor.ts';
import { PLACE_FORMS } from '../../functions/core/uri.ts';
import { formatKeyFile } from '../../functions/runtime/key-file.ts';
import { parsePlanFile } from '../../functions/runtime/plan-file.ts';
import { filesBlobStore } from '../../functions/stores/files.ts';
import { DESCRIPTOR, makeWorld } from '../fakes/world.ts';
import { type Ended, holdfast, newFolder, newKeptFolder, removeKeptFolders } from './holdfast.ts';

const json = (ended: { readonly stdout: Buffer }) => JSON.parse(ended.stdout.toString());

const TABLE = 'dynamodb://orders';
const PARAMETERS = 'ssm:///acme/prod/';
const SECRETS = 'secretsmanager://acme/';
const FUNCTIONS = 'lambda://acme-*';
const SOURCES = [FUNCTIONS, TABLE, PARAMETERS, SECRETS];

/** In byte order. The last holds a character that would turn a terminal's line round, and a backslash. */
const ITEMS = [
  '{"pk":{"S":"a"},"sk":{"N":"1"}}',
  '{"pk":{"S":"a"},"sk":{"N":"2"}}',
  '{"pk":{"S":"b\u202e\\\\"},"sk":{"N":"1"}}',
] as const;
const AS_SHOWN = ITEMS.map((key) => key.replace('\u202e', '\\u202e'));

const at = { folder: '', runId: '' };
const run = (...args: string[]): Promise<Ended> => holdfast(at.folder, args);

// A vault on a disk that holds two snapshots of a source of each kind; no account is there.
beforeAll(async () => {
  at.folder = newKeptFolder();
  const vault = filesBlobStore(join(at.folder, 'vault'));
  await vault.putNew('holdfast.json', serializeDescriptor(DESCRIPTOR));
  const world = makeWorld({ sources: SOURCES, wrap: (store, name) => (name === 'primary' ? vault : store) });
  for (const key of ITEMS) world.table(TABLE).put(key, `${key.slice(0, -1)},"paid":{"BOOL":true}}`);
  world.place(PARAMETERS).put('db/host', 'db.internal');
  world.place(SECRETS).put('api', 'a secret');
  world.place(FUNCTIONS).put('acme-api', 'code');
  await world.run('full');
  world.place(PARAMETERS).put('db/host', 'db2.internal');
  at.runId = (await world.run('incremental')).runId;
  await writeFile(join(at.folder, 'holdfast.key'), formatKeyFile(Buffer.alloc(32, 1)));
  await writeFile(
    join(at.folder, 'holdfast.yml'),
    `vaults: { primary: { url: "file://${at.folder}/vault" } }
plans:
  web:
    sources: ${JSON.stringify(SOURCES)}
    vault: primary
`,
  );
  expect(await run('catalogue', 'rebuild')).toMatchObject({ code: 0, stderr: '' });
  return removeKeptFolders;
}, 30_000);

describe('sources of every kind are looked at without an account', () => {
  it('by list, each under its URI', async () => {
    const { stdout, code } = await run('list');
    expect(code).toBe(0);
    for (const source of SOURCES) expect(stdout.toString().split('\n')).toContain(source);
    expect(json(await run('list', PARAMETERS, '--json')).recoveryPoints).toHaveLength(2);
  });

  it('by status', async () => {
    const { sources } = json(await run('status', '--json'));
    expect(sources.map(({ source }: { source: string }) => source)).toEqual(SOURCES);
    for (const source of sources) expect(source.latest).toMatch(/@primary$/);
  });

  it('by show, ls, find, diff and cat', async () => {
    const [newer, older] = json(await run('list', PARAMETERS, '--json')).recoveryPoints.map(
      (point: { recoveryPointId: string }) => point.recoveryPointId,
    );
    expect((await run('show', newer)).stdout.toString()).toContain(`source          ${PARAMETERS}\n`);
    expect((await run('ls', newer)).stdout.toString()).toMatch(/^ +12 {2}db\/host\n$/);
    expect(json(await run('find', PARAMETERS, 'db/host', '--json')).versions).toHaveLength(2);
    expect((await run('diff', older, newer)).stdout.toString()).toBe('~ db/host\n');
    expect((await run('cat', older, 'db/host')).stdout.toString()).toBe('db.internal');
  });

  it('by a restore of their set into folders, configuration first and code last', async () => {
    const maps = SOURCES.flatMap((source) => ['--map', `${source}=back/${source.split(':')[0]}`]);
    const ended = await run('--json', 'restore', '--set', 'web', ...maps);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const { runId, sources } = json(ended);
    expect(runId).toBe(at.runId);
    expect(sources.map(({ source }: { source: string }) => source)).toEqual([SECRETS, PARAMETERS, TABLE, FUNCTIONS]);
    expect(await readFile(join(at.folder, 'back/ssm/db/host'), 'utf8')).toBe('db2.internal');
  });

  it('and secrets are not restored into a bucket, nor anything else of their set then', async () => {
    const maps = SOURCES.flatMap((source) => ['--map', `${source}=wrong/${source.split(':')[0]}`]);
    const ended = await run('restore', '--set', 'web', ...maps.with(-1, `${SECRETS}=s3://acme-public/`));
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(
      /^holdfast: s3:\/\/acme-public\/ cannot hold secrets, which secretsmanager:\/\/acme\/ has/,
    );
    expect(existsSync(join(at.folder, 'wrong'))).toBe(false);
  });
});

describe('the items of a table', () => {
  const newest = async (): Promise<string> =>
    json(await run('list', TABLE, '--json')).recoveryPoints[0].recoveryPointId;

  it('are listed as JSON, and each is read by what is shown', async () => {
    const id = await newest();
    const { stdout } = await run('ls', id);
    const shown = stdout
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/^ *[\d,]+ {2}/, ''));
    expect(shown).toEqual(AS_SHOWN);
    const last = await run('cat', id, AS_SHOWN[2] ?? '');
    expect(last.stdout.toString()).toBe(`${ITEMS[2].slice(0, -1)},"paid":{"BOOL":true}}`);
    expect((await run('ls', id, '{"pk":{"S":"a"')).stdout.toString().trimEnd().split('\n')).toHaveLength(2);
  });

  it('are read and found by any spelling of their key', async () => {
    const typed = '{ "sk": {"N":"2"}, "pk": {"S":"\\u0061"} }';
    const content = `${ITEMS[1].slice(0, -1)},"paid":{"BOOL":true}}`;
    const id = await newest();
    expect((await run('cat', id, typed)).stdout.toString()).toBe(content);
    const document = json(await run('--json', 'cat', id, typed));
    expect(document.key).toBe(ITEMS[1]);
    const found = json(await run('--json', 'find', TABLE, typed));
    expect(found).toMatchObject({
      key: ITEMS[1],
      versions: [{ entry: { key: ITEMS[1] } }, { entry: { key: ITEMS[1] } }],
    });
  });

  it.each([
    [['find', TABLE, '{"pk":{"S":"c"},"sk":{"N":"1"}}'], 1, /no recovery point holds "\{"pk":/],
    [['find', TABLE, 'a'], 2, /the key of an item: it is not JSON; write it as typed JSON/],
    [['restore', TABLE, '--to', 'none', '--key', '{"pk":"a"}'], 2, /the key of an item: .*; write it as typed JSON/],
    [['restore', TABLE, '--to', 'none', '--key', '{"pk":{"S":"c"}}'], 2, /holds no entry with the key/],
  ])('that are not there, or no items, are refused: %j', async (args, code, says) => {
    const ended = await run(...args);
    expect(ended.code).toBe(code);
    expect(ended.stderr).toMatch(says);
    expect(existsSync(join(at.folder, 'none'))).toBe(false);
  });

  it('are restored by their key, or by a partition key alone', async () => {
    const keys = ['--key', '{"pk":{"S":"a"}}', '--key', '{"sk":{"N":"1"},"pk":{"S":"b\\u202e\\\\"}}'];
    expect(json(await run('--json', 'restore', TABLE, '--to', 'all', ...keys))).toMatchObject({ restored: 3 });
    const partition = await run('--json', 'restore', TABLE, '--to', 'partition', ...keys.slice(0, 2));
    expect(json(partition)).toMatchObject({ status: 'succeeded', restored: 2 });
    const names = (await readdir(join(at.folder, 'partition'))).sort();
    expect(names).toEqual(ITEMS.slice(0, 2));
  });
});

describe('a plan file for a source of every kind', () => {
  it.each(SOURCES)('is written by init: %s', async (source) => {
    const folder = newFolder();
    expect(await holdfast(folder, ['init', '--source', source, '--vault', 'vault'])).toMatchObject({
      code: 0,
      stderr: '',
    });
    const text = await readFile(join(folder, 'holdfast.yml'), 'utf8');
    expect(parsePlanFile(text, 'holdfast.yml').plans.app?.sources).toEqual([{ uri: source }]);
    for (const form of Object.values(PLACE_FORMS)) expect(text).toContain(form);
  });

  it.each([
    [['--source', 'dynamodb://x'], /"dynamodb:\/\/x": "x" is not the name of a table; write dynamodb:\/\/table/],
    [['--source', 'ssm:/acme'], /"ssm:\/acme" names no place that is known here; write s3:/],
    [
      ['--source', 'data', '--vault', TABLE],
      /vaults\.primary\.url: "dynamodb:\/\/orders" cannot be a vault; write s3:/,
    ],
  ])('is not written for %j', async (args, says) => {
    const folder = newFolder();
    await mkdir(join(folder, 'data'));
    const ended = await holdfast(folder, ['init', '--yes', ...args]);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(says);
    expect(existsSync(join(folder, 'holdfast.yml'))).toBe(false);
  });
});

describe('a restore', () => {
  it("into Holdfast's own catalogue is refused", async () => {
    const folder = newFolder();
    const plan = await readFile(join(at.folder, 'holdfast.yml'), 'utf8');
    await writeFile(join(folder, 'holdfast.yml'), `catalogue: dynamodb://acme-catalogue\n${plan}`);
    const ended = await holdfast(folder, ['restore', TABLE, '--to', 'dynamodb://acme-catalogue'], {
      AWS_REGION: 'eu-west-1',
      AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
    });
    expect(ended).toMatchObject({
      code: 2,
      stderr: "holdfast: the target dynamodb://acme-catalogue is Holdfast's own catalogue; restore to another table\n",
    });
  });

  it('takes a budget for a table only', async () => {
    const ended = await run('restore', TABLE, '--to', 'back', '--max-write-units', '5');
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(
      /^holdfast: --max-write-units is for a table, and file:\S+\/back is none; leave it away\n$/,
    );
  });
});
