import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { judge } from '../emulated/judge.ts';
import { type Execution, endedExecutions, eventually, execute } from './executions.ts';
import type { Aws } from './ministack.ts';
import { type Account, catalogueOf, handOverKeys, openAccount, type Project } from './stack.ts';
import { alarmsSeen, drain, makeQueue, metricKey, metricsInLogs, putDatapoint } from './watching.ts';

// One story, told in order: each test is a chapter and needs those before it.
const STAGE = 'test';
// All metrics, so that each alarm finds the one that it watches.
const PARAMS = ['--param=metrics=all'];
const UPLOADS = 'holdfast-deployed-uploads';
const SOURCE = `s3://${UPLOADS}/public/`;

let account: Account;
let aws: Aws;
let project: Project;
let output: (key: string) => string;
beforeAll(async () => {
  account = await openAccount({
    stage: STAGE,
    plan: readFileSync(join(import.meta.dirname, 'holdfast.yml'), 'utf8'),
    params: PARAMS,
    fill: async (endpoint) => {
      await judge(endpoint, 'make', UPLOADS, 'holdfast-deployed-exports', 'holdfast-deployed-records');
      await judge(endpoint, 'fill', UPLOADS, 'public/', 'deployed');
    },
  });
  ({ aws, project, output } = account);
});
afterAll(() => account?.close());

const dump = async (bucket: string, prefix: string): Promise<Record<string, unknown>> =>
  JSON.parse(await judge(account.endpoint, 'dump', bucket, prefix));

const runOutput = z.looseObject({
  runId: z.string(),
  status: z.string(),
  recoveryPoints: z.array(z.string()),
  failed: z.number(),
});
const outputOf = (execution: Execution) => runOutput.parse(JSON.parse(execution.output ?? 'null'));

/** The scheduled runs so far that ended well. */
async function goodRuns(): Promise<readonly Execution[]> {
  const ended = await endedExecutions(aws, output('BackupMachineArn'));
  return ended.filter((one) => one.status === 'SUCCEEDED' && outputOf(one).status === 'succeeded');
}

const pointSchema = z.looseObject({ recoveryPointId: z.string(), sourceUri: z.string(), vault: z.string() });

/** The newest recovery point of a source in a vault. */
async function newestPoint(vault: string, source = SOURCE): Promise<string> {
  const points = (await catalogueOf(account))
    .filter(({ sk }) => sk.startsWith('POINT#'))
    .map(({ record }) => pointSchema.parse(record))
    .filter((point) => point.sourceUri === source && point.vault === vault);
  const newest = points
    .map((point) => point.recoveryPointId)
    .sort()
    .at(-1);
  if (newest === undefined) throw new Error(`${source} has no recovery point in ${vault}`);
  return newest;
}

async function stopSchedules(): Promise<void> {
  const { Schedules } = z
    .object({ Schedules: z.array(z.looseObject({ Name: z.string() })) })
    .parse(await aws('scheduler', 'list-schedules'));
  for (const { Name } of Schedules) {
    const schedule = z.looseObject({}).parse(await aws('scheduler', 'get-schedule', '--name', Name));
    const { Arn: _arn, CreationDate: _created, LastModificationDate: _modified, ...settings } = schedule;
    const update = JSON.stringify({ ...settings, State: 'DISABLED' });
    await aws('scheduler', 'update-schedule', '--cli-input-json', update);
  }
  await eventually('the last scheduled run is over', 120, async () => {
    const args = ['--state-machine-arn', output('BackupMachineArn'), '--status-filter', 'RUNNING'];
    const running = z.looseObject({ executions: z.array(z.unknown()) });
    const { executions } = running.parse(await aws('stepfunctions', 'list-executions', ...args));
    return executions.length === 0 ? true : undefined;
  });
}

/** Flips a bit in the middle of a pack, as a disk or a thief would: by no means of Holdfast's. */
async function damageLargestPack(): Promise<void> {
  const objects = z.object({ Contents: z.array(z.looseObject({ Key: z.string(), Size: z.number() })) });
  const bucket = ['--bucket', 'holdfast-deployed-vault'];
  const { Contents } = objects.parse(await aws('s3api', 'list-objects-v2', ...bucket, '--prefix', 'packs/'));
  const [largest] = Contents.sort((one, other) => other.Size - one.Size);
  if (largest === undefined) throw new Error('the vault has no pack');
  const file = join(project.folder, 'pack');
  await aws('s3api', 'get-object', ...bucket, '--key', largest.Key, file);
  const bytes = readFileSync(file);
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
  writeFileSync(file, bytes);
  await aws('s3api', 'put-object', ...bucket, '--key', largest.Key, '--body', file);
}

