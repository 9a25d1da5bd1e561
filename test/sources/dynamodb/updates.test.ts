import { describe, expect, it } from 'vitest';
import { parseTableSettings, type TableSettings } from '../../../functions/sources/dynamodb/definition.ts';
import { planIndexes, planUpdates, unsettable } from '../../../functions/sources/dynamodb/updates.ts';
import { attributeDefinitions, byState, byTotal, settings } from './table.ts';

const whole = parseTableSettings(settings, 'orders');
const units = (ReadCapacityUnits: number, WriteCapacityUnits = ReadCapacityUnits) => ({
  ProvisionedThroughput: { ReadCapacityUnits, WriteCapacityUnits },
});
const warm = (ReadUnitsPerSecond: number, WriteUnitsPerSecond: number) => ({
  WarmThroughput: { ReadUnitsPerSecond, WriteUnitsPerSecond },
});
const onDemand = { BillingMode: 'PAY_PER_REQUEST' } as const;
const provisioned = (read: number, write = read) => ({ BillingMode: 'PROVISIONED', ...units(read, write) }) as const;
/** A table of which only the capacity matters. */
const table = (capacity: TableSettings['capacity'], ofIndex: object = {}): TableSettings => ({
  ...whole,
  capacity,
  globalIndexes: [{ ...byState, ...ofIndex }],
});
const inputs = (wanted: TableSettings, found: TableSettings) => planUpdates(wanted, found).map(({ input }) => input);
const ofIndex = (change: object) => ({
  GlobalSecondaryIndexUpdates: [{ Update: { IndexName: 'by-state', ...change } }],
});

describe('capacity', () => {
  it.each<readonly [string, TableSettings, TableSettings, readonly object[]]>([
    [
      'from provisioned to on demand',
      table(onDemand),
      table(provisioned(5), units(5)),
      [{ BillingMode: 'PAY_PER_REQUEST' }],
    ],
    [
      'from on demand to provisioned, with that of every index',
      table(provisioned(5, 6), units(7)),
      table(onDemand),
      [{ ...provisioned(5, 6), ...ofIndex(units(7)) }],
    ],
    [
      "from on demand to provisioned, with the table's for an index that the snapshot does not know",
      { ...table(provisioned(5)), globalIndexes: [] },
      table(onDemand),
      [{ ...provisioned(5), ...ofIndex(units(5)) }],
    ],
    ['of the table alone', table(provisioned(5), units(7)), table(provisioned(6), units(7)), [units(5)]],
    ['of an index alone', table(provisioned(5), units(7)), table(provisioned(5), units(8)), [ofIndex(units(7))]],
    ['that is the same', table(provisioned(5), units(7)), table(provisioned(5), units(7)), []],
    [
      'with another limit',
      table({ ...onDemand, OnDemandThroughput: { MaxReadRequestUnits: 9 } }),
      table({ ...onDemand, OnDemandThroughput: { MaxReadRequestUnits: 5, MaxWriteRequestUnits: 5 } }),
      [{ OnDemandThroughput: { MaxReadRequestUnits: 9, MaxWriteRequestUnits: -1 } }],
    ],
    [
      'without the limits that are there',
      table(onDemand),
      table(onDemand, { OnDemandThroughput: { MaxWriteRequestUnits: 5 } }),
      [ofIndex({ OnDemandThroughput: { MaxWriteRequestUnits: -1 } })],
    ],
    [
      'that serves more at once',
      table({ ...onDemand, ...warm(20_000, 5_000) }),
      table({ ...onDemand, ...warm(15_000, 8_000) }),
      [warm(20_000, 8_000)],
    ],
    [
      'that already serves more at once',
      table({ ...onDemand, ...warm(20_000, 5_000) }),
      table({ ...onDemand, ...warm(30_000, 5_000) }),
      [],
    ],
  ])('%s', (_, wanted, found, expected) => {
    expect(inputs(wanted, found)).toEqual(expected);
  });
});

describe('indexes', () => {
  const other = {
    ...byState,
    IndexName: 'by-carrier',
    KeySchema: [{ AttributeName: 'carrier', KeyType: 'HASH' as const }],
  };
  const carrier = { AttributeName: 'carrier', AttributeType: 'S' as const };
  const wanted: TableSettings = {
    ...whole,
    attributeDefinitions: [carrier, ...attributeDefinitions],
    globalIndexes: [other, byState],
    localIndexes: [],
  };
  const found: TableSettings = {
    ...whole,
    attributeDefinitions: attributeDefinitions.slice(0, 2),
    globalIndexes: [],
    localIndexes: [],
  };

  it('that are missing are made one at a time, each with the attributes of the keys that are there then', () => {
    const [customer, placedAt, state] = attributeDefinitions;
    expect(planIndexes(wanted, found)).toEqual([
      {
        setting: 'index by-carrier',
        input: {
          AttributeDefinitions: [carrier, customer, placedAt],
          GlobalSecondaryIndexUpdates: [{ Create: other }],
        },
      },
      {
        setting: 'index by-state',
        input: {
          AttributeDefinitions: [carrier, customer, placedAt, state],
          GlobalSecondaryIndexUpdates: [{ Create: byState }],
        },
      },
    ]);
    expect(unsettable({ ...wanted, replicas: [] }, found)).toEqual([]);
  });

  it('that are there with other keys or another projection are named, and not touched', () => {
    const projected = { ...byState, Projection: { ProjectionType: 'ALL' as const } };
    const keyed = { ...byTotal, KeySchema: byState.KeySchema };
    const there: TableSettings = { ...whole, globalIndexes: [projected], localIndexes: [keyed] };
    expect(planIndexes(whole, there)).toEqual([]);
    expect(unsettable(whole, there).map((line) => line.replace(/; .*/, ''))).toEqual([
      'index by-total: the table has an index of this name with other keys or another projection',
      'index by-state: the table has an index of this name with other keys or another projection',
    ]);
  });

  it('that are local and missing are named, since they can only be made with the table', () => {
    expect(unsettable(whole, { ...whole, localIndexes: [] })).toEqual([
      'index by-total: a local index can only be made together with its table; restore into a new table',
    ]);
  });
});
