/**
 * Which bytes keys have at which place: learned from keys that were seen, so that the stretch between two keys can be measured in the siblings that
 * may lie there. A place is a level of the path (how many `/` stand before it) and an offset within the level's name.
 */
import type { EntryKey } from './entry.ts';

/** Deeper or further in, places are taken for one: what is learned stays small whatever the keys are. */
const MAX_LEVEL = 24;
const MAX_OFFSET = 63;
const OFFSETS = MAX_OFFSET + 1;
const SLASH = 47;
const BYTES = 256;
const FIRST = 0x20;

/** Digits; letters that are digits of hexadecimal numbers, and those that are not. One that was seen stands for all of its kind. */
const KINDS = [
  [0x30, 0x39],
  [0x41, 0x46],
  [0x47, 0x5a],
  [0x61, 0x66],
  [0x67, 0x7a],
] as const;

/** Where nothing is known yet, a place of numbers is taken to be full, and one of words to be of one word. */
const RARE = 0.03;

/** The same for letters beside digits, as another level of the path has them. */
const HEARSAY = 0.06;

export interface KeyAlphabets {
  /** Learns from consecutive keys in byte order. */
  readonly learn: (keys: readonly EntryKey[]) => void;
  /** Learns that there is no key behind a point before the next that was found; undefined: none at all. */
  readonly learnAbsence: (point: string, found: string | undefined) => void;
  /** The place of each byte of a key. */
  readonly placesOf: (key: string) => Uint16Array;
  /** How many siblings with bytes below `byte` (0 to 256) are likely at a place. */
  readonly below: (place: number, byte: number) => number;
  /** The byte at a place that so many likely siblings are below; undefined where there are not so many. */
  readonly at: (place: number, siblings: number) => number | undefined;
}

interface Place {
  /** Bytes that were seen. */
  readonly seen: Uint8Array;
  /** How often each was there, and (as differences from one byte to the next) how often it could have been. */
  readonly hits: Float64Array;
  readonly tries: Float64Array;
  /** What is likely below each byte; undefined where it is to be counted anew. */
  likely: Float64Array | undefined;
}

