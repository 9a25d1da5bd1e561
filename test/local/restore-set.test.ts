import { existsSync } from 'node:fs';
import { appendFile, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type Ended,
  expectSame,
  holdfast,
  newKeptFolder,
  type Picture,
  pictureOf,
  removeKeptFolders,
} from './holdfast.ts';

const json = (ended: { readonly stdout: Buffer }) => JSON.parse(ended.stdout.toString());

const at = { folder: '', first: '', second: '', failed: '', photos: '', texts: '' };
const states: { readonly photos: Picture[]; readonly texts: Picture[] } = { photos: [], texts: [] };
const run = (...args: string[]): Promise<Ended> => holdfast(at.folder, args);

async function backUp(): Promise<string> {
  states.photos.push(await pictureOf(join(at.folder, 'photos')));
  if (existsSync(join(at.folder, 'texts'))) states.texts.push(await pictureOf(join(at.folder, 'texts')));
  return json(await run('--json', 'run', 'app')).run.runId;
}

// Three runs of one plan of two folders, the second of which is gone when the third comes.
beforeAll(async () => {
  at.folder = newKeptFolder();
  await mkdir(join(at.folder, 'photos'));
  await mkdir(join(at.folder, 'texts'));
  await mkdir(join(at.folder, 'linked'));
  await symlink('linked', join(at.folder, 'link'));
  await writeFile(join(at.folder, 'photos', 'a=b.jpg'), 'a photo\n');
  await writeFile(join(at.folder, 'texts', 't.txt'), 'one\n');
  const args = ['--source', 'photos', '--source', 'texts', '--vault', 'vault'];
  expect(await run('init', '--yes', ...args)).toMatchObject({ code: 0 });
  const plan = join(at.folder, 'holdfast.yml');
  const text = await readFile(plan, 'utf8');
  await writeFile(plan, text.replace('level: restore', 'level: check'));
  [at.photos, at.texts] = [`file://${at.folder}/photos`, `file://${at.folder}/texts`];
  at.first = await backUp();
  await appendFile(join(at.folder, 'texts', 't.txt'), 'two\n');
  await writeFile(join(at.folder, 'photos', 'c.jpg'), 'another\n');
  at.second = await backUp();
  await rm(join(at.folder, 'texts'), { recursive: true });
  at.failed = await backUp();
  return removeKeptFolders;
}, 60_000);

/** A folder for the targets of one test, and the mappings into it. */
function into(name: string): { readonly to: string; readonly maps: string[] } {
  const to = join(at.folder, name);
  return { to, maps: ['--map', `photos=${name}/photos`, '--map', `${at.texts}=file://${to}/texts`] };
}

