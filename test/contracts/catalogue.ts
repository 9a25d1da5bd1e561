/** What every catalogue must do, proven alike for the fake, the embedded one and every DynamoDB that is there. */
import { CreateTableCommand, DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Catalogue } from '../../functions/catalogue/catalogue.ts';
import { catalogueTableDefinition } from '../../functions/catalogue/keys.ts';
import { InvalidInputError, NotFoundError } from '../../functions/core/errors.ts';
import type { RecoveryPointId } from '../../functions/core/ids.ts';
import {
  drain,
  numbers,
  runId,
  sampleChunks,
  samplePoint,
  sampleRestore,
  sampleRun,
  sampleSourceRun,
  sampleVerification,
  sourceId,
} from '../fixtures/catalogue-samples.ts';
import { describeLeases } from './leases.ts';
import { describeRecoveryPoints, describeStates } from './recovery-points.ts';

export interface CatalogueUnderTest {
  readonly catalogue: Catalogue;
  dispose(): Promise<void>;
}

/** Makes an empty table for a catalogue and returns when it can be used. */
export async function createCatalogueTable(client: DynamoDBClient, tableName: string): Promise<void> {
  await client.send(new CreateTableCommand(catalogueTableDefinition(tableName)));
  let status: string | undefined;
  while (status !== 'ACTIVE')
    status = (await client.send(new DescribeTableCommand({ TableName: tableName }))).Table?.TableStatus;
}

/** Runs the suite; `make` gives an empty catalogue for each test. */
export function describeCatalogue(name: string, make: () => Promise<CatalogueUnderTest>): void {
  describe(name, () => {
    let made: CatalogueUnderTest;
    beforeEach(async () => {
      made = await make();
    });
    afterEach(async () => {
      await made.dispose();
    });
    const catalogue = () => made.catalogue;
    describe('leases', () => describeLeases(() => catalogue().leases));
    describe('runs', () => describeRuns(catalogue));
    describe('usage of runs', () => describeRunUsage(catalogue));
    describe('recovery points', () => describeRecoveryPoints(catalogue));
    describe('source states', () => describeStates(catalogue));
    describe('proofs', () => describeProofs(catalogue));
    describe('content index', () => describeContentIndex(catalogue));
  });
}

function describeRunUsage(catalogue: () => Catalogue): void {
  test('of a run is the sum of what was added side by side', async () => {
    const { usage } = catalogue();
    await Promise.all([
      usage.add(runId(1), { s3Writes: 3, tableReadUnits: 0.5 }),
      usage.add(runId(1), { s3Writes: 4, events: 1 }),
      usage.add(runId(1), {}),
      usage.add(runId(2), { s3Writes: 100 }),
    ]);
    expect(await usage.get(runId(1))).toEqual({ s3Writes: 7, tableReadUnits: 0.5, events: 1 });
  });

  test('of a run to which nothing was added is empty', async () => {
    expect(await catalogue().usage.get(runId(1))).toEqual({});
  });

  test('is no source of the run', async () => {
    await catalogue().runs.start(sampleRun(1));
    await catalogue().usage.add(runId(1), { s3Reads: 1 });
    expect(await catalogue().runs.listSources(runId(1))).toEqual([]);
  });
}

