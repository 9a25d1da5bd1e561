import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { interruption } from '../../functions/local/interruption.ts';
import { main } from '../../functions/local/main.ts';
import { contentsOf, type WorldOptions } from '../fakes/world.ts';
import { type FakeAccount, openAccount } from './fake-account.ts';
import { holdfast, newFolder, start } from './holdfast.ts';
import { remember, testShell } from './streams.ts';

const UPLOADS = 's3://acme-uploads/';
const EXPORTS = 's3://acme-exports/';

const PLAN = { verify: { after: 'every' }, replicateTo: ['offsite'] };

async function deploy(options: Pick<WorldOptions, 'wrap'> = {}, more: readonly string[] = []) {
  const account = await openAccount({ ...options, sources: [UPLOADS, EXPORTS, ...more], plan: PLAN });
  account.world.place(UPLOADS).put('a.txt', 'a');
  account.world.place(EXPORTS).put('b.txt', 'b');
  return account;
}

const at: { folder: string; account: FakeAccount } = { folder: '', account: await deploy() };

/** The plan file as a person has it: nothing in it says where the catalogue of the stack is. */
const PLAN_FILE = `
vaults:
  primary: { url: "s3://acme-vault" }
  offsite: { url: "s3://acme-vault-us" }
  office: { url: "file:///mnt/vault" }
plans:
  web: { sources: ["${UPLOADS}", "${EXPORTS}"], vault: primary, replicateTo: [offsite] }
  disk: { sources: ["file:///srv/data"], vault: primary, replicateTo: [office] }
`;

/** In place of the account that is there. */
async function goInto(account: FakeAccount): Promise<void> {
  await at.account.close();
  Object.assign(at, { account, folder: newFolder() });
  await writeFile(join(at.folder, 'holdfast.yml'), PLAN_FILE);
}

beforeEach(async () => goInto(await deploy()));
afterAll(() => at.account.close());

const run = (...args: string[]) => holdfast(at.folder, args, at.account.env);
const json = (ended: { readonly stdout: Buffer }) => JSON.parse(ended.stdout.toString());

/** One run in the account; the recovery point of the first source. */
async function backedUp(): Promise<string> {
  const ended = await run('run', 'web', '--aws', '--json');
  expect(ended.code).toBe(0);
  return json(ended).sources.find((one: { source: string }) => one.source === UPLOADS).recoveryPoint.recoveryPointId;
}

