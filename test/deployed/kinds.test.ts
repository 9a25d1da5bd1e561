/** A plan with a source of each kind, under the roles that are derived from it; what comes of it is judged from outside. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { type RecoveryPoint, recoveryPointSchema } from '../../functions/core/catalogue-records.ts';
import { runJudge } from '../emulated/judge.ts';
import { type Execution, execute } from './executions.ts';
import type { Aws } from './ministack.ts';
import { type Account, catalogueOf, handOverKeys, openAccount, physicalId } from './stack.ts';
import { drain, makeQueue, type Queue } from './watching.ts';

// One story, told in order: each test is a chapter and needs those before it.
const STAGE = 'kinds';
const TABLE = 'shop-orders';
const COPY = 'shop-orders-copy';
const PLANTED = 'p1anted-va1ue';
const WORKER = 'arn:aws:iam::000000000000:role/shop-worker';
const VAULT = 'holdfast-kinds-vault';
const SOURCES = [
  `dynamodb://${TABLE}`,
  'lambda://shop-*',
  's3://holdfast-kinds-uploads/',
  'secretsmanager://shop/',
  'ssm:///shop/',
] as const;
const PLAN = `
vaults:
  primary: { url: "s3://${VAULT}" }
plans:
  shop: { sources: [${SOURCES.map((uri) => `"${uri}"`).join(', ')}], vault: primary, verify: { level: restore } }
  archive: { sources: [{ uri: "dynamodb://shop-archive", engine: export }], vault: primary, verify: { level: restore } }
`;

let account: Account;
let aws: Aws;
let output: (key: string) => string;
let told: Queue;
const kinds = (...args: readonly string[]) => runJudge(join(import.meta.dirname, 'kinds.py'), account.endpoint, args);

const dumped = z.record(z.string(), z.unknown());
const dump = async (table = TABLE) => dumped.parse(JSON.parse(await kinds('dump', table)));

beforeAll(async () => {
  account = await openAccount({
    stage: STAGE,
    plan: PLAN,
    params: [`--param=restoreTargets=${[...SOURCES, `dynamodb://${COPY}`].join(',')}`, `--param=passRoles=${WORKER}`],
    fill: async (endpoint) => {
      await runJudge(join(import.meta.dirname, 'kinds.py'), endpoint, ['make']);
    },
  });
  ({ aws, output } = account);
  await handOverKeys(account, STAGE);
  told = await makeQueue(aws, 'told');
  const bus = ['--event-bus-name', output('EventBusName'), '--rule', 'told'];
  const pattern = JSON.stringify({ source: ['holdfast'] });
  await aws('events', 'put-rule', ...bus.slice(0, 2), '--name', 'told', '--event-pattern', pattern);
  await aws('events', 'put-targets', ...bus, '--targets', `Id=told,Arn=${told.arn}`);
});
afterAll(() => account?.close());

const runOf = (plan: 'shop' | 'archive', kind: 'full' | 'incremental'): Promise<Execution> =>
  execute(aws, output('BackupMachineArn'), { plan, kind, scheduledAt: '2026-01-01T00:00:00Z' }, 200);

/** The recovery points that a run made, by source. */
async function pointsOf(run: Execution): Promise<readonly RecoveryPoint[]> {
  expect(run, run.cause).toMatchObject({ status: 'SUCCEEDED' });
  expect(JSON.parse(run.output ?? '')).toMatchObject({ status: 'succeeded', failed: 0 });
  return (await catalogueOf(account))
    .filter(({ sk }) => sk.startsWith('POINT#'))
    .map(({ record }) => recoveryPointSchema.parse(record))
    .filter((point) => run.output?.includes(point.recoveryPointId))
    .sort((one, other) => (one.sourceUri < other.sourceUri ? -1 : 1));
}

const proven = (sourceUri: string) => ({
  sourceUri,
  status: 'available',
  // A function has no sandbox: what is proven of it is its data.
  verified: { outcome: 'verified', level: sourceUri.startsWith('lambda:') ? 'data' : 'restore' },
});

let before: Record<string, unknown>;
/** Goes on while the others are at work. */
let exporting: Promise<Execution>;

it('backs up a source of each kind, and proves every one by a restore', async () => {
  exporting = runOf('archive', 'full');
  const points = await pointsOf(await runOf('shop', 'full'));
  expect(points).toMatchObject(SOURCES.map((uri) => ({ ...proven(uri), kind: 'full' })));
  expect(points.map(({ counts }) => [counts.entries, counts.unprotected])).toEqual(
    [200, 1, 5, 2, 3].map((entries) => [entries, 0]),
  );
});

it('backs up what has changed since, and proves the whole again', async () => {
  await kinds('change');
  before = await dump();
  const points = await pointsOf(await runOf('shop', 'incremental'));
  expect(points).toMatchObject(SOURCES.map((uri) => ({ ...proven(uri), kind: 'incremental' })));
  expect(points.map(({ counts: { added, changed, removed } }) => [added, changed, removed])).toEqual([
    [2, 1, 1],
    [0, 1, 0],
    [0, 1, 0],
    [0, 1, 0],
    [1, 1, 0],
  ]);
});

const restored = z.looseObject({ status: z.string(), failed: z.number(), problems: z.array(z.string()) });

