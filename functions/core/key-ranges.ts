/** The keys that a person names, as ranges: exactly these entries, or of a table exactly these items and partitions. */
import { type EntryKey, inRange, type KeyRange, keyFromText } from './entry.ts';
import { itemKeyRanges } from './item-key.ts';
import type { PlaceUri } from './uri.ts';

/** A key that sorts before `key` with little between them, so that only the segments around it are read. */
export function justBefore(key: EntryKey): EntryKey | undefined {
  if (key === '') return undefined;
  const last = key.charCodeAt(key.length - 1);
  const before = last === 0 ? key.slice(0, -1) : `${key.slice(0, -1)}${String.fromCharCode(last - 1)}`;
  return before === '' ? undefined : (before as EntryKey);
}

/** What one text names in a source of a kind. */
export interface NamedKeys {
  /** Ranges that hold the named keys, and few others. */
  readonly ranges: readonly KeyRange[];
  readonly names: (key: EntryKey) => boolean;
}

/** @throws InvalidInputError for a text that is no key of a table's item, where the source is a table. */
export function namedKeys(text: string, kind: PlaceUri['scheme']): NamedKeys {
  if (kind === 'dynamodb') {
    const ranges = itemKeyRanges(text);
    return { ranges, names: (key) => ranges.some((range) => inRange(key, range)) };
  }
  const named = keyFromText(text);
  return { ranges: [{ after: justBefore(named), upTo: named }], names: (key) => key === named };
}

/** The ranges in byte order, those that meet made one, cut to what lies after `after`. */
export function orderRanges(ranges: readonly KeyRange[], after: EntryKey | undefined): KeyRange[] {
  const ordered: KeyRange[] = [];
  for (const range of [...ranges].sort((a, b) => compareStarts(a.after, b.after))) {
    const last = ordered.at(-1);
    const meets =
      last !== undefined && (last.upTo === undefined || range.after === undefined || range.after <= last.upTo);
    if (!meets) ordered.push(range);
    else ordered[ordered.length - 1] = { after: last.after, upTo: later(last.upTo, range.upTo) };
  }
  if (after === undefined) return ordered;
  return ordered
    .filter(({ upTo }) => upTo === undefined || upTo > after)
    .map((range) => ({ ...range, after: range.after === undefined || range.after < after ? after : range.after }));
}

const compareStarts = (a: EntryKey | undefined, b: EntryKey | undefined): number =>
  a === b ? 0 : a === undefined || (b !== undefined && a < b) ? -1 : 1;

const later = (a: EntryKey | undefined, b: EntryKey | undefined): EntryKey | undefined =>
  a === undefined || b === undefined ? undefined : a > b ? a : b;
