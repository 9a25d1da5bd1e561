import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteTableCommand, DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DeleteSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EMPTY_SHA256, type EntryKey, keyFromText } from '../../functions/core/entry.ts';
import { TransientError } from '../../functions/core/errors.ts';
import type { Target } from '../../functions/core/ports.ts';
import { removeFromAws } from '../../functions/runtime/aws-places.ts';
import { makeSandbox, type SandboxRemoval } from '../../functions/runtime/sandboxes.ts';
import { fileSource } from '../../functions/sources/files.ts';
import { memoryTarget } from '../fakes/memory-source.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-sandbox-test-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** No sandbox of these tests needs more than its entries removed, unless it says so. */
const remove: SandboxRemoval = {
  table: (name) => Promise.reject(new Error(`table ${name} was to be removed`)),
  secret: (name) => Promise.reject(new Error(`secret ${name} was to be removed`)),
};

const pathOf = (uri: string) => uri.slice('file://'.length);
const openFolder = (uri: string) => fileSource(pathOf(uri));

const sandboxIn = async (place: string) => {
  const sandbox = await makeSandbox('file:///srv', 'v1', {
    places: [`file://${place}`],
    openTarget: openFolder,
    remove,
    suffix: '0a0b',
  });
  if (sandbox === undefined) throw new Error('there is no sandbox');
  return { sandbox, path: pathOf(sandbox.target.uri) };
};

describe('a sandbox of a directory', () => {
  it('is an empty directory that nobody else can read', async () => {
    const { path } = await sandboxIn(folder);
    expect(await readdir(path)).toEqual([]);
    expect((await stat(path)).mode & 0o777).toBe(0o700);
  });

  it('is gone with all that was restored, whatever the modes', async () => {
    const { sandbox, path } = await sandboxIn(folder);
    await mkdir(join(path, 'closed', 'inner'), { recursive: true });
    await writeFile(join(path, 'closed', 'inner', 'file'), 'x');
    await writeFile(Buffer.concat([Buffer.from(`${path}/closed/`), Buffer.from([0xff, 0xfe])]), 'not UTF-8');
    await chmod(join(path, 'closed', 'inner'), 0o000);
    await chmod(join(path, 'closed'), 0o500);
    await sandbox.dispose();
    expect(await readdir(folder)).toEqual([]);
  });

  it('leaves alone what a link in it leads to', async () => {
    const { sandbox, path } = await sandboxIn(folder);
    const outside = await mkdtemp(join(folder, 'outside-'));
    await writeFile(join(outside, 'file'), 'x');
    await symlink(outside, join(path, 'link'));
    await chmod(outside, 0o755);
    await sandbox.dispose();
    expect(await readdir(outside)).toEqual(['file']);
    expect((await stat(outside)).mode & 0o777).toBe(0o755);
  });

  it('may be gone already', async () => {
    const { sandbox, path } = await sandboxIn(folder);
    await rm(path, { recursive: true });
    await expect(sandbox.dispose()).resolves.toBeUndefined();
  });
});

describe('a sandbox in a bucket', () => {
  it('is emptied entry by entry', async () => {
    const keys = new Set(['a', 'b/c'].map(keyFromText));
    const target = {
      ...fileSource(folder),
      async *list() {
        yield [...keys].map((key) => ({ key, fingerprint: '', sizeBytes: 0 }));
      },
      remove: async (key: EntryKey) => {
        keys.delete(key);
      },
    } satisfies Target;
    const opened: string[] = [];
    const sandbox = await makeSandbox('s3://acme/', 'v1', {
      places: ['s3://acme-work/sandbox/'],
      openTarget: (uri) => {
        opened.push(uri);
        return target;
      },
      remove,
      suffix: '0a0b',
    });
    await sandbox?.dispose();
    expect(opened).toEqual(['s3://acme-work/sandbox/holdfast-sandbox-v1-0a0b/']);
    expect(keys.size).toBe(0);
  });
});

describe('a sandbox of objects that are archived or locked', () => {
  it.each([
    [{ storageClass: 'GLACIER' }, {}, ['storageClass']],
    [{ storageClass: 'DEEP_ARCHIVE', contentType: 'a/b' }, { contentType: 'a/b' }, ['storageClass']],
    [
      { objectLock: { mode: 'COMPLIANCE' }, storageClass: 'STANDARD_IA' },
      { storageClass: 'STANDARD_IA' },
      ['objectLock'],
    ],
    [{ storageClass: 'GLACIER_IR' }, { storageClass: 'GLACIER_IR' }, []],
  ])('takes over of %j only %j, so that it can be read back and removed', async (attributes, written, left) => {
    const inner = memoryTarget('s3://acme-work/sandbox/');
    const options = { places: ['s3://acme-work/sandbox/'], openTarget: () => inner, remove, suffix: '0a0b' };
    const sandbox = await makeSandbox('s3://source/', 'v1', options);
    if (sandbox === undefined) throw new Error('there is no sandbox');
    const entry = {
      key: keyFromText('k'),
      state: 'present' as const,
      fingerprint: '',
      attributes: { type: 'object', ...attributes },
    };
    const notHeld = await sandbox.target.write(
      { ...entry, sha256: EMPTY_SHA256, sizeBytes: 0, extents: [] },
      (async function* () {})(),
    );
    expect(notHeld).toEqual(left);
    expect(inner.entries.get(entry.key)?.attributes).toEqual({ type: 'object', ...written });
  });
});

