import { expect, test } from 'vitest';
import { ConflictError, InvalidInputError } from '../../functions/core/errors.ts';
import { describeCatalogue } from '../contracts/catalogue.ts';
import { memoryCatalogue } from '../fakes/memory-catalogue.ts';
import { runId, sampleRun, sampleState, sourceId } from '../fixtures/catalogue-samples.ts';

const clock = { now: () => new Date('2026-11-25T10:00:00.000Z') };

describeCatalogue('the catalogue in memory', async () => ({
  catalogue: memoryCatalogue({ clock }),
  dispose: async () => {},
}));

test('a fault before a write comes in its place', async () => {
  const names: string[] = [];
  const catalogue = memoryCatalogue({
    clock,
    beforeWrite: (operation) => {
      names.push(operation);
      if (names.length === 2) throw new Error('killed');
    },
  });
  await catalogue.runs.start(sampleRun(1));
  await expect(catalogue.runs.update(sampleRun(1, { status: 'failed' }))).rejects.toThrow('killed');
  expect((await catalogue.runs.get(runId(1))).status).toBe('running');
  expect(names).toEqual(['runs.start', 'runs.update']);
});

test('a lease passes to another run when the clock reaches its end', async () => {
  let now = Date.UTC(2026, 10, 25);
  const { leases } = memoryCatalogue({ clock: { now: () => new Date(now) } });
  const lease = await leases.acquire(sourceId(1), runId(1), 60);
  now += 59_999;
  await expect(leases.acquire(sourceId(1), runId(2), 60)).rejects.toBeInstanceOf(ConflictError);
  now += 1;
  expect((await leases.acquire(sourceId(1), runId(2), 60)).token).toBe(lease.token + 1);
});

test('the fake refuses an invalid record as the real one does', async () => {
  const { recoveryPoints } = memoryCatalogue({ clock });
  await expect(recoveryPoints.putState(sampleState(1, { token: -1 }))).rejects.toBeInstanceOf(InvalidInputError);
});
