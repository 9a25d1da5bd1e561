/** In a Lambda function a directory is no place: what is written there is gone with the function. */
import { InvalidInputError } from '../../core/errors.ts';
import { type FileUri, formatUri } from '../../core/uri.ts';

/** @throws InvalidInputError, always. */
export function refuseDirectory(uri: FileUri): never {
  throw new InvalidInputError(
    `${formatUri(uri)} is a directory, which a Lambda function cannot reach; run the plan with holdfast run where the directory is`,
  );
}
