/** Places as a person names them: a URI as in holdfast.yml, or a folder's path. */
import { resolve } from 'node:path';
import { InvalidInputError } from '../core/errors.ts';
import { formatUri, parseUri } from '../core/uri.ts';

/** The normal form of a URI, or of a path taken from the user's folder. @throws InvalidInputError */
export function placeFrom(text: string, folder: string): string {
  // `s3:/bucket` is a slip in a URI and not a folder of that name; `./s3:` still names one.
  if (/^[a-z][a-z0-9]+:/i.test(text)) return formatUri(parseUri(text));
  if (text === '') throw new InvalidInputError('a place is empty; write a URI or a path');
  return formatUri({ scheme: 'file', path: resolve(folder, text) });
}

/** An instant with its offset, as ISO-8601 UTC with milliseconds. @throws InvalidInputError naming the option. */
export function instantFrom(text: string, option: string): string {
  const known = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/.test(text);
  const date = new Date(text.replace(' ', 'T'));
  if (!known || Number.isNaN(date.getTime()))
    throw new InvalidInputError(
      `${option} "${text}" is not a time with its zone; write 2026-11-25T10:22:09Z or 2026-11-25T11:22+01:00`,
    );
  return date.toISOString();
}
