/** The catalogue: the index over runs, recovery points and proofs, in one DynamoDB table. Always rebuildable from the vaults. */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { ContentIndex, Leases, Proofs, RecoveryPoints, Runs, RunUsage } from '../core/catalogue-ports.ts';
import type { Lease } from '../core/catalogue-records.ts';
import { dynamoContentIndex } from './content-index.ts';
import { dynamoLeases, listHeldLeases } from './leases.ts';
import { dynamoProofs } from './proofs.ts';
import { dynamoRecoveryPoints } from './recovery-points.ts';
import { dynamoRunUsage } from './run-usage.ts';
import { dynamoRuns } from './runs.ts';
import { dynamoTable, type TableOptions } from './table.ts';

export interface Catalogue {
  readonly leases: Leases;
  readonly runs: Runs;
  readonly usage: RunUsage;
  readonly recoveryPoints: RecoveryPoints;
  readonly proofs: Proofs;
  readonly contentIndex: ContentIndex;
}

export interface DynamoCatalogue extends Catalogue {
  /** Every lease that was taken and not released, expired ones too. */
  readonly heldLeases: () => AsyncIterable<Lease>;
}

/** The catalogue in table `tableName`, made as `catalogueTableDefinition` (`keys.ts`) says. */
export function dynamoCatalogue(
  client: DynamoDBClient,
  tableName: string,
  options: TableOptions = {},
): DynamoCatalogue {
  const table = dynamoTable(client, tableName, options);
  return {
    leases: dynamoLeases(table),
    runs: dynamoRuns(table),
    usage: dynamoRunUsage(table),
    recoveryPoints: dynamoRecoveryPoints(table),
    proofs: dynamoProofs(table),
    contentIndex: dynamoContentIndex(table),
    heldLeases: () => listHeldLeases(table),
  };
}
