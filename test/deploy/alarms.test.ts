import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WATCHED_METRICS } from '../../functions/core/events.ts';
import type { HoldfastConfig } from '../../functions/core/plan.ts';
import { windowOf } from '../../functions/runtime/deploy/alarm.ts';
import { alarmNotices, alarmResources } from '../../functions/runtime/deploy/alarms.ts';
import { type Alarm, readAlarm } from './alarm.ts';
import { onePlan, planFile } from './plans.ts';

const SCOPE = { prefix: 'holdfast-test', stage: 'test' };
const PLAN = { stage: 'test', plan: 'app' };
const SOURCE = { ...PLAN, source: 's3://the-source/' };

const REPLICATED = `
  main: { url: "s3://the-vault" }
  far: { url: "s3://the-far-vault", region: us-east-1 }`;

function alarmsOf(config: HoldfastConfig): readonly Alarm[] {
  return Object.values(alarmResources(config, SCOPE)).map((resource) => readAlarm(resource));
}

function alarmOn(config: HoldfastConfig, metric: string): Alarm {
  const found = alarmsOf(config).filter((alarm) => alarm.metric === metric);
  if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} alarms on ${metric}`);
  return found[0];
}

describe('the alarm on the RPO', () => {
  it('is raised when no verification succeeded in the plan vault, and silence raises it', () => {
    const alarm = alarmOn(onePlan({ more: 'objectives: { rpo: 90m }' }), 'VerificationSucceeded');
    expect(alarm).toMatchObject({
      dimensions: { ...SOURCE, vault: 'main' },
      statistic: 'Sum',
      comparison: 'LessThanThreshold',
      threshold: 1,
      missing: 'breaching',
    });
  });

  it('needs every period of its window to be without success', () => {
    const alarm = alarmOn(onePlan({ more: 'objectives: { rpo: 90m }' }), 'VerificationSucceeded');
    expect(alarm.datapointsToAlarm).toBe(alarm.periods);
  });

  it('judges a period without data as a zero, so that no older success stands in for it', () => {
    const alarm = alarmOn(onePlan({ more: 'objectives: { rpo: 90m }' }), 'VerificationSucceeded');
    expect(alarm.expression).toBe('FILL(beat, 0)');
  });

  it('looks back over the whole RPO', () => {
    const alarm = alarmOn(onePlan({ more: 'objectives: { rpo: 90m }' }), 'VerificationSucceeded');
    expect(alarm.periodSeconds * alarm.periods).toBeGreaterThanOrEqual(90 * 60);
  });

  it('watches for snapshots where the plan verifies none', () => {
    const config = onePlan({ more: 'objectives: { rpo: 2h }\nverify: { after: never }' });
    expect(alarmOn(config, 'SnapshotTaken')).toMatchObject({
      dimensions: SOURCE,
      statistic: 'Sum',
      comparison: 'LessThanThreshold',
      threshold: 1,
      missing: 'breaching',
    });
  });

  it('is missing with a notice where the plan has no RPO', () => {
    const config = onePlan();
    expect(alarmsOf(config).filter((alarm) => alarm.missing === 'breaching')).toEqual([]);
    expect(alarmNotices(config)).toEqual([expect.stringContaining('no objectives.rpo')]);
  });

  it('says so when the RPO is longer than an alarm can look back', () => {
    expect(alarmNotices(onePlan({ more: 'objectives: { rpo: 8d }' }))).toEqual([expect.stringContaining('seven days')]);
  });
});

describe('the window of an alarm on silence', () => {
  const seconds = fc.integer({ min: 1, max: 40 * 86_400 });

  it('is one that CloudWatch accepts', () => {
    fc.assert(
      fc.property(seconds, (rpo) => {
        const { periodSeconds, periods } = windowOf(rpo);
        const longest = periodSeconds < 3600 ? 86_400 : 604_800;
        return (
          periodSeconds % 60 === 0 &&
          periodSeconds > 0 &&
          Number.isInteger(periods) &&
          periods * periodSeconds <= longest
        );
      }),
      { seed: 1, numRuns: 5000 },
    );
  });

  it('covers the RPO, or seven days of it', () => {
    fc.assert(
      fc.property(seconds, (rpo) => {
        const { periodSeconds, periods } = windowOf(rpo);
        return periods * periodSeconds >= Math.min(rpo, 604_800);
      }),
      { seed: 2, numRuns: 5000 },
    );
  });

  it('is at most two periods longer than the RPO, so that silence is heard soon', () => {
    fc.assert(
      fc.property(seconds, (rpo) => {
        const { periodSeconds, periods } = windowOf(rpo);
        return periods * periodSeconds <= rpo + 2 * periodSeconds;
      }),
      { seed: 3, numRuns: 5000 },
    );
  });
});

describe('alarms on what must not be seen', () => {
  const config = onePlan({
    vaults: REPLICATED,
    more: 'replicateTo: [far]\nobjectives: { rpo: 90m, rto: 4h }',
  });

  it.each([
    ['RunFailed', PLAN, 0],
    ['RunPartial', PLAN, 0],
    ['SuspectSnapshot', SOURCE, 0],
    ['UnprotectedEntries', SOURCE, 0],
    ['MeasuredRtoSeconds', SOURCE, 4 * 3600],
  ])('%s is watched with its own dimensions and threshold', (metric, dimensions, threshold) => {
    expect(alarmOn(config, metric)).toMatchObject({
      dimensions,
      threshold,
      comparison: 'GreaterThanThreshold',
      missing: 'notBreaching',
    });
  });

  it('VerificationFailed is watched in the plan vault and in each replica', () => {
    const vaults = alarmsOf(config).filter((alarm) => alarm.metric === 'VerificationFailed');
    expect(vaults.map((alarm) => alarm.dimensions)).toEqual([
      { ...SOURCE, vault: 'main' },
      { ...SOURCE, vault: 'far' },
    ]);
  });

  it('no RTO, no alarm on it', () => {
    expect(alarmsOf(onePlan()).map((alarm) => alarm.metric)).not.toContain('MeasuredRtoSeconds');
  });
});

describe('the alarm on a replica', () => {
  it('is raised when within the RPO no snapshot arrived that was no older, and silence raises it', () => {
    const config = onePlan({ vaults: REPLICATED, more: 'replicateTo: [far]\nobjectives: { rpo: 90m }' });
    const alarm = alarmOn(config, 'ReplicationLagSeconds');
    expect(alarm).toMatchObject({
      dimensions: { ...SOURCE, vault: 'far' },
      statistic: 'Minimum',
      expression: 'FILL(beat, 5401)',
      comparison: 'GreaterThanThreshold',
      threshold: 5400,
      missing: 'breaching',
      datapointsToAlarm: alarm.periods,
    });
  });

  it('bears a day of lag, and silence, where the plan has no RPO', () => {
    const lax = onePlan({ vaults: REPLICATED, more: 'replicateTo: [far]' });
    expect(alarmOn(lax, 'ReplicationLagSeconds')).toMatchObject({ threshold: 86_400, missing: 'notBreaching' });
  });
});

describe('all alarms', () => {
  const config = planFile(`