describe('a run in the account', () => {
  it('is told source by source from the catalogue of the stack, without a key and without a trace here', async () => {
    const ended = await run('run', 'web', '--aws', '--kind', 'full', '--scheduled-at', '2026-11-25T10:00:00Z');
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const told = ended.stdout.toString();
    expect(told).toMatch(/s3:\/\/acme-exports\/\n {2}status +succeeded\n/);
    expect(told).toMatch(/verification +verified at level restore\n {2}replica +\S+@offsite available/);
    expect(told).toMatch(/run [0-9a-f]{32} of web: succeeded\n$/);
    expect(at.account.started.map(({ machine, input }) => [machine, input])).toEqual([
      ['backup', { plan: 'web', kind: 'full', scheduledAt: '2026-11-25T10:00:00.000Z' }],
    ]);
    expect(existsSync(join(at.folder, '.holdfast'))).toBe(false);
  });

  it('of which a source fails is partial, with the reason', async () => {
    at.account.world.place(EXPORTS).absent = true;
    const ended = await run('run', 'web', '--aws');
    expect(ended).toMatchObject({ code: 3, stderr: '' });
    expect(ended.stdout.toString()).toMatch(
      /s3:\/\/acme-exports\/\n {2}status +failed\n {2}reason +s3:\S+ does not exist/,
    );
    expect(ended.stdout.toString()).toMatch(/of web: partial\n$/);
  });

  it('of which every source fails has failed', async () => {
    for (const uri of [UPLOADS, EXPORTS]) at.account.world.place(uri).absent = true;
    const ended = await run('run', 'web', '--aws', '--json');
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    expect(json(ended).run.status).toBe('failed');
  });

  it('that another run keeps from its sources is skipped, and says why', async () => {
    const known = await run('run', 'web', '--aws', '--json');
    for (const { recoveryPoint } of json(known).sources)
      await at.account.world.ports.leases.acquire(recoveryPoint.sourceId, json(known).run.runId, 600);
    const ended = await run('run', 'web', '--aws');
    expect(ended.code).toBe(1);
    expect(ended.stdout.toString()).toMatch(/status +skipped\n {2}reason +overlapped: /);
    expect(ended.stdout.toString()).toMatch(/of web: skipped\n$/);
  });

  it.each([
    ['InvalidInputError', 'there is no plan "web"', 2, /^holdfast: there is no plan "web"\n$/],
    ['AccessDeniedError', 'access is denied', 1, /^holdfast: access is denied\n$/],
    [
      'Sandbox.Timedout',
      '{"errorType":"Sandbox.Timedout","errorMessage":"Task timed out after 900.00 seconds"}',
      1,
      /^holdfast: execution arn:\S+:cli-\S+ failed by Sandbox\.Timedout: Task timed out after 900\.00 seconds\n$/,
    ],
  ])('whose machine fails by %s says so, and ends with the exit code of that', async (error, cause, code, says) => {
    at.account.scripted.set('backup', { status: 'FAILED', error, cause });
    const ended = await run('run', 'web', '--aws');
    expect(ended.code).toBe(code);
    expect(ended.stderr).toMatch(says);
  });

  it('is not told by what an earlier execution of the same run has left', async () => {
    const same = ['run', 'web', '--aws', '--scheduled-at', '2026-11-25T10:00:00Z'];
    expect((await run(...same)).code).toBe(0);
    at.account.scripted.set('backup', { status: 'FAILED', error: 'TransientError', cause: 'throttled' });
    expect(await run(...same)).toMatchObject({ code: 1, stderr: 'holdfast: throttled\n' });
  });

  it('that is stopped by Ctrl-C goes on, and its ARN is told', async () => {
    at.account.scripted.set('backup', 'never');
    const following = start(at.folder, ['run', 'web', '--aws'], at.account.env);
    await vi.waitUntil(() => at.account.calls.includes('DescribeExecution'), { timeout: 30_000, interval: 5 });
    following.kill('SIGINT');
    const { code, stderr } = await following.ended;
    expect(code).toBe(130);
    expect(stderr).toMatch(/stopped; the execution goes on in the account; see what becomes of it by: .*\n$/);
    expect(stderr).toContain(at.account.started[0]?.executionArn);
  });

  it('that may no longer be looked at goes on, and its ARN is told', async () => {
    at.account.refused.set('DescribeExecution', 'ExpiredTokenException');
    const ended = await run('run', 'web', '--aws');
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/the credentials have expired; .*; the execution goes on in the account; /);
    expect(ended.stderr).toContain(at.account.started[0]?.executionArn);
  });
});

describe('a run in the account, at a terminal,', () => {
  afterEach(() => void vi.unstubAllEnvs());

  it('shows its state, how many sources are committed, and the seconds', async () => {
    const looked = Promise.withResolvers<void>();
    let manifests = 0;
    const wrap: WorldOptions['wrap'] = (store, vault) => ({
      ...store,
      putNew: async (name, bytes) => {
        if (vault === 'primary' && name.startsWith('manifests/') && ++manifests === 2) await looked.promise;
        return store.putNew(name, bytes);
      },
    });
    await goInto(await deploy({ wrap }));
    for (const [name, value] of Object.entries(at.account.env)) vi.stubEnv(name, value);
    const stderr = remember(120);
    const { shell } = testShell({ args: ['run', 'web', '--aws'], folder: at.folder, env: at.account.env });
    const stop = interruption({ say: () => {}, kill: () => {}, millis: () => performance.now() });
    const ended = main({ ...shell, stderr: stderr.sink }, stop);
    await vi.waitUntil(() => stderr.text().includes('1 of 2'), { timeout: 30_000, interval: 5 });
    looked.resolve();
    expect(await ended).toBe(0);
    expect(stderr.text()).toContain('backup in the account: started, 0.0 s');
    expect(stderr.text()).toMatch(/backup in the account: Replicate, 1 of 2 sources committed, \d/);
    expect(stderr.text().endsWith('\r\x1b[2K')).toBe(true);
  });
});

