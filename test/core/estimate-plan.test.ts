import { describe, expect, it } from 'vitest';
import type { RecoveryPoint } from '../../functions/core/catalogue-records.ts';
import { type AssumedSource, estimatePlan, type KnownSource } from '../../functions/core/estimate-plan.ts';
import type { RecoveryPointId, RunId, SnapshotId, SourceId } from '../../functions/core/ids.ts';
import { configSchema } from '../../functions/core/plan.ts';

const TEN = Array.from({ length: 10 }, (_, n) => `s3://source-${n}/`);
const MIB = 2 ** 20;
const SMALL: AssumedSource = { objects: 1000, bytes: MIB, changed: 0 };

const estimateOf = (
  plan: object,
  { assumed = SMALL, known = new Map() }: { assumed?: AssumedSource; known?: ReadonlyMap<string, KnownSource> } = {},
) =>
  estimatePlan({
    config: configSchema.parse({
      vaults: {
        primary: { url: 's3://vault/' },
        offsite: { url: 's3://offsite/' },
        far: { url: 's3://far-vault/', region: 'us-west-2' },
        disk: { url: 'file:///disk' },
      },
      plans: { app: { sources: ['s3://source/'], vault: 'primary', verify: { after: 'never' }, ...plan } },
    }),
    plan: 'app',
    known,
    assumed,
    alarms: 85,
  });

