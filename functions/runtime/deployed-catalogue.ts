/** The catalogue in a table of the account, or of what `AWS_ENDPOINT_URL` names, for a process outside of Lambda. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { dynamoCatalogue } from '../catalogue/dynamo-catalogue.ts';
import { CLIENT_DEFAULTS } from './clients.ts';
import type { OpenCatalogue } from './local-places.ts';
import { ownMeter } from './meter.ts';

export function openDeployedCatalogue(tableName: string): OpenCatalogue {
  const client = ownMeter.watch(new DynamoDBClient(CLIENT_DEFAULTS));
  return { catalogue: dynamoCatalogue(client, tableName), close: async () => client.destroy() };
}
