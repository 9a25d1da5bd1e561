import { describe, expect, it } from 'vitest';
import type { RecoveryPoint } from '../../functions/core/catalogue-records.ts';
import { InvalidInputError, NotFoundError } from '../../functions/core/errors.ts';
import { sourceIdOf } from '../../functions/core/ids.ts';
import { configSchema } from '../../functions/core/plan.ts';
import { getSource, resolveRecoveryPoint } from '../../functions/local/recovery-points.ts';
import { memoryCatalogue } from '../fakes/memory-catalogue.ts';
import { samplePoint } from '../fixtures/catalogue-samples.ts';

const SOURCE = 's3://acme-uploads/';
const config = configSchema.parse({
  vaults: { primary: { url: 'file:///a' }, offsite: { url: 'file:///b' }, office: { url: 'file:///c' } },
  plans: { 'web-app': { sources: [SOURCE], vault: 'primary', replicateTo: ['offsite', 'office'] } },
});

type Point = readonly [run: number, changes?: Partial<RecoveryPoint>];

/** Points of the plan's source: one for each number and change. */
async function portsWith(...points: readonly Point[]) {
  const { recoveryPoints } = memoryCatalogue({ clock: { now: () => new Date('2026-11-25T12:00:00Z') } });
  const made: RecoveryPoint[] = [];
  for (const [run, changes] of points) {
    const point = { ...samplePoint(1, run, changes), sourceId: sourceIdOf(SOURCE), sourceUri: SOURCE };
    made.push(point);
    await recoveryPoints.put(point);
  }
  return { ports: { config, recoveryPoints }, made };
}

describe('the recovery point that a person names', () => {
  it('is found by its whole id', async () => {
    const { ports, made } = await portsWith([1], [2]);
    const id = made[0]?.recoveryPointId ?? '';
    expect((await resolveRecoveryPoint(ports, id)).recoveryPointId).toBe(id);
  });

  it('is found by a beginning that fits one snapshot only', async () => {
    const { ports, made } = await portsWith([1], [2]);
    const id = made[1]?.recoveryPointId ?? '';
    expect((await resolveRecoveryPoint(ports, id.slice(0, 20))).recoveryPointId).toBe(id);
  });

  it('is not found under another name', async () => {
    const { ports } = await portsWith([1]);
    await expect(resolveRecoveryPoint(ports, '2020')).rejects.toThrow(NotFoundError);
  });

  it('is asked for when the beginning fits several, five of them named', async () => {
    const { ports } = await portsWith([1], [2], [3], [4], [5], [6], [7]);
    const failure = await resolveRecoveryPoint(ports, '2026').catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(InvalidInputError);
    const { message } = failure as Error;
    expect(message).toContain('"2026" is the beginning of 7 recovery points');
    expect(message.match(/20261125T\d{9}Z-[0-9a-f]{12}/g)).toHaveLength(5);
    expect(message).toContain('and 2 more');
  });

  const vaultOf = async (points: readonly Point[], text = '2026', vault?: string) => {
    const { ports } = await portsWith(...points);
    return (await resolveRecoveryPoint(ports, text, vault)).vault;
  };

  it("is the plan's own vault's where several hold the snapshot", async () => {
    expect(
      await vaultOf([
        [1, { vault: 'office' }],
        [1, { vault: 'primary' }],
        [1, { vault: 'offsite' }],
      ]),
    ).toBe('primary');
  });

  it("is another's where the plan's own is not available", async () => {
    expect(
      await vaultOf([
        [1, { vault: 'primary', status: 'damaged' }],
        [1, { vault: 'offsite' }],
      ]),
    ).toBe('offsite');
  });

  it('is in the vault that the beginning itself names', async () => {
    const { ports, made } = await portsWith([1, { vault: 'primary' }], [1, { vault: 'offsite' }]);
    const id = made[1]?.recoveryPointId ?? '';
    expect((await resolveRecoveryPoint(ports, id.slice(0, -3))).vault).toBe('offsite');
  });

  it('is in the vault that is asked for, also when the id names another', async () => {
    const points: readonly Point[] = [
      [1, { vault: 'primary' }],
      [1, { vault: 'offsite' }],
    ];
    expect(await vaultOf(points, '2026', 'offsite')).toBe('offsite');
    const { ports, made } = await portsWith(...points);
    expect((await resolveRecoveryPoint(ports, made[0]?.recoveryPointId ?? '', 'offsite')).vault).toBe('offsite');
  });

  it('is not found in a vault that does not hold it, and those that do are named', async () => {
    const { ports } = await portsWith([1, { vault: 'primary' }], [1, { vault: 'offsite' }]);
    await expect(resolveRecoveryPoint(ports, '2026', 'office')).rejects.toThrow('it is in primary, offsite');
  });
});

describe('the source that a person names', () => {
  it('is known from the plan file before its first run', async () => {
    const { ports } = await portsWith();
    expect(await getSource(ports, SOURCE)).toEqual({ sourceId: sourceIdOf(SOURCE), uri: SOURCE });
  });

  it('is refused when nobody knows it, and those that there are are named', async () => {
    const { ports } = await portsWith();
    await expect(getSource(ports, 's3://other/')).rejects.toThrow(
      `there is no source s3://other/; known are ${SOURCE}`,
    );
  });
});
