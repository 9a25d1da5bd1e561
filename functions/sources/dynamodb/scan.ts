/**
 * Reads a table by Scan, its segments side by side. A cursor holds where each segment goes on, by DynamoDB's own LastEvaluatedKey.
 */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import * as z from 'zod';
import { translateAwsError } from '../../core/aws-errors.ts';
import { IntegrityError, InvalidInputError } from '../../core/errors.ts';
import type { ReadOptions, ScannedEntry, SourceScanner } from '../../core/ports.ts';
import { canonicalItem, isJsonObject } from '../../core/typed-json.ts';
import { type Budget, type Timing, unitBudget } from './budget.ts';
import { entryOfItem, findJson, type KeySchema } from './items.ts';
import { describeShape, nameOfTable } from './table.ts';
import { type RawAnswer, scanRaw, unitsOf } from './wire.ts';

/** Segments of a scan, each with one page (1 MB at most) in flight: what one worker can parse. */
const SEGMENTS = 4;
/** What one unit reads consistently; half a unit does otherwise (developer guide, "Read and write capacity"). */
const BYTES_PER_UNIT = 4096;

/** Where a segment goes on: at its beginning, not at all, or after the item of this key (typed JSON). */
const positionSchema = z.union([z.literal(['start', 'end']), z.string().startsWith('{')]);
type Position = z.output<typeof positionSchema>;

/**
 * The table's key goes along: a table that was dropped and made anew under another key, while a process remembers the old one, must not
 * have its items taken for one another.
 */
const cursorSchema = z.object({
  key: z.array(z.object({ name: z.string(), type: z.literal(['S', 'N', 'B']) })).min(1),
  itemBytes: z.number(),
  segments: z.array(positionSchema).min(1),
});
type Cursor = z.output<typeof cursorSchema>;

export interface ScannedTable {
  readonly client: DynamoDBClient;
  readonly table: string;
}

/** The engine `scan`. A table that changes while it is read is read as each item stands when the scan meets it. */
export function itemScan(
  from: ScannedTable,
  options: ReadOptions,
  timing: Timing,
): Pick<SourceScanner, 'beginScan' | 'scan'> {
  const name = nameOfTable(from.table);
  const consistent = options.consistentReads ?? true;
  const budget = unitBudget(options.maxReadUnitsPerSecond, timing);
  return {
    beginScan: async (now) => {
      const { keySchema, averageItemBytes } = await describeShape(from.client, from.table);
      const segments = Array.from({ length: SEGMENTS }, (): Position => 'start');
      const cursor: Cursor = { key: [...keySchema], itemBytes: averageItemBytes, segments };
      return { cursor: JSON.stringify(cursor), consistentAt: now.toISOString(), changesOnly: false };
    },
    async *scan(text) {
      const cursor = readCursor(text, name);
      const { key, itemBytes, segments: positions } = cursor;
      const stop = new AbortController();
      const pace = pagePace(budget, { consistent, segments: positions.length, itemBytes });
      const read = (segment: number, position: Position) => {
        const question = { key, position, segment, segments: positions.length, consistent };
        const page = readPage(from, question, pace, stop.signal);
        page.catch(() => undefined); // It is awaited when its turn comes, or nobody wants it any more.
        return { segment, page };
      };
      try {
        let open = positions.flatMap((at, segment) => (at === 'end' ? [] : [read(segment, at)]));
        // In turns, so that a cursor gives the same pages again.
        while (open.length > 0) {
          const going: typeof open = [];
          for (const { segment, page } of open) {
            const { entries, next } = await page;
            positions[segment] = next;
            if (next !== 'end') going.push(read(segment, next));
            const ended = positions.every((at) => at === 'end');
            yield { entries, cursor: ended ? undefined : JSON.stringify(cursor) };
          }
          open = going;
        }
      } finally {
        stop.abort();
      }
    },
  };
}

function readCursor(text: string, name: string): Cursor {
  const refuse = (why: string) =>
    new InvalidInputError(`${name}: this is not a cursor of its scan (${why}); begin the scan again`);
  const parsed = cursorSchema.safeParse(findJson(text));
  if (!parsed.success) throw refuse('it does not hold the key of the table and a position for each segment');
  const segments = parsed.data.segments.map((at) => (at.startsWith('{') ? canonicalItem(findJson(at), refuse) : at));
  return { ...parsed.data, segments };
}

interface PageQuestion {
  readonly key: KeySchema;
  readonly position: Position;
  readonly segment: number;
  readonly segments: number;
  readonly consistent: boolean;
}

async function readPage(
  { client, table }: ScannedTable,
  { key, position, segment, segments, consistent }: PageQuestion,
  pace: PagePace,
  signal: AbortSignal,
): Promise<{ readonly entries: readonly ScannedEntry[]; readonly next: Position }> {
  const name = nameOfTable(table);
  try {
    const body = [`"Segment":${segment}`, `"TotalSegments":${segments}`, `"ConsistentRead":${consistent}`];
    if (position !== 'start') body.push(`"ExclusiveStartKey":${position}`);
    const answer = await pace.paced((limit) => scanRaw(client, table, [...body, ...limit], signal), signal);
    const { Items, Count, LastEvaluatedKey } = answer.body;
    if (!Array.isArray(Items) || Count !== Items.length)
      throw new IntegrityError(`${name}: scanning: a page came back without all of its items`);
    const refuse = (why: string) => new IntegrityError(`${name}: scanning: the page's last key: ${why}`);
    // Of a table that has another key by now, a key that is not whole.
    if (isJsonObject(LastEvaluatedKey) && Object.keys(LastEvaluatedKey).length !== key.length)
      throw refuse('it is not of the key that the table had when the scan began; run again');
    return {
      entries: Items.map((item: unknown) => entryOfItem(item, key, `${name}: scanning`)),
      next: LastEvaluatedKey === undefined ? 'end' : canonicalItem(LastEvaluatedKey, refuse),
    };
  } catch (error) {
    throw translateAwsError(error, `${name}: scanning`);
  }
}

interface PagePace {
  /** Sends when the budget allows, with the member of the request that keeps the page small enough. */
  paced(send: (limit: readonly string[]) => Promise<RawAnswer>, signal: AbortSignal): Promise<RawAnswer>;
}

/**
 * Pages within a budget. Each segment's page is to cost its share of one second's units, judged by what the items of the page before
 * cost; a page that costs more is made up for by waiting.
 */
function pagePace(
  budget: Budget,
  { consistent, segments, itemBytes }: { consistent: boolean; segments: number; itemBytes: number },
): PagePace {
  const { unitsPerSecond } = budget;
  if (unitsPerSecond === undefined) return { paced: (send) => send([]) };
  const bytesPerUnit = consistent ? BYTES_PER_UNIT : 2 * BYTES_PER_UNIT;
  let unitsPerItem = Math.max(BYTES_PER_UNIT, itemBytes) / bytesPerUnit;
  return {
    paced: async (send, signal) => {
      const limit = Math.max(1, Math.floor(unitsPerSecond / segments / unitsPerItem));
      const expected = limit * unitsPerItem;
      await budget.take(expected, signal);
      const answer = await send([`"Limit":${limit}`]);
      const used = unitsOf(answer.body.ConsumedCapacity) ?? answer.sizeBytes / bytesPerUnit;
      budget.settle(expected, used);
      const { ScannedCount: scanned } = answer.body;
      if (typeof scanned === 'number' && scanned > 0) unitsPerItem = Math.max(used / scanned, 1 / bytesPerUnit);
      return answer;
    },
  };
}
