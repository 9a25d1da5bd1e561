import { describe, expect, it } from 'vitest';
import { FUNCTION_NAMES, type FunctionName } from '../../functions/runtime/deploy/function-names.ts';
import { functionRoles } from '../../functions/runtime/deploy/function-roles.ts';
import { statementsOf } from './package.ts';
import { planFile } from './plans.ts';

const CONFIG = planFile(`
vaults:
  main: { url: "s3://main-vault/deep" }
  far: { url: "s3://far-vault" }
plans:
  app: { sources: ["s3://one/public/", "s3://two/"], vault: main, replicateTo: [far] }`);

const ROLES = functionRoles(CONFIG, {
  stage: 'test',
  targets: [
    { scheme: 's3', bucket: 'one', prefix: '' },
    { scheme: 's3', bucket: 'two', prefix: '' },
  ],
  passRoles: [],
});

function roleOf(name: FunctionName) {
  const pascal = name.replace(/(^|-)(\w)/g, (_, __, letter: string) => letter.toUpperCase());
  const role = ROLES[`${pascal}Role`];
  if (role === undefined) throw new Error(`${name} has no role`);
  return statementsOf(role);
}

/** What a function may do to things whose ARN begins so, sorted; conditions that bind it are in braces. */
function mayDo(name: FunctionName, ...arns: readonly string[]): readonly string[] {
  const actions = roleOf(name)
    .filter(({ on }) => on.some((resource) => arns.some((arn) => resource === arn || resource.startsWith(`${arn}/`))))
    .flatMap(({ Action, Condition }) =>
      Action.map((action) => (Condition === undefined ? action : `${action} {${Object.keys(Condition).join()}}`)),
    );
  return [...new Set(actions)].sort();
}

const MAIN = 'arn:<AWS::Partition>:s3:::main-vault';
const FAR = 'arn:<AWS::Partition>:s3:::far-vault';
const SOURCES = ['arn:<AWS::Partition>:s3:::one', 'arn:<AWS::Partition>:s3:::two'];
const WORK = '<WorkBucket.Arn>';
const READ_A_VAULT = ['s3:GetObject', 's3:ListBucket'];
/** The condition is on If-None-Match: only a new blob may be written. */
const ADD_TO_A_VAULT = [...READ_A_VAULT, 's3:PutObject {Null}'];

describe('what functions may do to a vault', () => {
  it.each<[FunctionName, readonly string[], readonly string[]]>([
    ['start-run', [], []],
    ['take-inventory', READ_A_VAULT, []],
    ['take-snapshot', ADD_TO_A_VAULT, []],
    ['commit-snapshot', ADD_TO_A_VAULT, []],
    ['replicate', READ_A_VAULT, ADD_TO_A_VAULT],
    ['verify', READ_A_VAULT, READ_A_VAULT],
    ['restore', READ_A_VAULT, READ_A_VAULT],
    ['record-failure', [], []],
    ['finish-run', [], []],
  ])('%s: the plan vault %j, the replica %j', (name, onMain, onFar) => {
    expect({ main: mayDo(name, MAIN), far: mayDo(name, FAR) }).toEqual({ main: onMain, far: onFar });
  });

  it('a write must carry If-None-Match', () => {
    const writes = roleOf('take-snapshot').filter(({ Action }) => Action.includes('s3:PutObject'));
    const onVault = writes.filter(({ on }) => on.some((resource) => resource.startsWith(MAIN)));
    expect(onVault.map(({ Condition }) => Condition)).toEqual([{ Null: { 's3:if-none-match': 'false' } }]);
  });

  it('only what lies under the vault prefix can be read', () => {
    const reads = roleOf('verify').filter(({ Action }) => Action.includes('s3:GetObject'));
    expect(reads.flatMap(({ on }) => on).filter((resource) => resource.startsWith(MAIN))).toEqual([`${MAIN}/deep/*`]);
  });
});

