import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ended, holdfast, newFolder, newKeptFolder, pictureOf, removeKeptFolders } from './holdfast.ts';

/** Everything but what an opened LevelDB turns over by itself. */
async function stateOf(folder: string): Promise<object> {
  const { entries } = await pictureOf(folder);
  return Object.fromEntries(Object.entries(entries).filter(([path]) => !path.startsWith('.holdfast/catalogue/')));
}

function expectOneSentence(ended: Ended, sentence: RegExp): void {
  expect(ended.stderr).toMatch(sentence);
  const lines = ended.stderr.trimEnd().split('\n');
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^holdfast: \S/);
  expect(ended.stderr).not.toMatch(/\n\s+at |unexpected error/);
}

const at = { folder: '', id: '' };

beforeAll(async () => {
  at.folder = newKeptFolder();
  await mkdir(join(at.folder, 'data'));
  await writeFile(join(at.folder, 'data', 'a.txt'), 'a\n');
  await holdfast(at.folder, ['init', '--yes'], { HOLDFAST_PASSPHRASE: 'correct' });
  const ran = await holdfast(at.folder, ['--json', 'run', 'app'], { HOLDFAST_PASSPHRASE: 'correct' });
  at.id = JSON.parse(ran.stdout.toString()).sources[0].recoveryPoint.recoveryPointId;
  await writeFile(join(at.folder, 'wrong.txt'), 'not the passphrase\n');
  await writeFile(join(at.folder, 'empty.txt'), '\n');
  await writeFile(join(at.folder, 'no.key'), 'this is no key file\n');
  await writeFile(join(at.folder, 'broken.yml'), 'vaults: {}\nplans:\n  app:\n    sources: [a\n');
  await writeFile(
    join(at.folder, 'wrong.yml'),
    `vaults:\n  primary: { url: "file://${at.folder}/vault" }\nplans:\n  app:\n    sources: ["file:///data"]\n    vault: secondary\n`,
  );
});

afterAll(removeKeptFolders);

const RIGHT = { HOLDFAST_PASSPHRASE: 'correct' };