describe('the estimate of a plan', () => {
  it('is, for ten sources that do not change in a daily run, what a hand computes', () => {
    const estimate = estimateOf({
      sources: TEN,
      replicateTo: ['offsite'],
      schedule: { incremental: 'cron(0 2 * * ? *)' },
      verify: { after: 'every', level: 'check' },
    });
    const runs = 1461 / 48;
    expect(estimate.runs.incremental).toBeCloseTo(runs, 9);
    const [source] = estimate.sources;
    // Listing, its probe, the manifest, two for the replica and three in the work bucket, at 5 USD a million; reads at 0.4; keys and events.
    const requests = (8 * 5 + 42 * 0.4 + 5 * 3 + 3) / 1e6;
    expect(source?.usd.requests).toBeCloseTo(requests * runs, 9);
    // 44 units read at 0.125 USD a million, 20 written at 0.625.
    expect(source?.usd.tables).toBeCloseTo(((44 * 0.125 + 20 * 0.625) / 1e6) * runs, 9);
    expect(source?.usd.machines).toBeCloseTo(17 * 0.000025 * runs, 9);
    // Three calls of 1,769 MiB and two of 3,008, of 1.1 s and their work.
    const gbSeconds = (1769 * 3 * 1.1 + 3008 * (1.15 + 1.12)) / 1024;
    expect(source?.usd.lambda).toBeCloseTo((gbSeconds * 0.0000133334 + 5 * 0.0000002) * runs, 9);
    expect(source?.usd.transfer).toBe(0);
    expect(estimate.alarms.totalUsd).toBeCloseTo(8.5, 9);
    expect(estimate.metrics.totalUsd).toBeCloseTo((20 * 0.3 * runs) / 730, 9);
    expect(estimate.vaults.map(({ storedBytes, growthBytes }) => [storedBytes, growthBytes])).toEqual([
      [10 * MIB, 0],
      [10 * MIB, 0],
    ]);
    const parts = [...estimate.sources, ...estimate.vaults, estimate.alarms, estimate.metrics];
    expect(estimate.totalUsd).toBeCloseTo(
      parts.reduce((sum, { totalUsd }) => sum + totalUsd, estimate.runsUsd),
      9,
    );
  });

  it('counts each schedule, with what its kind of snapshot takes', () => {
    const schedule = { full: 'cron(0 2 ? * SUN *)', differential: 'rate(1 day)', incremental: 'rate(1 hour)' };
    const all = estimateOf({ schedule });
    expect(all.runs).toEqual({ full: expect.closeTo(4.35, 1), differential: 730 / 24, incremental: 730 });
    const one = (kind: keyof typeof schedule) =>
      estimateOf({ schedule: { [kind]: schedule[kind] } }).sources[0]?.totalUsd ?? 0;
    expect(all.sources[0]?.totalUsd).toBeCloseTo(one('full') + one('differential') + one('incremental'), 9);
  });

  it('takes one incremental a day where there is no schedule', () => {
    expect(estimateOf({}).runs).toEqual({ incremental: 730 / 24 });
  });

  it('has what changes stored in each vault, and sent to another region', () => {
    const assumed = { objects: 1000, bytes: 1000 * MIB, changed: 0.1 };
    const estimate = estimateOf(
      { replicateTo: ['offsite', 'far'], schedule: { incremental: 'rate(1 day)' } },
      { assumed },
    );
    const stored = (730 / 24) * 100 * MIB;
    expect(estimate.vaults.map(({ growthBytes }) => growthBytes)).toEqual(
      [stored, stored, stored].map((bytes) => expect.closeTo(bytes, 0)),
    );
    expect(estimate.sources[0]?.usd.transfer).toBeCloseTo((stored / 2 ** 30) * 0.02, 9);
    expect(estimate.vaults[0]?.totalUsd).toBeCloseTo(((1000 * MIB + stored / 2) / 2 ** 30) * 0.023, 9);
  });

  it('tells what verification takes of it', () => {
    const [without] = estimateOf({}).sources;
    const [checked] = estimateOf({ verify: { level: 'restore' } }).sources;
    expect(without?.verificationUsd).toBe(0);
    expect(checked?.verificationUsd).toBeCloseTo((checked?.totalUsd ?? 0) - (without?.totalUsd ?? 0), 9);
  });

  it('has neither functions nor alarms for a plan with a directory in it, and nothing at all where there is nothing else', () => {
    const mixed = estimateOf({ sources: ['file:///data'], vault: 'primary' });
    expect(mixed).toMatchObject({ where: 'here', runsUsd: 0, alarms: { count: 0 }, metrics: { count: 0 } });
    expect(mixed.sources[0]?.usd).toMatchObject({ lambda: 0, machines: 0 });
    expect(mixed.totalUsd).toBeGreaterThan(0);
    expect(estimateOf({ sources: ['file:///data'], vault: 'disk' }).totalUsd).toBe(0);
  });

  it('knows a source by its recovery points, and takes from what is assumed only what they do not tell', () => {
    const full = pointOf('full', 1, { changed: 0, readBytes: 500 * MIB, storedBytes: 400 * MIB });
    const delta = pointOf('incremental', 2, { changed: 10, readBytes: 5 * MIB, storedBytes: 4 * MIB });
    const assumed = { objects: 1, bytes: 1, changed: 0.5 };
    const knownBy = (...points: readonly RecoveryPoint[]) =>
      new Map([['s3://source/', { points, storedBytes: new Map([['primary', 404 * MIB]]) }]]);
    const schedule = { incremental: 'rate(1 day)' };
    const known = estimateOf({ schedule }, { assumed, known: knownBy(delta, full) });
    expect(known.sources[0]).toMatchObject({ from: 'recovery points' });
    expect(known.vaults[0]?.storedBytes).toBe(404 * MIB);
    expect(known.vaults[0]?.growthBytes).toBeCloseTo((730 / 24) * 4 * MIB, 0);
    const onlyFull = estimateOf({ schedule }, { assumed, known: knownBy(full) });
    expect(onlyFull.vaults[0]?.growthBytes).toBeCloseTo((730 / 24) * 250 * MIB, 0);
  });
});

function pointOf(
  kind: RecoveryPoint['kind'],
  nth: number,
  { changed, readBytes, storedBytes }: { changed: number; readBytes: number; storedBytes: number },
): RecoveryPoint {
  const snapshot = (n: number) => `2026010${n}T000000000Z-0123456789ab` as SnapshotId;
  const at = `2026-01-0${nth}T00:00:00.000Z`;
  return {
    recoveryPointId: `${snapshot(nth)}@primary` as RecoveryPointId,
    snapshotId: snapshot(nth),
    sourceId: 'a'.repeat(16) as SourceId,
    sourceUri: 's3://source/',
    plan: 'app',
    vault: 'primary',
    kind,
    chain: Array.from({ length: nth }, (_, n) => snapshot(n + 1)),
    runId: 'b'.repeat(32) as RunId,
    status: 'available',
    startedAt: at,
    consistentAt: at,
    finishedAt: at,
    availableAt: at,
    counts: { entries: 1000, added: 0, changed, removed: 0, unprotected: 0 },
    sizes: { contentBytes: 500 * MIB, readBytes, storedBytes },
    root: 'r',
  };
}
