import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createDescriptor, serializeDescriptor } from '../../functions/core/descriptor.ts';
import { InvalidInputError, NotFoundError, TransientError } from '../../functions/core/errors.ts';
import { formatKeyFile } from '../../functions/runtime/key-file.ts';
import { openParts } from '../../functions/runtime/parts/part.ts';
import { plan } from '../../functions/runtime/parts/plan.ts';
import { sandboxes } from '../../functions/runtime/parts/sandboxes.ts';
import { sources } from '../../functions/runtime/parts/sources.ts';
import { targets } from '../../functions/runtime/parts/targets.ts';
import { vaults } from '../../functions/runtime/parts/vaults.ts';
import { work } from '../../functions/runtime/parts/work.ts';

const PLAN = `vaults: { primary: { url: "s3://acme-vault" }, office: { url: "file:///mnt/vault" } }
plans: { p: { sources: ["s3://acme/"], vault: primary } }
`;

let folder: string;
const environment = () => ({
  LAMBDA_TASK_ROOT: folder,
  HOLDFAST_WORK_BUCKET: 'acme-work',
  HOLDFAST_KEY_PARAMETER: '/holdfast/key',
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-parts-'));
  await writeFile(join(folder, 'holdfast.yml'), PLAN);
  vi.stubEnv('AWS_REGION', 'eu-west-1');
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

describe('the plan of a function', () => {
  it('is the plan file in its package', async () => {
    const { config } = await openParts([plan], environment());
    expect(Object.keys(config.plans)).toEqual(['p']);
  });

  it('is refused where it is wrong, by its line', async () => {
    await writeFile(join(folder, 'holdfast.yml'), PLAN.replace('vault: primary', 'vault: other'));
    await expect(openParts([plan], environment())).rejects.toThrow(
      /holdfast\.yml:2:\d+: plans\.p\.vault names vault "other"/,
    );
  });
});

describe('the places of a function', () => {
  it('for lists by reference is the work bucket', async () => {
    const ports = await openParts([work], environment());
    expect(ports.work.url).toBe('s3://acme-work/');
  });

  it('are opened once', async () => {
    const { openSource, openTarget } = await openParts([sources, targets], environment());
    expect((await openSource('s3://acme/')).uri).toBe('s3://acme/');
    expect(await openSource('s3://acme/')).toBe(await openSource('s3://acme/'));
    expect(await openTarget('s3://acme/')).toBe(await openTarget('s3://acme/'));
  });

  it('for a verification lie in the work bucket', async () => {
    const { openSandbox } = await openParts([sandboxes], environment());
    const sandbox = await openSandbox({ uri: 's3://acme/', plan: 'p' }, 'v');
    expect(sandbox?.target.uri).toMatch(/^s3:\/\/acme-work\/sandbox\/holdfast-sandbox-v-/);
  });

  it('are no directories, which are gone with the function', async () => {
    const ports = await openParts([sources, targets, vaults, sandboxes], environment());
    await expect(ports.openSource('file:///srv')).rejects.toThrow(InvalidInputError);
    await expect(ports.openTarget('file:///srv')).rejects.toThrow(
      'file:///srv is a directory, which a Lambda function',
    );
    await expect(ports.openVault('office')).rejects.toThrow('file:///mnt/vault is a directory');
    await expect(ports.openVault('office')).rejects.toThrow('run the plan with holdfast run');
  });

  it('for a verification are not made where they are directories', async () => {
    const place = join(folder, 'sandboxes');
    await writeFile(
      join(folder, 'holdfast.yml'),
      PLAN.replace('vault: primary', `vault: primary, verify: { sandbox: "file://${place}" }`),
    );
    const { openSandbox } = await openParts([sandboxes], environment());
    await expect(openSandbox({ uri: 'file:///srv', plan: 'p' }, 'v')).rejects.toThrow(InvalidInputError);
    expect(existsSync(place)).toBe(false);
  });
});

describe('the vaults of a function', () => {
  const s3 = mockClient(S3Client);
  const ssm = mockClient(SSMClient);
  const key = Buffer.alloc(32, 9);
  const { descriptor } = createDescriptor({
    createdAt: '2026-11-25T10:00:00.000Z',
    slots: [{ secret: { type: 'keyfile', bytes: key }, kind: 'read' }],
    randomBytes,
  });

  beforeEach(() => {
    s3.reset();
    ssm.reset();
    const bytes = serializeDescriptor(descriptor);
    s3.on(GetObjectCommand).callsFake(() => ({
      ContentLength: bytes.length,
      Body: { transformToByteArray: async () => bytes },
    }));
    ssm.on(GetParameterCommand).resolves({ Parameter: { Value: formatKeyFile(key) } });
  });

  it('are opened with the key in the function’s parameter', async () => {
    const { openVault } = await openParts([vaults], environment());
    expect((await openVault('primary')).keys.vaultId).toBe(descriptor.vaultId);
    expect(ssm.commandCalls(GetParameterCommand).map(({ args }) => args[0].input.Name)).toEqual(['/holdfast/key']);
  });

  it.each([
    ['NoSuchKey', 'vault "primary" (s3://acme-vault/) has no holdfast.json'],
    ['NoSuchBucket', 'vault "primary" (s3://acme-vault/) is not there, because its bucket does not exist'],
  ])('are named when S3 answers %s', async (code, message) => {
    s3.on(GetObjectCommand).rejects(Object.assign(new Error('said S3'), { name: code }));
    const { openVault } = await openParts([vaults], environment());
    const opening = openVault('primary');
    await expect(opening).rejects.toThrow(NotFoundError);
    await expect(opening).rejects.toThrow(message);
  });

  it('are opened at the next call when the key could not be read', async () => {
    const { openVault } = await openParts([vaults], environment());
    const throttled = Object.assign(new Error('slow down'), { name: 'ThrottlingException' });
    ssm
      .on(GetParameterCommand)
      .rejectsOnce(throttled)
      .resolves({ Parameter: { Value: formatKeyFile(key) } });
    await expect(openVault('primary')).rejects.toThrow(TransientError);
    expect((await openVault('primary')).name).toBe('primary');
  });
});
