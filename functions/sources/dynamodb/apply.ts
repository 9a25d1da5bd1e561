/** Brings a table to its captured settings: reads what it has, and changes what differs. */
import { isDeepStrictEqual } from 'node:util';
import { UpdateTableCommand } from '@aws-sdk/client-dynamodb';
import type { Attributes } from '../../core/entry.ts';
import { InvalidInputError, NotFoundError } from '../../core/errors.ts';
import { planAutoScaling } from './auto-scaling.ts';
import { parseTableSettings, type TableSettings } from './definition.ts';
import { encryptionOf } from './describe.ts';
import { type FeatureChange, planIndexFeatures, planPolicy, planTableFeatures } from './features.ts';
import {
  describeTable,
  isChanging,
  isIndexing,
  isRefusal,
  refusalOf,
  tableUri,
  tableWaiter,
  translateTableError,
  type WaitOptions,
} from './requests.ts';
import { readTableSettings, type TableClients } from './settings.ts';
import { planIndexes, planUpdates, type TableUpdate, unsettable } from './updates.ts';

/**
 * Sets what `readTableSettings` captured; a line for each setting that could not be set. What is as it was at the snapshot is not touched,
 * and what was not captured neither. Nothing that protects is switched off, and no index is removed.
 * @throws NotFoundError when the table is missing; TransientError when it is not ready in time (a second call goes on where this one
 * stopped); AccessDeniedError for credentials that are of no use at all.
 */
export async function applyTableSettings(
  clients: TableClients,
  table: string,
  settings: Attributes,
  options: WaitOptions = {},
): Promise<readonly string[]> {
  const wanted = wantedSettings(settings, table);
  if (wanted instanceof InvalidInputError) return [`settings: ${wanted.message}`];
  const wait = tableWaiter(clients.dynamoDb, table, options);
  await wait(isChanging);
  const found = parseTableSettings((await readTableSettings(clients, table)).settings, tableUri(table));
  const lines: string[] = [];

  const attempt = async (setting: string, act: () => Promise<unknown>) => {
    try {
      await act();
    } catch (error) {
      lines.push(`${setting}: ${await refusal(clients, table, setting, error)}`);
    }
  };
  const send = async (input: TableUpdate['input']) => {
    await clients.dynamoDb.send(new UpdateTableCommand({ TableName: table, ...input }));
    await wait(isChanging, 'change');
  };
  const makeAll = async (changes: readonly FeatureChange[]) => {
    for (const { setting, make } of changes) await attempt(setting, () => make(clients));
  };

  for (const { setting, input } of planUpdates(wanted, found)) await attempt(setting, () => send(input));
  const { encryption } = wanted;
  if (encryption !== null && !isDeepStrictEqual(encryption, found.encryption))
    await attempt('encryption', () => encrypt(clients, encryption, found, send));
  await makeAll(planTableFeatures(wanted, found));
  // Filling an index takes as long as the table is large, and nothing above needs it.
  for (const { setting, input } of planIndexes(wanted, found)) {
    await wait(isIndexing);
    await attempt(setting, () => send(input));
  }
  if (wanted.globalIndexes.length > 0) await wait(isIndexing);
  await makeAll(planIndexFeatures(wanted, found));
  await makeAll(planAutoScaling(table, wanted.autoScaling, found.autoScaling));
  const policy = planPolicy(wanted, found);
  await makeAll(policy.changes);
  return [...lines, ...policy.lines, ...unsettable(wanted, found)];
}

function wantedSettings(settings: Attributes, table: string): TableSettings | InvalidInputError {
  try {
    return parseTableSettings(settings, tableUri(table));
  } catch (error) {
    if (error instanceof InvalidInputError) return error;
    throw error;
  }
}

/**
 * Of a captured key no request tells whether it is AWS's own managed one, which goes by being left out: where DynamoDB refuses the key by
 * name, the managed one is taken if it is that one, and also if the table would else have none but AWS's.
 */
async function encrypt(
  { dynamoDb }: TableClients,
  wanted: NonNullable<TableSettings['encryption']>,
  found: TableSettings,
  send: (input: TableUpdate['input']) => Promise<void>,
): Promise<void> {
  const { SSEType, KMSMasterKeyArn } = wanted;
  const managed = { Enabled: true, SSEType };
  if (KMSMasterKeyArn === undefined) return await send({ SSESpecification: managed });
  try {
    await send({ SSESpecification: { ...managed, KMSMasterKeyId: KMSMasterKeyArn } });
  } catch (refused) {
    if (!isRefusal(refused)) throw refused;
    if (found.encryption === null) await send({ SSESpecification: managed });
    if (encryptionOf(await describeTable(dynamoDb, found.table))?.KMSMasterKeyArn !== KMSMasterKeyArn) throw refused;
  }
}

/** Why a setting could not be set; throws what is no matter of this setting. */
async function refusal(clients: TableClients, table: string, setting: string, error: unknown): Promise<string> {
  if (isRefusal(error)) return refusalOf(error);
  const known = translateTableError(error, table, `setting the table's ${setting}`);
  if (!(known instanceof NotFoundError)) throw known;
  // Either something that the setting names is missing, such as a stream, or the table itself, and then this throws.
  await describeTable(clients.dynamoDb, table);
  return refusalOf(error);
}
