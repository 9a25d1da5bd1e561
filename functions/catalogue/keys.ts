/**
 * The keys of the catalogue's one table. Times in keys are ISO-8601 UTC with milliseconds, so that byte order is time order.
 *
 * | item            | pk                           | sk                               | gsi1pk         | gsi1sk                |
 * | --------------- | ---------------------------- | -------------------------------- | -------------- | --------------------- |
 * | lease           | `LEASES`                     | `<sourceId>`                     |                |                       |
 * | run             | `RUN#<runId>`                | `RUN`                            | `PLAN#<plan>`  | `<startedAt>#<runId>` |
 * | source run      | `RUN#<runId>`                | `SOURCE#<sourceId>`              |                |                       |
 * | usage of a run  | `RUN#<runId>`                | `USAGE`                          |                |                       |
 * | recovery point  | `SOURCE#<sourceId>`          | `POINT#<recoveryPointId>`        | `RUN#<runId>`  | `<recoveryPointId>`   |
 * | whose point     | `POINT#<recoveryPointId>`    | `SOURCE`                         |                |                       |
 * | verification    | `POINT#<recoveryPointId>`    | `VERIFICATION#<finishedAt>#<…>`  |                |                       |
 * | restore         | `RESTORE#<restoreId>`        | `RESTORE`                        | `RESTORES`     | `<startedAt>#<id>`    |
 * | source state    | `STATES`                     | `<sourceId>`                     |                |                       |
 * | indexed chunk   | `CHUNK#<vault>#<indexKey>`   | `CHUNK`                          |                |                       |
 *
 * | question                                       | answered by one                                                        |
 * | ---------------------------------------------- | ---------------------------------------------------------------------- |
 * | latest point of a source (of a kind, verified) | Query `SOURCE#…`, newest first, read until one fits                    |
 * | points of a source by time                     | Query `SOURCE#…`                                                       |
 * | what depends on a snapshot                     | Query `SOURCE#…` from the snapshot on: those whose chain holds it      |
 * | snapshots of a run                             | Query gsi1 `RUN#…`                                                     |
 * | sources of a run                               | Query `RUN#…`                                                          |
 * | what a run used                                | GetItem `RUN#…`                                                        |
 * | runs of a plan by time                         | Query gsi1 `PLAN#…`                                                    |
 * | points that expire before a time               | Query gsi2 `EXPIRY` below the time; kept free for retention            |
 * | verifications of a point                       | Query `POINT#…`                                                        |
 * | RPO state of all sources                       | Query `STATES`                                                         |
 * | who holds the lease                            | GetItem `LEASES`                                                       |
 *
 * A point is found by its id alone through `whose point`, which never changes and is written first: so all that decisions rest on
 * (points of a source, states, leases) is read consistently from the table itself. The indexes hold keys only, and the records that
 * they name are read from the table: an index can lag, but it never shows a record that is not there or no longer so.
 */
import type { CreateTableCommandInput } from '@aws-sdk/client-dynamodb';
import type { RecoveryPointId, RunId, SourceId } from '../core/ids.ts';

export interface Key {
  readonly pk: string;
  readonly sk: string;
}

/** Key of an entry in the index gsi1. */
export interface IndexKey {
  readonly gsi1pk: string;
  readonly gsi1sk: string;
}

/** The form of a time in a key: two spellings of one instant give the same text. */
const keyTime = (time: string): string => new Date(time).toISOString();

export const LEASES = 'LEASES';
export const STATES = 'STATES';
export const RESTORES = 'RESTORES';
export const POINT_PREFIX = 'POINT#';
export const SOURCE_PREFIX = 'SOURCE#';
export const VERIFICATION_PREFIX = 'VERIFICATION#';

export const leaseKey = (sourceId: SourceId): Key => ({ pk: LEASES, sk: sourceId });
export const stateKey = (sourceId: SourceId): Key => ({ pk: STATES, sk: sourceId });

export const runPartition = (runId: RunId): string => `RUN#${runId}`;
export const planPartition = (plan: string): string => `PLAN#${plan}`;
export const sourcePartition = (sourceId: SourceId): string => `SOURCE#${sourceId}`;
export const pointPartition = (id: RecoveryPointId): string => `POINT#${id}`;

export const runKey = (runId: RunId): Key => ({ pk: runPartition(runId), sk: 'RUN' });
export const runByPlan = (run: {
  readonly plan: string;
  readonly startedAt: string;
  readonly runId: RunId;
}): IndexKey => ({
  gsi1pk: planPartition(run.plan),
  gsi1sk: `${keyTime(run.startedAt)}#${run.runId}`,
});

export const runUsageKey = (runId: RunId): Key => ({ pk: runPartition(runId), sk: 'USAGE' });

export const sourceRunKey = (runId: RunId, sourceId: SourceId): Key => ({
  pk: runPartition(runId),
  sk: `${SOURCE_PREFIX}${sourceId}`,
});

export const pointKey = (sourceId: SourceId, id: RecoveryPointId): Key => ({
  pk: sourcePartition(sourceId),
  sk: `${POINT_PREFIX}${id}`,
});
export const pointByRun = (runId: RunId, id: RecoveryPointId): IndexKey => ({
  gsi1pk: runPartition(runId),
  gsi1sk: id,
});
export const ownerKey = (id: RecoveryPointId): Key => ({ pk: pointPartition(id), sk: 'SOURCE' });

/** `hash` tells two verifications apart that ended in the same millisecond; a repeated write finds its own key again. */
export const verificationKey = (id: RecoveryPointId, finishedAt: string, hash: string): Key => ({
  pk: pointPartition(id),
  sk: `${VERIFICATION_PREFIX}${keyTime(finishedAt)}#${hash}`,
});

export const restoreKey = (restoreId: string): Key => ({ pk: `RESTORE#${restoreId}`, sk: 'RESTORE' });
export const restoreByTime = (restoreId: string, startedAt: string): IndexKey => ({
  gsi1pk: RESTORES,
  gsi1sk: `${keyTime(startedAt)}#${restoreId}`,
});

export const chunkKey = (vault: string, indexKey: string): Key => ({ pk: `CHUNK#${vault}#${indexKey}`, sk: 'CHUNK' });

/** The table as it is created, on demand: what serverless.yml and the tests agree on. */
export function catalogueTableDefinition(tableName: string) {
  const index = (name: string) => ({
    IndexName: name,
    KeySchema: [
      { AttributeName: `${name}pk`, KeyType: 'HASH' as const },
      { AttributeName: `${name}sk`, KeyType: 'RANGE' as const },
    ],
    Projection: { ProjectionType: 'KEYS_ONLY' as const },
  });
  return {
    TableName: tableName,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: ['pk', 'sk', 'gsi1pk', 'gsi1sk', 'gsi2pk', 'gsi2sk'].map((name) => ({
      AttributeName: name,
      AttributeType: 'S' as const,
    })),
    KeySchema: [
      { AttributeName: 'pk', KeyType: 'HASH' },
      { AttributeName: 'sk', KeyType: 'RANGE' },
    ],
    GlobalSecondaryIndexes: [index('gsi1'), index('gsi2')],
  } satisfies CreateTableCommandInput;
}
