/** Reads what the workers of a snapshot left in the work place, and proves that together they covered the source. */
import { decodeKey, type EntryKey } from '../core/entry.ts';
import { IntegrityError } from '../core/errors.ts';
import type { WorkPlace } from '../core/ports.ts';
import { mapInOrder } from './map-in-order.ts';
import { getPart, type Inventory, type Part, type Work } from './work-lists.ts';

/** Parts that are read side by side. */
const READERS = 16;

/** Shards that were made at once: the folder of an attempt holds their parts. */
export interface Round {
  readonly work: Work;
  readonly firstShard: number;
  readonly shards: number;
}

/** The rounds of an inventory, in the order in which they were made. */
export function roundsOf(inventory: Pick<Inventory, 'rounds'>, work: Work): Round[] {
  let firstShard = 0;
  return inventory.rounds.map(({ attempt, shards }) => {
    const round = { work: { ...work, attempt }, firstShard, shards };
    firstShard += shards;
    return round;
  });
}

/** The parts of a round, shard by shard. @throws NotFoundError when a worker's result is missing; IntegrityError */
export async function* readParts(place: WorkPlace, { work, firstShard, shards }: Round): AsyncGenerator<Part> {
  const numbers = Array.from({ length: shards }, (_, at) => firstShard + at);
  for await (const parts of mapInOrder(numbers, READERS, (shard) => readShard(place, work, shard))) yield* parts;
}

async function readShard(place: WorkPlace, work: Work, shard: number): Promise<Part[]> {
  const parts: Part[] = [];
  for (let done = false; !done; ) {
    const part = await getPart(place, work, { shard, part: parts.length });
    parts.push(part);
    done = part.done;
  }
  return parts;
}

/**
 * The parts in key order.
 *
 * Two calls with one input may have worked at once and stopped at different keys, the later in place of the earlier: what lies between must be
 * neither lost nor there twice.
 * @throws IntegrityError unless each key of the source, whatever keys it has, lies in exactly one of them.
 */
export function joinParts(parts: readonly Part[], what: string): Part[] {
  const ordered = parts.map((part) => ({ part, after: bound(part.after), upTo: bound(part.upTo) }));
  ordered.sort((a, b) =>
    a.after === b.after ? 0 : a.after === undefined ? -1 : b.after === undefined ? 1 : a.after < b.after ? -1 : 1,
  );
  for (const [at, { after }] of ordered.entries()) {
    const joins = at === 0 ? after === undefined : after !== undefined && after === ordered[at - 1]?.upTo;
    if (!joins) throw doNotJoin(what);
  }
  if (ordered.length === 0 || ordered.at(-1)?.upTo !== undefined) throw doNotJoin(what);
  return ordered.map(({ part }) => part);
}

const bound = (text: string | undefined): EntryKey | undefined => (text === undefined ? undefined : decodeKey(text));

const doNotJoin = (what: string): IntegrityError =>
  new IntegrityError(`the parts of ${what} do not join, because two workers were at one of them; run it again`);
