/** Divides a source that nobody has listed, by looking at it here and there. */
import type { EntryKey, KeyRange } from '../core/entry.ts';
import { type KeyAlphabets, keyAlphabets } from '../core/key-alphabets.ts';
import { type GapView, pointsIn, viewGaps } from '../core/key-gaps.ts';
import { type Stretch, stretchOf } from '../core/key-stretch.ts';
import { PEEKED_KEYS, type SourceReader } from '../core/ports.ts';
import { mapInOrder } from './map-in-order.ts';

/** Into how many gaps a shard's worth is divided: so many times smaller is what a wrong estimate of one harms. */
const GAPS_PER_SHARD = 6;

/** Looks that are allowed beside a share of the pages, and looks that may find nothing beside as many as find something. */
const SPARE_PEEKS = 24;
const SPARE_EMPTY = 64;

/** Requests that are spent on dividing, in those that listing takes. */
const SHARE_OF_PAGES = 0.13;

/** A gap that is thought to hold so many times what all the others do is not known at all. */
const GUESS = 30;

/** So many looks follow estimates that are small, too: at first they are guesses. */
const FIRST_LOOKS = 8;
/** As much of a listing is spent on looks into gaps that are thought to be small. */
const LOW_SHARE = 0.1;

/**
 * Rounds of looks; most sources take some twenty. Each weighs all that was seen, which for a hundred million keys takes half a second, so that one whose keys are told
 * apart by a few looks at a time would keep a function busy to its end. What is then still too large is left by its worker.
 */
const MAX_ROUNDS = 100;

export type Peek = NonNullable<SourceReader['peek']>;

/**
 * Keys at which a range is divided, found by looking at it here and there instead of listing it; none where it is one worker's worth. Each is a key that
 * was seen. What is looked at next follows from an estimate of every gap, so that keys of unusual kinds cost balance, never more than a bounded share of a
 * listing.
 */
export async function probeBounds(
  peek: Peek,
  range: KeyRange,
  options: { readonly shardEntries: number; readonly sideBySide: number },
): Promise<EntryKey[]> {
  const alphabets = keyAlphabets();
  const begin = await peek(range);
  const first = stretchOf(begin, { upTo: range.upTo, estimate: 0 });
  if (first === undefined || begin.length < PEEKED_KEYS || first.last === range.upTo) return [];
  alphabets.learn(begin);
  let stretches: readonly Stretch[] = [first];
  const spent: Spent = { found: 1, empty: 0 };
  for (let round = 0; ; round += 1) {
    const looks = nextLooks(stretches, spent, options, alphabets);
    if (looks.length === 0 || round === MAX_ROUNDS) return cut(stretches, options.shardEntries);
    const seen = new Map<Stretch, Seen[]>();
    for await (const { stretch, point, keys } of mapInOrder(looks, options.sideBySide, async (look) => ({
      stretch: look.view.stretch,
      point: look.point,
      keys: await peek({ after: look.point, upTo: look.upTo }),
    })))
      seen.set(stretch, [...(seen.get(stretch) ?? []), { point, keys }]);
    stretches = stretches.flatMap((stretch, at) => {
      const looked = seen.get(stretch) ?? [];
      const added = fill(stretch, stretches[at + 1], looked, alphabets);
      spent.found += added.length;
      spent.empty += looked.length - added.length;
      return [stretch, ...added];
    });
  }
}

/** Looks that found keys, and those that did not. */
interface Spent {
  found: number;
  empty: number;
}

/** What is looked at in the next round; nothing when every gap is small enough or enough was spent. */
function nextLooks(
  stretches: readonly Stretch[],
  { found, empty }: Spent,
  { shardEntries, sideBySide }: { readonly shardEntries: number; readonly sideBySide: number },
  alphabets: KeyAlphabets,
): Look[] {
  // Twice, because gaps count in the estimates of their neighbours.
  viewGaps(stretches, alphabets);
  const views = viewGaps(stretches, alphabets);
  const spent = found + empty;
  const seen = known(stretches);
  const worth = views.reduce((sum, { stretch }) => sum + Math.min(shardEntries / 2, stretch.gap?.estimate ?? 0), seen);
  const pages = worth / PEEKED_KEYS;
  const budget = Math.min(SPARE_PEEKS + SHARE_OF_PAGES * pages - spent, SPARE_EMPTY + found - empty);
  const wanted = Math.min(budget, Math.max(Math.min(sideBySide, 16), views.length / 2));
  let limit = shardEntries / GAPS_PER_SHARD;
  let looks = chooseLooks(views, limit, wanted, seen, alphabets);
  // What is thought to be small is looked at, too, while that costs little: it may be small by a wrong guess only.
  const low = FIRST_LOOKS + LOW_SHARE * pages - spent;
  while (looks.length === 0 && limit > PEEKED_KEYS && low > 0) {
    limit /= 2;
    looks = chooseLooks(views, limit, Math.min(wanted, low), seen, alphabets);
  }
  return looks;
}

