/** Globs choose entries by key: `*` and `?` within one path component, `**` across them. */
import { type EntryKey, keyFromText } from './entry.ts';
import { InvalidInputError } from './errors.ts';

/** Long enough for any key, short enough that matching stays cheap. */
const MAX_GLOB_BYTES = 2048;

/** One byte of a key as it is, or a wildcard. `dirs` is nothing, or anything that ends in a slash. */
type Token = string | { readonly any: 'one' | 'name' | 'path' | 'dirs' };

/**
 * A pattern with a `/` is matched from the root; one without matches any component, so that `*.log` finds logs at every depth. What matches a
 * directory takes all below it.
 */
function readPattern(pattern: string): readonly Token[] {
  const bytes = keyFromText(pattern.replace(/^\/|\/$/g, ''));
  if (bytes.length === 0) throw new InvalidInputError('an empty pattern matches nothing; write for example uploads/**');
  if (bytes.length > MAX_GLOB_BYTES)
    throw new InvalidInputError(`a pattern of ${bytes.length} bytes is longer than any key`);
  const tokens: Token[] = pattern.includes('/') ? [] : [{ any: 'dirs' }];
  for (const [text] of bytes.matchAll(/\*\*\/?|./gs)) {
    const token = WILDCARDS[text] ?? text;
    // A wildcard beside itself says nothing more, and would only cost.
    if (typeof token === 'string' || token.any === 'one' || token !== tokens.at(-1)) tokens.push(token);
  }
  return tokens;
}

const WILDCARDS: Readonly<Record<string, Token>> = {
  '**/': { any: 'dirs' },
  '**': { any: 'path' },
  '*': { any: 'name' },
  '?': { any: 'one' },
};

/** All ways to match are followed at once, so that no pattern costs more than its length times the key's. */
function matches(tokens: readonly Token[], key: EntryKey): boolean {
  let states = new Set<number>();
  const enter = (into: Set<number>, state: number): void => {
    into.add(state);
    const token = tokens[state];
    if (typeof token === 'object' && token.any !== 'one') enter(into, state + 1);
  };
  enter(states, 0);
  for (const byte of key) {
    if (byte === '/' && states.has(tokens.length)) return true;
    const next = new Set<number>();
    for (const state of states) {
      const token = tokens[state];
      if (token === undefined) continue;
      if (typeof token === 'string') {
        if (token === byte) enter(next, state + 1);
      } else if (token.any === 'path' || (token.any === 'dirs' && byte === '/')) enter(next, state);
      else if (token.any === 'dirs') next.add(state);
      else if (byte !== '/') enter(next, token.any === 'one' ? state + 1 : state);
    }
    if (next.size === 0) return false;
    states = next;
  }
  return states.has(tokens.length);
}

/** Whether a key is chosen: by any of `include` (all when there is none) and by none of `exclude`. @throws InvalidInputError for a bad pattern. */
export function chooseKeys(
  include: readonly string[] | undefined,
  exclude: readonly string[] | undefined,
): (key: EntryKey) => boolean {
  const [included, excluded] = [include ?? [], exclude ?? []].map((patterns) => patterns.map(readPattern));
  return (key) =>
    (included === undefined || included.length === 0 || included.some((one) => matches(one, key))) &&
    !(excluded ?? []).some((one) => matches(one, key));
}
