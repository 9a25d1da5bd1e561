import { describe, expect, it } from 'vitest';
import { unitBudget } from '../../../functions/sources/dynamodb/budget.ts';
import { fakeTiming } from '../../fakes/timing.ts';

describe('a budget of units', () => {
  it('lets one second of it pass at once and the rest as time goes by', async () => {
    const timing = fakeTiming();
    const budget = unitBudget(10, timing);
    for (let taken = 0; taken < 60; taken += 5) await budget.take(5);
    expect(timing.nowMillis()).toBe(5000);
  });

  it('makes up for a request that used more than it took', async () => {
    const timing = fakeTiming();
    const budget = unitBudget(10, timing);
    await budget.take(1);
    budget.settle(1, 101);
    await budget.take(10);
    expect(timing.nowMillis()).toBe(10_100);
  });

  it('gives back what a request took and did not use', async () => {
    const timing = fakeTiming();
    const budget = unitBudget(10, timing);
    for (let n = 0; n < 100; n += 1) {
      await budget.take(10);
      budget.settle(10, 0);
    }
    expect(timing.nowMillis()).toBe(0);
  });

  it('does not save up while nobody asks', async () => {
    const timing = fakeTiming();
    const budget = unitBudget(10, timing);
    await timing.sleep(3_600_000);
    for (let taken = 0; taken < 20; taken += 10) await budget.take(10);
    expect(timing.nowMillis()).toBe(3_601_000);
  });

  it('lets a request that is larger than the budget pass, and the next one wait for it', async () => {
    const timing = fakeTiming();
    const budget = unitBudget(2, timing);
    await budget.take(100);
    expect(timing.nowMillis()).toBe(0);
    await budget.take(2);
    expect(timing.nowMillis()).toBe(50_000);
  });

  it('goes on with the next in line after one that gave up waiting', async () => {
    const timing = fakeTiming();
    const budget = unitBudget(1, timing);
    await budget.take(1);
    const given = budget.take(1, AbortSignal.abort(new Error('given up')));
    await expect(given).rejects.toThrow('given up');
    await budget.take(1);
    expect(timing.nowMillis()).toBe(1000);
  });

  it('is no limit where there is none', async () => {
    const timing = fakeTiming();
    await unitBudget(undefined, timing).take(1e9);
    expect(timing.nowMillis()).toBe(0);
  });
});
