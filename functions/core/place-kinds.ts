/** Which kinds of place can hold which kinds of source: a bucket or a folder keeps most of what there is, every other kind only its own. */
import { InvalidInputError } from './errors.ts';
import { formatUri, type PlaceUri } from './uri.ts';

type Kind = PlaceUri['scheme'];

/** What a restore may write into each kind besides its own. Parameters and secrets never go into a bucket, where others than their readers may read. */
const HOLDS: Readonly<Record<Kind, readonly Kind[]>> = {
  s3: ['file', 'dynamodb', 'lambda'],
  file: ['s3', 'dynamodb', 'lambda', 'ssm', 'secretsmanager'],
  dynamodb: [],
  ssm: [],
  secretsmanager: [],
  lambda: [],
};

const ENTRIES: Readonly<Record<Kind, string>> = {
  s3: 'objects',
  file: 'files',
  dynamodb: 'items of a table',
  ssm: 'parameters',
  secretsmanager: 'secrets',
  lambda: 'functions',
};

/** @throws InvalidInputError when entries of the source cannot be restored into the target, naming the kinds of place that take them. */
export function assertHolds(sourceUri: PlaceUri, targetUri: PlaceUri): void {
  const [from, to] = [sourceUri.scheme, targetUri.scheme];
  if (from === to || HOLDS[to].includes(from)) return;
  const others = (['s3', 'file'] as const).filter((kind) => kind !== from && HOLDS[kind].includes(from));
  const fitting = [from, ...others].map((kind) => `${kind}://`).join(' or ');
  throw new InvalidInputError(
    `${formatUri(targetUri)} cannot hold ${ENTRIES[from]}, which ${formatUri(sourceUri)} has; restore them into a place of ${fitting}`,
  );
}
