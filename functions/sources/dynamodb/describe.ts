/** The settings of a table that are in DynamoDB's description of it. */
import type { OnDemandThroughput, Projection, TableDescription } from '@aws-sdk/client-dynamodb';
import type { TableSettings, Throughput } from './definition.ts';

type Described = Pick<TableDescription, 'ProvisionedThroughput' | 'OnDemandThroughput' | 'WarmThroughput'>;

/** What a new on-demand table or index serves at once, free of charge (DynamoDB guide, "Understanding DynamoDB warm throughput"). */
const WARM_ON_DEMAND = { read: 12_000, write: 4_000 };

/** As the settings hold it, but for fields that the description lacks, which a restore then names. */
export function definitionOf(described: TableDescription) {
  const BillingMode = described.BillingModeSummary?.BillingMode ?? 'PROVISIONED';
  return {
    table: described.TableName,
    tableArn: described.TableArn,
    tableId: described.TableId,
    createdAt: described.CreationDateTime,
    attributeDefinitions: sorted(described.AttributeDefinitions, (one) => one.AttributeName),
    keySchema: described.KeySchema,
    capacity: { BillingMode, ...throughputOf(described, BillingMode) },
    globalIndexes: sorted(described.GlobalSecondaryIndexes, (index) => index.IndexName).map((index) => ({
      ...indexOf(index),
      ...throughputOf(index, BillingMode),
    })),
    localIndexes: sorted(described.LocalSecondaryIndexes, (index) => index.IndexName).map(indexOf),
    tableClass: described.TableClassSummary?.TableClass ?? 'STANDARD',
    encryption: encryptionOf(described),
    deletionProtection: described.DeletionProtectionEnabled ?? false,
    stream: described.StreamSpecification?.StreamEnabled === true ? described.StreamSpecification.StreamViewType : null,
    replicas: (described.Replicas ?? [])
      .flatMap(({ RegionName }) => RegionName ?? [])
      .filter((region) => region !== described.TableArn?.split(':')[3])
      .sort(),
  };
}

/** Null where AWS owns the key, which is what DynamoDB does where nothing was asked for. */
export function encryptionOf({ SSEDescription }: TableDescription): TableSettings['encryption'] {
  const { Status = '', SSEType, KMSMasterKeyArn } = SSEDescription ?? {};
  if (SSEType === undefined || !['ENABLED', 'ENABLING', 'UPDATING'].includes(Status)) return null;
  return { SSEType, ...(KMSMasterKeyArn === undefined ? {} : { KMSMasterKeyArn }) };
}

interface DescribedIndex {
  readonly IndexName?: string | undefined;
  readonly KeySchema?: TableDescription['KeySchema'];
  readonly Projection?: Projection | undefined;
}

function indexOf({ IndexName, KeySchema, Projection }: DescribedIndex) {
  const NonKeyAttributes = [...(Projection?.NonKeyAttributes ?? [])].sort();
  const projection = {
    ProjectionType: Projection?.ProjectionType,
    ...(NonKeyAttributes.length === 0 ? {} : { NonKeyAttributes }),
  };
  return { IndexName, KeySchema, Projection: projection };
}

/**
 * The capacity of a table or an index. Of the warm throughput no description tells whether it was asked for or has grown with use; it is
 * captured where it is above what a new table has, since a restored one shall bear the same load.
 */
function throughputOf(described: Described, mode: 'PROVISIONED' | 'PAY_PER_REQUEST'): Throughput {
  const { ReadCapacityUnits = 0, WriteCapacityUnits = 0 } = described.ProvisionedThroughput ?? {};
  const { ReadUnitsPerSecond = 0, WriteUnitsPerSecond = 0 } = described.WarmThroughput ?? {};
  const free = mode === 'PROVISIONED' ? { read: ReadCapacityUnits, write: WriteCapacityUnits } : WARM_ON_DEMAND;
  return {
    ...(mode === 'PROVISIONED'
      ? { ProvisionedThroughput: { ReadCapacityUnits, WriteCapacityUnits } }
      : limitsOf(described.OnDemandThroughput)),
    ...(ReadUnitsPerSecond > free.read || WriteUnitsPerSecond > free.write
      ? { WarmThroughput: { ReadUnitsPerSecond, WriteUnitsPerSecond } }
      : {}),
  };
}

/** A limit of -1 is none. */
function limitsOf({ MaxReadRequestUnits = -1, MaxWriteRequestUnits = -1 }: OnDemandThroughput = {}) {
  const limits = {
    ...(MaxReadRequestUnits < 0 ? {} : { MaxReadRequestUnits }),
    ...(MaxWriteRequestUnits < 0 ? {} : { MaxWriteRequestUnits }),
  };
  return Object.keys(limits).length === 0 ? {} : { OnDemandThroughput: limits };
}

function sorted<T>(items: readonly T[] | undefined, name: (item: T) => string | undefined): readonly T[] {
  return [...(items ?? [])].sort((a, b) => ((name(a) ?? '') < (name(b) ?? '') ? -1 : 1));
}
