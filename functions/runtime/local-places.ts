/** The places that a process outside of Lambda opens by itself: the catalogue, the work place, the stores of vaults, sources and targets. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type DynamoCatalogue, dynamoCatalogue } from '../catalogue/catalogue.ts';
import type { VaultConfig } from '../core/plan.ts';
import type { BlobStore, ReadOptions, Target, WorkPlace, WriteOptions } from '../core/ports.ts';
import { parseUri, parseVaultUri } from '../core/uri.ts';
import { fileSource } from '../sources/files.ts';
import { filesBlobStore } from '../stores/files.ts';
import { openAwsPlace } from './aws-places.ts';
import { CLIENT_DEFAULTS } from './clients.ts';
import { ownMeter } from './meter.ts';
import { s3VaultStore } from './s3-vault-store.ts';

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
  const client = ownMeter.watch(new DynamoDBClient(CLIENT_DEFAULTS));
  return { catalogue: dynamoCatalogue(client, tableName), close: async () => client.destroy() };
}

/** @param folder absolute; made when something is written, for this user alone: lists and reports name the entries of sources. */
export function workPlaceIn(folder: string): WorkPlace {
  return filesBlobStore(folder, { ownerOnly: true });
}

/** The store of a vault, which may have no descriptor yet. */
export function openStore(vault: VaultConfig): BlobStore {
  const uri = parseVaultUri(vault.url);
  switch (uri.scheme) {
    case 'file':
      return filesBlobStore(uri.path);
    case 's3':
      return s3VaultStore(uri, vault.region);
  }
}

/** The source or target at a URI. @throws InvalidInputError */
export function openPlace(text: string, options?: ReadOptions & WriteOptions): Target {
  const uri = parseUri(text);
  return uri.scheme === 'file' ? fileSource(uri.path) : openAwsPlace(uri, options);
}
