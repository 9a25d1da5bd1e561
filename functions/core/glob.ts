/** Globs choose entries by key: `*` and `?` within one path component, `**` across them. */
import { type EntryKey, keyFromText } from './entry.ts';
import { InvalidInputError } from './errors.ts';

/** Long enough for any key, short enough that matching stays cheap. */
const MAX_GLOB_BYTES = 2048;

/**
 * A pattern with a `/` is matched from the root; one without matches any component, so that `*.log` finds logs at every depth. What matches a
 * directory takes all below it.
 */
function toRegExp(pattern: string): RegExp {
  const bytes = keyFromText(pattern.replace(/^\/|\/$/g, ''));
  if (bytes.length === 0) throw new InvalidInputError('an empty pattern matches nothing; write for example uploads/**');
  if (bytes.length > MAX_GLOB_BYTES)
    throw new InvalidInputError(`a pattern of ${bytes.length} bytes is longer than any key`);
  const body = bytes.replace(/\*\*\/?|\*|\?|[\\^$.|+()[\]{}]/g, (token) => {
    if (token === '**/') return '(?:[^]*/)?';
    if (token === '**') return '[^]*';
    if (token === '*') return '[^/]*';
    if (token === '?') return '[^/]';
    return `\\${token}`;
  });
  const anchor = pattern.includes('/') ? '^' : '^(?:[^]*/)?';
  return new RegExp(`${anchor}${body}(?:/[^]*)?$`);
}

/** Whether a key is chosen: by any of `include` (all when there is none) and by none of `exclude`. @throws InvalidInputError for a bad pattern. */
export function chooseKeys(
  include: readonly string[] | undefined,
  exclude: readonly string[] | undefined,
): (key: EntryKey) => boolean {
  const [included, excluded] = [include ?? [], exclude ?? []].map((patterns) => patterns.map(toRegExp));
  return (key) =>
    (included === undefined || included.length === 0 || included.some((one) => one.test(key))) &&
    !(excluded ?? []).some((one) => one.test(key));
}
