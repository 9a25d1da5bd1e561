import { describe, expect, it } from 'vitest';
import { keyFromText } from '../../functions/core/entry.ts';
import type { Manifest, SegmentRef } from '../../functions/core/manifest.ts';
import type { Source } from '../../functions/core/ports.ts';
import {
  boundsOfChain,
  boundsOfSource,
  MAX_SHARD_ENTRIES,
  SHARD_ENTRIES,
} from '../../functions/operations/divide-source.ts';
import { memoryTarget } from '../fakes/memory-source.ts';
import { memoryTable } from '../fakes/memory-table.ts';

const nameOf = (number: number): string => String(number).padStart(9, '0');

/** Segments of `size` entries each over the entries from `first` to `last`, whose keys are their numbers. */
function segmentsOf(first: number, last: number, size: number, stored = size): SegmentRef[] {
  const segments: SegmentRef[] = [];
  for (let at = first; at <= last; at += size)
    segments.push({
      id: '0'.repeat(64),
      shard: 0,
      firstKey: nameOf(at),
      lastKey: nameOf(Math.min(last, at + size - 1)),
      entries: Math.min(stored, last - at + 1),
      sizeBytes: 1,
    });
  return segments;
}

function manifestOf(
  kind: Manifest['kind'],
  segments: SegmentRef[],
  counts: { added: number; removed: number },
): Manifest {
  const empty: Partial<Manifest> = { kind, segments, counts: { entries: 0, changed: 0, unprotected: 0, ...counts } };
  return empty as Manifest;
}

const fullOf = (entries: number, size = 30_000): Manifest =>
  manifestOf('full', segmentsOf(0, entries - 1, size), { added: entries, removed: 0 });

/** How many entries each shard has, of a source whose keys are the numbers below `entries`. */
function sizesAt(bounds: readonly string[], entries: number): number[] {
  const ends = [-1, ...bounds.map(Number), entries - 1];
  return ends.slice(1).map((end, at) => end - (ends[at] ?? 0));
}

describe('the bounds of a source that has a chain', () => {
  it('are so far apart that the listing takes no more than one request in a hundred more', () => {
    for (const size of [1000, 30_000, 70_000, SHARD_ENTRIES - 1]) {
      const sizes = sizesAt(boundsOfChain([fullOf(2_000_000, size)]), 2_000_000);
      expect(sizes.length).toBeGreaterThan(9);
      for (const entries of sizes.slice(0, -1)) expect(entries).toBeGreaterThanOrEqual(SHARD_ENTRIES);
      for (const entries of sizes) expect(entries).toBeLessThan(MAX_SHARD_ENTRIES);
    }
  });

  it('are none below the size of a shard, and none of an empty chain', () => {
    expect(boundsOfChain([fullOf(SHARD_ENTRIES - 1)])).toEqual([]);
    expect(boundsOfChain([fullOf(0)])).toEqual([]);
    expect(boundsOfChain([])).toEqual([]);
  });

  it('divide what deltas added behind the full, as a source grows whose keys begin with the date', () => {
    const days = Array.from({ length: 30 }, (_, day) =>
      manifestOf('incremental', segmentsOf(200_000 + day * 50_000, 200_000 + (day + 1) * 50_000 - 1, 50_000), {
        added: 50_000,
        removed: 0,
      }),
    );
    const sizes = sizesAt(boundsOfChain([fullOf(200_000), ...days]), 1_700_000);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(2 * SHARD_ENTRIES);
    expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThanOrEqual(SHARD_ENTRIES);
  });

  it('stay where they are when deltas change what is there', () => {
    const changed = manifestOf('differential', segmentsOf(0, 1_999_999, 30_000), { added: 0, removed: 0 });
    expect(sizesAt(boundsOfChain([fullOf(2_000_000), changed]), 2_000_000)).toEqual(
      sizesAt(boundsOfChain([fullOf(2_000_000)]), 2_000_000),
    );
  });

  it('are as far apart as before where many small deltas add a little everywhere', () => {
    const everywhere = Array.from({ length: 30 }, () =>
      manifestOf('incremental', segmentsOf(0, 1_999_999, 2_000_000, 10_000), { added: 10_000, removed: 0 }),
    );
    // 300,000 of the 2,300,000 entries have keys between those of the full.
    const sizes = sizesAt(boundsOfChain([fullOf(2_000_000), ...everywhere]), 2_000_000);
    for (const entries of sizes.slice(0, -1)) expect(entries * 1.15).toBeGreaterThan(0.99 * SHARD_ENTRIES);
  });

  it('are fewer where deltas removed most', () => {
    const removed = manifestOf('incremental', segmentsOf(0, 1_799_999, 300_000), { added: 0, removed: 1_800_000 });
    expect(boundsOfChain([fullOf(2_000_000), removed]).length).toBeLessThanOrEqual(2);
  });
});

describe('a source that cannot be looked into', () => {
  const sources: readonly [string, Source][] = [
    ['a directory', memoryTarget('file:///data')],
    ['a table', memoryTable('dynamodb://orders')],
  ];

  it.each(sources)('is listed by one worker, whatever its chain says: %s', async (_, source) => {
    expect(await boundsOfSource(source, [fullOf(2_000_000)])).toEqual([]);
    expect(await boundsOfSource(source, [])).toEqual([]);
  });
});

describe('a source without a chain', () => {
  it('is looked into by one request where it is small', async () => {
    const source = memoryTarget('s3://bucket/');
    for (let at = 0; at < 999; at += 1) source.put(nameOf(at), '');
    expect(await boundsOfSource(source, [])).toEqual([]);
    expect([source.peeks, source.lists]).toEqual([1, 0]);
  });

  it('is one shard after a few looks where it is not large', async () => {
    const source = memoryTarget('s3://bucket/');
    for (let at = 0; at < 5000; at += 1) source.put(nameOf(at), '');
    expect(await boundsOfSource(source, [])).toEqual([]);
    expect([source.peeks, source.lists]).toEqual([6, 0]);
  });

  it('is not looked into where it has one', async () => {
    const source = memoryTarget('s3://bucket/');
    source.put('x', '');
    expect((await boundsOfSource(source, [fullOf(400_000)])).map(String)).toEqual(
      boundsOfChain([fullOf(400_000)]).map(String),
    );
    expect(source.peeks).toBe(0);
    expect(boundsOfChain([fullOf(400_000)])[0]).toBe(keyFromText(nameOf(119_999)));
  });
});
