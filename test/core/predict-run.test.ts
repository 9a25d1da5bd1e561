import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { usdOf } from '../../functions/core/cost.ts';
import { expectedUsd, predictSource, usageHere, usageInAccount } from '../../functions/core/predict-run.ts';
import type { SourceShape, SourceWorkload } from '../../functions/core/source-workload.ts';

const NOTHING: SourceWorkload = {
  entries: 0,
  contentBytes: 0,
  readEntries: 0,
  readBytes: 0,
  storedBytes: 0,
  chain: 0,
  chainBytes: 0,
  points: 0,
};
const PLAIN: SourceShape = {
  scheme: 's3',
  engine: 'scan',
  consistentReads: true,
  vault: 's3',
  replicas: [],
  verify: undefined,
};

/** 200 objects of 3,000 bytes: taken as a full, unchanged, with 20 of them changed, and as a full again. */
const SMALL = { ...NOTHING, entries: 200, contentBytes: 600_000 };
const FULL = { ...SMALL, readEntries: 200, readBytes: 600_000, storedBytes: 612_257 };
const UNCHANGED = { ...SMALL, chain: 1, chainBytes: 612_257, points: 1 };
const CHANGED = { ...UNCHANGED, chain: 2, readEntries: 20, readBytes: 60_000, storedBytes: 61_700, points: 2 };
const AGAIN = { ...FULL, chain: 3, chainBytes: 673_957, storedBytes: 12_222, points: 3 };
/** 4 objects of 40 MB. */
const LARGE = { ...NOTHING, entries: 4, contentBytes: 16e7, readEntries: 4, readBytes: 16e7, storedBytes: 160_018_008 };

const replica: SourceShape = { ...PLAIN, replicas: [{ scheme: 's3', otherRegion: false }] };
const verified = (level: 'check' | 'data' | 'restore', sample = 1): SourceShape => ({
  ...PLAIN,
  verify: { level, sample },
});