vaults:
  main: { url: "s3://the-vault" }
  far: { url: "s3://the-far-vault" }
plans:
  app: { sources: ["s3://one/", "s3://two/a b"], vault: main, replicateTo: [far], objectives: { rpo: 90m, rto: 4h } }
  other: { sources: ["s3://one/"], vault: far, verify: { after: never }, objectives: { rpo: 26h } }`);
  const alarms = alarmsOf(config);

  it('watch every metric that is put to be watched, and no other', () => {
    expect([...new Set(alarms.map((alarm) => alarm.metric))].sort()).toEqual([...WATCHED_METRICS].sort());
  });

  it('watch their own stage alone, as the first dimension', () => {
    const firsts = alarms.map(({ dimensions }) => Object.entries(dimensions)[0]);
    expect(new Set(firsts.map(String))).toEqual(new Set(['stage,test']));
  });

  it('keep their logical ids in another stage', () => {
    const other = alarmResources(config, { prefix: 'holdfast-prod', stage: 'prod' });
    expect(Object.keys(other)).toEqual(Object.keys(alarmResources(config, SCOPE)));
  });

  it('are in the namespace of the metrics', () => {
    expect(new Set(alarms.map((alarm) => alarm.namespace))).toEqual(new Set(['Holdfast']));
  });

  it('tell the one topic when they are raised and when they end', () => {
    for (const alarm of alarms) expect(alarm.actions).toEqual({ alarm: ['<AlarmTopic>'], ok: ['<AlarmTopic>'] });
  });

  it('have names of their own that carry the stage and fit', () => {
    const names = alarms.map((alarm) => alarm.name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !name.startsWith('holdfast-test ') || name.length > 255)).toEqual([]);
  });

  it('keep their logical ids when another plan comes before theirs', () => {
    const { app, other } = config.plans;
    if (app === undefined || other === undefined) throw new Error('the plan file has two plans');
    const ids = Object.keys(alarmResources({ ...config, plans: { other, app } }, SCOPE));
    expect(ids.sort()).toEqual(Object.keys(alarmResources(config, SCOPE)).sort());
  });

  it('refuse a source whose name no metric can carry', () => {
    expect(() => alarmsOf(onePlan({ source: 's3://the-source/ü/' }))).toThrow(/ASCII/);
  });
});
