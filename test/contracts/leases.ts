/** What every implementation of `Leases` must do; a part of the catalogue's contract. Time is not waited for: a lease of 0 seconds is over at once. */
import { expect, test } from 'vitest';
import type { Leases } from '../../functions/core/catalogue-ports.ts';
import { ConflictError } from '../../functions/core/errors.ts';
import { runId, sourceId } from '../fixtures/catalogue-samples.ts';

export function describeLeases(leases: () => Leases): void {
  const source = sourceId(1);
  const [a, b, c] = [runId(0xa), runId(0xb), runId(0xc)];

  test('the first holder gets a token above 0 and can be found', async () => {
    const lease = await leases().acquire(source, a, 60);
    expect(lease).toMatchObject({ sourceId: source, holder: a });
    expect(lease.token).toBeGreaterThan(0);
    expect(await leases().find(source)).toEqual(lease);
  });

  test('a source that nobody leased has no holder', async () => {
    await leases().acquire(sourceId(2), a, 60);
    expect(await leases().find(source)).toBeUndefined();
  });

  test('another run is refused while the lease holds, and told who has it', async () => {
    const lease = await leases().acquire(source, a, 60);
    const refused = leases().acquire(source, b, 60);
    await expect(refused).rejects.toBeInstanceOf(ConflictError);
    await expect(refused).rejects.toThrow(a);
    expect(await leases().find(source)).toEqual(lease);
  });

  test('the same holder extends under the same token', async () => {
    const lease = await leases().acquire(source, a, 60);
    const longer = await leases().acquire(source, a, 3600);
    expect(longer.token).toBe(lease.token);
    expect(secondsBetween(lease.expiresAt, longer.expiresAt)).toBeGreaterThan(3000);
    expect(await leases().find(source)).toEqual(longer);
  });

  test('a lease lasts as long as was asked for', async () => {
    const [short, long] = [await leases().acquire(source, a, 100), await leases().acquire(sourceId(2), a, 900)];
    const apart = secondsBetween(short.expiresAt, long.expiresAt);
    expect(apart).toBeGreaterThanOrEqual(800);
    expect(apart).toBeLessThan(860);
  });

  test('a lease that is over is free, for a new holder under a higher token', async () => {
    const old = await leases().acquire(source, a, 0);
    expect(await leases().find(source)).toBeUndefined();
    const next = await leases().acquire(source, b, 60);
    expect(next).toMatchObject({ holder: b });
    expect(next.token).toBeGreaterThan(old.token);
  });

  test('a lease that is over and that nobody took can still be renewed', async () => {
    const old = await leases().acquire(source, a, 0);
    const renewed = await leases().renew(old, 60);
    expect(renewed).toMatchObject({ holder: a, token: old.token });
    expect(await leases().find(source)).toEqual(renewed);
    await expect(leases().acquire(source, b, 60)).rejects.toBeInstanceOf(ConflictError);
  });

  test('renewing extends, also with the lease as it was first given', async () => {
    const lease = await leases().acquire(source, a, 60);
    await leases().renew(lease, 3600);
    const renewed = await leases().renew(lease, 7200);
    expect(renewed.token).toBe(lease.token);
    expect(secondsBetween(lease.expiresAt, renewed.expiresAt)).toBeGreaterThan(7000);
  });

  test('a lease that another run took cannot be renewed, and the message says who has it', async () => {
    const lost = await leases().acquire(source, a, 0);
    const taken = await leases().acquire(source, b, 60);
    await expect(leases().renew(lost, 60)).rejects.toBeInstanceOf(ConflictError);
    await expect(leases().renew(lost, 60)).rejects.toThrow(b);
    expect(await leases().find(source)).toEqual(taken);
  });

  test('a lease of an earlier time of the same holder is lost', async () => {
    const early = await leases().acquire(source, a, 60);
    await leases().release(early);
    const again = await leases().acquire(source, a, 60);
    expect(again.token).toBeGreaterThan(early.token);
    await expect(leases().renew(early, 60)).rejects.toBeInstanceOf(ConflictError);
    await leases().release(early);
    expect(await leases().find(source)).toEqual(again);
  });

  test('a released lease is free, cannot be renewed, and releasing again is success', async () => {
    const lease = await leases().acquire(source, a, 60);
    await leases().release(lease);
    await leases().release(lease);
    expect(await leases().find(source)).toBeUndefined();
    await expect(leases().renew(lease, 60)).rejects.toBeInstanceOf(ConflictError);
  });

  test('a lease that was never taken can be released and not renewed', async () => {
    const never = { sourceId: source, holder: a, token: 1, expiresAt: '2026-11-25T10:00:00.000Z' };
    await leases().release(never);
    await expect(leases().renew(never, 60)).rejects.toBeInstanceOf(ConflictError);
    expect(await leases().find(source)).toBeUndefined();
  });

  test('releasing leaves alone what another run holds', async () => {
    const lost = await leases().acquire(source, a, 0);
    const taken = await leases().acquire(source, b, 60);
    await leases().release(lost);
    expect(await leases().find(source)).toEqual(taken);
  });

  test('tokens rise with each new holder, across release and expiry', async () => {
    const tokens: number[] = [];
    for (const holder of [a, b, c, a]) {
      const lease = await leases().acquire(source, holder, 60);
      tokens.push(lease.token);
      await leases().release(lease);
    }
    for (const holder of [b, c]) tokens.push((await leases().acquire(source, holder, 0)).token);
    expect(tokens).toEqual([...new Set(tokens)].toSorted((x, y) => x - y));
  });

  test('of eight runs that reach for a free lease at once exactly one gets it', async () => {
    const runs = Array.from({ length: 8 }, (_, n) => runId(n + 1));
    const answers = await Promise.allSettled(runs.map((run) => leases().acquire(source, run, 60)));
    const won = answers.filter((answer) => answer.status === 'fulfilled');
    expect(won).toHaveLength(1);
    expect(await leases().find(source)).toEqual(won[0]?.value);
    for (const answer of answers) if (answer.status === 'rejected') expect(answer.reason).toBeInstanceOf(ConflictError);
  });

  test('of eight runs that reach for a released lease at once exactly one gets it, under a higher token', async () => {
    const before = await leases().acquire(source, a, 60);
    await leases().release(before);
    const runs = Array.from({ length: 8 }, (_, n) => runId(n + 1));
    const answers = await Promise.allSettled(runs.map((run) => leases().acquire(source, run, 60)));
    const won = answers.filter((answer) => answer.status === 'fulfilled');
    expect(won).toHaveLength(1);
    expect(won[0]?.value.token).toBeGreaterThan(before.token);
  });

  test('renewals of one holder at once all succeed under one token', async () => {
    const lease = await leases().acquire(source, a, 60);
    const renewed = await Promise.all([1, 2, 3].map((n) => leases().renew(lease, 60 * n)));
    expect(renewed.map(({ token }) => token)).toEqual([lease.token, lease.token, lease.token]);
  });

  test('leases of different sources do not touch each other', async () => {
    const first = await leases().acquire(source, a, 60);
    const second = await leases().acquire(sourceId(2), b, 60);
    await leases().release(first);
    expect(await leases().find(sourceId(2))).toEqual(second);
  });
}

const secondsBetween = (from: string, to: string): number => (Date.parse(to) - Date.parse(from)) / 1000;
