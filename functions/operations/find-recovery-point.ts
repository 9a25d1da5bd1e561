import type { RecoveryPoint } from '../core/catalogue-records.ts';
import { NotFoundError } from '../core/errors.ts';
import { type RecoveryPointId, recoveryPointIdOf, sourceIdOf } from '../core/ids.ts';
import { findPlan } from '../core/plan.ts';
import type { Ports } from '../core/ports.ts';
import { formatUri, parseUri } from '../core/uri.ts';

export interface RecoveryPointQuery {
  readonly recoveryPointId?: RecoveryPointId | undefined;
  readonly source?: string | undefined;
  readonly at?: string | undefined;
  readonly vault?: string | undefined;
}

/**
 * The recovery point that is meant: by id (in another vault when `vault` says so), or the latest state of a source at or before a time.
 * A suspect snapshot is chosen only when it is named or nothing else is there; likewise a damaged one only when it is named.
 * @throws NotFoundError saying what there is.
 */
export async function findRecoveryPoint(
  query: RecoveryPointQuery,
  ports: Pick<Ports, 'recoveryPoints' | 'config'>,
): Promise<RecoveryPoint> {
  if (query.recoveryPointId !== undefined) {
    const [snapshotId, vault] = query.recoveryPointId.split('@');
    const id =
      query.vault === undefined
        ? query.recoveryPointId
        : recoveryPointIdOf(snapshotId as RecoveryPoint['snapshotId'], query.vault);
    const point = await ports.recoveryPoints.find(id);
    if (point === undefined)
      throw new NotFoundError(`there is no recovery point ${id} (vault ${query.vault ?? vault}); see holdfast list`);
    return point;
  }
  const uri = formatUri(parseUri(query.source ?? ''));
  const at = query.at === undefined ? Number.POSITIVE_INFINITY : Date.parse(query.at);
  const candidates: RecoveryPoint[] = [];
  for await (const point of ports.recoveryPoints.listBySource(sourceIdOf(uri))) {
    if (point.status !== 'available' || Date.parse(point.consistentAt) > at) continue;
    if (query.vault !== undefined && point.vault !== query.vault) continue;
    const trusted = candidates.find((one) => one.suspect === undefined);
    if (trusted !== undefined && trusted.snapshotId !== point.snapshotId) break;
    candidates.push(point);
  }
  const trusted = candidates.filter((point) => point.suspect === undefined);
  const usable = trusted.length > 0 ? trusted : candidates;
  const newest = usable.filter((point) => point.snapshotId === usable[0]?.snapshotId);
  const chosen = newest.find((point) => point.vault === findPlan(ports.config, point.plan)?.vault) ?? newest[0];
  if (chosen === undefined) {
    const when = query.at === undefined ? '' : ` at or before ${query.at}`;
    const where = query.vault === undefined ? '' : ` in vault ${query.vault}`;
    throw new NotFoundError(`there is no available recovery point of ${uri}${when}${where}; see holdfast list ${uri}`);
  }
  return chosen;
}