function describeRuns(catalogue: () => Catalogue): void {
  test('a run that is started can be read back, optional fields and all', async () => {
    const run = sampleRun(1, { finishedAt: '2026-11-25T11:00:00Z', status: 'partial', skewSeconds: 1.25 });
    expect(await catalogue().runs.start(run)).toEqual({ run, created: true });
    expect(await catalogue().runs.get(run.runId)).toEqual(run);
  });

  test('starting a known run again changes nothing and returns what is recorded', async () => {
    const first = sampleRun(1);
    await catalogue().runs.start(first);
    const again = await catalogue().runs.start({ ...first, startedAt: '2026-11-25T12:00:00.000Z' });
    expect(again).toEqual({ run: first, created: false });
    expect(await catalogue().runs.get(first.runId)).toEqual(first);
  });

  test('of several starts of one run at once exactly one creates it', async () => {
    const starts = [1, 2, 3, 4].map((second) => sampleRun(1, { startedAt: `2026-11-25T10:00:0${second}.000Z` }));
    const answers = await Promise.all(starts.map((run) => catalogue().runs.start(run)));
    const created = answers.filter((answer) => answer.created);
    expect(created).toHaveLength(1);
    for (const answer of answers) expect(answer.run).toEqual(created[0]?.run);
  });

  test('a run that is not there is a NotFoundError for get and for update', async () => {
    await expect(catalogue().runs.get(runId(9))).rejects.toBeInstanceOf(NotFoundError);
    await expect(catalogue().runs.update(sampleRun(9))).rejects.toBeInstanceOf(NotFoundError);
    await expect(catalogue().runs.get(runId(9))).rejects.toThrow(runId(9));
  });

  test('an update replaces the whole record, also where it is listed', async () => {
    const run = sampleRun(1, { skewSeconds: 3 });
    await catalogue().runs.start(run);
    const done = sampleRun(1, { status: 'succeeded', finishedAt: '2026-11-25T11:00:00.000Z' });
    await catalogue().runs.update(done);
    await catalogue().runs.update(done);
    expect(await catalogue().runs.get(run.runId)).toEqual(done);
    expect(await drain(catalogue().runs.listByPlan(run.plan))).toEqual([done]);
  });

  test('runs of a plan come newest first and without those of other plans', async () => {
    for (const n of [3, 1, 2]) await catalogue().runs.start(sampleRun(n));
    await catalogue().runs.start(sampleRun(4, { plan: 'web-app-2' }));
    await catalogue().runs.start(sampleRun(5, { plan: 'web' }));
    const listed = await drain(catalogue().runs.listByPlan('web-app'));
    expect(listed.map((run) => run.runId)).toEqual([runId(3), runId(2), runId(1)]);
  });

  test('times with and without milliseconds order by the instant', async () => {
    await catalogue().runs.start(sampleRun(1, { startedAt: '2026-11-25T10:00:00Z' }));
    await catalogue().runs.start(sampleRun(2, { startedAt: '2026-11-25T10:00:00.500Z' }));
    const listed = await drain(catalogue().runs.listByPlan('web-app'));
    expect(listed.map((run) => run.startedAt)).toEqual(['2026-11-25T10:00:00.500Z', '2026-11-25T10:00:00Z']);
  });

  test('all of 230 runs of a plan are listed, each once', async () => {
    const ids = numbers(230).map(runId);
    for (const n of numbers(230)) await catalogue().runs.start(sampleRun(n));
    const listed = await drain(catalogue().runs.listByPlan('web-app'));
    expect(listed.map((run) => run.runId)).toEqual(ids.toReversed());
  });

  test('the sources of a run are listed, each as it was last put, and no other run’s', async () => {
    const { runs } = catalogue();
    await runs.putSource(sampleSourceRun(1, 1));
    await runs.putSource(sampleSourceRun(1, 2));
    await runs.putSource(sampleSourceRun(2, 1));
    const failed = sampleSourceRun(1, 1, { status: 'failed', error: 'NotFoundError', reason: 'the bucket is gone.' });
    await runs.putSource(failed);
    await runs.putSource(failed);
    const listed = await runs.listSources(runId(1));
    expect(new Set(listed)).toEqual(new Set([failed, sampleSourceRun(1, 2)]));
    expect(listed).toHaveLength(2);
  });

  test('a run without sources has an empty list', async () => {
    await catalogue().runs.start(sampleRun(1));
    expect(await catalogue().runs.listSources(runId(1))).toEqual([]);
  });

  test('a record that is not valid is refused and leaves nothing', async () => {
    const wrong = sampleRun(1, { startedAt: '2026-11-25T10:00:00+01:00' });
    await expect(catalogue().runs.start(wrong)).rejects.toBeInstanceOf(InvalidInputError);
    await expect(catalogue().runs.get(runId(1))).rejects.toBeInstanceOf(NotFoundError);
  });
}