describe('the stack', () => {
  it('is that of HOLDFAST_STAGE where there are several', async () => {
    at.account.stages.push('dev');
    const ended = await run('status', '--aws');
    expect(ended.code).toBe(2);
    expect(ended.stderr).toBe('holdfast: several stages are deployed; set HOLDFAST_STAGE to one of dev, prod\n');
    const named = await holdfast(at.folder, ['status', '--aws'], { ...at.account.env, HOLDFAST_STAGE: 'dev' });
    expect(named).toMatchObject({ code: 0, stderr: '' });
  });

  it('that is not there is missed before anything is started or made', async () => {
    at.account.stages.length = 0;
    const ended = await run('run', 'web', '--aws');
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(
      /^holdfast: there is no stack holdfast-<stage> .*npx serverless deploy --stage <stage>\n$/,
    );
    expect(at.account.started).toEqual([]);
    expect(existsSync(join(at.folder, '.holdfast'))).toBe(false);
  });

  it('is looked around in from here, with a key only for what is sealed', async () => {
    const id = await backedUp();
    expect(json(await run('list', '--aws', '--json')).recoveryPoints).toHaveLength(4);
    expect((await run('show', id, '--aws')).stdout.toString()).toContain(`recovery point  ${id}\n`);
    const { sources } = json(await run('status', '--aws', '--json'));
    expect(sources).toMatchObject([{ source: UPLOADS, latestVerified: id }, { source: EXPORTS }, { plan: 'disk' }]);
    const sealed = await run('ls', id, '--aws');
    expect(sealed.code).toBe(2);
    expect(sealed.stderr).toMatch(/^holdfast: there is no key to open the vaults with/);
    expect(json(await run('list', '--json')).recoveryPoints).toEqual([]);
  });
});

