/** Gaps between the stretches that were seen of a range: how many keys each may hold, and where a look into it tells most. */
import { type EntryKey, findKeyText, keyFromLatin1 } from './entry.ts';
import { commonLength, type KeyAlphabets } from './key-alphabets.ts';
import { type Branching, byteAt, type Stretch } from './key-stretch.ts';

/** A run of siblings that may be there: those whose byte at `prefix.length` lies strictly between two. */
interface Siblings {
  readonly prefix: string;
  readonly place: number;
  readonly above: number;
  readonly below: number;
  /** Keys that each is thought to hold. */
  readonly each: number;
  readonly mass: number;
}

export interface GapView {
  readonly stretch: Stretch;
  readonly next: Stretch | undefined;
  readonly siblings: readonly Siblings[];
}

/**
 * Estimates every gap anew, and says of what each may be made: siblings on the path of its lower end, deepest first, then of its upper end. How many keys a
 * sibling holds is taken from those beside it, whose own gaps count by their estimates.
 */
export function viewGaps(stretches: readonly Stretch[], alphabets: KeyAlphabets): GapView[] {
  const before = extendAll(stretches, false);
  const behind = extendAll(stretches, true);
  const views: GapView[] = [];
  stretches.forEach((stretch, at) => {
    const { gap, last } = stretch;
    if (gap === undefined) return;
    const next = stretches[at + 1];
    const siblings: Siblings[] = [];
    const upper = gap.upTo;
    const common = upper === undefined ? -1 : commonLength(last, upper);
    const left = densities(last, before[at] ?? [], common, alphabets, false);
    const lastPlaces = alphabets.placesOf(last);
    for (let depth = last.length - 1; depth > common; depth -= 1)
      add(siblings, alphabets, last, lastPlaces, depth, byteAt(last, depth), 256, left[depth] ?? 0);
    if (upper !== undefined) {
      const shared = next === undefined ? -1 : commonLength(upper, next.first);
      const right = next === undefined ? [] : densities(next.first, behind[at + 1] ?? [], common, alphabets, true);
      const places = alphabets.placesOf(upper);
      const fromLeft = left[common] ?? 0;
      const fromRight = shared >= common ? right[common] : undefined;
      const between = fromRight === undefined ? fromLeft : (fromLeft + fromRight) / 2;
      add(siblings, alphabets, upper, places, common, byteAt(last, common), byteAt(upper, common), between);
      for (let depth = common + 1; depth < upper.length; depth += 1)
        add(
          siblings,
          alphabets,
          upper,
          places,
          depth,
          -1,
          byteAt(upper, depth),
          shared >= depth ? (right[depth] ?? 0) : 0,
        );
    }
    const massOf = (deep: (prefix: string) => boolean): number =>
      siblings.reduce((sum, { prefix, mass }) => sum + (deep(prefix) ? mass : 0), 0);
    const estimate = massOf(() => true);
    const low = massOf((prefix) => prefix.length > common && last.startsWith(prefix));
    const high = massOf((prefix) => prefix.length > common && !last.startsWith(prefix));
    stretch.gap = { upTo: upper, estimate, shares: estimate === 0 ? [0, 0] : [low / estimate, high / estimate] };
    views.push({ stretch, next, siblings });
  });
  return views;
}

function add(
  to: Siblings[],
  alphabets: KeyAlphabets,
  key: string,
  places: Uint16Array,
  depth: number,
  above: number,
  below: number,
  each: number,
): void {
  if (below <= above + 1 || each <= 0) return;
  const place = places[depth] ?? 0;
  const known = alphabets.below(place, below) - alphabets.below(place, above + 1);
  to.push({ prefix: key.slice(0, depth), place, above, below, each, mass: known * each });
}

/** For each depth from `common` on: how many keys a sibling of the key's byte there is thought to hold. */
function densities(
  key: string,
  branchings: readonly Branching[],
  common: number,
  alphabets: KeyAlphabets,
  mirrored: boolean,
): number[] {
  const places = alphabets.placesOf(key);
  const each: number[] = [];
  let at = 0;
  // Keys of the child that the key is in, as far as they are seen or estimated; grows on the way up.
  let inChild = 1;
  let unseen = 0;
  for (let depth = key.length - 1; depth >= Math.max(0, common); depth -= 1) {
    while ((branchings[at]?.depth ?? -1) > depth) at += 1;
    const branching = branchings[at]?.depth === depth ? branchings[at] : undefined;
    const place = places[depth] ?? 0;
    const own = byteAt(key, depth);
    const above = alphabets.below(place, 256) - alphabets.below(place, own + 1);
    const beneath = alphabets.below(place, own);
    if (branching === undefined) each[depth] = inChild + unseen;
    else {
      const [low, high] = branching.byte < own ? [branching.byte + 1, own + 1] : [own, branching.byte];
      const siblings = alphabets.below(place, high) - alphabets.below(place, Math.max(0, low));
      // A child of which little was seen is thought to be half as far below its siblings as it looks.
      const others =
        alphabets.below(place, Math.max(own, branching.byte)) -
        alphabets.below(place, Math.max(0, Math.min(own, branching.byte)));
      const usual = (branching.all - inChild) / Math.max(1, others);
      const lacking = Math.min((usual - inChild - unseen) / 2, 3 * (inChild + unseen));
      if (lacking > 0 && unseen > 0) {
        for (let deeper = depth + 1; deeper < key.length; deeper += 1)
          each[deeper] = (each[deeper] ?? 0) * (1 + lacking / unseen);
        unseen += lacking;
      }
      each[depth] = (branching.nearer + unseen) / Math.max(1, siblings);
      inChild = branching.all;
    }
    if (depth > common) unseen += (each[depth] ?? 0) * (mirrored ? beneath : above);
  }
  return each;
}

