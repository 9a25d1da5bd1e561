/** The catalogue: the index over runs, recovery points and proofs, in one table. Always rebuildable from the vaults. */
import type { ContentIndex, Leases, Proofs, RecoveryPoints, Runs, RunUsage } from '../core/catalogue-ports.ts';
import type { Lease } from '../core/catalogue-records.ts';
import { contentIndexIn } from './content-index.ts';
import { leasesIn, listHeldLeases } from './leases.ts';
import { proofsIn } from './proofs.ts';
import { recoveryPointsIn } from './recovery-points.ts';
import { runUsageIn } from './run-usage.ts';
import { runsIn } from './runs.ts';
import type { Table } from './table.ts';

export interface Catalogue {
  readonly leases: Leases;
  readonly runs: Runs;
  readonly usage: RunUsage;
  readonly recoveryPoints: RecoveryPoints;
  readonly proofs: Proofs;
  readonly contentIndex: ContentIndex;
}

export interface TableCatalogue extends Catalogue {
  /** Every lease that was taken and not released, expired ones too. */
  readonly heldLeases: () => AsyncIterable<Lease>;
}

/** The catalogue in a table. */
export function catalogueIn(table: Table): TableCatalogue {
  return {
    leases: leasesIn(table),
    runs: runsIn(table),
    usage: runUsageIn(table),
    recoveryPoints: recoveryPointsIn(table),
    proofs: proofsIn(table),
    contentIndex: contentIndexIn(table),
    heldLeases: () => listHeldLeases(table),
  };
}