function describeProofs(catalogue: () => Catalogue): void {
  const id: RecoveryPointId = samplePoint(1, 1).recoveryPointId;

  test('the verifications of a recovery point come newest first, and no other point’s', async () => {
    const { proofs } = catalogue();
    const [first, second, third] = [1, 2, 3].map((n) => sampleVerification(id, n));
    if (first === undefined || second === undefined || third === undefined) throw new Error('three verifications');
    for (const verification of [second, first, third]) await proofs.recordVerification(verification);
    await proofs.recordVerification(sampleVerification(samplePoint(1, 2).recoveryPointId, 1));
    expect(await drain(proofs.listVerifications(id))).toEqual([third, second, first]);
  });

  test('a verification that is recorded twice is there once', async () => {
    await catalogue().proofs.recordVerification(sampleVerification(id, 1));
    await catalogue().proofs.recordVerification(sampleVerification(id, 1));
    expect(await drain(catalogue().proofs.listVerifications(id))).toEqual([sampleVerification(id, 1)]);
  });

  test('two verifications that end at the same instant are both kept', async () => {
    const [good, bad] = [sampleVerification(id, 1), { ...sampleVerification(id, 1), outcome: 'failed' as const }];
    await catalogue().proofs.recordVerification(good);
    await catalogue().proofs.recordVerification(bad);
    expect(new Set(await drain(catalogue().proofs.listVerifications(id)))).toEqual(new Set([good, bad]));
  });

  test('a verification with 100 problems of 20 KB in all comes back whole', async () => {
    const problems = numbers(100).map((n) => `entry ${n}: ${'ü'.repeat(100)}`);
    const verification = { ...sampleVerification(id, 1), problems, problemCount: 100 };
    await catalogue().proofs.recordVerification(verification);
    expect(await drain(catalogue().proofs.listVerifications(id))).toEqual([verification]);
  });

  test('a recovery point and its verifications do not get in each other’s way', async () => {
    const { proofs, recoveryPoints } = catalogue();
    await proofs.recordVerification(sampleVerification(id, 1));
    await recoveryPoints.put(samplePoint(1, 1));
    expect(await recoveryPoints.find(id)).toEqual(samplePoint(1, 1));
    expect(await drain(proofs.listVerifications(id))).toEqual([sampleVerification(id, 1)]);
    expect(await drain(recoveryPoints.listBySource(sourceId(1)))).toHaveLength(1);
  });

  test('restores come newest first, each as it was last recorded', async () => {
    const { proofs } = catalogue();
    for (const n of [2, 1, 3]) await proofs.recordRestore(sampleRestore(n));
    const done = { ...sampleRestore(2), status: 'succeeded' as const, finishedAt: '2026-11-25T12:00:00.000Z' };
    await proofs.recordRestore(done);
    await proofs.recordRestore(done);
    expect(await drain(proofs.listRestores())).toEqual([sampleRestore(3), done, sampleRestore(1)]);
  });

  test('a restore that starts anew under its id is listed once, at its new time', async () => {
    const { proofs } = catalogue();
    for (const n of [1, 2]) await proofs.recordRestore(sampleRestore(n));
    const again = { ...sampleRestore(1), startedAt: '2026-11-26T10:00:00.000Z' };
    await proofs.recordRestore(again);
    expect(await drain(proofs.listRestores())).toEqual([again, sampleRestore(2)]);
  });
}

function describeContentIndex(catalogue: () => Catalogue): void {
  const keys = (chunks: readonly { readonly indexKey: string }[]) => chunks.map((chunk) => chunk.indexKey);
  const find = async (vault: string, indexKeys: readonly string[]) =>
    (await catalogue().contentIndex.find(vault, indexKeys)).toSorted((a, b) => (a.indexKey < b.indexKey ? -1 : 1));

  test('250 chunks that are added at once are all found, and nothing for keys that are unknown', async () => {
    const chunks = sampleChunks(250);
    await catalogue().contentIndex.add('primary', chunks);
    const unknown = sampleChunks(300).slice(250);
    expect(await find('primary', keys([...unknown, ...chunks]))).toEqual(chunks);
  });

  test('a vault knows nothing of another’s chunks', async () => {
    await catalogue().contentIndex.add('primary', sampleChunks(2));
    expect(await find('offsite', keys(sampleChunks(2)))).toEqual([]);
  });

  test('adding again replaces, and of one key named twice the last counts', async () => {
    const [chunk] = sampleChunks(1);
    if (chunk === undefined) throw new Error('one chunk');
    await catalogue().contentIndex.add('primary', [chunk]);
    await catalogue().contentIndex.add('primary', [
      { ...chunk, offset: 1 },
      { ...chunk, offset: 2 },
    ]);
    expect(await find('primary', [chunk.indexKey, chunk.indexKey])).toEqual([{ ...chunk, offset: 2 }]);
  });

  test('what is forgotten is gone, the rest stays, and forgetting again is success', async () => {
    const chunks = sampleChunks(120);
    await catalogue().contentIndex.add('primary', chunks);
    const lost = keys(chunks.slice(0, 60));
    await catalogue().contentIndex.forget('primary', [...lost, ...lost]);
    await catalogue().contentIndex.forget('primary', lost);
    expect(await find('primary', keys(chunks))).toEqual(chunks.slice(60));
  });

  test('no keys and no chunks are no work', async () => {
    await catalogue().contentIndex.add('primary', []);
    await catalogue().contentIndex.forget('primary', []);
    expect(await catalogue().contentIndex.find('primary', [])).toEqual([]);
  });
}