async function restore(source: string, to: string) {
  const input = { source, to, exact: true, settings: true };
  const execution = await execute(aws, output('RestoreMachineArn'), input, 200);
  expect(execution, `${source}: ${execution.cause}`).toMatchObject({ status: 'SUCCEEDED' });
  return restored.parse(JSON.parse(execution.output ?? ''));
}

it('restores a table under another name, with its items and all that it is', async () => {
  await kinds('wreck');
  const report = await restore(`dynamodb://${TABLE}`, `dynamodb://${COPY}`);
  expect(report).toMatchObject({ status: 'succeeded', failed: 0, problems: [] });
  expect((await dump(COPY)).table).toEqual(before.table);
});

it('restores everything in place, as it was', async () => {
  expect(await dump()).not.toEqual(before);
  const reports = await Promise.all(SOURCES.map((uri) => restore(uri, uri)));
  for (const [at, uri] of SOURCES.entries())
    expect(reports[at], uri).toMatchObject({ status: 'succeeded', failed: 0, problems: [] });
  const after = await dump();
  for (const part of Object.keys(before)) expect(after[part], part).toEqual(before[part]);
});

/** What comes of each act in kinds.py when a role tries it; every act unless some are named. */
async function outcomesOf(role: string, ...acts: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const outcomes = await kinds('as', await physicalId(aws, STAGE, role), ...acts);
  return z.record(z.string(), z.string()).parse(JSON.parse(outcomes));
}

it.each([
  // It stages the table, and looks at functions for images that cannot be copied.
  ['TakeInventoryRole', ['scan the table', 'read the function']],
  ['TakeSnapshotRole', ['read a parameter', 'read a secret', 'read the function']],
  ['CommitSnapshotRole', []],
  ['ReplicateRole', []],
  ['VerifyRole', []],
  ['RecordFailureRole', []],
])('a stolen %s can do no more to the sources than %j', async (role, can) => {
  const outcomes = await outcomesOf(role);
  const allowed = Object.keys(outcomes).filter((act) => outcomes[act] === 'allowed');
  expect(allowed).toEqual(can);
  expect(Object.keys(outcomes).length).toBeGreaterThan(15);
  for (const [act, code] of Object.entries(outcomes))
    if (code !== 'allowed') expect(code, act).toMatch(/^AccessDenied/);
});

it('a stolen RestoreRole drops no table, reads nothing beside its targets, and passes no role but the one that it may', async () => {
  const cannot = ['delete the table', 'scan the catalogue', 'read a parameter of others', 'pass another role'];
  const outcomes = await outcomesOf('RestoreRole', ...cannot, 'pass its role');
  for (const act of cannot) expect(outcomes[act], act).toMatch(/^AccessDenied/);
  expect(outcomes['pass its role']).toBe('allowed');
});

it('waits for a table that DynamoDB exports, and proves it too', async () => {
  const run = await exporting;
  expect(await pointsOf(run)).toMatchObject([{ ...proven('dynamodb://shop-archive'), counts: { entries: 50 } }]);
  // The first look is half a minute after the export is asked for.
  expect((run.stopDate ?? 0) - run.startDate).toBeGreaterThanOrEqual(30);
});

it('leaves nothing behind of what it staged and of what it restored to prove it', async () => {
  const lists = [
    aws('dynamodb', 'list-tables'),
    aws('ssm', 'describe-parameters'),
    aws('secretsmanager', 'list-secrets', '--include-planned-deletion'),
  ];
  const listed = JSON.stringify(await Promise.all(lists));
  expect(listed).toContain(TABLE);
  expect(listed).not.toContain('holdfast-sandbox');
  const objects = z.looseObject({ Contents: z.array(z.looseObject({ Key: z.string() })).default([]) });
  const { Contents } = objects.parse(await aws('s3api', 'list-objects-v2', '--bucket', output('WorkBucketName')));
  const keys = Contents.map(({ Key }) => Key);
  expect(keys.filter((key) => /\/staged\/|^sandbox\//.test(key))).toEqual([]);
});

/** The planted text as it is, and what base64 makes of it wherever in a value it stands. */
const PLANTED_TEXTS = [
  PLANTED,
  ...[0, 1, 2].map((at) =>
    Buffer.from(`${' '.repeat(at)}${PLANTED}`)
      .toString('base64')
      .slice(at === 0 ? 0 : 4, -4),
  ),
];

it('tells no value of a source to anybody', async () => {
  const names = [`holdfast-${STAGE}`, output('CatalogueTableName'), VAULT, output('WorkBucketName')];
  const texts = z.array(z.string());
  const seen = z
    .object({ logs: texts, executions: texts, catalogue: texts, keys: texts, inClear: texts })
    .parse(JSON.parse(await kinds('told', ...names)));
  const events = (await drain(aws, told)).map((body) => JSON.stringify(body));
  const { inClear, ...all } = { ...seen, events };
  for (const [where, found] of Object.entries(all)) {
    // So that it is known to have been looked at.
    expect(found.join(), where).toMatch(where === 'keys' ? /manifests\// : /ssm:\/\/\/shop\//);
    expect(
      found.filter((text) => PLANTED_TEXTS.some((planted) => text.includes(planted))),
      where,
    ).toEqual([]);
  }
  expect(inClear).toEqual([]);
});
