import { describe, expect, it } from 'vitest';
import { InvalidInputError } from '../../functions/core/errors.ts';
import { assertHolds } from '../../functions/core/place-kinds.ts';
import { parseUri } from '../../functions/core/uri.ts';

const PLACES = {
  s3: 's3://bucket/a/',
  file: 'file:///a',
  dynamodb: 'dynamodb://orders',
  ssm: 'ssm:///acme/',
  secretsmanager: 'secretsmanager://acme/',
  lambda: 'lambda://acme-*',
};
type Kind = keyof typeof PLACES;
const KINDS = Object.keys(PLACES) as Kind[];

const TAKES: Readonly<Record<Kind, readonly Kind[]>> = {
  s3: ['s3', 'file', 'dynamodb', 'lambda'],
  file: KINDS,
  dynamodb: ['dynamodb'],
  ssm: ['ssm'],
  secretsmanager: ['secretsmanager'],
  lambda: ['lambda'],
};

const hold = (source: string, target: string) => () => assertHolds(parseUri(source), parseUri(target));

describe('a place', () => {
  const pairs = KINDS.flatMap((to) => KINDS.map((from) => ({ from, to, fits: TAKES[to].includes(from) })));
  it.each(pairs)('of $to takes entries of $from: $fits', ({ from, to, fits }) => {
    if (fits) expect(hold(PLACES[from], PLACES[to])).not.toThrow();
    else expect(hold(PLACES[from], PLACES[to])).toThrow(InvalidInputError);
  });

  it.each([
    [
      'secretsmanager://acme/',
      's3://bucket/a/',
      's3://bucket/a/ cannot hold secrets, which secretsmanager://acme/ has; restore them into a place of secretsmanager:// or file://',
    ],
    [
      'dynamodb://orders',
      'ssm:///x',
      'ssm:///x cannot hold items of a table, which dynamodb://orders has; restore them into a place of dynamodb:// or s3:// or file://',
    ],
    [
      'file:///a',
      'dynamodb://orders',
      'dynamodb://orders cannot hold files, which file:///a has; restore them into a place of file:// or s3://',
    ],
  ])('that cannot hold %s says which can (%s)', (source, target, sentence) => {
    expect(hold(source, target)).toThrow(sentence);
  });
});