/** When the stack was last changed, and what it consists of. */
async function stackDescribed(): Promise<unknown> {
  const stack = ['--stack-name', `holdfast-${STAGE}`];
  return [
    await aws('cloudformation', 'describe-stacks', ...stack),
    await aws('cloudformation', 'describe-stack-resources', ...stack),
  ];
}

it('is deployed by serverless deploy, and nothing of it is left out', async () => {
  const { StackResources } = z
    .object({ StackResources: z.array(z.looseObject({ LogicalResourceId: z.string(), ResourceStatus: z.string() })) })
    .parse(await aws('cloudformation', 'describe-stack-resources', '--stack-name', `holdfast-${STAGE}`));
  expect(StackResources.filter(({ ResourceStatus }) => !ResourceStatus.endsWith('_COMPLETE'))).toEqual([]);
  expect(StackResources.length).toBeGreaterThan(60);
});

it('backs up by its schedule, without anybody starting it', async () => {
  await handOverKeys(account, STAGE);
  const [first] = await eventually('a scheduled run succeeds', 200, async () => {
    const runs = await goodRuns();
    return runs.length > 0 ? runs : undefined;
  });
  const input = z.object({ plan: z.string(), kind: z.string(), scheduledAt: z.iso.datetime() });
  expect(input.parse(JSON.parse(first?.input ?? ''))).toMatchObject({ plan: 'web-app', kind: 'incremental' });
});

it('shows the recovery points in the catalogue table', async () => {
  const [first] = await goodRuns();
  if (first === undefined) throw new Error('no run succeeded');
  const points = outputOf(first).recoveryPoints;
  // Two sources, in the vault and in its replica.
  expect(points).toHaveLength(4);
  const keys = (await catalogueOf(account)).map(({ sk }) => sk);
  for (const id of points) expect(keys).toContain(`POINT#${id}`);
});

it('restores what was overwritten, deleted and added since, by starting the machine', async () => {
  // No run may back up what is changed here before it is restored: it would be the newest state there is.
  await stopSchedules();
  const before = await dump(UPLOADS, 'public/');
  const recoveryPointId = await newestPoint('primary');
  await judge(account.endpoint, 'change', UPLOADS, 'public/');
  expect(await dump(UPLOADS, 'public/')).not.toEqual(before);

  const restored = await execute(aws, output('RestoreMachineArn'), { recoveryPointId, to: SOURCE, exact: true });
  expect(restored, restored.cause).toMatchObject({ status: 'SUCCEEDED' });
  expect(JSON.parse(restored.output ?? '')).toMatchObject({ status: 'succeeded', failed: 0, problems: [] });
  expect(await dump(UPLOADS, 'public/')).toEqual(before);
});

it('fails a verification when a pack in the vault is damaged, and tells it on the bus', async () => {
  const recoveryPointId = await newestPoint('primary');
  const queue = await makeQueue(aws, 'told');
  const bus = output('EventBusName');
  const pattern = JSON.stringify({ source: ['holdfast'] });
  await aws('events', 'put-rule', '--event-bus-name', bus, '--name', 'told', '--event-pattern', pattern);
  await aws(
    'events',
    'put-targets',
    '--event-bus-name',
    bus,
    '--rule',
    'told',
    '--targets',
    `Id=told,Arn=${queue.arn}`,
  );
  await damageLargestPack();

  const verified = await execute(aws, output('VerifyMachineArn'), { recoveryPointId, level: 'data' });
  expect(verified, verified.output).toMatchObject({ status: 'FAILED', error: 'VerificationFailed' });

  const event = z.looseObject({ source: z.literal('holdfast'), 'detail-type': z.string(), detail: z.looseObject({}) });
  const told = await eventually('two events are on the bus', 30, async () => {
    const events = (await drain(aws, queue)).map((body) => event.parse(body));
    return events.length > 0 ? events : undefined;
  });
  expect(told.map((one) => one['detail-type']).sort()).toEqual(['Recovery Point Damaged', 'Verification Failed']);
  for (const { detail } of told) expect(detail).toMatchObject({ recoveryPointId });
});

it('puts the failure into a metric that an alarm watches, and the alarm reaches its topic', async () => {
  const failures = (await metricsInLogs(aws, `holdfast-${STAGE}`)).filter(
    ({ name, value }) => name === 'VerificationFailed' && value > 0,
  );
  expect(failures).toHaveLength(1);
  const [failure] = failures;
  if (failure === undefined) throw new Error('no failure');
  const queue = await makeQueue(aws, 'alarmed');
  await aws(
    ...['sns', 'subscribe', '--topic-arn', output('AlarmTopicArn'), '--protocol', 'sqs'],
    ...['--notification-endpoint', queue.arn],
  );
  await putDatapoint(aws, failure);

  const alarms = await alarmsSeen(aws, `holdfast-${STAGE}`);
  const raised = alarms.filter((alarm) => alarm.state === 'ALARM');
  expect(raised.map((alarm) => metricKey(alarm.metric))).toContain(metricKey(failure));
  const messages = (await drain(aws, queue)).map((body) => z.looseObject({ Message: z.string() }).parse(body).Message);
  expect(messages.join()).toContain('verification failed');
});