describe('a restore in the account', () => {
  it('is handed the keys and the budget of a table', async () => {
    await goInto(await deploy({}, ['dynamodb://orders']));
    at.account.world.table('dynamodb://orders').put('{"pk":{"S":"a"}}', '{"pk":{"S":"a"}}');
    expect((await run('run', 'web', '--aws')).code).toBe(0);
    const named = ['--key', '{ "pk": {"S":"a"} }', '--max-write-units', '12.5'];
    const ended = await run('restore', 'dynamodb://orders', '--aws', '--to', 'dynamodb://new', ...named);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(at.account.started.at(-1)?.input).toMatchObject({
      source: 'dynamodb://orders',
      to: 'dynamodb://new',
      keys: ['{ "pk": {"S":"a"} }'],
      maxWriteUnitsPerSecond: 12.5,
    });
  });

  it('is told as one that ran here, with every choice handed on', async () => {
    await backedUp();
    const choices = ['--at', '2100-01-01T00:00Z', '--vault', 'offsite', '--include', '*.txt', '--exclude', 'b*'];
    const ended = await run(
      'restore',
      UPLOADS,
      '--aws',
      '--to',
      's3://acme-back/',
      ...choices,
      '--on-conflict',
      'skip',
    );
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(ended.stdout.toString()).toMatch(/status +succeeded\n.*\nto +s3:\/\/acme-back\/\nrestored +1 \(1 B\)/);
    expect(at.account.started.at(-1)?.input).toEqual({
      source: UPLOADS,
      at: '2100-01-01T00:00:00.000Z',
      vault: 'offsite',
      to: 's3://acme-back/',
      include: ['*.txt'],
      exclude: ['b*'],
      onConflict: 'skip',
      exact: false,
      dryRun: false,
      settings: false,
    });
    expect(Object.keys(contentsOf(at.account.world.place('s3://acme-back/')))).toEqual(['a.txt']);
  });

  it('changes nothing in a dry run', async () => {
    const id = await backedUp();
    const ended = await run('restore', id, '--aws', '--to', 's3://acme-back/', '--dry-run', '--json');
    expect(ended.code).toBe(0);
    expect(json(ended)).toMatchObject({ status: 'dry-run', restored: 1, recoveryPointId: id });
    expect(contentsOf(at.account.world.place('s3://acme-back/'))).toEqual({});
  });

  it('with an entry that cannot be restored is partial, and names it', async () => {
    at.account.world.place(UPLOADS).put('large.bin', randomBytes(200_000));
    const id = await backedUp();
    const { blobs } = at.account.world.vaults.primary;
    for (const [name, bytes] of blobs) {
      const damaged = Buffer.from(bytes);
      damaged[100_000] = (damaged[100_000] ?? 0) ^ 1;
      if (name.startsWith('packs/') && bytes.length > 200_000) blobs.set(name, damaged);
    }
    const ended = await run('restore', id, '--aws', '--to', 's3://acme-back/');
    expect(ended.code).toBe(3);
    expect(ended.stdout.toString()).toMatch(
      /status +partial\n[\s\S]*failed +1\n[\s\S]*\n {2}"?large\.bin"? failed: pack/,
    );
  });

  it('into what is not empty is refused by the machine', async () => {
    const id = await backedUp();
    at.account.world.place('s3://acme-back/').put('mine', 'mine');
    const ended = await run('restore', id, '--aws', '--to', 's3://acme-back/');
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/^holdfast: s3:\/\/acme-back\/ is not empty/);
  });

  it("into the stack's own catalogue is refused", async () => {
    const ended = await run('restore', UPLOADS, '--aws', '--to', 'dynamodb://holdfast-prod-CatalogueTable-1ABC');
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/^holdfast: the target dynamodb:\S+ is Holdfast's own catalogue; restore to another/);
    expect(at.account.started).toEqual([]);
  });

  it('into a folder is refused before anything is asked of the account', async () => {
    const ended = await run('restore', UPLOADS, '--aws', '--to', 'back');
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(
      /^holdfast: the target file:\S+\/back is a directory, which the account does not reach; restore here, without --aws/,
    );
    expect(at.account.calls).toEqual(['CreateTable']);
  });
});

