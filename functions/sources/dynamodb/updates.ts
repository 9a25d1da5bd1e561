/**
 * Which UpdateTable requests bring a table to its captured settings. DynamoDB takes one kind of change in a request, while the table is
 * ACTIVE, and refuses one that changes nothing (API reference, UpdateTable).
 */
import { isDeepStrictEqual } from 'node:util';
import type { GlobalSecondaryIndexUpdate, UpdateTableInput } from '@aws-sdk/client-dynamodb';
import { definitionsOf, type GlobalIndex, type TableSettings, type Throughput } from './definition.ts';
import { isLonger } from './features.ts';

export interface TableUpdate {
  /** The setting, as a line about it begins. */
  readonly setting: string;
  readonly input: Omit<UpdateTableInput, 'TableName'>;
}

/** In the order in which they are made; what is as wanted has none. Encryption is not among them. */
export function planUpdates(wanted: TableSettings, found: TableSettings): readonly TableUpdate[] {
  return [
    ...update('capacity', capacityInput(wanted, found)),
    ...update('capacity', limitsInput(wanted, found)),
    ...update('warmThroughput', warmInput(wanted, found)),
    ...(wanted.tableClass === found.tableClass ? [] : update('tableClass', { TableClass: wanted.tableClass })),
    ...streamUpdates(wanted, found),
    ...(wanted.deletionProtection && !found.deletionProtection
      ? update('deletionProtection', { DeletionProtectionEnabled: true })
      : []),
  ];
}

const update = (setting: string, input: TableUpdate['input'] | undefined): readonly TableUpdate[] =>
  input === undefined ? [] : [{ setting, input }];

/** Billing and provisioned capacity; a table that changes to provisioned capacity must name that of every index. */
function capacityInput(wanted: TableSettings, found: TableSettings): TableUpdate['input'] | undefined {
  const { BillingMode, ProvisionedThroughput } = wanted.capacity;
  const switches = BillingMode !== found.capacity.BillingMode;
  if (BillingMode === 'PAY_PER_REQUEST') return switches ? { BillingMode } : undefined;
  const ofTable = isDeepStrictEqual(ProvisionedThroughput, found.capacity.ProvisionedThroughput)
    ? {}
    : { ProvisionedThroughput };
  const ofIndexes = indexUpdates(wanted, found, (target, index) => {
    const units = target?.ProvisionedThroughput ?? (switches ? ProvisionedThroughput : undefined);
    return units === undefined || isDeepStrictEqual(units, index.ProvisionedThroughput)
      ? undefined
      : { ProvisionedThroughput: units };
  });
  return unlessEmpty({ ...(switches ? { BillingMode } : {}), ...ofTable, ...ofIndexes });
}

/** The limits of on-demand capacity; -1 takes one away that is there. */
function limitsInput(wanted: TableSettings, found: TableSettings): TableUpdate['input'] | undefined {
  if (wanted.capacity.BillingMode !== 'PAY_PER_REQUEST') return undefined;
  const limits = (target: Throughput | undefined, { OnDemandThroughput: now }: Throughput) => {
    if (target === undefined || isDeepStrictEqual(target.OnDemandThroughput, now)) return undefined;
    const gone = Object.fromEntries(Object.keys(now ?? {}).map((name) => [name, -1]));
    return { OnDemandThroughput: { ...gone, ...target.OnDemandThroughput } };
  };
  return unlessEmpty({ ...limits(wanted.capacity, found.capacity), ...indexUpdates(wanted, found, limits) });
}

/** Warm throughput can be raised but not lowered. */
function warmInput(wanted: TableSettings, found: TableSettings): TableUpdate['input'] | undefined {
  const raised = (target: Throughput | undefined, now: Throughput) => {
    const { ReadUnitsPerSecond: read = 0, WriteUnitsPerSecond: write = 0 } = target?.WarmThroughput ?? {};
    const { ReadUnitsPerSecond: readNow = 0, WriteUnitsPerSecond: writeNow = 0 } = now.WarmThroughput ?? {};
    return read <= readNow && write <= writeNow
      ? undefined
      : {
          WarmThroughput: {
            ReadUnitsPerSecond: Math.max(read, readNow),
            WriteUnitsPerSecond: Math.max(write, writeNow),
          },
        };
  };
  return unlessEmpty({ ...raised(wanted.capacity, found.capacity), ...indexUpdates(wanted, found, raised) });
}

/** A stream's view is changed by ending the stream and beginning another. */
function streamUpdates(wanted: TableSettings, found: TableSettings): readonly TableUpdate[] {
  if (wanted.stream === found.stream) return [];
  return [
    ...(found.stream === null ? [] : update('stream', { StreamSpecification: { StreamEnabled: false } })),
    ...(wanted.stream === null
      ? []
      : update('stream', { StreamSpecification: { StreamEnabled: true, StreamViewType: wanted.stream } })),
  ];
}

