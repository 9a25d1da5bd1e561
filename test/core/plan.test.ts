import { describe, expect, it } from 'vitest';
import { configSchema } from '../../functions/core/plan.ts';

const problemsOf = (vaults: Record<string, string>, source = 'file:///data'): string[] => {
  const urls = Object.fromEntries(Object.entries(vaults).map(([name, url]) => [name, { url }]));
  const parsed = configSchema.safeParse({
    vaults: urls,
    plans: { app: { sources: [source], vault: Object.keys(vaults)[0] } },
  });
  return parsed.success ? [] : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
};

describe('the places of a plan file', () => {
  it.each([
    [{ one: 'file:///v', two: 'file:///v' }, 'vaults.two.url: overlaps with vault "one"'],
    [{ one: 'file:///v', two: 'file:///v/inner' }, 'vaults.two.url: overlaps with vault "one"'],
    [{ one: 's3://bucket/v', two: 's3://bucket/v/' }, 'vaults.two.url: overlaps with vault "one"'],
    [{ one: 's3://bucket/v', two: 's3://bucket/' }, 'vaults.two.url: overlaps with vault "one"'],
  ])('refuse vaults that lie in one another: %j', (vaults, problem) => {
    expect(problemsOf(vaults)).toEqual([expect.stringContaining(problem)]);
  });

  it.each([
    ['file:///data', 'file:///data/v'],
    ['file:///data/x', 'file:///data'],
    ['s3://bucket/', 's3://bucket/v'],
    ['s3://bucket/v/x', 's3://bucket/v'],
  ])('refuse the source %s with the vault %s', (source, vault) => {
    expect(problemsOf({ one: vault }, source)).toEqual([expect.stringContaining('overlaps with vault "one"')]);
  });

  it.each([
    [{ one: 'file:///v', two: 'file:///v2' }, 'file:///data'],
    [{ one: 's3://bucket/v', two: 's3://bucket/v2' }, 's3://bucket/v3/'],
    [{ one: 's3://bucket-a/', two: 's3://bucket-b/' }, 's3://bucket-c/'],
  ])('accept %j beside %s', (vaults, source) => {
    expect(problemsOf(vaults, source)).toEqual([]);
  });
});

describe('the region of a vault', () => {
  const problemOf = (region: string): string | undefined => {
    const vaults = { one: { url: 's3://bucket/v', region } };
    const parsed = configSchema.safeParse({ vaults, plans: { app: { sources: ['file:///data'], vault: 'one' } } });
    return parsed.error?.issues[0]?.message;
  };

  it.each([
    'eu-west-1',
    'us-gov-west-1',
    'us-isob-east-1',
    'cn-north-1',
    'eusc-de-east-1',
    'ap-southeast-5',
    'auto',
    'nyc3',
    'fsn1',
    'ru-central1',
  ])('may be %s', (region) => {
    expect(problemOf(region)).toBeUndefined();
  });

  it.each([
    '',
    'EU (Ireland)',
    'eu_west_1',
    'eu west 1',
    'Frankfurt',
    ' eu-west-1',
    'eu-west-1a',
    'eu-west-1.',
    '-eu-west-1',
  ])('is refused as %j, with a code to go by', (region) => {
    expect(problemOf(region)).toBe('is no region; write its code, such as eu-west-1');
  });
});

describe('the workers of a source', () => {
  const problemOf = (concurrency: unknown): string | undefined =>
    configSchema.safeParse({
      vaults: { one: { url: 's3://vault' } },
      plans: { app: { sources: [{ uri: 's3://bucket/', concurrency }], vault: 'one' } },
    }).error?.issues[0]?.message;

  it.each([1, 100, 1000])('may be %d at once', (concurrency) => {
    expect(problemOf(concurrency)).toBeUndefined();
  });

  it.each([0, 1001, -1, 1.5, '5'])('may not be %j at once', (concurrency) => {
    expect(problemOf(concurrency)).toBeDefined();
  });
});
