import { describe, expect, it } from 'vitest';
import type { RecoveryPoint, Run, SourceRun } from '../../functions/core/catalogue-records.ts';
import { InvalidInputError, NotFoundError } from '../../functions/core/errors.ts';
import { sourceIdOf } from '../../functions/core/ids.ts';
import { configSchema } from '../../functions/core/plan.ts';
import { resolveRecoverySet } from '../../functions/local/recovery-sets.ts';
import { memoryCatalogue } from '../fakes/memory-catalogue.ts';
import { runId, samplePoint, sampleRun, sampleSourceRun } from '../fixtures/catalogue-samples.ts';

const uri = (source: number): string => `s3://bucket-${source}/`;
const config = configSchema.parse({
  vaults: { primary: { url: 'file:///a' }, offsite: { url: 'file:///b' } },
  plans: {
    'web-app': { sources: [uri(1), uri(2)], vault: 'primary', replicateTo: ['offsite'] },
    abc: { sources: [uri(3)], vault: 'primary' },
    empty: { sources: [uri(4)], vault: 'primary' },
  },
});

interface Known {
  readonly points?: readonly (readonly [source: number, run: number, changes?: Partial<RecoveryPoint>])[];
  readonly runs?: readonly (readonly [run: number, changes?: Partial<Run>])[];
  readonly sources?: readonly (readonly [run: number, source: number, changes?: Partial<SourceRun>])[];
}

async function portsWith({ points = [], runs = [], sources = [] }: Known) {
  const { recoveryPoints, runs: known } = memoryCatalogue({ clock: { now: () => new Date('2026-11-25T12:00:00Z') } });
  for (const [source, run, changes] of points)
    await recoveryPoints.put({ ...samplePoint(source, run, changes), sourceId: sourceIdOf(uri(source)) });
  for (const [run, changes] of runs) await known.start(sampleRun(run, { status: 'succeeded', ...changes }));
  for (const [run, source, changes] of sources)
    await known.putSource(sampleSourceRun(run, source, { status: 'succeeded', ...changes }));
  return { config, recoveryPoints, runs: known };
}

const find = async (known: Known, text: string, vault?: string) =>
  resolveRecoverySet(await portsWith(known), text, vault);

describe('the recovery set that a person names', () => {
  const TWO_RUNS: Known = {
    points: [
      [1, 1],
      [2, 1],
      [1, 2],
      [2, 2],
    ],
    runs: [[1, { skewSeconds: 7 }], [2]],
  };

  it('is found by the whole id of its run, with the skew that the run measured', async () => {
    const set = await find(TWO_RUNS, runId(1));
    expect(set).toMatchObject({ runId: runId(1), plan: 'web-app', skewSeconds: 7, unavailable: [] });
    expect(set.points.map((point) => [point.sourceUri, point.runId])).toEqual([
      [uri(1), runId(1)],
      [uri(2), runId(1)],
    ]);
  });

  it('is asked for when the beginning fits several runs', async () => {
    const failure = find(TWO_RUNS, '000');
    await expect(failure).rejects.toThrow(InvalidInputError);
    await expect(failure).rejects.toThrow(
      `"000" is the beginning of 2 runs: ${runId(2)} (web-app), ${runId(1)} (web-app); give more of the id`,
    );
  });

  it('is that of the newest run of a plan', async () => {
    expect((await find(TWO_RUNS, 'web-app')).runId).toBe(runId(2));
  });

  it("is a plan's where a name is also the beginning of an id", async () => {
    const clash = 'abc'.padEnd(32, '0') as RecoveryPoint['runId'];
    const known: Known = {
      points: [
        [1, 2, { runId: clash }],
        [3, 1, { plan: 'abc' }],
      ],
    };
    expect((await find(known, 'abc')).runId).toBe(runId(1));
    expect((await find(known, 'abc0')).runId).toBe(clash);
    await expect(find({ points: [[1, 2, { runId: clash }]] }, 'abc')).rejects.toThrow(
      /plan abc has no recovery point yet/,
    );
  });

  it('is a run where a plan has a name of 32 hex digits', async () => {
    const known: Known = {
      points: [
        [1, 1],
        [2, 2, { plan: runId(1) }],
      ],
    };
    expect((await find(known, runId(1))).plan).toBe('web-app');
  });

  it('has the skew of its recovery points where the run is not known', async () => {
    const known: Known = {
      points: [
        [1, 1],
        [2, 1, { consistentAt: '2026-11-25T10:01:04.250Z' }],
      ],
    };
    expect(await find(known, runId(1).slice(0, 32))).toMatchObject({ skewSeconds: 4.25, unavailable: [] });
  });

  it.each([
    ['none of the catalogue', {}, 'web', /there is no recovery set "web"; name a plan, or a run/],
    [
      'a plan that never ran',
      {},
      'empty',
      /plan empty has no recovery point yet; "holdfast run empty" makes the first/,
    ],
    [
      'a run of which nothing is there',
      { runs: [[1, { status: 'failed' }]] } satisfies Known,
      runId(1),
      /run 0+1 of web-app \(failed\) has no recovery point to restore/,
    ],
  ])('is missed: %s', async (_, known: Known, text, sentence) => {
    await expect(find(known, text)).rejects.toThrow(NotFoundError);
    await expect(find(known, text)).rejects.toThrow(sentence);
  });
});