describe('bad input is one sentence and the right exit code, and nothing is changed', () => {
  const cases: readonly {
    readonly what: string;
    readonly args: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
    readonly code: number;
    readonly says: RegExp;
  }[] = [
    { what: 'an unknown command', args: ['backup'], code: 2, says: /there is no command "backup"/ },
    {
      what: 'an unknown option',
      args: ['run', 'app', '--kid'],
      code: 2,
      says: /no option --kid; did you mean --kind\?/,
    },
    { what: 'an unknown plan', args: ['run', 'ap'], env: RIGHT, code: 2, says: /there is no plan "ap"; .*app/ },
    { what: 'a missing plan file', args: ['run', 'app', '--config', 'x.yml'], code: 2, says: /there is no x\.yml in / },
    { what: 'a folder as the plan file', args: ['list', '--config', 'data'], code: 2, says: /data is a folder; name / },
    { what: 'broken YAML', args: ['run', 'app', '--config', 'broken.yml'], code: 2, says: /broken\.yml:\d+:\d+: / },
    {
      what: 'a wrong field',
      args: ['run', 'app', '--config', 'wrong.yml'],
      code: 2,
      says: /wrong\.yml:6:\d+: plans\.app\.vault names vault "secondary"/,
    },
    {
      what: 'a time that is none',
      args: ['run', 'app', '--scheduled-at', 'noon'],
      code: 2,
      says: /--scheduled-at "noon" is not a time/,
    },
    {
      what: 'a wrong passphrase',
      args: ['run', 'app', '--passphrase-file', 'wrong.txt'],
      code: 2,
      says: /this passphrase opens no slot/,
    },
    {
      what: 'no secret at all',
      args: ['run', 'app'],
      code: 2,
      says: /there is no key to open the vaults with; give --key-file, .* --passphrase-file/,
    },
    {
      what: 'an empty passphrase file',
      args: ['run', 'app', '--passphrase-file', 'empty.txt'],
      code: 2,
      says: /the first line of empty\.txt is empty/,
    },
    {
      what: 'a passphrase file that is not there',
      args: ['run', 'app', '--passphrase-file', 'x'],
      code: 2,
      says: /--passphrase-file \S+\/x is not there/,
    },
    {
      what: 'a key file that is none',
      args: ['run', 'app', '--key-file', 'no.key'],
      code: 2,
      says: /no\.key: the key file is not one line of the form/,
    },
    {
      what: 'a key file that is not there',
      args: ['run', 'app', '--key-file', 'x'],
      code: 2,
      says: /the key file \S+\/x is not there/,
    },
    {
      what: 'an unknown recovery point',
      args: ['show', '1999'],
      env: RIGHT,
      code: 1,
      says: /there is no recovery point "1999"/,
    },
    {
      what: 'an unknown source',
      args: ['list', '/nowhere'],
      code: 2,
      says: /there is no source file:\/\/\/nowhere; known are /,
    },
    { what: 'a restore without a target', args: ['restore', '2026'], code: 2, says: /restore needs --to PLACE/ },
    {
      what: 'a target that is no place',
      args: ['restore', '20', '--to', 's3:/x'],
      code: 2,
      says: /"s3:\/x" names no place/,
    },
    {
      what: 'a target that is a vault',
      args: ['restore', '20', '--to', 'vault', '--exact'],
      env: RIGHT,
      code: 2,
      says: /the target file:\S+\/vault and vault primary .* lie in each other/,
    },
    {
      what: 'a target that holds the catalogue',
      args: ['restore', '20', '--to', '.', '--exact'],
      env: RIGHT,
      code: 2,
      says: /lie in each other/,
    },
    {
      what: 'an unknown vault',
      args: ['restore', 'data', '--to', 'x', '--vault', 'y'],
      env: RIGHT,
      code: 2,
      says: /there is no vault "y"/,
    },
    {
      what: '--at with a recovery point',
      args: ['restore', '20', '--at', '2026-01-01T00:00Z', '--to', 'x'],
      env: RIGHT,
      code: 2,
      says: /--at goes with a source/,
    },
    {
      what: 'a state before the first',
      args: ['restore', 'data', '--at', '2000-01-01T00:00Z', '--to', 'x'],
      env: RIGHT,
      code: 1,
      says: /no available recovery point of \S+ at or before 2000/,
    },
    {
      what: 'no replica vault',
      args: ['replicate', 'app'],
      env: RIGHT,
      code: 2,
      says: /plan app has no replica vault/,
    },
    { what: '--aws without a region', args: ['list', '--aws'], code: 2, says: /no AWS region is set; set AWS_REGION/ },
    {
      what: '--aws without credentials',
      args: ['run', 'app', '--aws'],
      env: { ...RIGHT, AWS_REGION: 'eu-west-1', AWS_EC2_METADATA_DISABLED: 'true' },
      code: 1,
      says: /looking for the stages that are deployed: there are no usable AWS credentials; sign in/,
    },
    {
      what: '--aws where a deployment does the work',
      args: ['init', '--aws'],
      code: 2,
      says: /init takes no --aws/,
    },
    {
      what: 'a number of seconds that is none',
      args: ['run', 'app'],
      env: { ...RIGHT, HOLDFAST_WORKER_SECONDS: 'x' },
      code: 2,
      says: /HOLDFAST_WORKER_SECONDS "x"/,
    },
  ];

  it.each(cases)('$what', async ({ args, env, code, says }) => {
    const before = await stateOf(at.folder);
    const ended = await holdfast(at.folder, args, env);
    expectOneSentence(ended, says);
    expect(ended.code).toBe(code);
    expect(ended.stdout).toHaveLength(0);
    expect(await stateOf(at.folder)).toEqual(before);
  });

  it('an ambiguous recovery point', async () => {
    const twice = await holdfast(at.folder, ['--json', 'run', 'app'], RIGHT);
    expect(twice.code).toBe(0);
    const ended = await holdfast(at.folder, ['ls', '20'], RIGHT);
    expectOneSentence(ended, /"20" is the beginning of 2 recovery points: 2\S+, 2\S+; give more of the id/);
    expect(ended.code).toBe(2);
  });
});