describe('the model', () => {
  // Counted by the meter in runs against an emulator of S3, over an embedded catalogue.
  it.each([
    ['a first full', FULL, PLAIN, 5, 418],
    ['an unchanged bucket', UNCHANGED, PLAIN, 3, 21],
    ['twenty changes', CHANGED, PLAIN, 5, 64],
    ['a second full', AGAIN, PLAIN, 4, 430],
    ['large objects', LARGE, PLAIN, 9, 26],
    ['a first full with a replica', FULL, replica, 11, 427],
    ['an unchanged bucket with a replica', UNCHANGED, replica, 5, 28],
    ['twenty changes with a replica', CHANGED, replica, 11, 77],
    ['a full that is checked', FULL, verified('check'), 5, 422],
    ['an unchanged bucket that is checked', UNCHANGED, verified('check'), 3, 26],
    ['an unchanged bucket whose data is verified', UNCHANGED, verified('data'), 3, 27],
    ['a full that is restored', FULL, verified('restore'), 207, 825],
    ['an unchanged bucket that is restored', UNCHANGED, verified('restore'), 205, 429],
    ['a tenth of an unchanged bucket that is restored', UNCHANGED, verified('restore', 0.1), 27, 73],
  ])('fits what was counted for %s', (_, work, shape, writes, reads) => {
    const { s3Writes = 0, s3Reads = 0 } = predictSource(work, shape).places;
    expect(Math.abs(s3Writes - writes)).toBeLessThanOrEqual(2 + writes * 0.05);
    expect(Math.abs(s3Reads - reads)).toBeLessThanOrEqual(6 + reads * 0.05);
  });

  it.each([
    ['a first full', FULL, PLAIN, 13, 12],
    ['an unchanged bucket', UNCHANGED, PLAIN, 18, 11],
    ['an unchanged bucket with a replica', UNCHANGED, replica, 23, 13],
    ['an unchanged bucket that is checked', UNCHANGED, verified('check'), 21, 16],
    ['large objects', LARGE, PLAIN, 84, 153],
  ])('fits the units of the catalogue for %s', (_, work, shape, reads, writes) => {
    const { tableReadUnits = 0, tableWriteUnits = 0, lambdaCalls = 0 } = usageInAccount([predictSource(work, shape)]);
    expect(Math.abs(tableReadUnits - reads)).toBeLessThanOrEqual(5 + reads * 0.05);
    // Here no function adds up what it used.
    expect(Math.abs(tableWriteUnits - lambdaCalls - writes)).toBeLessThanOrEqual(5 + writes * 0.05);
  });

  it('says of an unchanged source what can be counted by hand', () => {
    const shape: SourceShape = { ...verified('check'), replicas: [{ scheme: 's3', otherRegion: true }] };
    const { stack } = predictSource(UNCHANGED, shape);
    // Inventory, snapshot, commit, replicate and verify, each with its choice; and seven steps around them.
    expect(stack.lambdaCalls).toBe(5);
    expect(stack.transitions).toBe(17);
    expect(stack.interRegionBytes).toBeUndefined();
    expect(usageInAccount([{ places: {}, stack }]).transitions).toBe(22);
  });

  it('has nothing to pay for directories', () => {
    const shape: SourceShape = {
      ...PLAIN,
      scheme: 'file',
      vault: 'file',
      replicas: [{ scheme: 'file', otherRegion: false }],
      verify: { level: 'restore', sample: 1 },
    };
    expect(usageHere([predictSource(FULL, shape)])).toEqual({});
  });

  const works: fc.Arbitrary<SourceWorkload> = fc
    .record({
      entries: fc.integer({ min: 0, max: 1e7 }),
      contentBytes: fc.integer({ min: 0, max: 1e13 }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      chain: fc.integer({ min: 0, max: 30 }),
    })
    .map(({ share, ...work }) => ({
      ...work,
      readEntries: Math.floor(work.entries * share),
      readBytes: Math.floor(work.contentBytes * share),
      storedBytes: Math.floor(work.contentBytes * share),
      chainBytes: work.contentBytes,
      points: work.chain,
    }));
  const shapes: fc.Arbitrary<SourceShape> = fc.record({
    scheme: fc.constantFrom('file', 's3', 'dynamodb', 'ssm', 'secretsmanager', 'lambda'),
    engine: fc.constantFrom('scan', 'export'),
    consistentReads: fc.boolean(),
    vault: fc.constantFrom('s3', 'file'),
    replicas: fc.array(fc.record({ scheme: fc.constantFrom('s3', 'file'), otherRegion: fc.boolean() }), {
      maxLength: 3,
    }),
    verify: fc.option(
      fc.record({
        level: fc.constantFrom('check', 'data', 'restore'),
        sample: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
      { nil: undefined },
    ),
  });

  it('never expects less of more bytes, a longer chain or another replica', () => {
    const more = (work: SourceWorkload, field: keyof SourceWorkload): SourceWorkload => ({
      ...work,
      [field]: work[field] * 2 + 1,
    });
    const usd = (work: SourceWorkload, shape: SourceShape) => {
      const predicted = predictSource(work, shape);
      return usdOf(usageInAccount([predicted])) + usdOf(usageHere([predicted]));
    };
    fc.assert(
      fc.property(
        works,
        shapes,
        fc.constantFrom('contentBytes', 'readBytes', 'chain', 'chainBytes', 'points'),
        (work, shape, field) => {
          const grown = more(work, field);
          expect(usd(grown, shape) * (1 + 1e-12)).toBeGreaterThanOrEqual(usd(work, shape));
          const another: SourceShape = {
            ...shape,
            replicas: [...shape.replicas, { scheme: 's3', otherRegion: false }],
          };
          expect(usd(work, another)).toBeGreaterThanOrEqual(usd(work, shape));
        },
      ),
    );
  });

  it('expects of two sources what it expects of each, and the run itself once', () => {
    fc.assert(
      fc.property(works, works, shapes, (one, other, shape) => {
        const [a, b] = [predictSource(one, shape), predictSource(other, shape)];
        const run = usdOf(usageInAccount([]));
        const apart = usdOf(usageInAccount([a])) + usdOf(usageInAccount([b])) - run;
        const together = usdOf(usageInAccount([a, b]));
        expect(Math.abs(together - apart)).toBeLessThanOrEqual(1e-9 * Math.max(1, apart));
      }),
    );
  });
});

describe('what was expected of a run', () => {
  const source = predictSource(UNCHANGED, verified('data'));

  it('is nothing known where a source has no recovery point yet', () => {
    expect(expectedUsd([source, undefined], { s3Writes: 1 })).toBeUndefined();
    expect(expectedUsd([], { s3Writes: 1 })).toBeUndefined();
  });

  it('is the stack too where functions ran, what leaves AWS where that was counted, and neither over another endpoint', () => {
    const inAccount = expectedUsd([source], { lambdaCalls: 1 });
    const outside = expectedUsd([source], { s3Writes: 1, leavingBytes: 1 });
    const elsewhere = expectedUsd([source], { s3Writes: 1 });
    expect(inAccount).toBe(usdOf(usageInAccount([source])));
    expect(outside).toBe(usdOf(usageHere([source])));
    expect(elsewhere).toBe(usdOf({ ...usageHere([source]), leavingBytes: 0 }));
    expect(elsewhere).toBeLessThan(outside ?? 0);
  });
});
