/** What the code asks AWS for, against what the roles allow: found in the sources, so that a new request without a grant fails here. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FUNCTION_NAMES, type FunctionName, pascalCase } from '../../functions/runtime/deploy/function-names.ts';
import { functionRoles } from '../../functions/runtime/deploy/function-roles.ts';
import { allStatementsOf, ROOT } from './package.ts';
import { planFile } from './plans.ts';

const ROLES = functionRoles(
  planFile(`
vaults: { main: { url: "s3://main-vault" }, far: { url: "s3://far-vault" } }
plans: { app: { sources: ["s3://the-source/"], vault: main, replicateTo: [far] } }`),
  { stage: 'test', targets: [{ scheme: 's3', bucket: 'the-target', prefix: '' }], passRoles: [] },
);

function actionsOf(name: FunctionName, on?: string): ReadonlySet<string> {
  const statements = allStatementsOf(ROLES, `${pascalCase(name)}Role`).filter(
    (statement) => on === undefined || statement.on.some((arn) => arn.includes(on)),
  );
  return new Set(statements.flatMap(({ Action }) => Action));
}

/** Names of the commands that the files of a folder send, `s3:`-like prefix aside. */
function commandsIn(folder: string, files: RegExp): readonly string[] {
  const path = join(ROOT, 'functions', folder);
  const texts = readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((file) => files.test(file) && file.endsWith('.ts'))
    .map((file) => readFileSync(join(path, file), 'utf8'));
  const commands = texts.flatMap((text) => [...text.matchAll(/new (\w+)Command\(/g)].map((match) => match[1] ?? ''));
  return [...new Set(commands)].sort();
}

/** Where IAM's action is not the request's own name (Service Authorization Reference, "Actions for Amazon S3"). */
const S3_ACTIONS: Readonly<Record<string, readonly string[]>> = {
  HeadObject: ['GetObject'],
  HeadBucket: ['ListBucket'],
  ListObjectsV2: ['ListBucket'],
  CreateMultipartUpload: ['PutObject'],
  UploadPart: ['PutObject'],
  CompleteMultipartUpload: ['PutObject'],
  GetBucketAccelerateConfiguration: ['GetAccelerateConfiguration'],
  GetBucketCors: ['GetBucketCORS'],
  GetBucketEncryption: ['GetEncryptionConfiguration'],
  GetBucketLifecycleConfiguration: ['GetLifecycleConfiguration'],
  GetBucketNotificationConfiguration: ['GetBucketNotification'],
  GetBucketReplication: ['GetReplicationConfiguration'],
  GetObjectLockConfiguration: ['GetBucketObjectLockConfiguration'],
  GetPublicAccessBlock: ['GetBucketPublicAccessBlock'],
  // With a version id the request asks for the version's own action.
  GetObject: ['GetObject', 'GetObjectVersion'],
  GetObjectAcl: ['GetObjectAcl', 'GetObjectVersionAcl'],
  GetObjectTagging: ['GetObjectTagging', 'GetObjectVersionTagging'],
  PutBucketAccelerateConfiguration: ['PutAccelerateConfiguration'],
  PutBucketCors: ['PutBucketCORS'],
  PutBucketEncryption: ['PutEncryptionConfiguration'],
  PutBucketLifecycleConfiguration: ['PutLifecycleConfiguration'],
  PutBucketNotificationConfiguration: ['PutBucketNotification'],
  PutBucketReplication: ['PutReplicationConfiguration'],
  PutObjectLockConfiguration: ['PutBucketObjectLockConfiguration'],
  PutPublicAccessBlock: ['PutBucketPublicAccessBlock'],
  // Tags, ACLs and locks in the headers of a write ask for actions of their own.
  PutObject: ['PutObject', 'PutObjectTagging', 'PutObjectAcl', 'PutObjectRetention', 'PutObjectLegalHold'],
};

const actionsFor = (command: string): readonly string[] =>
  (S3_ACTIONS[command] ?? [command]).map((action) => `s3:${action}`);

describe('a source in S3', () => {
  const commands = commandsIn('sources', /^s3/);
  const reads = commands.filter((command) => /^(Get|Head|List)/.test(command));
  const writes = commands.filter((command) => !/^(Get|Head|List)/.test(command));
  // Setting a bucket's replication takes a role to be passed (iam:PassRole); a restore says that it was not set.
  const refused = ['PutBucketReplication'];

  it('is read and written with requests that this test found', () => {
    expect(reads).toEqual(expect.arrayContaining(['GetObject', 'ListObjectsV2', 'GetBucketPolicy']));
    expect(writes).toEqual(expect.arrayContaining(['PutObject', 'DeleteObject', 'PutBucketPolicy']));
  });

  it.each(reads)('take-inventory may %s', (command) => {
    const allowed = actionsOf('take-inventory', 'the-source');
    expect(actionsFor(command).filter((action) => !allowed.has(action))).toEqual([]);
  });

  it.each(
    reads.filter(
      (command) => /Object(s|Acl|Tagging|V2)?|OwnershipControls/.test(command) && !/Lock|Retention|Legal/.test(command),
    ),
  )('take-snapshot may %s', (command) => {
    const allowed = actionsOf('take-snapshot', 'the-source');
    expect(actionsFor(command).filter((action) => !allowed.has(action))).toEqual([]);
  });

  it.each(writes.filter((command) => !refused.includes(command)))('restore may %s', (command) => {
    const allowed = actionsOf('restore', 'the-target');
    expect(actionsFor(command).filter((action) => !allowed.has(action))).toEqual([]);
  });

  it.each(writes.filter((command) => !/Bucket|PublicAccess|LockConfiguration/.test(command)))(
    'verify may %s in the sandbox',
    (command) => {
      const allowed = actionsOf('verify', '/sandbox/');
      expect(actionsFor(command).filter((action) => !allowed.has(action))).toEqual([]);
    },
  );

  it('shows an object its retention and legal hold, which S3 else leaves out without a word', () => {
    const allowed = actionsOf('take-snapshot', 'the-source');
    expect([...allowed]).toEqual(expect.arrayContaining(['s3:GetObjectRetention', 's3:GetObjectLegalHold']));
  });
});

describe('the catalogue', () => {
  const commands = commandsIn('catalogue', /\.ts$/);

  it('is asked with requests that this test found', () => {
    expect(commands).toEqual(expect.arrayContaining(['GetItem', 'PutItem', 'Query']));
  });

  it.each(FUNCTION_NAMES)('%s may all of them, and no others', (name) => {
    const allowed = [...actionsOf(name, 'CatalogueTable')];
    expect(allowed.sort()).toEqual(commands.map((command) => `dynamodb:${command}`).sort());
  });
});

/** The ports that an operation names in its file: it can use no others. */
function portsOf(name: string): ReadonlySet<string> {
  const text = readFileSync(join(ROOT, 'functions/operations', `${name}.ts`), 'utf8');
  const lists = [...text.matchAll(/Pick<\s*Ports,([^>]+)>/g)].map((match) => match[1] ?? '');
  return new Set(lists.flatMap((list) => [...list.matchAll(/'(\w+)'/g)].map((match) => match[1] ?? '')));
}

const uses = (name: string, ...ports: readonly string[]): boolean => ports.some((port) => portsOf(name).has(port));

describe('an operation', () => {
  it.each(FUNCTION_NAMES)('%s is what its function does, and names its ports', (name) => {
    const handler = readFileSync(join(ROOT, 'functions', `${name}.ts`), 'utf8');
    expect(handler).toContain(`'./operations/${name}.ts'`);
    expect(portsOf(name).size).toBeGreaterThan(0);
  });

  it.each(FUNCTION_NAMES)('%s may publish events exactly when it can', (name) => {
    expect(actionsOf(name).has('events:PutEvents')).toBe(uses(name, 'events'));
  });

  it.each(FUNCTION_NAMES)('%s may read a key exactly when it opens a vault', (name) => {
    expect(actionsOf(name).has('ssm:GetParameter')).toBe(uses(name, 'openVault'));
  });

  it.each(FUNCTION_NAMES)('%s may look into a vault exactly when it opens one', (name) => {
    expect(actionsOf(name, 'main-vault').has('s3:GetObject')).toBe(uses(name, 'openVault'));
  });

  it.each(FUNCTION_NAMES)('%s may read the sources exactly when it opens them', (name) => {
    expect(actionsOf(name, 'the-source').has('s3:GetObject')).toBe(uses(name, 'openSource'));
  });

  it.each(FUNCTION_NAMES)('%s may write to the targets exactly when it opens them', (name) => {
    expect(actionsOf(name, 'the-target').has('s3:PutObject')).toBe(uses(name, 'openTarget'));
  });

  it.each(FUNCTION_NAMES)('%s may use the work bucket exactly when it has the work place or a sandbox', (name) => {
    expect(actionsOf(name, 'WorkBucket').size > 0).toBe(uses(name, 'work', 'openSandbox'));
  });
});
