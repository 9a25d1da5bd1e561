import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EntryKey, inRange, type KeyRange, keyFromText } from '../../functions/core/entry.ts';
import type { Deadline, ScannedEntry, SourceScanner } from '../../functions/core/ports.ts';
import { FRAME_BYTES, framesOf } from '../../functions/core/staged-run.ts';
import { eachOf } from '../../functions/operations/each-of.ts';
import { mergeRuns } from '../../functions/operations/merge-runs.ts';
import { type Staging, type StagingPlace, stageEntries } from '../../functions/operations/stage-entries.ts';
import { memoryBlobStore } from '../fakes/memory-blob-store.ts';
import { memoryTable } from '../fakes/memory-table.ts';
import { impatient, KEYS, NO_HURRY } from '../fakes/world.ts';

const newPlace = (): StagingPlace => ({
  work: memoryBlobStore('file:///work'),
  folder: 'staged',
  keys: KEYS,
  randomBytes,
});

/** A source that gives these entries, in this order and so many a page. */
function scannerOf(entries: readonly ScannedEntry[], pageEntries: number): SourceScanner {
  return {
    ...memoryTable('dynamodb://orders'),
    async *scan(cursor) {
      for (let at = Number(cursor); ; at += pageEntries) {
        const more = at + pageEntries < entries.length;
        yield { entries: entries.slice(at, at + pageEntries), cursor: more ? String(at + pageEntries) : undefined };
        if (!more) return;
      }
    },
  };
}

/** Staged by as many calls as it takes. */
async function stageAll(
  scanner: SourceScanner,
  place: StagingPlace,
  deadline: () => Deadline = () => NO_HURRY,
): Promise<Staging> {
  let staging: Staging = { cursor: '0', runs: [] };
  while (staging.cursor !== undefined)
    ({ staging } = await stageEntries(scanner, staging, place, { deadline: deadline(), onEntries: () => {} }));
  return staging;
}

const keys = Array.from({ length: 12 }, (_, number) => `k${number}`);
const scanned = fc.record({
  key: fc.constantFrom(...keys).map(keyFromText),
  // On both sides of a frame's size, so that runs have several.
  content: fc.option(
    fc.constantFrom(0, 1, 150_000, FRAME_BYTES).map((size) => Buffer.alloc(size, 7)),
    { nil: undefined },
  ),
});
const bound = fc.option(fc.constantFrom(...keys, 'k', 'k1a', 'z').map(keyFromText), { nil: undefined });

describe('staged runs', () => {
  it('merge into the newest state of each key, in key order, whatever the range and wherever staging was interrupted', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(scanned, { maxLength: 30 }),
        fc.integer({ min: 1, max: 5 }),
        fc.record({ after: bound, upTo: bound }),
        async (entries, pageEntries, range: KeyRange) => {
          const place = newPlace();
          const { runs } = await stageAll(scannerOf(entries, pageEntries), place, impatient(3));
          const newest = new Map(entries.map(({ key, content }) => [key, content?.length]));
          const expected = [...newest].filter(([key]) => inRange(key, range)).sort(([a], [b]) => (a < b ? -1 : 1));
          const merged: [EntryKey, number | undefined][] = [];
          for await (const { key, content } of eachOf(mergeRuns(place, runs, range)))
            merged.push([key, content?.length]);
          expect(merged).toEqual(expected);
        },
      ),
      { seed: 1, numRuns: 200 },
    );
  });

  it('are read a bounded number of plain bytes ahead, however well they compress', async () => {
    const entries = Array.from({ length: 600 }, (_, number) => ({
      key: keyFromText(`k${String(number).padStart(4, '0')}`),
      content: Buffer.alloc(100_000, 'x'),
    }));
    const place = newPlace();
    const { runs } = await stageAll(scannerOf(entries, 100), place);
    const [run] = runs;
    if (run === undefined) throw new Error('no run');
    const reads: number[] = [];
    const counting: StagingPlace['work'] = {
      ...place.work,
      get: (name, range) => {
        const end = (range?.offset ?? 0) + (range?.length ?? 0);
        reads.push(run.frames.filter(([, , offset]) => offset >= (range?.offset ?? 0) && offset < end).length);
        return place.work.get(name, range);
      },
    };
    for await (const _ of mergeRuns({ ...place, work: counting }, runs, {}));
    expect(framesOf(run, {}).to).toBeGreaterThan(150);
    expect(Math.max(...reads) * FRAME_BYTES).toBeLessThanOrEqual(32 << 20);
  });
});