describe('with --json', () => {
  it.each([
    ['a parse error', ['--json', 'run', 'app', '--kid'], 'InvalidInputError', 2],
    ['a plan file that is missing', ['--json', 'run', 'app', '--config', 'x.yml'], 'InvalidInputError', 2],
    ['a recovery point that is missing', ['--json', 'show', '1999'], 'NotFoundError', 1],
  ])('%s is one document on standard output and one sentence on standard error', async (_, args, name, code) => {
    const ended = await holdfast(at.folder, args, RIGHT);
    const document = JSON.parse(ended.stdout.toString());
    expect(document).toEqual({ error: { name, message: expect.any(String) } });
    expectOneSentence(ended, /./);
    expect(ended.stderr).toContain(document.error.message);
    expect(ended.code).toBe(code);
  });
});

describe('a place that is not there', () => {
  it('is named when the vault is gone, and no other is made in its place', async () => {
    const folder = newFolder();
    await mkdir(join(folder, 'data'));
    await holdfast(folder, ['init', '--yes']);
    await rm(join(folder, 'vault'), { recursive: true });
    const before = await stateOf(folder);
    const ended = await holdfast(folder, ['run', 'app']);
    expectOneSentence(ended, /vault "primary" .* has no holdfast\.json/);
    expect(ended.code).toBe(1);
    expect(await stateOf(folder)).toEqual(before);
  });

  it('is named when the source is gone, and the run is a failure', async () => {
    const folder = newFolder();
    await holdfast(folder, ['init', '--yes']);
    const ended = await holdfast(folder, ['--json', 'run', 'app']);
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    const { run, sources } = JSON.parse(ended.stdout.toString());
    expect(run.status).toBe('failed');
    expect(sources).toMatchObject([
      { status: 'failed', error: 'NotFoundError', reason: expect.stringContaining('/data') },
    ]);
  });

  const AWAY = {
    AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'x',
    AWS_SECRET_ACCESS_KEY: 'x',
  };

  it.each([
    ['the vault', { vault: 's3://acme-vault/x', catalogue: 'embedded' }],
    ['the catalogue', { vault: 'file:///nowhere', catalogue: 'dynamodb://acme-catalogue' }],
  ])(
    'is named within half a minute when the endpoint of %s does not answer',
    async (_, { vault, catalogue }) => {
      const folder = newFolder();
      await mkdir(join(folder, 'data'));
      await writeFile(
        join(folder, 'holdfast.yml'),
        `catalogue: ${catalogue}\nvaults: { primary: { url: "${vault}" } }\nplans: { app: { sources: ["file://${folder}/data"], vault: primary } }\n`,
      );
      await writeFile(join(folder, 'holdfast.key'), `holdfast-key-1 ${Buffer.alloc(32, 7).toString('base64')}\n`);
      const command = catalogue === 'embedded' ? ['run', 'app'] : ['list'];
      const ended = await holdfast(folder, command, AWAY);
      expectOneSentence(ended, /127\.0\.0\.1:1/);
      expect(ended.code).toBe(1);
    },
    30_000,
  );

  it('is named when the endpoint of the source does not answer', async () => {
    const folder = newFolder();
    await holdfast(folder, ['init', '--source', 's3://acme-uploads/', '--vault', 'vault']);
    const ended = await holdfast(folder, ['--json', 'run', 'app'], AWAY);
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    expect(JSON.parse(ended.stdout.toString()).sources).toMatchObject([{ status: 'failed', error: 'TransientError' }]);
  }, 45_000);
});
