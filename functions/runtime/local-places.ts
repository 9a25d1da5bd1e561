/** The places that a process outside of Lambda opens by itself: the catalogue, the work place, the stores of vaults, sources and targets. */
import { catalogueIn, type TableCatalogue } from '../catalogue/catalogue.ts';
import { type Level, levelTable } from '../catalogue/level-table.ts';
import type { VaultConfig } from '../core/plan.ts';
import type { BlobStore, Clock, ReadOptions, Target, WorkPlace, WriteOptions } from '../core/ports.ts';
import { parseUri, parseVaultUri } from '../core/uri.ts';
import { fileSource } from '../sources/files.ts';
import { filesBlobStore } from '../stores/files.ts';
import { openAwsPlace } from './aws-places.ts';
import { s3VaultStore } from './s3-vault-store.ts';

export interface OpenCatalogue {
  readonly catalogue: TableCatalogue;
  close(): Promise<void>;
}

/** The catalogue in a database that this process has open. */
export function catalogueInLevel(level: Level, clock: Clock): TableCatalogue {
  return catalogueIn(levelTable(level, clock));
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