describe('what functions may do to a source', () => {
  const NONE: readonly FunctionName[] = [
    'start-run',
    'commit-snapshot',
    'replicate',
    'verify',
    'record-failure',
    'finish-run',
  ];
  it.each(NONE)('%s: nothing', (name) => {
    expect(mayDo(name, ...SOURCES)).toEqual([]);
  });

  it.each<FunctionName>(['take-inventory', 'take-snapshot'])('%s: read and nothing else', (name) => {
    expect(mayDo(name, ...SOURCES).filter((action) => !/^s3:(Get|List)/.test(action))).toEqual([]);
    expect(mayDo(name, ...SOURCES)).toContain('s3:GetObject');
  });

  it('only what lies under the source prefix can be read', () => {
    const reads = roleOf('take-snapshot').filter(({ Action }) => Action.includes('s3:GetObjectTagging'));
    expect(reads.flatMap(({ on }) => on)).toEqual([
      'arn:<AWS::Partition>:s3:::one/public/*',
      'arn:<AWS::Partition>:s3:::two/*',
    ]);
  });

  it('keys of KMS serve through S3 and for the sources only', () => {
    const decrypts = roleOf('take-snapshot').filter(({ Action }) => Action.includes('kms:Decrypt'));
    expect(decrypts.map(({ Action, Condition }) => [Action, Object.keys(Condition?.StringLike ?? {})])).toEqual([
      [['kms:Decrypt'], ['kms:ViaService', 'kms:EncryptionContext:aws:s3:arn']],
    ]);
  });
});

describe('the work bucket', () => {
  it.each<[FunctionName, readonly string[]]>([
    ['take-inventory', []],
    ['take-snapshot', []],
    ['commit-snapshot', ['runs/*']],
    ['verify', ['sandbox/*', 'verifications/*']],
    ['restore', ['*', 'one/*', 'two/*']],
  ])('%s deletes in %j and nowhere else', (name, folders) => {
    const deletes = roleOf(name).filter(({ Action }) => Action.includes('s3:DeleteObject'));
    const where = deletes.flatMap(({ on }) => on.map((arn) => arn.replace(/^<WorkBucket.Arn>\/|^.*:::/, '')));
    expect(where.sort()).toEqual(folders);
  });

  it.each<FunctionName>(['start-run', 'record-failure', 'finish-run'])('%s does nothing there', (name) => {
    expect(mayDo(name, WORK)).toEqual([]);
  });
});

describe('keys', () => {
  const parameters = (name: FunctionName) =>
    roleOf(name)
      .filter(({ Action }) => Action.includes('ssm:GetParameter'))
      .flatMap(({ on }) => on.map((resource) => resource.replace(/^.*:parameter/, '')));

  it.each<[FunctionName, readonly string[]]>([
    ['start-run', []],
    ['take-inventory', ['/holdfast/test/key/write']],
    ['take-snapshot', ['/holdfast/test/key/write']],
    ['commit-snapshot', ['/holdfast/test/key/write']],
    ['replicate', ['/holdfast/test/key/write']],
    ['verify', ['/holdfast/test/key/read']],
    ['restore', ['/holdfast/test/key/read']],
    ['record-failure', []],
    ['finish-run', []],
  ])('%s may have %j', (name, keys) => {
    expect(parameters(name)).toEqual(keys);
  });
});

describe('restore targets', () => {
  it('a restore writes to the targets and the work bucket, nowhere else', () => {
    const writes = roleOf('restore').filter(({ Action }) => Action.includes('s3:PutObject'));
    expect(writes.flatMap(({ on }) => on).sort()).toEqual(
      [`${WORK}/*`, `${WORK}/*`, ...SOURCES.map((source) => `${source}/*`)].sort(),
    );
  });
});

describe('characters that mean something in a policy', () => {
  it('stand for themselves', () => {
    const odd = planFile(`
vaults: { main: { url: "s3://main-vault" } }
plans: { app: { sources: ["s3://one/a*b?c$d/"], vault: main } }`);
    const role = functionRoles(odd, { stage: 'test', targets: [], passRoles: [] }).TakeSnapshotRole;
    if (role === undefined) throw new Error('take-snapshot has no role');
    expect(statementsOf(role).flatMap(({ on }) => on)).toContain(`arn:<AWS::Partition>:s3:::one/a\${*}b\${?}c\${$}d/*`);
  });
});

it('every function has a role, and every role a function', () => {
  expect(Object.values(ROLES).map(({ Type }) => Type)).toEqual(FUNCTION_NAMES.map(() => 'AWS::IAM::Role'));
  for (const name of FUNCTION_NAMES) expect(roleOf(name).length).toBeGreaterThan(0);
});
