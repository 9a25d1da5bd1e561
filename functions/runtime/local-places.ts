/** The places that a process outside of Lambda opens by itself: the catalogue, the work place, and the stores of vaults that are still to be made. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type DynamoCatalogue, dynamoCatalogue } from '../catalogue/catalogue.ts';
import type { VaultConfig } from '../core/plan.ts';
import type { BlobStore, WorkPlace } from '../core/ports.ts';
import { filesBlobStore } from '../stores/files.ts';
import { CLIENT_DEFAULTS, s3Clients } from './clients.ts';
import { vaultStore } from './vaults.ts';

export { catalogueTableDefinition } from '../catalogue/keys.ts';

export interface OpenCatalogue {
  readonly catalogue: DynamoCatalogue;
  close(): Promise<void>;
}

/** The catalogue behind a client that is there. */
export function catalogueOver(client: DynamoDBClient, tableName: string): DynamoCatalogue {
  return dynamoCatalogue(client, tableName);
}

/** The catalogue in a table of the account, or of what `AWS_ENDPOINT_URL` names. */
export function openDeployedCatalogue(tableName: string): OpenCatalogue {
  const client = new DynamoDBClient(CLIENT_DEFAULTS);
  return { catalogue: dynamoCatalogue(client, tableName), close: async () => client.destroy() };
}

/** @param folder absolute; made when something is written, for this user alone: lists and reports name the entries of sources. */
export function workPlaceIn(folder: string): WorkPlace {
  return filesBlobStore(folder, { ownerOnly: true });
}

/** The store of a vault, which may have no descriptor yet. */
export function openStore(vault: VaultConfig): BlobStore {
  return vaultStore(vault, s3Clients(process.env));
}
