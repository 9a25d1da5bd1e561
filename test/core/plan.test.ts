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