describe('a recovery set in the account', () => {
  const MAPS = ['--map', `${UPLOADS}=s3://acme-back/uploads/`, '--map', `${EXPORTS}=s3://acme-back/exports/`];

  it('is restored by one execution after the other, with every choice handed on', async () => {
    const id = await backedUp();
    const { runId } = json(await run('show', id, '--aws', '--json')).recoveryPoint;
    const ended = await run('restore', '--set', 'web', '--aws', ...MAPS, '--vault', 'offsite', '--exact', '--json');
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(json(ended)).toMatchObject({
      set: 'web',
      runId,
      status: 'succeeded',
      sources: [
        { source: EXPORTS, to: 's3://acme-back/exports/', restored: 1 },
        { source: UPLOADS, to: 's3://acme-back/uploads/', restored: 1 },
      ],
    });
    const restores = at.account.started.filter(({ machine }) => machine === 'restore').map(({ input }) => input);
    expect(restores).toMatchObject([{ to: 's3://acme-back/exports/' }, { to: 's3://acme-back/uploads/' }]);
    expect(restores[1]).toEqual({
      recoveryPointId: id.replace('@primary', '@offsite'),
      to: 's3://acme-back/uploads/',
      onConflict: 'fail',
      exact: true,
      dryRun: false,
      settings: false,
    });
  });

  it('goes on when one execution fails, and is partial', async () => {
    await backedUp();
    at.account.world.place('s3://acme-back/uploads/').put('mine', 'mine');
    const ended = await run('restore', '--set', 'web', '--aws', ...MAPS);
    expect(ended).toMatchObject({ code: 3, stderr: '' });
    expect(ended.stdout.toString()).toMatch(/status +failed\n[\s\S]*reason +s3:\/\/acme-back\/uploads\/ is not empty/);
    expect(ended.stdout.toString()).toMatch(/recovery set [0-9a-f]{32} of web: partial in /);
    expect(Object.keys(contentsOf(at.account.world.place('s3://acme-back/exports/')))).toEqual(['b.txt']);
  });

  it('of which every execution fails has failed', async () => {
    await backedUp();
    at.account.scripted.set('restore', { status: 'FAILED', error: 'AccessDeniedError', cause: 'access is denied' });
    const ended = await run('restore', '--set', 'web', '--aws', ...MAPS, '--json');
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    const failed = { status: 'failed', error: 'AccessDeniedError', reason: 'access is denied' };
    expect(json(ended)).toMatchObject({ status: 'failed', sources: [failed, failed] });
  });

  it('that is stopped by Ctrl-C starts no further execution', async () => {
    await backedUp();
    at.account.scripted.set('restore', 'never');
    const following = start(at.folder, ['restore', '--set', 'web', '--aws', ...MAPS], at.account.env);
    const restores = () => at.account.started.filter(({ machine }) => machine === 'restore');
    await vi.waitUntil(() => restores().length > 0, { timeout: 30_000, interval: 5 });
    following.kill('SIGINT');
    const { code, stderr } = await following.ended;
    expect(code).toBe(130);
    expect(stderr).toContain(restores()[0]?.executionArn);
    expect(restores()).toHaveLength(1);
  });

  it('into a folder is refused before anything is started', async () => {
    await backedUp();
    const ended = await run('restore', '--set', 'web', '--aws', '--map', `${UPLOADS}=back`, '--in-place');
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/the target file:\S+\/back is a directory, which the account does not reach/);
    expect(at.account.started.map(({ machine }) => machine)).toEqual(['backup']);
  });
});

describe('a verification in the account', () => {
  it('is told with what it proves', async () => {
    const id = await backedUp();
    const ended = await run('verify', id, '--aws', '--level', 'data', '--vault', 'offsite', '--json');
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const replica = id.replace('@primary', '@offsite');
    expect(json(ended)).toMatchObject({
      recoveryPointId: replica,
      outcome: 'verified',
      verification: { level: 'data' },
    });
    expect(at.account.started.at(-1)?.input).toEqual({ recoveryPointId: replica, level: 'data' });
  });

  it('that fails says why', async () => {
    const id = await backedUp();
    const { primary } = at.account.world.vaults;
    for await (const { name } of primary.list('packs/')) await primary.delete(name);
    const ended = await run('verify', id, '--aws', '--level', 'data');
    expect(ended.code).toBe(1);
    expect(ended.stdout.toString()).toMatch(/outcome +failed: pack \w+ is missing/);
  });
});

describe('a replication in the account', () => {
  it('brings a vault level', async () => {
    await backedUp();
    const ended = await run('replicate', 'web', '--aws', '--json');
    expect(ended.code).toBe(0);
    expect(json(ended).replicas).toEqual([{ vault: 'offsite', status: 'level' }]);
    expect(at.account.started.at(-1)?.input).toEqual({ plan: 'web', to: 'offsite' });
  });
});

describe('what the account does not reach', () => {
  it.each([
    [
      ['run', 'disk'],
      /the source file:\/\/\/srv\/data is a directory, which the account does not reach; leave --aws away/,
    ],
    [['replicate', 'disk'], /vault office file:\/\/\/mnt\/vault is a directory, .*; leave --aws away, or name/],
    [
      ['restore', UPLOADS, '--to', 's3://acme-back/', '--vault', 'office'],
      /vault office file:\/\/\/mnt\/vault is a directory/,
    ],
  ])('is refused before anything is started: %j', async (args, says) => {
    const ended = await run(...args, '--aws');
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(says);
    expect(at.account.started).toEqual([]);
  });
});