describe('a recovery set', () => {
  it('comes back whole, each source into its own target, under the id of its run', async () => {
    const { to, maps } = into('first');
    const ended = await run('--json', 'restore', '--set', at.first, ...maps);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const document = json(ended);
    expect(Object.keys(document)).toEqual([
      'set',
      'runId',
      'plan',
      'skewSeconds',
      'sources',
      'status',
      'measuredRtoSeconds',
    ]);
    expect(document).toMatchObject({ set: at.first, runId: at.first, plan: 'app', status: 'succeeded' });
    expect(document.sources).toMatchObject([
      { source: at.photos, to: `file://${to}/photos`, status: 'succeeded', restored: 1, failed: 0, problems: [] },
      { source: at.texts, to: `file://${to}/texts`, status: 'succeeded', restored: 1, failed: 0, problems: [] },
    ]);
    expect(document.skewSeconds).toBeGreaterThanOrEqual(0);
    expect(document.measuredRtoSeconds).toBeGreaterThan(0);
    for (const name of ['photos', 'texts'] as const)
      expectSame(await pictureOf(join(to, name)), states[name][0] ?? { entries: {}, times: {} });
  });

  it('is named by a beginning of the id of its run too, and told source by source', async () => {
    const { to, maps } = into('second');
    const ended = await run('restore', '--set', at.second.slice(0, 12), ...maps);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const told = ended.stdout.toString();
    expect(told).toMatch(new RegExp(`^${at.photos}\n {2}status +succeeded\n`));
    expect(told).toMatch(
      new RegExp(`\n${at.texts}\n {2}status +succeeded\n {2}recovery point +\\S+\n {2}to +file://${to}/texts\n`),
    );
    expect(told).toMatch(new RegExp(`\nrecovery set ${at.second} of app: succeeded in [\\d.]+ s; skew [\\d.]+ s\n$`));
    expectSame(await pictureOf(join(to, 'texts')), states.texts[1] ?? { entries: {}, times: {} });
  });

  it('changes nothing in a dry run', async () => {
    const { to, maps } = into('dry');
    const ended = await run('--json', 'restore', '--set', at.first, ...maps, '--dry-run');
    expect(ended.code).toBe(0);
    expect(json(ended)).toMatchObject({ status: 'dry-run', sources: [{ status: 'dry-run' }, { status: 'dry-run' }] });
    expect(existsSync(to)).toBe(false);
  });

  it('of a run that failed for a source is partial, and says why', async () => {
    const { to, maps } = into('partial');
    const ended = await run('--json', 'restore', '--set', at.failed, ...maps);
    expect(ended).toMatchObject({ code: 3, stderr: '' });
    expect(json(ended)).toMatchObject({
      status: 'partial',
      sources: [
        { source: at.photos, status: 'succeeded' },
        { source: at.texts, status: 'unavailable', reason: expect.stringMatching(/^failed in the run: .*texts/) },
      ],
    });
    expect(existsSync(join(to, 'texts'))).toBe(false);
  });

  it('of a plan is that of its newest run', async () => {
    const { maps } = into('newest');
    const ended = await run('restore', '--set', 'app', ...maps);
    expect(ended.code).toBe(3);
    expect(ended.stdout.toString()).toMatch(
      new RegExp(
        `\n${at.texts}\n {2}status +unavailable\n {2}reason +failed in the run: .*\n\nrecovery set ${at.failed} of app: partial in `,
      ),
    );
  });

  it('goes on with the other sources when one fails', async () => {
    const { to, maps } = into('taken');
    await mkdir(join(to, 'photos'), { recursive: true });
    await writeFile(join(to, 'photos', 'mine'), 'mine\n');
    const ended = await run('--json', 'restore', '--set', at.first, ...maps);
    expect(ended).toMatchObject({ code: 3, stderr: '' });
    expect(json(ended)).toMatchObject({
      status: 'partial',
      sources: [
        {
          source: at.photos,
          status: 'failed',
          error: 'InvalidInputError',
          reason: expect.stringMatching(/is not empty/),
        },
        { source: at.texts, status: 'succeeded' },
      ],
    });
    expect(await readFile(join(to, 'photos', 'mine'), 'utf8')).toBe('mine\n');
    const again = await run('restore', '--set', at.first, ...maps, '--exact');
    expect(again).toMatchObject({ code: 0, stderr: '' });
    expectSame(await pictureOf(join(to, 'photos')), states.photos[0] ?? { entries: {}, times: {} });
  });

  it('of which nothing can be restored has failed', async () => {
    const { to, maps } = into('all-taken');
    for (const name of ['photos', 'texts']) {
      await mkdir(join(to, name), { recursive: true });
      await writeFile(join(to, name, 'mine'), 'mine\n');
    }
    const ended = await run('--json', 'restore', '--set', at.first, ...maps);
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    expect(json(ended)).toMatchObject({ status: 'failed', sources: [{ status: 'failed' }, { status: 'failed' }] });
  });
});

