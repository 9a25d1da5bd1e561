/**
 * The places that a process outside of Lambda opens by itself: the catalogue, the work place, the stores of vaults, sources and targets. What is
 * in AWS is loaded with the first place there: its clients take longer to load than a small backup to make.
 */
import { catalogueIn, type TableCatalogue } from '../catalogue/catalogue.ts';
import { type Level, levelTable } from '../catalogue/level-table.ts';
import type { VaultConfig } from '../core/plan.ts';
import type { BlobStore, Clock, ReadOptions, Target, WorkPlace, WriteOptions } from '../core/ports.ts';
import { parseUri, parseVaultUri } from '../core/uri.ts';
import { filesBlobStore } from '../stores/files.ts';
import type { SandboxRemoval } from './sandboxes.ts';

export interface OpenCatalogue {
  readonly catalogue: TableCatalogue;
  close(): Promise<void>;
}

/** The catalogue in a database that this process has open. */
export function catalogueInLevel(level: Level, clock: Clock): TableCatalogue {
  return catalogueIn(levelTable(level, clock));
}

/**
 * What passes between the steps of a run: documents that are parsed whole, and sealed runs. After a power cut a run is begun anew.
 * @param folder absolute; made when something is written, for this user alone: lists and reports name the entries of sources.
 */
export function workPlaceIn(folder: string): WorkPlace {
  return filesBlobStore(folder, { scratch: true });
}

/** The store of a vault, which may have no descriptor yet. */
export async function openStore(vault: VaultConfig): Promise<BlobStore> {
  const uri = parseVaultUri(vault.url);
  switch (uri.scheme) {
    case 'file':
      return filesBlobStore(uri.path);
    case 's3':
      return (await import('./s3-vault-store.ts')).s3VaultStore(uri, vault.region);
  }
}

/** The source or target at a URI. @throws InvalidInputError */
export async function openPlace(text: string, options?: ReadOptions & WriteOptions): Promise<Target> {
  const uri = parseUri(text);
  if (uri.scheme === 'file') return (await import('../sources/files.ts')).fileSource(uri.path);
  return (await import('./aws-places.ts')).openAwsPlace(uri, options);
}

/** How what a sandbox in AWS holds is removed where removing its entries one by one is not enough. */
export const removeFromAws: SandboxRemoval = {
  table: async (name) => (await import('./aws-places.ts')).removeFromAws.table(name),
  secret: async (name) => (await import('./aws-places.ts')).removeFromAws.secret(name),
};
