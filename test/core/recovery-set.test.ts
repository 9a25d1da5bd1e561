import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidInputError } from '../../functions/core/errors.ts';
import {
  assertTargetsFit,
  assignTargets,
  orderOfRestore,
  parseMapping,
  type SourceStatus,
  setStatusOf,
  skewSeconds,
} from '../../functions/core/recovery-set.ts';
import { formatUri, parseUri } from '../../functions/core/uri.ts';

const normal = (text: string): string => formatUri(parseUri(text));

const RANKS = [['ssm', 'secretsmanager'], ['dynamodb'], ['s3', 'file'], ['lambda']];
const rankOf = (uri: string): number => RANKS.findIndex((schemes) => schemes.includes(uri.split(':')[0] ?? ''));

const uris = fc.uniqueArray(
  fc.tuple(
    fc.constantFrom('ssm:///', 'secretsmanager://', 'dynamodb://', 's3://bucket/', 'file:///', 'lambda://'),
    fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 3, maxLength: 6 }),
  ),
  { selector: ([scheme, name]) => scheme + name },
);

describe('the order of a restore', () => {
  it('is configuration, tables, data, code', () => {
    const given = [
      'lambda://api-*',
      'file:///srv',
      's3://b-b/x',
      'dynamodb://orders',
      'secretsmanager://a/',
      'ssm:///a/',
    ];
    expect(orderOfRestore(given)).toEqual([
      'secretsmanager://a/',
      'ssm:///a/',
      'dynamodb://orders',
      'file:///srv',
      's3://b-b/x',
      'lambda://api-*',
    ]);
  });

  it('loses and doubles nothing, never puts what others need after them, and keeps the rest as it was', () => {
    fc.assert(
      fc.property(uris, (pairs) => {
        const given = pairs.map((pair) => pair.join(''));
        const ordered = orderOfRestore(given);
        expect(ordered.toSorted()).toEqual(given.toSorted());
        expect(ordered.map(rankOf)).toEqual(ordered.map(rankOf).toSorted());
        for (const rank of RANKS.keys())
          expect(ordered.filter((uri) => rankOf(uri) === rank)).toEqual(given.filter((uri) => rankOf(uri) === rank));
        expect(orderOfRestore(ordered)).toEqual(ordered);
      }),
      { seed: 1 },
    );
  });
});

describe('the skew', () => {
  it.each([
    [[], undefined],
    [['2026-11-25T10:00:00.000Z'], 0],
    [['2026-11-25T10:00:01.500Z', '2026-11-25T10:00:00.000Z', '2026-11-25T10:00:00.700Z'], 1.5],
  ])('of %j is %s', (times, seconds) => {
    expect(skewSeconds(times.map((consistentAt) => ({ consistentAt })))).toBe(seconds);
  });
});

describe('a mapping', () => {
  const SOURCES = ['s3://bucket/', 's3://bucket/a=b', 's3://bucket/a=b=c', 'secretsmanager://acme=/', 'file:///x'];
  it.each([
    ['s3://bucket/=s3://other/', 's3://bucket/', 's3://other/'],
    ['s3://bucket=s3://other', 's3://bucket/', 's3://other/'],
    ['s3://bucket/a=b=s3://other/c=d', 's3://bucket/a=b', 's3://other/c=d'],
    ['secretsmanager://acme=/=secretsmanager://new=', 'secretsmanager://acme=/', 'secretsmanager://new='],
    ['file:///x/=file:///y=z', 'file:///x', 'file:///y=z'],
  ])('%s is read', (text, source, target) => {
    expect(parseMapping(text, SOURCES, normal)).toEqual({ source, target });
  });

  it.each([
    ['s3://bucket/', '--map "s3://bucket/" is no mapping; write SOURCE=TARGET'],
    ['s3://bucket/=', '--map "s3://bucket/=" names no target; write SOURCE=TARGET'],
    ['=s3://other/', `--map "=s3://other/" begins with no source of the set; it has ${SOURCES.join(', ')}`],
    [
      's3://buck=s3://other/',
      `--map "s3://buck=s3://other/" begins with no source of the set; it has ${SOURCES.join(', ')}`,
    ],
    ['file:///x=other', '"other" names no place that is known here'],
    [
      's3://bucket/a=b=c=s3://d-d/',
      '--map "s3://bucket/a=b=c=s3://d-d/" can be read as a mapping of s3://bucket/a=b and of s3://bucket/a=b=c; restore that source by itself',
    ],
  ])('%s is refused in one sentence', (text, sentence) => {
    const parse = () => parseMapping(text, SOURCES, normal);
    expect(parse).toThrow(InvalidInputError);
    expect(parse).toThrow(sentence);
  });

  it('of any source into any target is read back, unless another source is a beginning of it', () => {
    const place = fc
      .string({ unit: fc.constantFrom('a', '=', '/', 'b'), maxLength: 6 })
      .map((key) => `s3://bucket/${key}`);
    fc.assert(
      fc.property(place, place, (source, target) => {
        expect(parseMapping(`${source}=${target}`, [source], normal)).toEqual({ source, target });
      }),
      { seed: 1 },
    );
  });
});