export function keyAlphabets(): KeyAlphabets {
  const places = new Map<number, Place>();
  /** By level, the kinds that were seen at one place with digits. */
  const mixed = new Map<number, Set<number>>();
  const elsewhere = new Set<number>();

  const placeAt = (at: number): Place => {
    let place = places.get(at);
    if (place === undefined) {
      place = {
        seen: new Uint8Array(BYTES),
        hits: new Float64Array(BYTES),
        tries: new Float64Array(BYTES + 1),
        likely: undefined,
      };
      places.set(at, place);
    }
    return place;
  };
  const hasKind = ({ seen }: Place, kind: number): boolean => {
    const [from, to] = KINDS[kind] ?? [0, -1];
    for (let byte = from; byte <= to; byte += 1) if (seen[byte] === 1) return true;
    return false;
  };
  const see = (at: number, byte: number): void => {
    const place = placeAt(at);
    if (place.seen[byte] === 1) return;
    place.seen[byte] = 1;
    place.likely = undefined;
    if (!hasKind(place, 0)) return;
    const level = Math.floor(at / OFFSETS);
    const kinds = mixed.get(level) ?? new Set();
    const size = kinds.size;
    for (const kind of KINDS.keys()) if (hasKind(place, kind)) kinds.add(kind);
    mixed.set(level, kinds);
    for (const kind of kinds) elsewhere.add(kind);
    if (kinds.size !== size)
      for (const [other, one] of places) if (Math.floor(other / OFFSETS) === level) one.likely = undefined;
  };
  const likelyAt = (at: number): Float64Array => {
    const place = placeAt(at);
    if (place.likely !== undefined) return place.likely;
    const likely = new Float64Array(BYTES + 1);
    const prior = new Float64Array(BYTES);
    const numbers = hasKind(place, 0);
    const kinds = mixed.get(Math.floor(at / OFFSETS));
    KINDS.forEach(([from, to], kind) => {
      if (numbers && kinds?.has(kind) === true) prior.fill(1, from, to + 1);
      else if (numbers && elsewhere.has(kind)) prior.fill(HEARSAY, from, to + 1);
      else if (!numbers && hasKind(place, kind)) prior.fill(RARE, from, to + 1);
    });
    const known = (byte: number): boolean => (prior[byte] ?? 0) > 0 || place.seen[byte] === 1;
    // Behind each run of bytes that keys have, one stands for those that were never seen.
    const surprising = Array.from({ length: BYTES }, (_, byte) => !known(byte) && (byte === FIRST || known(byte - 1)));
    let tries = 0;
    for (let byte = 0; byte < BYTES; byte += 1) {
      tries += place.tries[byte] ?? 0;
      const expected = surprising[byte] === true ? RARE : Math.max(prior[byte] ?? 0, place.seen[byte] === 1 ? RARE : 0);
      likely[byte + 1] =
        (likely[byte] ?? 0) + (expected === 0 ? 0 : ((place.hits[byte] ?? 0) + expected) / (tries + 1));
    }
    place.likely = likely;
    return likely;
  };
  /** Between two keys that follow one another, from a depth of the first up. */
  const step = (previous: string, at: Uint16Array, from: number, key: string | undefined): void => {
    const common = key === undefined ? -1 : commonLength(previous, key);
    if (key !== undefined) {
      const below = placesOf(key);
      for (let depth = common + 1; depth < key.length; depth += 1) {
        const place = placeAt(below[depth] ?? 0);
        const byte = key.charCodeAt(depth);
        place.tries[0] = (place.tries[0] ?? 0) + 1;
        place.tries[byte] = (place.tries[byte] ?? 0) - 1;
        place.likely = undefined;
      }
    }
    for (let depth = from; depth > common; depth -= 1) {
      const place = placeAt(at[depth] ?? 0);
      const next = previous.charCodeAt(depth) + 1;
      place.tries[next] = (place.tries[next] ?? 0) + 1;
      place.likely = undefined;
    }
    if (key === undefined || common >= previous.length || common >= key.length) return;
    const place = placeAt(at[common] ?? 0);
    const [left, right] = [previous.charCodeAt(common), key.charCodeAt(common)];
    place.tries[left + 1] = (place.tries[left + 1] ?? 0) + 1;
    place.tries[right + 1] = (place.tries[right + 1] ?? 0) - 1;
    place.hits[right] = (place.hits[right] ?? 0) + 1;
    place.likely = undefined;
  };

  return {
    learn(keys) {
      let previous = '';
      let at: Uint16Array = new Uint16Array();
      for (const key of keys) {
        const next = placesOf(key);
        for (let depth = commonLength(previous, key); depth < key.length; depth += 1)
          see(next[depth] ?? 0, key.charCodeAt(depth));
        if (previous !== '') step(previous, at, previous.length - 1, key);
        [previous, at] = [key, next];
      }
    },
    learnAbsence(point, found) {
      const at = placesOf(point);
      const end = point.length - 1;
      const byte = point.charCodeAt(end);
      const place = placeAt(at[end] ?? 0);
      place.tries[byte] = (place.tries[byte] ?? 0) + 1;
      place.tries[byte + 1] = (place.tries[byte + 1] ?? 0) - 1;
      place.likely = undefined;
      if (found?.startsWith(point)) place.hits[byte] = (place.hits[byte] ?? 0) + 1;
      else step(point, at, end, found);
    },
    placesOf,
    below: (place, byte) => likelyAt(place)[byte] ?? 0,
    at(place, siblings) {
      const likely = likelyAt(place);
      for (let byte = 0; byte < BYTES; byte += 1) if ((likely[byte + 1] ?? 0) > siblings) return byte;
      return undefined;
    },
  };
}

function placesOf(key: string): Uint16Array {
  const places = new Uint16Array(key.length);
  let [level, offset] = [0, 0];
  for (let at = 0; at < key.length; at += 1) {
    places[at] = Math.min(level, MAX_LEVEL) * OFFSETS + Math.min(offset, MAX_OFFSET);
    if (key.charCodeAt(at) === SLASH) [level, offset] = [level + 1, 0];
    else offset += 1;
  }
  return places;
}

/** How many bytes two keys begin with in common. */
export function commonLength(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  let at = 0;
  while (at < end && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  return at;
}
