/**
 * Which bytes keys have at which place: learned from keys that were seen, so that the stretch between two keys can be measured in the siblings that
 * may lie there. A place is a level of the path (how many `/` stand before it) and an offset within the level's name.
 */
import type { EntryKey } from './entry.ts';

/** Deeper or further in, places are taken for one: what is learned stays small whatever the keys are. */
const MAX_LEVEL = 24;
const MAX_OFFSET = 63;
const SLASH = 47;

export interface KeyAlphabets {
  /** Learns from consecutive keys in byte order. */
  readonly learn: (keys: readonly EntryKey[]) => void;
  /** The place of each byte of a key. */
  readonly placesOf: (key: string) => Uint16Array;
  /** Learns that there is no key behind a point before the next that was found; undefined: none at all. */
  readonly learnAbsence: (point: string, found: string | undefined) => void;
  /** Which share of the known bytes is there beside one that is. */
  readonly occupancy: (place: number) => number;
  /** What the bytes that were never seen at a place count, in those that were. */
  readonly unseen: () => number;
  /** How many bytes below `byte` (0 to 256) are known at a place. */
  readonly below: (place: number, byte: number) => number;
  /** The byte at a place that has `rank` known ones below it; undefined where there are not so many. */
  readonly at: (place: number, rank: number) => number | undefined;
}

export function keyAlphabets(): KeyAlphabets {
  const seen = new Map<number, Uint8Array>();
  const counted = new Map<number, Uint16Array>();
  const add = (place: number, byte: number): void => {
    let bytes = seen.get(place);
    if (bytes === undefined) {
      bytes = new Uint8Array(256);
      seen.set(place, bytes);
    }
    if (bytes[byte] === 1) return;
    // One digit stands for all.
    if (byte >= 48 && byte <= 57) bytes.fill(1, 48, 58);
    else bytes[byte] = 1;
    counted.delete(place);
  };
  const countsAt = (place: number): Uint16Array => {
    let counts = counted.get(place);
    if (counts === undefined) {
      const bytes = seen.get(place);
      counts = new Uint16Array(257);
      for (let byte = 0; byte < 256; byte += 1) counts[byte + 1] = (counts[byte] ?? 0) + (bytes?.[byte] ?? 0);
      counted.set(place, counts);
    }
    return counts;
  };
  const tries = new Float64Array((MAX_LEVEL + 1) * (MAX_OFFSET + 1));
  let [guesses, surprises] = [0, 0];
  const hits = new Float64Array(tries.length);
  const learnStep = (previous: string, places: Uint16Array, from: number, key: string | undefined): void => {
    const common = key === undefined ? -1 : commonLength(previous, key);
    for (let at = from; at > common; at -= 1) {
      const place = places[at] ?? 0;
      const counts = countsAt(place);
      tries[place] = (tries[place] ?? 0) + (counts[256] ?? 0) - (counts[previous.charCodeAt(at) + 1] ?? 0);
    }
    if (key === undefined || common >= previous.length || common >= key.length) return;
    const place = places[common] ?? 0;
    const counts = countsAt(place);
    const passed = (counts[key.charCodeAt(common)] ?? 0) - (counts[previous.charCodeAt(common)] ?? 0);
    tries[place] = (tries[place] ?? 0) + passed;
    hits[place] = (hits[place] ?? 0) + 1;
  };
  return {
    learnAbsence(point, found) {
      const places = this.placesOf(point);
      const end = point.length - 1;
      const place = places[end] ?? 0;
      if (seen.get(place)?.[point.charCodeAt(end)] !== 1) {
        guesses += 1;
        if (found !== undefined && commonLength(found, point) >= end) surprises += 1;
      }
      tries[place] = (tries[place] ?? 0) + 1;
      if (found?.startsWith(point)) hits[place] = (hits[place] ?? 0) + 1;
      else learnStep(point, places, end, found);
    },
    unseen: () => Math.max(0.02, (surprises + 1) / (guesses + 1)),
    occupancy: (place) => ((hits[place] ?? 0) + 1) / ((tries[place] ?? 0) + 1),
    learn(keys) {
      let previous = '';
      for (const key of keys) {
        const from = commonLength(previous, key);
        let level = 0;
        let offset = 0;
        for (let at = 0; at < key.length; at += 1) {
          const byte = key.charCodeAt(at);
          if (at >= from) add(placeOf(level, offset), byte);
          [level, offset] = byte === SLASH ? [level + 1, 0] : [level, offset + 1];
        }
        if (previous !== '') learnStep(previous, this.placesOf(previous), previous.length - 1, key);
        previous = key;
      }
    },
    placesOf(key) {
      const places = new Uint16Array(key.length);
      let level = 0;
      let offset = 0;
      for (let at = 0; at < key.length; at += 1) {
        places[at] = placeOf(level, offset);
        [level, offset] = key.charCodeAt(at) === SLASH ? [level + 1, 0] : [level, offset + 1];
      }
      return places;
    },
    below: (place, byte) => countsAt(place)[byte] ?? 0,
    at(place, rank) {
      const counts = countsAt(place);
      for (let byte = 0; byte < 256; byte += 1) if ((counts[byte + 1] ?? 0) > rank) return byte;
      return undefined;
    },
  };
}

const placeOf = (level: number, offset: number): number =>
  Math.min(level, MAX_LEVEL) * (MAX_OFFSET + 1) + Math.min(offset, MAX_OFFSET);

/** How many bytes two keys begin with in common. */
export function commonLength(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  let at = 0;
  while (at < end && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  return at;
}