const ENTRY = { state: 'present' as const, fingerprint: '', sha256: EMPTY_SHA256, sizeBytes: 0, extents: [] };

describe('a sandbox of what is in AWS and no bucket', () => {
  const options = (openTarget: (uri: string) => Target, removal = remove) => ({
    places: ['s3://acme-work/sandbox/'],
    openTarget,
    remove: removal,
    suffix: '0a0b',
  });

  it.each([
    ['dynamodb://orders', 'dynamodb://holdfast-sandbox-v1-0a0b'],
    ['ssm:///acme/prod/', 'ssm:///holdfast-sandbox/holdfast-sandbox-v1-0a0b/'],
    ['secretsmanager://acme/', 'secretsmanager://holdfast-sandbox/holdfast-sandbox-v1-0a0b/'],
  ])('of %s is %s', async (source, expected) => {
    const opened: string[] = [];
    await makeSandbox(
      source,
      'v1',
      options((uri) => {
        opened.push(uri);
        return memoryTarget(uri);
      }),
    );
    expect(opened).toEqual([expected]);
  });

  it('is none for functions, which are not made for a verification', async () => {
    expect(await makeSandbox('lambda://acme-*', 'v1', options(memoryTarget))).toBeUndefined();
  });

  it('is removed as a table, whether or not it came to be', async () => {
    const removed: string[] = [];
    const table = async (name: string) => void removed.push(name);
    const sandbox = await makeSandbox('dynamodb://orders', 'v1', options(memoryTarget, { ...remove, table }));
    await sandbox?.dispose();
    expect(removed).toEqual(['holdfast-sandbox-v1-0a0b']);
  });

  it('is removed secret by secret and at once, though none of them is listed yet', async () => {
    const removed: string[] = [];
    const secret = async (name: string) => void removed.push(name);
    const inner = memoryTarget('secretsmanager://x');
    const sandbox = await makeSandbox(
      'secretsmanager://acme/',
      'v1',
      options(() => inner, { ...remove, secret }),
    );
    for (const key of ['db/password', 'key'].map(keyFromText))
      await sandbox?.target.write({ ...ENTRY, key, attributes: { type: 'secret' } }, (async function* () {})());
    inner.entries.clear();
    await sandbox?.dispose();
    expect(removed).toEqual(['db/password', 'key'].map((key) => `holdfast-sandbox/holdfast-sandbox-v1-0a0b/${key}`));
  });

  it.each(['secretsmanager://acme/', 'ssm:///acme/'])('of %s is rid of all that can be removed', async (source) => {
    const removed: string[] = [];
    const removeOne = async (name: string) => {
      if (name.endsWith('b')) throw new TransientError('the service is failing for now');
      removed.push(name);
    };
    const inner = { ...memoryTarget(source), remove: removeOne };
    const sandbox = await makeSandbox(
      source,
      'v1',
      options(() => inner, { ...remove, secret: removeOne }),
    );
    for (const key of ['a', 'b', 'c'].map(keyFromText))
      await sandbox?.target.write({ ...ENTRY, key, attributes: {} }, (async function* () {})());
    await expect(sandbox?.dispose()).rejects.toThrow(TransientError);
    expect(removed.map((name) => name.slice(-1))).toEqual(['a', 'c']);
  });

  it.each(['dynamodb://orders', 'secretsmanager://acme/'])(
    'of %s has names that AWS is asked to delete',
    async (source) => {
      const [tables, secrets] = [mockClient(DynamoDBClient), mockClient(SecretsManagerClient)];
      tables.on(DescribeTableCommand).resolves({ Table: { TableStatus: 'ACTIVE' } });
      tables.on(DeleteTableCommand).resolves({});
      secrets.on(DeleteSecretCommand).resolves({});
      const sandbox = await makeSandbox(source, 'v1', options(memoryTarget, removeFromAws));
      await sandbox?.target.write(
        { ...ENTRY, key: keyFromText('db'), attributes: { type: 'secret' } },
        (async function* () {})(),
      );
      await sandbox?.dispose();
      const deleted = [...tables.commandCalls(DeleteTableCommand), ...secrets.commandCalls(DeleteSecretCommand)];
      expect(deleted).toHaveLength(1);
      for (const mock of [tables, secrets]) mock.restore();
    },
  );

  it.each([
    ['secretsmanager://acme/', { rotation: { days: 30 }, replicaRegions: ['us-east-1'], policy: '{}' }],
    ['ssm:///acme/', { policies: [{ Type: 'Expiration' }] }],
  ])('of %s takes nothing over that acts on the world', async (source, traps) => {
    const inner = memoryTarget(source);
    const sandbox = await makeSandbox(
      source,
      'v1',
      options(() => inner),
    );
    const key = keyFromText('k');
    const attributes = { type: 'x', description: 'kept', ...traps };
    const notHeld = await sandbox?.target.write({ ...ENTRY, key, attributes }, (async function* () {})());
    expect([...(notHeld ?? [])].sort()).toEqual(Object.keys(traps).sort());
    expect(inner.entries.get(key)?.attributes).toEqual({ type: 'x', description: 'kept' });
  });
});
