/** Divides what the workers of a round left of their shards, so that nobody goes on alone for hours. */
import { decodeKey, type EntryKey, type KeyRange } from '../core/entry.ts';
import { type Deadline, PEEKED_KEYS, type WorkPlace } from '../core/ports.ts';
import { rangesAt, SHARD_ENTRIES } from './divide-source.ts';
import { mapInOrder } from './map-in-order.ts';
import { type Peek, probeBounds } from './probe-bounds.ts';
import { type Round, readParts } from './read-parts.ts';

/** Rounds of shards that a snapshot has at most. In the last no worker leaves anything: each goes on with its cursor, as long as it takes. */
export const MAX_ROUNDS = 8;

/** Remainders that are divided side by side, and the requests of each. */
const REMAINDERS = 16;
const PROBES = 4;

/** Below this what is left is handed on undivided: shards that are too large are divided in the next round. */
const MARGIN_MILLIS = 30_000;

interface Remainder {
  readonly range: KeyRange;
  /** Entries that the worker dealt with in its time. */
  readonly pace: number;
}

/** Ranges, none when nothing was left: each is about as much as the worker who left it dealt with in one call. */
export async function divideLeft(place: WorkPlace, round: Round, peek: Peek, deadline: Deadline): Promise<KeyRange[]> {
  const ranges: KeyRange[] = [];
  const divided = mapInOrder(remaindersOf(place, round), REMAINDERS, async (remainder) =>
    deadline.remainingMillis() < MARGIN_MILLIS
      ? [remainder.range]
      : rangesAt(await boundsOfRemainder(remainder, peek), remainder.range),
  );
  for await (const more of divided) ranges.push(...more);
  return ranges;
}

async function* remaindersOf(place: WorkPlace, round: Round): AsyncGenerator<Remainder> {
  for await (const { upTo, left } of readParts(place, round))
    if (left !== undefined) yield { range: { after: keyOf(upTo), upTo: keyOf(left.upTo) }, pace: left.pace };
}

const keyOf = (text: string | undefined): EntryKey | undefined => (text === undefined ? undefined : decodeKey(text));

/** Keys at which it is divided. */
export async function boundsOfRemainder({ range, pace }: Remainder, peek: Peek): Promise<readonly EntryKey[]> {
  const shardEntries = Math.min(SHARD_ENTRIES, Math.max(1, pace));
  const keys = await peek(range);
  // All that is left is known then, key by key.
  if (keys.length < PEEKED_KEYS) return keys.slice(0, -1).filter((_, at) => (at + 1) % shardEntries === 0);
  return probeBounds(peek, range, { shardEntries: Math.max(PEEKED_KEYS, shardEntries), sideBySide: PROBES });
}
