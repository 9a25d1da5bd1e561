/** Sources and targets as far as a Lambda function reaches them. */
import type { ReadOptions, Target, WriteOptions } from '../../core/ports.ts';
import { parseUri } from '../../core/uri.ts';
import { openAwsPlace } from '../aws-places.ts';
import { refuseDirectory } from './directories.ts';

/** @throws InvalidInputError for a place that is out of reach. */
export function openReachable(text: string, options?: ReadOptions & WriteOptions): Target {
  const uri = parseUri(text);
  return uri.scheme === 'file' ? refuseDirectory(uri) : openAwsPlace(uri, options);
}
