/**
 * Sets of made-up keys of any size that take no memory: the key of each rank is computed, so that a listing begins anywhere, and the keys of a range are
 * counted exactly, by bisection. What is uneven about them comes from a seed.
 */
import { type EntryKey, type KeyRange, keyFromLatin1, keyFromText } from '../../functions/core/entry.ts';

/** Keys in byte order; `keyAt` goes from 0 to `count - 1`. */
export interface KeySet {
  readonly count: number;
  readonly keyAt: (rank: number) => string;
}

/** What S3 gives by one request. */
const PAGE_KEYS = 1000;

/** A number below 1 from a seed and a place, the same each time. */
export function noise(seed: number, at: number): number {
  let mixed = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(at + 1, 0xc2b2ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
const padded = (value: number, digits: number): string => String(value).padStart(digits, '0');

/** `img-00000000.jpg`, `img-00000001.jpg`, … */
export const numbered = (prefix: string, digits: number, suffix: string, count: number): KeySet => ({
  count,
  keyAt: (rank) => `${prefix}${padded(rank, digits)}${suffix}`,
});

/** The digits of random numbers in order: each falls anywhere within its share of all. */
function randomDigits(rank: number, count: number, seed: number, digits: number): string {
  const head = Math.min(digits, 12);
  const value = hex(Math.floor(((rank + noise(seed, rank)) / count) * 16 ** head), head);
  let tail = '';
  for (let at = 1; tail.length < digits - head; at += 1) tail += hex(Math.floor(noise(seed + at, rank) * 2 ** 32), 8);
  return value + tail.slice(0, digits - head);
}

export const uuids = (count: number, seed: number): KeySet => ({
  count,
  keyAt(rank) {
    const d = randomDigits(rank, count, seed, 32);
    return `${d.slice(0, 8)}-${d.slice(8, 12)}-4${d.slice(13, 16)}-a${d.slice(17, 20)}-${d.slice(20)}`;
  },
});

/** `ab/cd/abcd…`, as stores of contents by their hash have it. */
export const hashes = (count: number, seed: number): KeySet => ({
  count,
  keyAt(rank) {
    const d = randomDigits(rank, count, seed, 40);
    return `${d.slice(0, 2)}/${d.slice(2, 4)}/${d}`;
  },
});

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Names that begin with the time, of objects that came at `everyMs` on average. */
export const ulids = (count: number, seed: number, everyMs: number): KeySet => ({
  count,
  keyAt(rank) {
    let time = Math.floor(1_700_000_000_000 + (rank + noise(seed, rank)) * everyMs);
    let text = '';
    for (let digit = 0; digit < 10; digit += 1) {
      text = `${CROCKFORD[time % 32]}${text}`;
      time = Math.floor(time / 32);
    }
    // Within one millisecond the random part counts on.
    text += CROCKFORD[Math.floor(rank / 32 ** 5) % 32] ?? '';
    let low = rank % 32 ** 5;
    let counted = '';
    for (let digit = 0; digit < 5; digit += 1) {
      counted = `${CROCKFORD[low % 32]}${counted}`;
      low = Math.floor(low / 32);
    }
    text += counted;
    for (let digit = 0; digit < 10; digit += 1) text += CROCKFORD[Math.floor(noise(seed + digit, rank) * 32)] ?? '';
    return text;
  },
});

/** `user-<uuid>/a`, `/b`, …: one to five for each, 2.5 on average. */
export function tinyFolders(count: number, seed: number): KeySet {
  const FILES = 5;
  const owners = uuids(Math.ceil(count / 2.5), seed);
  // Of two neighbours one has one to four, and the other what is left of five.
  const first = (pair: number): number => 1 + Math.floor(noise(seed + 1, pair) * (FILES - 1));
  return {
    count,
    keyAt(rank) {
      const pair = Math.floor(rank / FILES);
      const at = rank % FILES;
      const files = first(pair);
      const owner = owners.keyAt(Math.min(owners.count - 1, at < files ? 2 * pair : 2 * pair + 1));
      return `user-${owner}/${'abcde'[at < files ? at : at - files]}`;
    },
  };
}

/** Sets one after the other, each below its name; names are in byte order. */
export function inOrder(parts: readonly (readonly [name: string, set: KeySet])[]): KeySet {
  const ends: number[] = [];
  for (const [, { count }] of parts) ends.push((ends.at(-1) ?? 0) + count);
  return {
    count: ends.at(-1) ?? 0,
    keyAt(rank) {
      const at = firstAbove(ends, rank);
      const [name, set] = parts[at] ?? ['', undefined];
      return set === undefined ? '' : name + set.keyAt(rank - (ends[at - 1] ?? 0));
    },
  };
}

/** How many of the ends are at or below the rank, which is the part that holds it. */
function firstAbove(ends: readonly number[], rank: number): number {
  let [low, high] = [0, ends.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ends[middle] ?? 0) > rank) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Shares of a whole in proportion to the weights, none of them negative, that add up to it. */
function shares(count: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((a, b) => a + b, 0);
  let passed = 0;
  let given = 0;
  return weights.map((weight) => {
    passed += weight;
    const upTo = Math.round((count * passed) / sum);
    const share = upTo - given;
    given = upTo;
    return share;
  });
}

/** `2023/01/01/…`: days of which the busiest has some 50 times what the quietest has, each with objects named by time and a random part. */
export function dates(count: number, seed: number, days = 900): KeySet {
  const weights = Array.from({ length: days }, (_, day) => 0.05 + noise(seed, day) ** 3 * (day % 7 < 2 ? 0.3 : 2.5));
  const perDay = shares(count, weights);
  return inOrder(
    perDay
      .map((share, day): readonly [string, KeySet] => {
        const date = new Date(Date.UTC(2023, 0, 1 + day)).toISOString().slice(0, 10).replaceAll('-', '/');
        return [`${date}/`, timesOfDay(share, seed + day)];
      })
      .filter(([, set]) => set.count > 0),
  );
}

const timesOfDay = (count: number, seed: number): KeySet => ({
  count,
  keyAt(rank) {
    const millis = Math.floor(((rank + noise(seed, rank)) / count) * 86_400_000);
    const seconds = Math.floor(millis / 1000);
    const time = `${padded(Math.floor(seconds / 3600), 2)}${padded(Math.floor(seconds / 60) % 60, 2)}${padded(seconds % 60, 2)}`;
    return `${time}-${padded(millis % 1000, 3)}-${hex(rank, 8)}.json`;
  },
});

const CONSONANTS = 'bcdfghklmnprstvz';
const VOWELS = 'aeiou';

function word(seed: number): string {
  let text = '';
  for (let syllable = 0; syllable < 2 + Math.floor(noise(seed, 0) * 3); syllable += 1)
    text += `${CONSONANTS[Math.floor(noise(seed, 2 * syllable + 1) * CONSONANTS.length)]}${VOWELS[Math.floor(noise(seed, 2 * syllable + 2) * VOWELS.length)]}`;
  return text;
}

/** Folders in folders, `levels` deep, named by words, two to `most` in each, of very uneven sizes; numbered files at the bottom. */
export function deepTree(count: number, seed: number, levels = 6, most = 24): KeySet {
  if (levels === 0 || count <= 2) return numbered('file-', 6, '.dat', count);
  const names = new Set<string>();
  const folders = 2 + Math.floor(noise(seed, 1) * (most - 1));
  for (let at = 0; names.size < folders; at += 1) names.add(word(Math.floor(noise(seed + 7, at) * 2 ** 31)));
  const sorted = [...names].sort();
  const counts = shares(
    count,
    sorted.map((_, at) => 0.02 + noise(seed + 11, at) ** 4),
  );
  const ends: number[] = [];
  for (const share of counts) ends.push((ends.at(-1) ?? 0) + share);
  // Only the folder that was looked at last is kept.
  let kept: { readonly at: number; readonly set: KeySet } | undefined;
  return {
    count,
    keyAt(rank) {
      const at = firstAbove(ends, rank);
      if (kept?.at !== at)
        kept = {
          at,
          set: deepTree(counts[at] ?? 0, Math.floor(noise(seed + 13, at) * 2 ** 31), levels - 1, most),
        };
      return `${sorted[at]}/${kept.set.keyAt(rank - (ends[at - 1] ?? 0))}`;
    },
  };
}

/** Ten small keys, nearly all below `logs/` (and in it nearly all below one folder of it), some after. */
export function giantPrefix(count: number, seed: number): KeySet {
  const inside = count - 10 - Math.floor(count / 1000);
  const nested = Math.floor(inside * 0.97);
  const rest = inside - nested;
  const [before, after] = [Math.floor(rest / 2), rest - Math.floor(rest / 2)];
  return inOrder([
    ['about-', numbered('', 2, '.txt', 10)],
    ['logs/app/', uuids(before, seed)],
    ['logs/production/eu-west-1/', dates(nested, seed + 1, 400)],
    ['logs/staging/', uuids(after, seed + 2)],
    ['zip/', numbered('part-', 9, '', count - 10 - inside)],
  ]);
}

export function mixture(count: number, seed: number): KeySet {
  const [a, b, c, d, e, f, g] = shares(count, [8, 25, 5, 30, 12, 15, 5]);
  return inOrder(
    [
      ['assets/', hashes(a ?? 0, seed)],
      ['events/', dates(b ?? 0, seed + 1)],
      ['img-', numbered('', 9, '.jpg', c ?? 0)],
      ['projects/', deepTree(d ?? 0, seed + 2)],
      ['uploads/', uuids(e ?? 0, seed + 3)],
      ['users/', tinyFolders(f ?? 0, seed + 4)],
      ['Übung/', inOrder([['größe-', ulids(g ?? 0, seed + 5, 40)]])],
    ].map(([name, set]): readonly [string, KeySet] => [latin1(String(name)), set as KeySet]),
  );
}

const latin1 = (text: string): string => keyFromText(text);

/** The distributions that a division of a source is measured on. */
export const DISTRIBUTIONS: Readonly<Record<string, (count: number, seed: number) => KeySet>> = {
  'numbered names': (count) => numbered('img-', 8, '.jpg', count),
  UUIDs: uuids,
  'dates, uneven days': (count, seed) => dates(count, seed),
  'deep tree': (count, seed) => deepTree(count, seed),
  'giant prefix': giantPrefix,
  'tiny prefixes': tinyFolders,
  ULIDs: (count, seed) => ulids(count, seed, 20),
  'hashes, two levels': hashes,
  mixture: mixture,
};

/** How many of the keys are at or before a bound. */
export function countUpTo(set: KeySet, bound: string): number {
  let [low, high] = [0, set.count];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (set.keyAt(middle) > bound) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** One request to a listing that begins after a key, as S3 has it. */
export function peekInto(set: KeySet, { after, upTo }: KeyRange): EntryKey[] {
  const keys: EntryKey[] = [];
  for (
    let rank = after === undefined ? 0 : countUpTo(set, after);
    rank < set.count && keys.length < PAGE_KEYS;
    rank += 1
  ) {
    const key = keyFromLatin1(set.keyAt(rank));
    if (upTo !== undefined && key > upTo) break;
    keys.push(key);
  }
  return keys;
}
