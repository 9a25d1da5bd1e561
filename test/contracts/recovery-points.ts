/** What every implementation of `RecoveryPoints` must do; a part of the catalogue's contract. */
import { expect, test } from 'vitest';
import type { Catalogue } from '../../functions/catalogue/catalogue.ts';
import type { SourceState } from '../../functions/core/catalogue-records.ts';
import { ConflictError } from '../../functions/core/errors.ts';
import { type RunId, recoveryPointIdOf } from '../../functions/core/ids.ts';
import { drain, numbers, runId, samplePoint, sampleState, sourceId } from '../fixtures/catalogue-samples.ts';

/** What every implementation of `RecoveryPoints` must do of points. */
export function describeRecoveryPoints(catalogue: () => Catalogue): void {
  test('a recovery point can be found by its id, field for field', async () => {
    const point = samplePoint(1, 2, {
      kind: 'incremental',
      suspect: 'the source was empty.',
      fullBecause: 'the base is damaged.',
      damage: 'pack is missing.',
      status: 'damaged',
      verified: { level: 'restore', outcome: 'failed', at: '2026-11-25T12:00:00.000Z' },
    });
    await catalogue().recoveryPoints.put(point);
    expect(await catalogue().recoveryPoints.find(point.recoveryPointId)).toEqual(point);
  });

  test('an id that is not there is found undefined', async () => {
    await catalogue().recoveryPoints.put(samplePoint(1, 1));
    expect(await catalogue().recoveryPoints.find(samplePoint(1, 2).recoveryPointId)).toBeUndefined();
  });

  test('a put replaces the record in every list', async () => {
    const { recoveryPoints } = catalogue();
    const point = samplePoint(1, 1, { status: 'pending', suspect: 'it was empty.' });
    const later = samplePoint(1, 1, { status: 'available' });
    await recoveryPoints.put(point);
    await recoveryPoints.put(later);
    await recoveryPoints.put(later);
    expect(await recoveryPoints.find(point.recoveryPointId)).toEqual(later);
    expect(await drain(recoveryPoints.listBySource(point.sourceId))).toEqual([later]);
    expect(await drain(recoveryPoints.listByRun(point.runId))).toEqual([later]);
  });

  test('the points of a source come by time in either order, those of all vaults and of no other source', async () => {
    const { recoveryPoints } = catalogue();
    for (const n of [2, 3, 1]) await recoveryPoints.put(samplePoint(1, n));
    await recoveryPoints.put(samplePoint(1, 2, { vault: 'offsite' }));
    await recoveryPoints.put(samplePoint(2, 2));
    const vaults = ['1 primary', '2 offsite', '2 primary', '3 primary'];
    const say = (point: { runId: RunId; vault: string }) => `${Number.parseInt(point.runId, 16)} ${point.vault}`;
    const newest = await drain(recoveryPoints.listBySource(sourceId(1)));
    expect(newest.map(say)).toEqual(vaults.toReversed());
    const oldest = await drain(recoveryPoints.listBySource(sourceId(1), { oldestFirst: true }));
    expect(oldest.map(say)).toEqual(vaults);
  });

  test('the points of a run are listed, of all its sources and vaults', async () => {
    const { recoveryPoints } = catalogue();
    const points = [samplePoint(1, 1), samplePoint(2, 1), samplePoint(1, 1, { vault: 'offsite' })];
    for (const point of [...points, samplePoint(1, 2)]) await recoveryPoints.put(point);
    const listed = await drain(recoveryPoints.listByRun(runId(1)));
    expect(new Set(listed)).toEqual(new Set(points));
    expect(listed).toHaveLength(3);
  });

  test('a list goes on past one megabyte, in order and complete', async () => {
    const { recoveryPoints } = catalogue();
    const chain = numbers(400).map((n) => samplePoint(1, n).snapshotId);
    const points = numbers(130).map((n) => samplePoint(1, n, { chain }));
    for (const point of points) await recoveryPoints.put({ ...point, runId: runId(7) });
    const ids = points.map((point) => point.recoveryPointId);
    const bySource = await drain(recoveryPoints.listBySource(sourceId(1), { oldestFirst: true }));
    expect(bySource.map((point) => point.recoveryPointId)).toEqual(ids);
    expect(bySource.every((point) => point.chain.length === 400)).toBe(true);
    const newest = await drain(recoveryPoints.listBySource(sourceId(1)));
    expect(newest.map((point) => point.recoveryPointId)).toEqual(ids.toReversed());
    const byRun = await drain(recoveryPoints.listByRun(runId(7)));
    expect(byRun.map((point) => point.recoveryPointId).toSorted()).toEqual(ids);
  });

  test('what is returned shares nothing with what was put', async () => {
    const point = samplePoint(1, 1);
    await catalogue().recoveryPoints.put(point);
    point.chain.push(samplePoint(1, 9).snapshotId);
    const found = await catalogue().recoveryPoints.find(point.recoveryPointId);
    expect(found?.chain).toEqual([point.snapshotId]);
    found?.chain.pop();
    expect((await catalogue().recoveryPoints.find(point.recoveryPointId))?.chain).toEqual([point.snapshotId]);
  });
}

/** What every implementation of `RecoveryPoints` must do of the sources' states. */
export function describeStates(catalogue: () => Catalogue): void {
  const stateOf = async (): Promise<SourceState | undefined> =>
    (await drain(catalogue().recoveryPoints.listStates()))[0];

  test('a state is replaced under the same token and under a later one', async () => {
    const { recoveryPoints } = catalogue();
    await recoveryPoints.putState(sampleState(1, { token: 3 }));
    const failure = { runId: runId(1), at: '2026-11-25T11:00:00.000Z', error: 'TransientError', reason: 'throttled.' };
    await recoveryPoints.putState(sampleState(1, { token: 3, lastFailure: failure }));
    expect(await stateOf()).toEqual(sampleState(1, { token: 3, lastFailure: failure }));
    await recoveryPoints.putState(sampleState(1, { token: 10 }));
    expect(await stateOf()).toEqual(sampleState(1, { token: 10 }));
  });

  test('a worker with an earlier token is refused and changes nothing', async () => {
    const { recoveryPoints } = catalogue();
    const kept = sampleState(1, { token: 10 });
    await recoveryPoints.putState(kept);
    const late = recoveryPoints.putState(
      sampleState(1, { token: 9, latest: recoveryPointIdOf(samplePoint(1, 9).snapshotId, 'x') }),
    );
    await expect(late).rejects.toBeInstanceOf(ConflictError);
    await expect(late).rejects.toThrow(sourceId(1));
    expect(await stateOf()).toEqual(kept);
  });

  test('a state of token 0 is written where there is none', async () => {
    await catalogue().recoveryPoints.putState(sampleState(1, { token: 0 }));
    expect(await stateOf()).toEqual(sampleState(1, { token: 0 }));
  });

  test('the states of all of 120 sources are listed, each once', async () => {
    for (const n of numbers(120)) await catalogue().recoveryPoints.putState(sampleState(n));
    const listed = await drain(catalogue().recoveryPoints.listStates());
    expect(listed.map((state) => state.sourceId).toSorted()).toEqual(numbers(120).map(sourceId));
  });
}
