/** Divides a source that nobody has listed, by looking at it here and there. */
import type { EntryKey, KeyRange } from '../core/entry.ts';
import { keyAlphabets } from '../core/key-alphabets.ts';
import { type GapView, pointsIn, viewGaps } from '../core/key-gaps.ts';
import { type Stretch, stretchOf } from '../core/key-stretch.ts';
import { mapInOrder } from './map-in-order.ts';

/** The first keys of a range, by one request; fewer than this only when the range holds no more. */
const PEEK_KEYS = 1000;

/** Into how many gaps a shard's worth is divided: so many times smaller is what a wrong estimate of one harms. */
const GAPS_PER_SHARD = 6;

/** Looks that find nothing new are allowed beside those that do, so that keys of any kind are looked at in proportion to what is found. */
const SPARE_PEEKS = 48;

/** Requests that are spent on dividing, in those that listing takes. */
const SHARE_OF_PAGES = 0.14;

type Peek = (range: KeyRange) => Promise<readonly EntryKey[]>;

/** Keys at which a range is divided, found by looking at it here and there instead of listing it; none where it is one worker's worth. */
export async function probeBounds(
  peek: Peek,
  range: KeyRange,
  { shardEntries, sideBySide }: { readonly shardEntries: number; readonly sideBySide: number },
): Promise<EntryKey[]> {
  const alphabets = keyAlphabets();
  const open = { upTo: range.upTo, estimate: 0 };
  const begin = await peek(range);
  alphabets.learn(begin);
  const whole = begin.length < PEEK_KEYS || begin.at(-1) === range.upTo;
  const first = stretchOf(begin, whole ? undefined : open);
  if (first === undefined || whole) return [];
  let stretches: Stretch[] = [first];
  let [found, empty] = [1, 0];
  for (;;) {
    const views = viewGaps(stretches, alphabets);
    const estimate = views.reduce((sum, { stretch }) => sum + (stretch.gap?.estimate ?? 0), 0) + known(stretches);
    const limit = Math.max(PEEK_KEYS, shardEntries / GAPS_PER_SHARD);
    const budget = Math.min(
      SPARE_PEEKS + (SHARE_OF_PAGES * estimate) / PEEK_KEYS - found - empty,
      SPARE_PEEKS + found - empty,
    );
    const wanted = Math.min(budget, Math.max(sideBySide, views.length / 4));
    const looks = chooseLooks(views, limit, wanted, alphabets);
    if (looks.length === 0) break;
    const results = new Map<Stretch, { point: EntryKey; keys: readonly EntryKey[] }[]>();
    for await (const { view, point, keys } of mapInOrder(looks, sideBySide, async ({ view, point, upTo }) => ({
      view,
      point,
      keys: await peek({ after: point, upTo }),
    })))
      results.set(view.stretch, [...(results.get(view.stretch) ?? []), { point, keys }]);
    const after: Stretch[] = [];
    stretches.forEach((stretch, at) => {
      const looked = results.get(stretch);
      after.push(stretch);
      if (looked === undefined) return;
      const added = fill(stretch, stretches[at + 1], looked, alphabets);
      found += added.length;
      empty += looked.length - added.length;
      after.push(...added);
    });
    stretches = after;
  }
  return cut(stretches, shardEntries);
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
  alphabets: ReturnType<typeof keyAlphabets>,
): Look[] {
  const looks: Look[] = [];
  const large = views.filter(({ stretch }) => (stretch.gap?.estimate ?? 0) > limit);
  large.sort((a, b) => (b.stretch.gap?.estimate ?? 0) - (a.stretch.gap?.estimate ?? 0));
  const total = large.reduce((sum, { stretch }) => sum + (stretch.gap?.estimate ?? 0), 0);
  for (const view of large) {
    if (looks.length >= wanted) break;
    const { gap, last } = view.stretch;
    const estimate = gap?.estimate ?? 0;
    const share = Math.ceil(Math.min((wanted * estimate) / total, estimate / limit));
    const points = pointsIn(view, Math.max(1, Math.min(share, wanted - looks.length)), alphabets);
    if (points.length === 0) points.push(last);
    looks.push(...points.map((point, at) => ({ view, point, upTo: points[at + 1] ?? gap?.upTo })));
  }
  return looks;
}

/** Puts what was seen in a gap between its ends; returns the stretches that are new. */
function fill(
  stretch: Stretch,
  next: Stretch | undefined,
  looked: readonly { readonly point: EntryKey; readonly keys: readonly EntryKey[] }[],
  alphabets: ReturnType<typeof keyAlphabets>,
): Stretch[] {
  const added: Stretch[] = [];
  const { gap } = stretch;
  if (gap === undefined) return [];
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
    const complete = seen.length < PEEK_KEYS || seen.at(-1) === until;
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