interface Seen {
  readonly point: EntryKey;
  readonly keys: readonly EntryKey[];
}

interface Look {
  readonly view: GapView;
  readonly point: EntryKey;
  readonly upTo: EntryKey | undefined;
}

/** The gaps that hold most first; several looks into one that is many limits large. */
function chooseLooks(
  views: readonly GapView[],
  limit: number,
  wanted: number,
  seen: number,
  alphabets: KeyAlphabets,
): Look[] {
  const looks: Look[] = [];
  const large = views.filter(({ stretch }) => (stretch.gap?.estimate ?? 0) > limit);
  large.sort((a, b) => (b.stretch.gap?.estimate ?? 0) - (a.stretch.gap?.estimate ?? 0));
  const total = large.reduce((sum, { stretch }) => sum + (stretch.gap?.estimate ?? 0), 0);
  const all = views.reduce((sum, { stretch }) => sum + (stretch.gap?.estimate ?? 0), seen);
  for (const view of large) {
    if (looks.length >= wanted) break;
    const { gap, last } = view.stretch;
    const estimate = gap?.estimate ?? 0;
    const share = Math.ceil(Math.min((wanted * estimate) / total, estimate / limit));
    const guessed = estimate > GUESS * (all - estimate);
    const count = Math.max(1, Math.min(guessed ? 8 : share, wanted - looks.length));
    const points = pointsIn(view, { count, guessed }, alphabets);
    if (points.length === 0) points.push(last);
    looks.push(...points.map((point, at) => ({ view, point, upTo: points[at + 1] ?? gap?.upTo })));
  }
  return looks;
}

/** Puts what was seen in a gap between its ends; returns the stretches that are new. */
function fill(
  stretch: Stretch,
  next: Stretch | undefined,
  looked: readonly Seen[],
  alphabets: KeyAlphabets,
): Stretch[] {
  const added: Stretch[] = [];
  const { gap } = stretch;
  if (gap === undefined || looked.length === 0) return [];
  const each = gap.estimate / (looked.length + 1);
  const end = gap.upTo;
  let current = stretch;
  let upper: EntryKey | undefined;
  looked.forEach(({ point, keys: seen }, at) => {
    const until = looked[at + 1]?.point ?? end;
    const keys = next !== undefined && seen.at(-1) === next.first ? seen.slice(0, -1) : seen;
    if (point !== current.last)
      alphabets.learnAbsence(point, keys[0] ?? (at + 1 < looked.length ? undefined : next?.first));
    alphabets.learn(keys);
    const complete = seen.length < PEEKED_KEYS || seen.at(-1) === until;
    const one = stretchOf(keys, complete ? undefined : { upTo: until, estimate: each });
    upper = point;
    if (one === undefined) {
      if (current.gap === undefined) return;
      // Nothing behind the point: the gap ends there.
      current.gap = closed(current, point, each);
      return;
    }
    current.gap = current.gap === undefined ? undefined : closed(current, upper, each);
    added.push(one);
    current = one;
  });
  return added;
}

/** The gap behind a stretch when it ends at a point; none where that is the stretch's own end. */
const closed = ({ last, gap }: Stretch, point: EntryKey, estimate: number) =>
  point <= last ? undefined : { upTo: gap?.upTo !== undefined && gap.upTo < point ? gap.upTo : point, estimate };

const known = (stretches: readonly Stretch[]): number => stretches.reduce((sum, { count }) => sum + count, 0);

/** Bounds that were seen, where the keys before them add up to equal parts. */
function cut(stretches: readonly Stretch[], shardEntries: number): EntryKey[] {
  const total = known(stretches) + stretches.reduce((sum, { gap }) => sum + (gap?.estimate ?? 0), 0);
  const shards = Math.round(total / shardEntries);
  const end = stretches.at(-1)?.last;
  const bounds: EntryKey[] = [];
  let passed = 0;
  let [best, off] = [undefined as EntryKey | undefined, Number.POSITIVE_INFINITY];
  const offer = (key: EntryKey): void => {
    const target = ((bounds.length + 1) * total) / shards;
    if (Math.abs(passed - target) <= off) [best, off] = [key, Math.abs(passed - target)];
    else if (best !== undefined && bounds.length + 1 < shards) {
      if (best !== bounds.at(-1)) bounds.push(best);
      [best, off] = [key, Math.abs(passed - ((bounds.length + 1) * total) / shards)];
    }
  };
  for (const { first, last, count, gap } of stretches) {
    passed += 1;
    offer(first);
    passed += count - 1;
    offer(last);
    passed += gap?.estimate ?? 0;
  }
  if (best !== undefined && bounds.length + 1 < shards) bounds.push(best);
  return bounds.filter((key) => end !== undefined && key < end);
}
