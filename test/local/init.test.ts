import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DESCRIPTOR_NAME } from '../../functions/core/descriptor.ts';
import { parsePlanFile } from '../../functions/runtime/plan-file.ts';
import { holdfast, newFolder, type Picture, pictureOf } from './holdfast.ts';

const TWO_VAULTS = (folder: string) => `
vaults:
  primary: { url: "file://${folder}/one" }
  offsite: { url: "file://${folder}/two" }
plans:
  app: { sources: ["file://${folder}/data"], vault: primary, replicateTo: [offsite] }
`;

describe('holdfast init --yes in an empty folder', () => {
  it('writes a plan file that is valid, a key that only its owner reads, a vault and a catalogue', async () => {
    const folder = newFolder();
    const ended = await holdfast(folder, ['init', '--yes']);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(ended.stdout.toString()).toContain('Keep a copy');
    const config = parsePlanFile(await readFile(join(folder, 'holdfast.yml'), 'utf8'), 'holdfast.yml');
    expect(config).toMatchObject({
      catalogue: 'embedded',
      keyFile: 'holdfast.key',
      vaults: { primary: { url: `file://${folder}/vault` } },
      plans: { app: { sources: [{ uri: `file://${folder}/data` }], vault: 'primary' } },
    });
    expect(await readFile(join(folder, 'holdfast.key'), 'utf8')).toMatch(/^holdfast-key-1 [A-Za-z0-9+/]{43}=\n$/);
    expect((await stat(join(folder, 'holdfast.key'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'vault', DESCRIPTOR_NAME))).isFile()).toBe(true);
  });

  it('takes sources and vault from the options', async () => {
    const folder = newFolder();
    const args = ['init', '--source', 'photos', '--source', 's3://acme-uploads/x"y', '--vault', '../vault of mine'];
    const inner = join(folder, 'inner');
    await mkdir(inner);
    expect(await holdfast(inner, args)).toMatchObject({ code: 0, stderr: '' });
    const config = parsePlanFile(await readFile(join(inner, 'holdfast.yml'), 'utf8'), 'holdfast.yml');
    expect(config.plans.app?.sources).toEqual([{ uri: `file://${inner}/photos` }, { uri: 's3://acme-uploads/x"y' }]);
    expect(config.vaults.primary?.url).toBe(`file://${folder}/vault of mine`);
  });

  it('changes nothing the second time, and says so', async () => {
    const folder = newFolder();
    await holdfast(folder, ['init', '--yes']);
    const before = await pictureOf(folder);
    const ended = await holdfast(folder, ['init', '--yes']);
    expect(ended.stdout.toString()).toBe('everything is there already; nothing was changed\n');
    expect(ended.code).toBe(0);
    const after = await pictureOf(folder);
    // An open LevelDB turns its log over; what it holds stays.
    const own = ({ entries }: Picture) =>
      Object.fromEntries(Object.entries(entries).filter(([path]) => !path.startsWith('.holdfast/catalogue/')));
    expect(own(after)).toEqual(own(before));
  });

  it('makes no key file where a passphrase is given', async () => {
    const folder = newFolder();
    const ended = await holdfast(folder, ['init', '--yes'], { HOLDFAST_PASSPHRASE: 'correct horse' });
    expect(ended.code).toBe(0);
    await expect(stat(join(folder, 'holdfast.key'))).rejects.toMatchObject({ code: 'ENOENT' });
    const descriptor = JSON.parse(await readFile(join(folder, 'vault', DESCRIPTOR_NAME), 'utf8'));
    expect(descriptor.keyring.map((slot: { type: string }) => slot.type)).toEqual(['passphrase']);
  });

  it('asks for the options where there is no terminal and no --yes', async () => {
    const folder = newFolder();
    const ended = await holdfast(folder, ['init']);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/^holdfast: there is no .*holdfast\.yml and no terminal to ask at; .*\n$/);
    expect((await pictureOf(folder)).entries).toEqual({});
  });

  it.each([
    ['its own vault', 'vault', /overlaps with vault "primary"/],
    ["Holdfast's own folder", '../vault', /source file:\S+ holds Holdfast's own folder .* backed up into itself/],
  ])('refuses a source that would hold %s, and writes nothing', async (_, vault, words) => {
    const folder = newFolder();
    await mkdir(join(folder, 'inner'));
    const ended = await holdfast(join(folder, 'inner'), ['init', '--source', '.', '--vault', vault]);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(words);
    expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(Object.keys((await pictureOf(folder)).entries)).toEqual(['inner']);
  });
});

