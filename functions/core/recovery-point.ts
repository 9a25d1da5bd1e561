/** A recovery point is one snapshot in one vault, as the catalogue records it. */
import type { RecoveryPoint } from './catalogue-records.ts';
import { recoveryPointIdOf } from './ids.ts';
import type { Manifest } from './manifest.ts';

/** The recovery point that a manifest is in a vault. `availableAt` ISO-8601 UTC. */
export function recoveryPointOf(manifest: Manifest, vault: string, availableAt: string): RecoveryPoint {
  const { snapshotId, sourceId, sourceUri, plan, kind, baseId, chain, runId, suspect, fullBecause } = manifest;
  const { startedAt, consistentAt, finishedAt, counts, sizes, root } = manifest;
  return {
    recoveryPointId: recoveryPointIdOf(snapshotId, vault),
    snapshotId,
    sourceId,
    sourceUri,
    plan,
    vault,
    kind,
    ...(baseId === undefined ? {} : { baseId }),
    chain,
    runId,
    status: 'available',
    ...(suspect === undefined ? {} : { suspect }),
    ...(fullBecause === undefined ? {} : { fullBecause }),
    startedAt,
    consistentAt,
    finishedAt,
    availableAt,
    counts,
    sizes,
    root,
  };
}
