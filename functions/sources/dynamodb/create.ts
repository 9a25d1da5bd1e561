/** Makes a table as its captured settings say, for items to be restored into, and removes those of sandboxes. */

import {
  CreateTableCommand,
  type CreateTableInput,
  DeleteTableCommand,
  type DynamoDBClient,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import { InvalidInputError, LockedError } from '../../core/errors.ts';
import type { PlaceCreation } from '../../core/ports.ts';
import { definitionsOf, describeKeys, type GlobalIndex, parseTableSettings, type TableSettings } from './definition.ts';
import {
  isChanging,
  isLeaving,
  isRefusal,
  refusalOf,
  tableUri,
  tableWaiter,
  translateTableError,
  type WaitOptions,
} from './requests.ts';
import type { TableClients } from './settings.ts';

/** Stands in the name of every table that is a sandbox; nothing else is ever deleted. */
const SANDBOX = 'holdfast-sandbox-';

/**
 * Creation with what can only be set then (keys, local indexes) or is cheap then (global indexes, billing, class, encryption, tags). All
 * else is `applyTableSettings`'s, after the items.
 */
export function tableCreation(clients: TableClients, table: string, options: WaitOptions = {}): PlaceCreation {
  const client = clients.dynamoDb;
  return {
    async isThere() {
      return (await tableWaiter(client, table, options)(isLeaving)) !== undefined;
    },

    async create(settings, { bare }) {
      const wanted = parseTableSettings(settings, tableUri(table));
      const wait = tableWaiter(client, table, options);
      if ((await wait(isLeaving)) === undefined) await make(client, table, bare ? bareInputs(wanted) : inputs(wanted));
      // A table that was made a moment ago may not be seen yet.
      const found = await wait((seen) => seen === undefined || isChanging(seen));
      assertSameKeys(table, wanted, found ?? {});
    },
  };
}

type Input = Omit<CreateTableInput, 'TableName'>;

/** Tries one input after the other until DynamoDB takes one: a table without its class or tags is better than none, and apply names them. */
async function make(client: DynamoDBClient, TableName: string, attempts: readonly Input[]): Promise<void> {
  for (const [at, input] of attempts.entries()) {
    try {
      await client.send(new CreateTableCommand({ TableName, ...input }));
      return;
    } catch (error) {
      if (error instanceof Error && error.name === 'ResourceInUseException') return; // Another worker was first.
      const known = translateTableError(error, TableName, 'creating the table');
      if (!isRefusal(error)) throw known;
      if (at < attempts.length - 1) continue;
      if (known !== error) throw known;
      throw new InvalidInputError(
        `${tableUri(TableName)}: DynamoDB refuses to create the table as it was at the snapshot: ${refusalOf(error)}; create it yourself and restore into it`,
        { cause: error },
      );
    }
  }
}

/** The whole table, then without what a place may refuse (a key of another account, tags that these credentials may not set). */
function inputs(wanted: TableSettings): readonly Input[] {
  const { attributeDefinitions, keySchema, globalIndexes, localIndexes, capacity, tableClass, encryption, tags } =
    wanted;
  const { BillingMode, ProvisionedThroughput } = capacity;
  const plain: Input = {
    AttributeDefinitions: attributeDefinitions,
    KeySchema: keySchema,
    BillingMode,
    ...(ProvisionedThroughput === undefined ? {} : { ProvisionedThroughput }),
    ...(globalIndexes.length === 0 ? {} : { GlobalSecondaryIndexes: globalIndexes.map(indexInput) }),
    ...(localIndexes.length === 0 ? {} : { LocalSecondaryIndexes: localIndexes }),
  };
  const { SSEType, KMSMasterKeyArn } = encryption ?? {};
  const optional: Input = {
    ...(tableClass === 'STANDARD' ? {} : { TableClass: tableClass }),
    ...(SSEType === undefined
      ? {}
      : {
          SSESpecification: {
            Enabled: true,
            SSEType,
            ...(KMSMasterKeyArn === undefined ? {} : { KMSMasterKeyId: KMSMasterKeyArn }),
          },
        }),
    ...(tags === undefined || tags.length === 0 ? {} : { Tags: tags }),
  };
  return Object.keys(optional).length === 0 ? [plain] : [{ ...plain, ...optional }, plain];
}

/** Limits would slow the restore down, and warm throughput takes its time: both are set after the items. */
function indexInput({ OnDemandThroughput: _, WarmThroughput: __, ...index }: GlobalIndex) {
  return index;
}

/** A place for items and nothing else; billed by use, so that one that is forgotten costs little. */
function bareInputs({ attributeDefinitions, keySchema }: TableSettings): readonly Input[] {
  const bare: Input = {
    AttributeDefinitions: definitionsOf(attributeDefinitions, [{ KeySchema: keySchema }]),
    KeySchema: keySchema,
    BillingMode: 'PAY_PER_REQUEST',
  };
  return [{ ...bare, Tags: [{ Key: 'holdfast', Value: 'sandbox of a verification; may be deleted' }] }, bare];
}

function assertSameKeys(
  table: string,
  { keySchema, attributeDefinitions }: TableSettings,
  found: TableDescription,
): void {
  const has = describeKeys(found);
  const needs = describeKeys({ KeySchema: keySchema, AttributeDefinitions: attributeDefinitions });
  if (has !== needs)
    throw new InvalidInputError(
      `${tableUri(table)}: the table has the keys ${has}, and the items of the snapshot have the keys ${needs}; restore into another table`,
    );
}

/**
 * Deletes the table of a sandbox, with all that is in it; one that is absent or on its way out is success.
 * @throws Error for any other table; LockedError when deletion protection is on, which is never switched off.
 */
export async function deleteTable(clients: TableClients, table: string, options: WaitOptions = {}): Promise<void> {
  if (!table.includes(SANDBOX))
    throw new Error(`${tableUri(table)}: only tables with "${SANDBOX}" in their names are deleted; delete it yourself`);
  const client = clients.dynamoDb;
  const found = await tableWaiter(client, table, options)((seen) => isChanging(seen) && !isLeaving(seen));
  if (found === undefined || isLeaving(found)) return;
  if (found.DeletionProtectionEnabled === true)
    throw new LockedError(`${tableUri(table)}: deletion protection is on; switch it off and delete the table yourself`);
  try {
    await client.send(new DeleteTableCommand({ TableName: table }));
  } catch (error) {
    if (error instanceof Error && error.name === 'ResourceNotFoundException') return;
    throw translateTableError(error, table, 'deleting the table');
  }
}