/** One request for each index that is missing: DynamoDB makes one at a time. */
export function planIndexes(wanted: TableSettings, found: TableSettings): readonly TableUpdate[] {
  const made: GlobalIndex[] = [...found.globalIndexes];
  return missing(wanted.globalIndexes, found.globalIndexes).flatMap((index) => {
    made.push(index);
    const definitions = new Map(
      [...wanted.attributeDefinitions, ...found.attributeDefinitions].map((one) => [one.AttributeName, one]),
    );
    return update(`index ${index.IndexName}`, {
      AttributeDefinitions: definitionsOf(
        [...definitions.values()],
        [{ KeySchema: found.keySchema }, ...found.localIndexes, ...made],
      ),
      GlobalSecondaryIndexUpdates: [{ Create: index }],
    });
  });
}

/** A line for each thing that no request can bring about, or that none is made for because it would take something away. */
export function unsettable(wanted: TableSettings, found: TableSettings): readonly string[] {
  const isCopy = wanted.tableArn !== found.tableArn;
  const streams = (isCopy ? (wanted.kinesisDestinations ?? []) : []).filter(
    ({ StreamArn }) => found.kinesisDestinations?.some((other) => other.StreamArn === StreamArn) !== true,
  );
  const replicas = wanted.replicas.filter((region) => !found.replicas.includes(region));
  return [
    ...missing(wanted.localIndexes, found.localIndexes).map(
      ({ IndexName }) =>
        `index ${IndexName}: a local index can only be made together with its table; restore into a new table`,
    ),
    ...[...unlike(wanted.localIndexes, found.localIndexes), ...unlike(wanted.globalIndexes, found.globalIndexes)].map(
      (name) =>
        `index ${name}: the table has an index of this name with other keys or another projection; delete that one, then apply the settings again`,
    ),
    ...[...missing(found.localIndexes, wanted.localIndexes), ...missing(found.globalIndexes, wanted.globalIndexes)].map(
      ({ IndexName }) => `index ${IndexName}: it was not there at the snapshot; it is left as it is`,
    ),
    ...(found.deletionProtection && !wanted.deletionProtection
      ? ['deletionProtection: it was off at the snapshot and is on now; it is left on']
      : []),
    ...(wanted.pointInTimeRecovery !== undefined && isLonger(found.pointInTimeRecovery, wanted.pointInTimeRecovery)
      ? [
          wanted.pointInTimeRecovery === null
            ? 'pointInTimeRecovery: it was off at the snapshot and is on now; it is left on'
            : 'pointInTimeRecovery: it reaches further back now than at the snapshot; it is left so',
        ]
      : []),
    ...(wanted.encryption === null && found.encryption !== null
      ? ['encryption: the key was of DynamoDB itself at the snapshot and is one of KMS now; it is left so']
      : []),
    ...streams.map(
      ({ StreamArn }) =>
        `kinesisDestinations ${StreamArn}: a copy does not send its changes where the table that it is a copy of sends its own; add it yourself where it shall`,
    ),
    ...(replicas.length === 0
      ? []
      : [
          `replicas: the table was replicated to ${replicas.join(', ')}; a restore makes no replicas, add them yourself`,
        ]),
  ];
}

interface Index {
  readonly IndexName: string;
  readonly KeySchema: unknown;
  readonly Projection: unknown;
}

function missing<Item extends Index>(wanted: readonly Item[], found: readonly Index[]): readonly Item[] {
  return wanted.filter(({ IndexName }) => !found.some((index) => index.IndexName === IndexName));
}

/** Names of indexes that both have, and that differ in what cannot be changed. */
function unlike(wanted: readonly Index[], found: readonly Index[]): readonly string[] {
  const shape = ({ KeySchema, Projection }: Index) => ({ KeySchema, Projection });
  return wanted
    .filter((index) =>
      found.some((other) => other.IndexName === index.IndexName && !isDeepStrictEqual(shape(other), shape(index))),
    )
    .map(({ IndexName }) => IndexName);
}

function indexUpdates(
  wanted: TableSettings,
  found: TableSettings,
  change: (target: GlobalIndex | undefined, index: GlobalIndex) => Throughput | undefined,
): { readonly GlobalSecondaryIndexUpdates?: GlobalSecondaryIndexUpdate[] } {
  const updates = found.globalIndexes.flatMap((index) => {
    const changed = change(
      wanted.globalIndexes.find(({ IndexName }) => IndexName === index.IndexName),
      index,
    );
    return changed === undefined ? [] : [{ Update: { IndexName: index.IndexName, ...changed } }];
  });
  return updates.length === 0 ? {} : { GlobalSecondaryIndexUpdates: updates };
}

const unlessEmpty = (input: TableUpdate['input']): TableUpdate['input'] | undefined =>
  Object.keys(input).length === 0 ? undefined : input;
