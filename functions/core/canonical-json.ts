/** JSON with the names of every object in code-unit order: the one text of a value, for hashing. */
import type { Json } from './entry.ts';

export function canonicalJson(value: Json): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const names = Object.keys(value);
  if (isFlat(value, names)) return JSON.stringify(value);
  names.sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonicalJson(value[name] ?? null)}`).join(',')}}`;
}

/** Whether nothing is nested and the names are in order as they stand: then its text is canonical, and made several times as fast. */
function isFlat(value: { readonly [name: string]: Json }, names: readonly string[]): boolean {
  let last: string | undefined;
  for (const name of names) {
    const inner = value[name];
    if (inner === undefined || (typeof inner === 'object' && inner !== null) || (last !== undefined && name < last))
      return false;
    last = name;
  }
  return true;
}

// Array.isArray does not narrow a readonly array.
const isArray = (value: Json): value is readonly Json[] => Array.isArray(value);
