/** What is missing ends a machine within a minute, by an error with a name, and the catalogue says why. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { judge } from '../emulated/judge.ts';
import { type Execution, execute } from './executions.ts';
import type { Aws } from './ministack.ts';
import { type Account, catalogueOf, handOverKeys, openAccount, type Project } from './stack.ts';

const STAGE = 'test';
const SOURCE = 's3://holdfast-missing-uploads/';
const LOST = 's3://holdfast-missing-nowhere/';
const PLAN = `
vaults:
  primary: { url: "s3://holdfast-missing-vault" }
  gone: { url: "s3://holdfast-missing-gone" }
plans:
  app: { sources: ["${SOURCE}", "${LOST}"], vault: primary }
  other: { sources: ["s3://holdfast-missing-other/"], vault: gone }
`;
const WRITE_KEY = `/holdfast/${STAGE}/key/write`;

// One story, told in order.
let account: Account;
let aws: Aws;
let project: Project;
let output: (key: string) => string;
beforeAll(async () => {
  account = await openAccount({
    stage: STAGE,
    plan: PLAN,
    fill: async (endpoint) => {
      await judge(endpoint, 'make', 'holdfast-missing-uploads', 'holdfast-missing-other');
      await judge(endpoint, 'fill', 'holdfast-missing-uploads', '', 'missing');
    },
  });
  ({ aws, project, output } = account);
});
afterAll(() => account?.close());

const minute = (machine: string, input: object): Promise<Execution> => execute(aws, output(machine), input, 60);

let hours = 0;
/** A run of its own. */
async function backUp(plan: string): Promise<Execution> {
  hours += 1;
  const scheduledAt = new Date(Date.UTC(2026, 0, 1, hours)).toISOString();
  return await minute('BackupMachineArn', { plan, kind: 'full', scheduledAt });
}

/** What the catalogue shows of the run: by source, the error and why. */
async function failuresOf({ cause }: Execution): Promise<Record<string, string>> {
  const { runId } = z.looseObject({ runId: z.string() }).parse(JSON.parse(cause ?? ''));
  const failed = z.looseObject({
    runId: z.literal(runId),
    sourceUri: z.string(),
    error: z.string(),
    reason: z.string(),
  });
  return Object.fromEntries(
    (await catalogueOf(account)).flatMap(({ record }) => {
      const parsed = failed.safeParse(record);
      return parsed.success ? [[parsed.data.sourceUri, `${parsed.data.error}: ${parsed.data.reason}`]] : [];
    }),
  );
}

it('a vault that was never made fails the run, and is named at each source', async () => {
  const run = await backUp('app');
  expect(run).toMatchObject({ status: 'FAILED', error: 'RunFailed' });
  const said = expect.stringMatching(/^NotFoundError: vault "primary" .* has no holdfast\.json: .* holdfast init$/);
  expect(await failuresOf(run)).toEqual({ [SOURCE]: said, [LOST]: said });
  expect(run.cause).toContain('holdfast init');
});

it('a key that is not in its parameter fails the run, and the parameter is named', async () => {
  await handOverKeys(account, STAGE);
  await aws('ssm', 'delete-parameter', '--name', WRITE_KEY);
  const run = await backUp('app');
  expect(run).toMatchObject({ status: 'FAILED', error: 'RunFailed' });
  const said = expect.stringMatching(new RegExp(`^NotFoundError: the parameter ${WRITE_KEY} is not there`));
  expect(await failuresOf(run)).toEqual({ [SOURCE]: said, [LOST]: said });
  const value = `file://${project.folder}/write.key`;
  await aws('ssm', 'put-parameter', '--type', 'SecureString', '--name', WRITE_KEY, '--value', value);
});

it('a source that is not there is named, and the other one is safe', async () => {
  const run = await backUp('app');
  expect(run).toMatchObject({ status: 'FAILED', error: 'RunPartial' });
  expect(await failuresOf(run)).toEqual({
    [LOST]: expect.stringMatching(/^NotFoundError: s3:\/\/holdfast-missing-nowhere\/: .* there is no such bucket/),
  });
});

it('the command line tells that a run was partial by its exit code, and which source is not safe', async () => {
  const run = await project.holdfast('--aws', 'run', 'app');
  expect(run.code, run.stderr).toBe(3);
  expect(run.stdout + run.stderr).toContain(LOST);
});

it('a vault whose bucket was deleted fails the run, and the bucket is named', async () => {
  const bucket = ['--bucket', 'holdfast-missing-gone'];
  const { Versions } = z
    .object({ Versions: z.array(z.looseObject({ Key: z.string(), VersionId: z.string() })) })
    .parse(await aws('s3api', 'list-object-versions', ...bucket));
  for (const { Key, VersionId } of Versions)
    await aws('s3api', 'delete-object', ...bucket, '--key', Key, '--version-id', VersionId);
  await aws('s3api', 'delete-bucket', ...bucket);
  const run = await backUp('other');
  expect(run).toMatchObject({ status: 'FAILED', error: 'RunFailed' });
  expect(await failuresOf(run)).toEqual({
    's3://holdfast-missing-other/': expect.stringMatching(
      /^NotFoundError: vault "gone" \(s3:\/\/holdfast-missing-gone\/\) is not there, because its bucket does not exist/,
    ),
  });
});

it('what a person asks for and is not there is named by its machine', async () => {
  const none = '20260101T000000000Z-000000000000@primary';
  const asked = [
    [await backUp('ap'), 'InvalidInputError', 'there is no plan "ap"; holdfast.yml has app, other'],
    [await minute('VerifyMachineArn', { recoveryPointId: none }), 'NotFoundError', none],
    [await minute('RestoreMachineArn', { recoveryPointId: none, to: SOURCE }), 'NotFoundError', none],
    [await minute('RestoreMachineArn', { source: SOURCE, to: LOST }), 'NotFoundError', 'there is no such bucket'],
    [await minute('ReplicateMachineArn', { plan: 'app', to: 'gone' }), 'NotFoundError', 'its bucket does not exist'],
  ] as const;
  for (const [execution, error, said] of asked) {
    expect(execution).toMatchObject({ status: 'FAILED', error });
    expect(z.object({ errorMessage: z.string() }).parse(JSON.parse(execution.cause ?? '')).errorMessage).toContain(
      said,
    );
  }
});

it('a restore whose target turns out to be absent when it writes is recorded as failed, with the reason', async () => {
  const restored = await minute('RestoreMachineArn', { source: SOURCE, to: LOST, onConflict: 'overwrite' });
  expect(restored).toMatchObject({ status: 'FAILED', error: 'NotFoundError' });
  const ofRestore = z.looseObject({ restoreId: z.string() });
  const records = (await catalogueOf(account))
    .map(({ record }) => record)
    .filter((record) => ofRestore.safeParse(record).success);
  expect(records).toMatchObject([
    { to: LOST, status: 'failed', error: 'NotFoundError', reason: expect.stringContaining('there is no such bucket') },
  ]);
});