describe('holdfast init --write-key', () => {
  it('makes a key with which a machine backs up and cannot read back', async () => {
    const folder = newFolder();
    await mkdir(join(folder, 'data'));
    await writeFile(join(folder, 'data/file'), 'content');
    expect(await holdfast(folder, ['init', '--yes', '--write-key', 'keys/write.key'])).toMatchObject({ code: 2 });
    await mkdir(join(folder, 'keys'));
    expect(await holdfast(folder, ['init', '--yes', '--write-key', 'keys/write.key'])).toMatchObject({ code: 0 });
    const write = ['--key-file', 'keys/write.key'];
    const run = await holdfast(folder, ['run', 'app', ...write]);
    // Committed, but the verification that the plan asks for could read nothing back.
    expect(run.code, run.stderr).toBe(3);
    const refused = await holdfast(folder, ['restore', 'data', '--to', 'out', ...write]);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('backing up only') });
    expect((await holdfast(folder, ['restore', 'data', '--to', 'out'])).code).toBe(0);
    expect(await readFile(join(folder, 'out/file'), 'utf8')).toBe('content');
  });

  it('is refused where the vaults have their keyring already', async () => {
    const folder = newFolder();
    await holdfast(folder, ['init', '--yes']);
    const before = await pictureOf(folder);
    const ended = await holdfast(folder, ['init', '--yes', '--write-key', 'write.key']);
    expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining('have their keyring already') });
    expect((await pictureOf(folder)).entries).toEqual(before.entries);
  });
});

describe('holdfast init beside a plan file', () => {
  it('gives all vaults one key set', async () => {
    const folder = newFolder();
    await writeFile(join(folder, 'holdfast.yml'), TWO_VAULTS(folder));
    expect(await holdfast(folder, ['init'])).toMatchObject({ code: 0, stderr: '' });
    const [one, two] = await Promise.all(['one', 'two'].map((vault) => readFile(join(folder, vault, DESCRIPTOR_NAME))));
    expect(one).toEqual(two);
  });

  it('copies the descriptor to a vault that has lost it', async () => {
    const folder = newFolder();
    await writeFile(join(folder, 'holdfast.yml'), TWO_VAULTS(folder));
    await holdfast(folder, ['init']);
    const before = await readFile(join(folder, 'two', DESCRIPTOR_NAME));
    await rm(join(folder, 'two'), { recursive: true });
    const ended = await holdfast(folder, ['init']);
    expect(ended.stdout.toString()).toBe(`made the vault offsite in file://${folder}/two\n`);
    expect(await readFile(join(folder, 'two', DESCRIPTOR_NAME))).toEqual(before);
  });

  it('leaves a plan file as it is', async () => {
    const folder = newFolder();
    const text = TWO_VAULTS(folder);
    await writeFile(join(folder, 'holdfast.yml'), text);
    await holdfast(folder, ['init', '--yes', '--source', 'other']);
    expect(await readFile(join(folder, 'holdfast.yml'), 'utf8')).toBe(text);
  });

  it('refuses two vaults of different key sets, naming both, and changes nothing', async () => {
    const folder = newFolder();
    for (const vault of ['one', 'two']) {
      const other = join(folder, `home-${vault}`);
      await mkdir(other);
      await holdfast(other, ['init', '--yes', '--vault', join(folder, vault)]);
    }
    await writeFile(join(folder, 'holdfast.yml'), TWO_VAULTS(folder));
    const before = await pictureOf(folder);
    const ended = await holdfast(folder, ['init']);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(
      /^holdfast: vault primary \([0-9a-f]{32}\) and vault offsite \([0-9a-f]{32}\) have different keys; .*\n$/,
    );
    expect(await pictureOf(folder)).toEqual(before);
  });

  it.each([
    ['of another format', '{"format":"holdfast-vault-9"}', 2, 'format "holdfast-vault-9"'],
    ['that is none', 'hello', 1, 'is not JSON'],
  ])('refuses a descriptor %s, and changes nothing', async (_, text, code, words) => {
    const folder = newFolder();
    await writeFile(join(folder, 'holdfast.yml'), TWO_VAULTS(folder));
    await mkdir(join(folder, 'two'));
    await writeFile(join(folder, 'two', DESCRIPTOR_NAME), text);
    const before = await pictureOf(folder);
    const ended = await holdfast(folder, ['init']);
    expect(ended.code).toBe(code);
    expect(ended.stderr).toContain(words);
    expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(await pictureOf(folder)).toEqual(before);
  });

  it('makes no new keys for a vault that holds snapshots but has lost its descriptor', async () => {
    const folder = newFolder();
    await mkdir(join(folder, 'data'));
    await holdfast(folder, ['init', '--yes']);
    expect((await holdfast(folder, ['run', 'app'])).code).toBe(0);
    await rm(join(folder, 'vault', DESCRIPTOR_NAME));
    await rm(join(folder, 'holdfast.key'));
    const before = await pictureOf(join(folder, 'vault'));
    const ended = await holdfast(folder, ['init']);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/^holdfast: vault primary .* holds manifests\/ but no holdfast\.json, .*\n$/);
    expect(await pictureOf(join(folder, 'vault'))).toEqual(before);
    await expect(stat(join(folder, 'holdfast.key'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('makes no new keys where the catalogue knows recovery points, as when a disk is not mounted', async () => {
    const folder = newFolder();
    await mkdir(join(folder, 'data'));
    await writeFile(join(folder, 'data/file'), 'content');
    await holdfast(folder, ['init', '--yes']);
    expect((await holdfast(folder, ['run', 'app'])).code).toBe(0);
    await rm(join(folder, 'vault'), { recursive: true });
    const ended = await holdfast(folder, ['init', '--yes']);
    expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining('mount its disk') });
    expect((await pictureOf(folder)).entries).not.toHaveProperty('vault');
  });
});
