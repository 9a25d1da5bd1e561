import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDescriptor, serializeDescriptor } from '../../functions/core/descriptor.ts';
import { IntegrityError, InvalidInputError, NotFoundError } from '../../functions/core/errors.ts';
import type { Secret } from '../../functions/core/keyring.ts';
import { configSchema } from '../../functions/core/plan.ts';
import { parseUri } from '../../functions/core/uri.ts';
import { openStore } from '../../functions/runtime/local-places.ts';
import { s3Clients } from '../../functions/runtime/s3-clients.ts';
import { s3VaultStore } from '../../functions/runtime/s3-vault-store.ts';
import { type WiringOptions, wirePorts } from '../../functions/runtime/wiring.ts';
import { memoryBlobStore } from '../fakes/memory-blob-store.ts';
import { memoryCatalogue } from '../fakes/memory-catalogue.ts';

const clock = { now: () => new Date('2026-11-25T10:00:00Z') };
const keyfile: Secret = { type: 'keyfile', bytes: Buffer.alloc(32, 7) };

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-wiring-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const configOf = (verify: object = {}) =>
  configSchema.parse({
    vaults: { primary: { url: `file://${folder}` }, offsite: { url: 's3://acme-vault/', region: 'us-east-1' } },
    plans: { p: { sources: ['file:///srv', 's3://acme/'], vault: 'primary', verify } },
  });

/** Ports over fakes, and how often the secret was asked for. */
function wired(options: Partial<WiringOptions> = {}) {
  const asked = { secrets: 0 };
  const ports = wirePorts({
    config: configOf(),
    catalogue: memoryCatalogue({ clock }),
    work: memoryBlobStore(),
    secret: async () => {
      asked.secrets += 1;
      return keyfile;
    },
    events: { publish: async () => {} },
    metrics: { put: () => {} },
    clock,
    ...options,
  });
  return { ports, asked };
}

/** Makes the vault in the folder; returns its id. */
async function makeVault(secret: Secret = keyfile): Promise<string> {
  const { descriptor } = createDescriptor({
    createdAt: '2026-11-25T10:00:00.000Z',
    slots: [{ secret, kind: 'read' }],
    randomBytes,
  });
  await writeFile(join(folder, 'holdfast.json'), serializeDescriptor(descriptor));
  return descriptor.vaultId;
}

describe('a vault', () => {
  it('is opened with its keys and its chunking', async () => {
    const vaultId = await makeVault();
    const vault = await wired().ports.openVault('primary');
    expect(vault.name).toBe('primary');
    expect(vault.store.url).toBe(`file://${folder}`);
    expect(vault.keys).toMatchObject({ vaultId, contentPrivateKey: expect.any(Buffer) });
    expect(vault.chunking).toMatchObject({ algorithm: 'fastcdc' });
  });

  it('is opened once, also by two callers at once', async () => {
    await makeVault();
    const { ports, asked } = wired();
    const [first, second] = await Promise.all([ports.openVault('primary'), ports.openVault('primary')]);
    expect(first).toBe(second);
    expect(asked.secrets).toBe(1);
  });

  it('without a descriptor says that it is to be made, by its name and place', async () => {
    const opening = wired().ports.openVault('primary');
    await expect(opening).rejects.toThrow(NotFoundError);
    await expect(opening).rejects.toThrow(`vault "primary" (file://${folder}) has no holdfast.json`);
    await expect(opening).rejects.toThrow('holdfast init');
  });

  it('that could not be opened is tried again at the next call', async () => {
    const { ports } = wired();
    await expect(ports.openVault('primary')).rejects.toThrow(NotFoundError);
    await makeVault();
    expect((await ports.openVault('primary')).name).toBe('primary');
  });

  it('stays closed to another key', async () => {
    await makeVault({ type: 'keyfile', bytes: Buffer.alloc(32, 8) });
    await expect(wired().ports.openVault('primary')).rejects.toThrow(InvalidInputError);
  });

  it('with a damaged descriptor is damaged, and not absent', async () => {
    await writeFile(join(folder, 'holdfast.json'), '{');
    await expect(wired().ports.openVault('primary')).rejects.toThrow(IntegrityError);
  });

  it('that the plan file does not have is named together with those that it has', async () => {
    await expect(wired().ports.openVault('office')).rejects.toThrow(
      'there is no vault "office"; holdfast.yml has primary, offsite',
    );
  });

  it.each([
    ['s3://acme-vault/', 's3://acme-vault/'],
    ['s3://acme-vault/team', 's3://acme-vault/team/'],
    ['s3://acme-vault/team/', 's3://acme-vault/team/'],
    ['file:///mnt/vault', 'file:///mnt/vault'],
  ])('at %s lies in %s', async (url, place) => {
    expect((await openStore({ url })).url).toBe(place);
  });

  it('in S3 is reached in its own region', async () => {
    const regions: (string | undefined)[] = [];
    const clients = s3Clients({});
    const uri = parseUri('s3://acme-vault/');
    if (uri.scheme !== 's3') throw new Error('it is in S3');
    s3VaultStore(uri, 'us-east-1', (region) => {
      regions.push(region);
      return clients(region);
    });
    expect(regions).toEqual(['us-east-1']);
  });
});

describe('sources and targets', () => {
  it.each(['file:///srv', 's3://acme/public/'])('at %s are opened once', async (uri) => {
    const { ports } = wired();
    expect((await ports.openSource(uri)).uri).toBe(uri);
    expect(await ports.openSource(uri)).toBe(await ports.openSource(uri));
    expect((await ports.openTarget(uri)).uri).toBe(uri);
  });

  it('at a place that is not known are refused, however often', async () => {
    const { ports } = wired();
    for (const _ of [1, 2]) await expect(ports.openSource('ftp://acme')).rejects.toThrow(InvalidInputError);
  });
});

describe('a sandbox', () => {
  const local = { uri: 'file:///srv', plan: 'p' };
  const remote = { uri: 's3://acme/', plan: 'p' };

  it('lies in the first place of the source’s kind, the plan’s own before the others', async () => {
    const config = configOf({ sandbox: `file://${folder}/own` });
    const { ports } = wired({ config, sandboxes: [`file://${folder}`, 's3://acme-work/sandbox'] });
    const own = await ports.openSandbox(local, 'v1');
    expect(own?.target.uri).toMatch(new RegExp(`^file://${folder}/own/holdfast-sandbox-v1-[0-9a-f]{8}$`));
    expect((await ports.openSandbox(remote, 'v1'))?.target.uri).toMatch(
      /^s3:\/\/acme-work\/sandbox\/holdfast-sandbox-v1-[0-9a-f]{8}\/$/,
    );
  });

  it('is not there where no place is of the source’s kind', async () => {
    expect(await wired({ sandboxes: [`file://${folder}`] }).ports.openSandbox(remote, 'v1')).toBeUndefined();
  });

  it.each(['gone', 'constructor'])(
    'is there for a recovery point whose plan "%s" is gone from the file',
    async (plan) => {
      const { ports } = wired({
        config: configOf({ sandbox: `file://${folder}/own` }),
        sandboxes: [`file://${folder}`],
      });
      expect((await ports.openSandbox({ ...local, plan }, 'v1'))?.target.uri).toMatch(
        new RegExp(`^file://${folder}/holdfast-sandbox-v1-`),
      );
    },
  );

  it('is a new one each time', async () => {
    const { ports } = wired({ sandboxes: [`file://${folder}`] });
    const [one, other] = [await ports.openSandbox(local, 'v1'), await ports.openSandbox(local, 'v1')];
    expect(one?.target.uri).not.toBe(other?.target.uri);
  });
});