it('watches nothing that no function puts', async () => {
  // What the schedule has not made happen: another plan's run, verifications in the replica, the restore of an empty source.
  const exports = 's3://holdfast-deployed-exports/';
  const records = { plan: 'records', kind: 'full', scheduledAt: '2026-01-01T00:00:00Z' };
  const done = [
    await execute(aws, output('BackupMachineArn'), records),
    await execute(aws, output('VerifyMachineArn'), { recoveryPointId: await newestPoint('replica') }),
    await execute(aws, output('VerifyMachineArn'), { recoveryPointId: await newestPoint('replica', exports) }),
    await execute(aws, output('RestoreMachineArn'), { source: exports, to: exports }),
  ];
  expect(done.map(({ status }) => status)).toEqual(Array(4).fill('SUCCEEDED'));
  const put = new Set((await metricsInLogs(aws, `holdfast-${STAGE}`)).map(metricKey));
  const watched = (await alarmsSeen(aws, `holdfast-${STAGE}`)).filter(({ metric }) => metric.namespace === 'Holdfast');
  expect(watched.length).toBeGreaterThan(10);
  expect(watched.filter(({ metric }) => !put.has(metricKey(metric))).map(({ name }) => name)).toEqual([]);
});

it('hears silence: the alarms on the RPO take missing data as a breach', async () => {
  const onRpo = (await alarmsSeen(aws, `holdfast-${STAGE}`)).filter(({ name }) => name.includes('within the RPO'));
  expect(onRpo).toHaveLength(2);
  for (const alarm of onRpo) expect(alarm).toMatchObject({ missing: 'breaching', actions: [output('AlarmTopicArn')] });
});

it('is driven from the command line with --aws, and ends with the exit code of what it did', async () => {
  const records = 's3://holdfast-deployed-records/';
  const good = await newestPoint('replica', records);
  const commands = [
    [0, 'run', 'records'],
    [0, 'verify', good, '--level', 'check'],
    [0, 'restore', records, '--to', records, '--exact'],
    [0, 'list', records],
    // The uploads' pack in the primary vault is damaged.
    [1, 'verify', await newestPoint('primary'), '--level', 'data'],
    [2, 'run', 'record'],
  ] as const;
  for (const [code, ...command] of commands) {
    const ended = await project.holdfast('--aws', ...command);
    expect(ended.code, `${command.join(' ')}: ${ended.stderr}`).toBe(code);
  }
  const status = await project.holdfast('--aws', '--json', 'status');
  const known = z.object({ sources: z.array(z.looseObject({ source: z.string() })) });
  expect(known.parse(JSON.parse(status.stdout)).sources).toHaveLength(3);
});

it('changes nothing when it is deployed a second time', async () => {
  const before = await stackDescribed();
  const again = await project.serverless('deploy', '--stage', STAGE, ...PARAMS);
  expect(again.code, again.stderr).toBe(0);
  expect(again.stderr).toContain('No changes to deploy');
  expect(await stackDescribed()).toEqual(before);
});

it('keeps vaults and catalogue when it is removed, and can be restored from without it', async () => {
  const table = output('CatalogueTableName');
  const blobs = await dump('holdfast-deployed-vault', '');
  const state = await dump(UPLOADS, 'public/');
  const removed = await project.serverless('remove', '--stage', STAGE);
  expect(removed.code, removed.stderr).toBe(0);
  await expect(stackDescribed()).rejects.toThrow('does not exist');
  expect(await aws('stepfunctions', 'list-state-machines')).toMatchObject({ stateMachines: [] });
  expect(await dump('holdfast-deployed-vault', '')).toEqual(blobs);
  expect(await aws('dynamodb', 'describe-table', '--table-name', table)).toMatchObject({
    Table: { DeletionProtectionEnabled: true },
  });

  // The replica has an undamaged copy.
  await judge(account.endpoint, 'make', 'holdfast-deployed-target');
  for (const args of [
    ['catalogue', 'rebuild'],
    ['restore', SOURCE, '--vault', 'replica', '--to', 's3://holdfast-deployed-target/'],
  ]) {
    const done = await project.holdfast(...args);
    expect(done.code, done.stderr).toBe(0);
  }
  expect(await dump('holdfast-deployed-target', '')).toEqual(state);
});
