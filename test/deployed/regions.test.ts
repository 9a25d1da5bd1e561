import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { judge } from '../emulated/judge.ts';
import type { Emulator } from '../emulated/services.ts';
import { execute } from './executions.ts';
import { type Aws, awsCli, startMinistack } from './ministack.ts';
import { type Ended, handOverKeys, openProject, outputsOf, type Project } from './stack.ts';

// One story, told in order: each test is a chapter and needs those before it. The main stack is in the emulator's own region.
const STAGE = 'regions';
const FAR = 'eu-west-1';
const UPLOADS = 'holdfast-regions-uploads';
const SOURCE = `s3://${UPLOADS}/public/`;
const VAULTS = `
vaults:
  near: { url: "s3://holdfast-regions-near" }
  far: { url: "s3://holdfast-regions-far/vault", region: ${FAR} }
plans:`;
const APP = `
  app: { sources: ["${SOURCE}"], vault: near, replicateTo: [far] }`;
const OTHER = `
  other: { sources: ["s3://holdfast-regions-records/"], vault: near }
`;

let ministack: Emulator;
let near: Aws;
let far: Aws;
let project: Project;
beforeAll(async () => {
  ministack = await startMinistack();
  near = awsCli(ministack.endpoint);
  far = awsCli(ministack.endpoint, { AWS_REGION: FAR, AWS_DEFAULT_REGION: FAR });
  project = openProject(ministack.endpoint, `${VAULTS}${APP}${OTHER}`);
  await judge(ministack.endpoint, 'make', UPLOADS, 'holdfast-regions-records');
  await judge(ministack.endpoint, 'fill', UPLOADS, 'public/', 'regions');
  await deploy();
});
afterAll(async () => {
  project?.remove();
  await ministack?.stop();
});

async function deploy(stage = STAGE): Promise<Ended> {
  const deployed = await project.serverless('deploy', '--stage', stage);
  expect(deployed.code, deployed.stderr).toBe(0);
  return deployed;
}

/** Names of the stacks that stand, and when they were last changed. */
async function stacksIn(aws: Aws): Promise<Readonly<Record<string, unknown>>> {
  const { Stacks } = z
    .object({ Stacks: z.array(z.looseObject({ StackName: z.string() })) })
    .parse(await aws('cloudformation', 'describe-stacks'));
  return Object.fromEntries(Stacks.map(({ StackName, ...more }) => [StackName, more]));
}

let points: readonly string[];
const output = z.looseObject({ status: z.string(), recoveryPoints: z.array(z.string()) });

it('makes a bucket in every region that the plan file names', async () => {
  expect(Object.keys(await stacksIn(near))).toEqual([`holdfast-${STAGE}`]);
  expect(Object.keys(await stacksIn(far))).toEqual([`holdfast-${STAGE}-vaults`]);
  expect(await near('s3api', 'get-bucket-location', '--bucket', 'holdfast-regions-far')).toEqual({
    LocationConstraint: FAR,
  });
  expect(await far('s3api', 'get-bucket-versioning', '--bucket', 'holdfast-regions-far')).toMatchObject({
    Status: 'Enabled',
  });
});

it('backs up into one region and replicates into the other', async () => {
  await handOverKeys({ project, aws: near }, STAGE);
  const machine = (await outputsOf(near, STAGE))('BackupMachineArn');
  const input = { plan: 'app', kind: 'full', scheduledAt: '2026-01-01T00:00:00Z' };
  const run = await execute(near, machine, input);
  expect(run, run.cause).toMatchObject({ status: 'SUCCEEDED' });
  const { status, recoveryPoints } = output.parse(JSON.parse(run.output ?? ''));
  expect(status).toBe('succeeded');
  expect(recoveryPoints.map((id) => id.split('@')[1]).sort()).toEqual(['far', 'near']);
  points = recoveryPoints;
});

it('changes nothing in any region when it is deployed a second time', async () => {
  const before = [await stacksIn(near), await stacksIn(far)];
  const again = await deploy();
  expect(again.stderr).toContain(`stack holdfast-${STAGE}-vaults in ${FAR}: unchanged`);
  expect(again.stderr).toContain('No changes to deploy');
  expect([await stacksIn(near), await stacksIn(far)]).toEqual(before);
});

it('restores from the other region what belongs to a plan that is gone from the file', async () => {
  project.writePlan(`${VAULTS}${OTHER}`);
  await deploy();
  const machine = (await outputsOf(near, STAGE))('RestoreMachineArn');
  const recoveryPointId = points.find((id) => id.endsWith('@far'));
  const work = (await outputsOf(near, STAGE))('WorkBucketName');
  const restored = await execute(near, machine, { recoveryPointId, to: `s3://${work}/back/` });
  expect(restored, restored.cause).toMatchObject({ status: 'SUCCEEDED' });
  expect(JSON.parse(restored.output ?? '')).toMatchObject({ status: 'succeeded', failed: 0 });

  const verified = await execute(near, (await outputsOf(near, STAGE))('VerifyMachineArn'), { recoveryPointId });
  expect(JSON.parse(verified.output ?? ''), verified.cause).toMatchObject({ outcome: 'verified' });
});

it('is removed from every region, and another stage takes the buckets over', async () => {
  const removed = await project.serverless('remove', '--stage', STAGE);
  expect(removed.code, removed.stderr).toBe(0);
  expect([await stacksIn(near), await stacksIn(far)]).toEqual([{}, {}]);

  const renamed = await deploy('renamed');
  for (const [vault, bucket] of [
    ['near', 'holdfast-regions-near'],
    ['far', 'holdfast-regions-far'],
  ])
    expect(renamed.stderr).toContain(`vault "${vault}": bucket ${bucket} is there already and is used as it is`);
  expect(Object.keys(await stacksIn(near))).toEqual(['holdfast-renamed']);
  expect(await stacksIn(far)).toEqual({});
});

it('stops before it makes anything when a bucket is in another region than the plan file says', async () => {
  project.writePlan(`${VAULTS}${OTHER}`.replace(`region: ${FAR}`, 'region: ap-southeast-2'));
  const refused = await project.serverless('deploy', '--stage', 'wrong');
  expect(refused.code).not.toBe(0);
  const said = `${refused.stdout}${refused.stderr}`;
  expect(said).toContain(
    `vault "far": bucket holdfast-regions-far is in ${FAR}, not in ap-southeast-2; write region: ${FAR} for the vault in the plan file`,
  );
  expect(said).not.toMatch(/\n +at /);
  expect(Object.keys(await stacksIn(near))).toEqual(['holdfast-renamed']);
});
