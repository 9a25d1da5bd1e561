/** Sources and targets as far as a Lambda function reaches them. */
import { InvalidInputError } from '../../core/errors.ts';
import type { Target } from '../../core/ports.ts';
import { parseUri } from '../../core/uri.ts';
import { s3Source } from '../../sources/s3.ts';
import { ownS3Clients } from '../s3-clients.ts';
import { refuseDirectory } from './directories.ts';

/** @throws InvalidInputError for a place that is out of reach. */
export function openReachable(text: string): Target {
  const uri = parseUri(text);
  switch (uri.scheme) {
    case 's3':
      return s3Source(ownS3Clients(), uri);
    case 'file':
      return refuseDirectory(uri);
    default:
      throw new InvalidInputError(`${text} is not reached yet`);
  }
}
