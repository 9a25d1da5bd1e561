/** The listing of a place in byte order of keys. */
import { InvalidInputError } from '../core/errors.ts';
import type { Source, SourceReader } from '../core/ports.ts';

/** @throws InvalidInputError for a place that is read in an order of its own. */
export function inOrder(place: Source): SourceReader {
  if ('list' in place) return place;
  throw new InvalidInputError(`${place.uri} cannot be listed in order`);
}