describe('the targets of a set', () => {
  const SOURCES = ['lambda://api', 's3://bucket/', 'dynamodb://orders'];
  const map = (source: string, target: string) => ({ source, target });

  it('are as they are mapped, in the order of the restore', () => {
    const mappings = [
      map('s3://bucket/', 's3://other/'),
      map('dynamodb://orders', 'dynamodb://new'),
      map('lambda://api', 'lambda://api'),
    ];
    expect(assignTargets(SOURCES, mappings, { inPlace: false })).toEqual([
      map('dynamodb://orders', 'dynamodb://new'),
      map('s3://bucket/', 's3://other/'),
      map('lambda://api', 'lambda://api'),
    ]);
  });

  it('are the sources themselves, in place, but for those that are mapped', () => {
    expect(assignTargets(SOURCES, [map('s3://bucket/', 's3://other/')], { inPlace: true })).toEqual([
      map('dynamodb://orders', 'dynamodb://orders'),
      map('s3://bucket/', 's3://other/'),
      map('lambda://api', 'lambda://api'),
    ]);
  });

  it('that are missing are all named', () => {
    expect(() => assignTargets(SOURCES, [map('s3://bucket/', 's3://other/')], { inPlace: false })).toThrow(
      'no target is given for lambda://api, dynamodb://orders; add --map SOURCE=TARGET for each, or --in-place to restore each into its own place',
    );
  });

  it('that are given twice are refused', () => {
    const twice = [map('s3://bucket/', 's3://other/'), map('s3://bucket/', 's3://third/')];
    expect(() => assignTargets(SOURCES, twice, { inPlace: true })).toThrow('s3://bucket/ is mapped twice');
  });

  it.each([
    [['s3://b-1/', 's3://c-c/'], ['s3://b-2/', 's3://c-c/'], 's3://b-1/ and s3://b-2/ have the same target s3://c-c/'],
    [
      ['s3://b-1/', 's3://c-c/x/'],
      ['s3://b-2/', 's3://c-c/'],
      'the targets s3://c-c/x/ (of s3://b-1/) and s3://c-c/ (of s3://b-2/) lie in each other',
    ],
    [
      ['s3://b-1/', 'file:///x/y'],
      ['ssm:///a', 'file:///x'],
      'the targets file:///x/y (of s3://b-1/) and file:///x (of ssm:///a) lie in each other',
    ],
    [
      ['lambda://a-*', 'lambda://n-*'],
      ['lambda://b-*', 'lambda://n-1'],
      'the targets lambda://n-* (of lambda://a-*) and lambda://n-1 (of lambda://b-*) lie in each other',
    ],
    [
      ['s3://b-1/', 's3://c-c/'],
      ['s3://b-2/', 's3://acme-vault/x/y/'],
      'the target s3://acme-vault/x/y/ (of s3://b-2/) overlaps with vault primary (s3://acme-vault/x/)',
    ],
    [['s3://b-1/', 's3://c-c/'], ['ssm:///a', 's3://d-d/'], 's3://d-d/ cannot hold parameters, which ssm:///a has'],
  ])('%j and %j are refused', ([a = '', toA = ''], [b = '', toB = ''], sentence) => {
    const check = () => assertTargetsFit([map(a, toA), map(b, toB)], { primary: 's3://acme-vault/x/' });
    expect(check).toThrow(InvalidInputError);
    expect(check).toThrow(sentence);
  });

  it('that lie apart are taken', () => {
    const apart = [
      map('s3://b-1/', 's3://c-c/1/'),
      map('s3://b-2/', 's3://c-c/2/'),
      map('dynamodb://orders', 'dynamodb://new'),
      map('secretsmanager://a', 'file:///safe'),
    ];
    expect(() => assertTargetsFit(apart, { primary: 's3://acme-vault/' })).not.toThrow();
  });
});

describe('the status of a set', () => {
  const cases: readonly (readonly [SourceStatus[], string])[] = [
    [['succeeded', 'succeeded'], 'succeeded'],
    [['dry-run', 'dry-run'], 'dry-run'],
    [['succeeded', 'failed'], 'partial'],
    [['succeeded', 'unavailable'], 'partial'],
    [['dry-run', 'unavailable'], 'partial'],
    [['partial', 'partial'], 'partial'],
    [['failed', 'partial'], 'partial'],
    [['failed', 'failed'], 'failed'],
    [['failed', 'unavailable'], 'failed'],
    [['unavailable'], 'failed'],
  ];
  it.each(cases)('of %j is %s', (sources, status) => {
    expect(setStatusOf(sources)).toBe(status);
  });
});
