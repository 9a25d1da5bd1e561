import { describe, expect, it } from 'vitest';
import { InvalidInputError } from '../../functions/core/errors.ts';
import { parseCommandLine } from '../../functions/local/arguments.ts';
import { resumeOf, writeUnitsOf } from '../../functions/local/restore-report.ts';

const restore = (...options: string[]) => parseCommandLine(['restore', '2026', '--to', 'x', ...options]);

describe('a budget for a table', () => {
  it.each([
    [[], undefined],
    [['--max-write-units', '1000'], 1000],
    [['--max-write-units=0.5'], 0.5],
  ])('of %j is %s', (options, units) => {
    expect(writeUnitsOf(restore(...options))).toBe(units);
  });

  it.each(['0', '-1', 'many', '1e3', '5 ', '', 'Infinity', '9'.repeat(400)])('of "%s" is refused', (text) => {
    const budget = () => writeUnitsOf(restore(`--max-write-units=${text}`));
    expect(budget).toThrow(InvalidInputError);
    expect(budget).toThrow(/--max-write-units /);
  });
});

describe('a restore that was stopped', () => {
  it.each([
    [[], 'go on with it by the same command with --exact'],
    [['--on-conflict', 'fail'], 'go on with it by the same command with --exact'],
    [['--on-conflict', 'skip'], 'go on with it by the same command'],
    [['--exact'], 'go on with it by the same command'],
    [['--dry-run'], 'go on with it by the same command'],
  ])('with %j: %s', (options, words) => {
    expect(resumeOf(restore(...options))).toBe(words);
  });
});
