import { describe, expect, it } from 'vitest';
import { runsPerMonth } from '../../functions/core/runs-per-month.ts';

const A_DAY = 1461 / 48;

describe('runs in a month', () => {
  it.each([
    ['rate(1 hour)', 730],
    ['rate(15 minutes)', 2920],
    ['rate(2 days)', 365 / 24],
    ['cron(0 2 * * ? *)', A_DAY],
    ['cron(0 2 ? * * *)', A_DAY],
    ['cron(0/15 * * * ? *)', A_DAY * 96],
    ['cron(0 8-20/4 * * ? *)', A_DAY * 4],
    ['cron(0 22-2 * * ? *)', A_DAY * 5],
    ['cron(0,30 6 1 * ? *)', 2],
    ['cron(0 6 1,15 1-3 ? *)', 0.5],
    ['cron(0 6 31 * ? *)', 7 / 12],
    ['cron(0 6 29 2 ? *)', 1 / 48],
    ['cron(0 6 1 JAN,JUL ? *)', 2 / 12],
    ['cron(0 6 L * ? *)', 1],
    ['cron(0 6 15W * ? *)', 1],
    ['cron(0 6 ? * FRI#2 *)', 1],
    ['cron(0 6 ? 6 5L *)', 1 / 12],
  ])('of %s are %d', (expression, runs) => {
    expect(runsPerMonth(expression)).toBeCloseTo(runs, 9);
  });

  it.each([
    ['SUN', 1],
    ['1', 1],
    ['MON-SAT', 6],
    ['SAT-SUN', 2],
    ['fri', 1],
    ['MON,WED,FRI', 3],
  ])('on the days %s are so many sevenths of all days', (days, share) => {
    expect(runsPerMonth(`cron(0 2 ? * ${days} *)`) / A_DAY).toBeCloseTo(share / 7, 2);
  });

  it.each([
    'cron(60 2 * * ? *)',
    'cron(0 24 * * ? *)',
    'cron(0 2 ? * FOO *)',
    'cron(0 2 1 * SUN *)',
    'cron(0/0 2 * * ? *)',
    'cron(0 2 32 * ? *)',
    'cron(0 2 * 13 ? *)',
    'cron(0 2 * *)',
    'every day',
  ])('of %s are refused', (expression) => {
    expect(() => runsPerMonth(expression)).toThrow(/is no schedule/);
  });
});