describe('a set is refused before anything is restored', () => {
  const cases: readonly {
    readonly what: string;
    readonly args: () => string[];
    readonly code?: number;
    readonly says: RegExp;
  }[] = [
    {
      what: 'without targets',
      args: () => ['--set', at.first],
      says: /no target is given for file:\S+\/photos, file:\S+\/texts; add --map SOURCE=TARGET for each, or --in-place/,
    },
    {
      what: 'with a mapping of another source',
      args: () => ['--set', at.first, '--map', 'videos=x'],
      says: /--map "videos=x" begins with no source of the set; it has file:\S+\/photos, file:\S+\/texts/,
    },
    {
      what: 'into one target',
      args: () => ['--set', at.first, '--map', 'photos=x', '--map', 'texts=x'],
      says: /photos and file:\S+\/texts have the same target file:\S+\/x;/,
    },
    {
      what: 'into targets of which links lead from one to the other',
      args: () => ['--set', at.first, '--map', 'photos=linked/photos', '--map', 'texts=link/photos/texts'],
      says: /the targets file:\S+ .* lie in each other/,
    },
    {
      what: 'into a vault',
      args: () => ['--set', at.first, '--map', 'photos=x', '--map', 'texts=vault/x'],
      says: /the target file:\S+\/vault\/x \(of file:\S+\/texts\) overlaps with vault primary/,
    },
    {
      what: "into Holdfast's own folder",
      args: () => ['--set', at.first, '--map', 'photos=x', '--map', 'texts=.holdfast'],
      says: /Holdfast's own folder/,
    },
    {
      what: 'into what cannot hold files',
      args: () => ['--set', at.first, '--map', 'photos=x', '--map', 'texts=ssm:///x'],
      says: /ssm:\/\/\/x cannot hold files/,
    },
    {
      what: 'with a wrong key',
      args: () => ['--set', at.first, '--map', 'photos=x', '--map', 'texts=y', '--passphrase-file', 'holdfast.yml'],
      says: /this passphrase opens no slot/,
    },
    { what: 'with a recovery point', args: () => ['2026', '--set', at.first], says: /leave "2026" away, or --set/ },
    ...['--at', '--to', '--include', '--exclude', '--key'].map((option) => ({
      what: `with ${option}`,
      args: () => ['--set', at.first, option, 'x'],
      says: new RegExp(`${option} goes with one recovery point or source; with --set, targets are given by --map`),
    })),
    { what: 'in an unknown vault', args: () => ['--set', at.first, '--vault', 'y'], says: /there is no vault "y"/ },
    {
      what: 'of a run that is not there',
      args: () => ['--set', 'f'.repeat(32)],
      code: 1,
      says: /there is no recovery set "f{32}"; name a plan, or a run by its id or a beginning of it/,
    },
    { what: 'that is no name at all', args: () => ['--set', 'web'], code: 1, says: /there is no recovery set "web"/ },
    { what: 'but not named', args: () => ['--map', 'photos=x', '--to', 'y', 'photos'], says: /--map goes with --set/ },
    {
      what: 'but neither it nor a source',
      args: () => ['--to', 'y'],
      says: /restore needs RECOVERY_POINT\|SOURCE, or --set RUN/,
    },
  ];

  it.each(cases)('$what', async ({ args, code = 2, says }) => {
    const ended = await run('restore', ...args());
    expect(ended.stderr).toMatch(/^holdfast: [^\n]*\n$/);
    expect(ended.stderr).toMatch(says);
    expect(ended.code).toBe(code);
    expect(ended.stdout).toHaveLength(0);
    for (const name of ['x', 'y', 'linked/photos']) expect(existsSync(join(at.folder, name))).toBe(false);
  });
});

describe('a set of sources that were lost', () => {
  it('comes back in place, also after the catalogue was lost with them', async () => {
    for (const name of ['photos', 'texts', '.holdfast'])
      await rm(join(at.folder, name), { recursive: true, force: true });
    expect((await run('catalogue', 'rebuild')).code).toBe(0);
    const ended = await run('--json', 'restore', '--set', at.second, '--in-place');
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(json(ended)).toMatchObject({ plan: 'app', status: 'succeeded', skewSeconds: expect.any(Number) });
    for (const name of ['photos', 'texts'] as const)
      expectSame(await pictureOf(join(at.folder, name)), states[name][1] ?? { entries: {}, times: {} });
  });

  it('is reverted in place by --exact, and is refused without it where there is something', async () => {
    await writeFile(join(at.folder, 'texts', 'later'), 'later\n');
    const refused = await run('--json', 'restore', '--set', at.first, '--in-place');
    expect(refused.code).toBe(1);
    for (const { reason } of json(refused).sources) expect(reason).toMatch(/is not empty/);
    expect(await run('restore', '--set', at.first, '--in-place', '--exact')).toMatchObject({ code: 0, stderr: '' });
    expectSame(await pictureOf(join(at.folder, 'texts')), states.texts[0] ?? { entries: {}, times: {} });
  });
});