/** The branchings beside every stretch's end, as far as the range's begin (or, mirrored, beside its start as far as the range's end). */
function extendAll(stretches: readonly Stretch[], mirrored: boolean): Branching[][] {
  interface Open {
    readonly depth: number;
    readonly byte: number;
    /** Keys passed when the furthest sibling begins, and when it ends. */
    readonly start: number;
    readonly nearerFrom: number;
  }
  const extended: Branching[][] = [];
  const open: Open[] = [];
  let passed = 0;
  let previous: string | undefined;
  const popBelow = (depth: number): number | undefined => {
    let start: number | undefined;
    for (let top = open.at(-1); top !== undefined && top.depth > depth; top = open.at(-1)) {
      start = top.start;
      open.pop();
    }
    return start;
  };
  const ordered = mirrored ? stretches.toReversed() : stretches;
  ordered.forEach((stretch, at) => {
    const [near, far] = mirrored ? [stretch.last, stretch.first] : [stretch.first, stretch.last];
    const gap = mirrored ? (at === 0 ? undefined : stretch.gap) : ordered[at - 1]?.gap;
    let popped: number | undefined;
    if (previous !== undefined) {
      const depth = commonLength(previous, near);
      popped = popBelow(depth);
      if (open.at(-1)?.depth !== depth)
        open.push({
          depth,
          byte: byteAt(previous, depth),
          start: popped ?? passed - 1,
          nearerFrom: passed + (gap?.estimate ?? 0) * (gap?.shares?.[mirrored ? 1 : 0] ?? 0.5),
        });
      popped = undefined;
    }
    passed += gap?.estimate ?? 0;
    if (near !== far) {
      const depth = commonLength(near, far);
      popped = popBelow(depth);
      const end = passed + stretch.count;
      for (const inside of (mirrored ? stretch.behind : stretch.before).toReversed()) {
        if (open.at(-1)?.depth === inside.depth) continue;
        const start = end - inside.all;
        open.push({
          depth: inside.depth,
          byte: inside.byte,
          start: inside.depth === depth ? Math.min(start, popped ?? start) : start,
          nearerFrom: end - inside.nearer,
        });
      }
    }
    passed += stretch.count;
    extended.push(
      open
        .map(({ depth, byte, start, nearerFrom }) => ({
          depth,
          byte,
          all: passed - start,
          nearer: passed - nearerFrom,
        }))
        .reverse(),
    );
    previous = far;
  });
  return mirrored ? extended.reverse() : extended;
}

/**
 * Points that divide what a gap is thought to hold into `count + 1` parts, in byte order and each once. Where the estimate is a guess, orders of magnitude are
 * divided instead: of the depths at which the gap may branch, some looks tell the right one.
 */
export function pointsIn(
  view: GapView,
  { count, guessed }: { readonly count: number; readonly guessed: boolean },
  alphabets: KeyAlphabets,
): EntryKey[] {
  const weigh = ({ mass }: Siblings): number => (guessed ? Math.log1p(mass) : mass);
  const step = view.siblings.reduce((sum, one) => sum + weigh(one), 0) / (count + 1);
  const points: EntryKey[] = [];
  let passed = 0;
  let next = 1;
  for (const one of view.siblings) {
    const weight = weigh(one);
    for (; next <= count && step * next <= passed + weight; next += 1) {
      const point = pointAmong(one, (((step * next - passed) / weight) * one.mass) / one.each, alphabets);
      const tame = point === undefined ? undefined : tamePoint(point, view);
      if (tame !== undefined && tame > (points.at(-1) ?? '')) points.push(tame);
    }
    passed += weight;
  }
  return points;
}

/** A point just before the sibling that so many are before. */
function pointAmong(
  { prefix, place, above, below }: Siblings,
  passed: number,
  alphabets: KeyAlphabets,
): string | undefined {
  const known = alphabets.at(place, alphabets.below(place, above + 1) + passed);
  if (known !== undefined && known < below) return prefix + String.fromCharCode(known);
  const last = alphabets.at(place, alphabets.below(place, below) - 1e-9) ?? above;
  const beyond = Math.max(above, last) + 1;
  return beyond < below ? prefix + String.fromCharCode(beyond) : undefined;
}

/** The point when a source of texts can take it: inside the gap, no longer than its keys, and UTF-8 where they are. */
function tamePoint(point: string, { stretch, next }: GapView): EntryKey | undefined {
  const key = keyFromLatin1(point);
  const { last, gap } = stretch;
  if (gap === undefined || key <= last || (gap.upTo !== undefined && key >= gap.upTo)) return undefined;
  if (key.length > Math.max(last.length, next?.first.length ?? 0)) return undefined;
  if (findKeyText(key) !== undefined) return key;
  // Cut within a character: the lowest one that begins so.
  const completed = keyFromLatin1(completeCharacter(point));
  if (findKeyText(completed) !== undefined && completed > last && (gap.upTo === undefined || completed < gap.upTo))
    return completed;
  return findKeyText(last) === undefined ? key : undefined;
}

function completeCharacter(point: string): string {
  let lead = point.length - 1;
  while (lead > 0 && (point.charCodeAt(lead) & 0xc0) === 0x80) lead -= 1;
  const byte = point.charCodeAt(lead);
  const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
  let text = point;
  while (text.length < lead + length)
    text +=
      text.length === lead + 1 && byte === 0xe0 ? '\xa0' : text.length === lead + 1 && byte === 0xf0 ? '\x90' : '\x80';
  return text;
}
