/** Roles may do what their work needs and no more; what they may not do ends a machine within a minute, by name. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { judge } from '../emulated/judge.ts';
import { findPythonCommand } from '../emulated/services.ts';
import { type Execution, execute } from './executions.ts';
import type { Aws } from './ministack.ts';
import { type Account, asRole, catalogueOf, handOverKeys, openAccount, type Project, physicalId } from './stack.ts';

const STAGE = 'test';
const SOURCE = 's3://holdfast-refused-uploads/';
const VAULT = 'holdfast-refused-vault';
const FAR = 'holdfast-refused-far';
// The far vault's bucket is in the emulator's own region, and not where the plan says.
const PLAN = `
vaults:
  primary: { url: "s3://${VAULT}" }
  far: { url: "s3://${FAR}", region: ap-southeast-2 }
plans:
  app: { sources: ["${SOURCE}"], vault: primary }
  lost: { sources: ["${SOURCE}"], vault: far }
`;

let account: Account;
let aws: Aws;
let project: Project;
let output: (key: string) => string;
beforeAll(async () => {
  account = await openAccount({
    stage: STAGE,
    plan: PLAN,
    params: ['--param=existingVaults=far'],
    fill: async (endpoint) => {
      await judge(endpoint, 'make', 'holdfast-refused-uploads', FAR);
      await judge(endpoint, 'many', 'holdfast-refused-uploads', '5');
    },
  });
  ({ aws, project, output } = account);
  await handOverKeys(account, STAGE);
});
afterAll(() => account?.close());

let hours = 0;
/** A run of its own, which has a minute. */
async function backUp(plan = 'app'): Promise<Execution> {
  hours += 1;
  const scheduledAt = new Date(Date.UTC(2026, 0, 1, hours)).toISOString();
  return await execute(aws, output('BackupMachineArn'), { plan, kind: 'full', scheduledAt }, 60);
}

const as = (role: string): Promise<Aws> => asRole(account, STAGE, role);

it('a run succeeds with what its roles allow', async () => {
  const run = await backUp();
  expect(run, run.cause).toMatchObject({ status: 'SUCCEEDED' });
});

describe('a stolen role', () => {
  const bucket = ['--bucket', VAULT];
  const refusal = /AccessDenied|\(403\)/;
  let blob: readonly string[];
  let file: string;
  beforeAll(async () => {
    const listed = await aws('s3api', 'list-objects-v2', ...bucket, '--prefix', 'packs/');
    const [first] = z.object({ Contents: z.array(z.looseObject({ Key: z.string() })) }).parse(listed).Contents;
    blob = ['--key', first?.Key ?? ''];
    file = join(project.folder, 'forged');
    writeFileSync(file, 'forged');
  });

  it.each([
    'TakeSnapshotRole',
    'CommitSnapshotRole',
    'ReplicateRole',
    'RestoreRole',
    'VerifyRole',
    'TakeInventoryRole',
  ])('%s can neither delete nor overwrite in a vault', async (role) => {
    const thief = await as(role);
    await expect(thief('s3api', 'delete-object', ...bucket, ...blob)).rejects.toThrow(refusal);
    await expect(thief('s3api', 'put-object', ...bucket, ...blob, '--body', file)).rejects.toThrow(refusal);
  });

  it.each(['RestoreRole', 'VerifyRole'])('%s cannot write anything to a vault', async (role) => {
    const thief = await as(role);
    const put = ['s3api', 'put-object', ...bucket, '--key', `packs/by-${role}`, '--body', file];
    await expect(thief(...put)).rejects.toThrow(refusal);
    await expect(thief(...put, '--if-none-match', '*')).rejects.toThrow(refusal);
  });

  it('TakeSnapshotRole adds what is not there, which is its work, and cannot read the key that opens contents', async () => {
    const thief = await as('TakeSnapshotRole');
    await thief('s3api', 'put-object', ...bucket, '--key', 'packs/new', '--body', file, '--if-none-match', '*');
    const read = ['ssm', 'get-parameter', '--with-decryption', '--name', `/holdfast/${STAGE}/key/read`];
    await expect(thief(...read)).rejects.toThrow(refusal);
  });

  it('RecordFailureRole reads no bucket', async () => {
    const thief = await as('RecordFailureRole');
    await expect(thief('s3api', 'list-objects-v2', ...bucket)).rejects.toThrow(refusal);
    await expect(thief('s3api', 'get-object', ...bucket, ...blob, file)).rejects.toThrow(refusal);
  });
});

it('a vault in another region than the plan says is reached all the same', async () => {
  const run = await backUp('lost');
  expect(run, run.cause).toMatchObject({ status: 'SUCCEEDED' });
});

it('a command in a region without the stack says where it looked, and the mend', async () => {
  const told = await project.holdfast('--aws', 'status');
  expect(told.code, told.stderr).toBe(0);
  const lost = await project.holdfastIn('eu-west-3', '--aws', 'status');
  expect(lost.code).toBe(1);
  expect(lost.stderr).toMatch(/AWS_REGION/);
});

it('a permission that is missing fails the run within a minute, and is noted at the source', async () => {
  const role = ['--role-name', await physicalId(aws, STAGE, 'TakeInventoryRole'), '--policy-name', 'holdfast'];
  const policy = z.object({
    PolicyDocument: z.looseObject({ Statement: z.array(z.looseObject({ Action: z.unknown() })) }),
  });
  const { PolicyDocument } = policy.parse(await aws('iam', 'get-role-policy', ...role));
  const Statement = PolicyDocument.Statement.filter(({ Action }) => !JSON.stringify(Action).includes('s3:'));
  expect(Statement.length).toBeLessThan(PolicyDocument.Statement.length);
  const without = JSON.stringify({ ...PolicyDocument, Statement });
  await aws('iam', 'put-role-policy', ...role, '--policy-document', without);

  const run = await backUp();
  expect(run).toMatchObject({ status: 'FAILED', error: 'RunFailed' });
  const failures = (await catalogueOf(account))
    .map(({ record }) => z.looseObject({}).parse(record))
    .filter(({ status, error }) => status === 'failed' && error !== undefined);
  expect(failures).toMatchObject([{ sourceUri: SOURCE, error: 'AccessDeniedError', reason: expect.any(String) }]);
});

it('is judged by rules that hold', async () => {
  const python = findPythonCommand('python3');
  if (python === undefined) throw new Error('python3 is not installed');
  const cwd = join(import.meta.dirname, 'ministack');
  const tests = ['-m', 'unittest', 'iam_enforced_test', 'iam_of_services_test', 'iam_of_sources_test'];
  const { stderr } = await promisify(execFile)(python, tests, { cwd, env: { PATH: process.env.PATH } });
  expect(stderr).toMatch(/\nOK\b/);
});