describe('the newest set of a plan', () => {
  it.each([
    [
      'is still being taken',
      {
        points: [
          [1, 1],
          [1, 2],
        ],
        runs: [[1], [2, { status: 'running' }]],
      },
      1,
    ],
    [
      'is suspect',
      {
        points: [
          [1, 1],
          [1, 2, { suspect: 'it is empty' }],
        ],
      },
      1,
    ],
    [
      'is damaged',
      {
        points: [
          [1, 1],
          [1, 2, { status: 'damaged' }],
        ],
      },
      1,
    ],
    [
      'failed for one source',
      {
        points: [
          [1, 1],
          [2, 1],
          [1, 2],
        ],
        runs: [[1], [2, { status: 'partial' }]],
      },
      2,
    ],
    [
      'is suspect, as all are',
      {
        points: [
          [1, 1, { suspect: 'x' }],
          [1, 2, { suspect: 'x' }],
        ],
      },
      2,
    ],
    [
      'is damaged, as all are',
      {
        points: [
          [1, 1, { status: 'damaged' }],
          [1, 2, { status: 'damaged' }],
        ],
      },
      2,
    ],
  ] satisfies [string, Known, number][])('that %s', async (_, known: Known, run) => {
    expect((await find(known, 'web-app')).runId).toBe(runId(run));
  });

  it('is that of the vault where one is named', async () => {
    const known: Known = {
      points: [
        [1, 1],
        [1, 1, { vault: 'offsite' }],
        [1, 2],
      ],
    };
    const set = await find(known, 'web-app', 'offsite');
    expect(set).toMatchObject({ runId: runId(1), points: [{ vault: 'offsite' }] });
  });
});

describe('a source of a set', () => {
  it("is restored from its plan's own vault, or a replica where that is lost", async () => {
    const known: Known = {
      points: [
        [1, 1, { vault: 'offsite' }],
        [1, 1],
        [2, 1, { vault: 'offsite' }],
        [2, 1, { status: 'damaged', damage: 'pack x is missing' }],
      ],
    };
    const { points, unavailable } = await find(known, runId(1));
    expect(points.map(({ sourceUri, vault }) => [sourceUri, vault])).toEqual([
      [uri(1), 'primary'],
      [uri(2), 'offsite'],
    ]);
    expect(unavailable).toEqual([]);
  });

  const cases: readonly { readonly more: Known; readonly reason: string | RegExp; readonly vault?: string }[] = [
    {
      more: { sources: [[1, 2, { status: 'failed', reason: 'access is denied' }]] },
      reason: 'failed in the run: access is denied',
    },
    {
      more: { sources: [[1, 2, { status: 'skipped', reason: 'overlapped: x' }]] },
      reason: 'skipped in the run: overlapped: x',
    },
    {
      more: { sources: [[1, 2, { status: 'running' }]] },
      reason: 'the run has not ended for it, and has no recovery point of it',
    },
    { more: { sources: [[1, 2]] }, reason: 'its recovery point is gone since the run' },
    {
      more: { points: [[2, 1, { status: 'damaged', damage: 'pack x is missing' }]] },
      reason: /^its recovery point \S+@primary is damaged: pack x is missing$/,
    },
    {
      more: { points: [[2, 1, { status: 'expiring' }]] },
      reason: /^its recovery point \S+@primary is expiring$/,
    },
    {
      more: { points: [[2, 1, { vault: 'offsite' }]] },
      reason: 'its snapshot is not available in vault primary; it is in offsite',
      vault: 'primary',
    },
  ];
  it.each(cases)('that cannot be restored is named: $reason', async ({ more, reason, vault }) => {
    const known: Known = { ...more, points: [[1, 1], ...(more.points ?? [])] };
    const { points, unavailable } = await find(known, runId(1), vault);
    expect(points.map(({ sourceUri }) => sourceUri)).toEqual([uri(1)]);
    expect(unavailable).toEqual([
      { source: uri(2), reason: reason instanceof RegExp ? expect.stringMatching(reason) : reason },
    ]);
  });
});
