import type { RecoveryPoint, Run, SourceRun } from '../core/catalogue-records.ts';
import { recoveryPointIdOf } from '../core/ids.ts';
import { getPlan } from '../core/plan.ts';
import type { Ports } from '../core/ports.ts';

/** The recovery points of a run in the vaults of its plan, read by id: the catalogue's index over a run's points may lag behind. */
export async function pointsOfRun(
  run: Run,
  sources: readonly SourceRun[],
  ports: Pick<Ports, 'config' | 'recoveryPoints'>,
): Promise<RecoveryPoint[]> {
  const plan = getPlan(ports.config, run.plan);
  const ids = sources.flatMap(({ snapshotId }) =>
    [plan.vault, ...plan.replicateTo].map((vault) => recoveryPointIdOf(snapshotId, vault)),
  );
  const found = await Promise.all(ids.map((id) => ports.recoveryPoints.find(id)));
  return found.filter((point) => point !== undefined);
}
