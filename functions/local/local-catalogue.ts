/** The catalogue that the plan file names: embedded in this process, or a table. */
import type { HoldfastConfig } from '../core/plan.ts';
import { catalogueOver, type OpenCatalogue, openDeployedCatalogue } from '../runtime/local-places.ts';
import { openEmbeddedCatalogue } from './embedded-catalogue.ts';

export interface LocalCatalogue extends OpenCatalogue {
  /** Whether only this process has it open, so that every lease in it that is held has been abandoned. */
  readonly embedded: boolean;
}

/** @param folder where the embedded catalogue is kept. */
export async function openLocalCatalogue(config: HoldfastConfig, folder: string): Promise<LocalCatalogue> {
  if (config.catalogue !== 'embedded')
    return { ...openDeployedCatalogue(config.catalogue.slice('dynamodb://'.length)), embedded: false };
  const { client, tableName, close } = await openEmbeddedCatalogue(folder);
  return { catalogue: catalogueOver(client, tableName), embedded: true, close };
}
