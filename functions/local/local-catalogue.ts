/** The catalogue of a command: embedded in this process, a table that the plan file names, or that of a deployed stack. */
import type { HoldfastConfig } from '../core/plan.ts';
import type { DeployedStack } from '../runtime/deployed-stack.ts';
import type { OpenCatalogue } from '../runtime/local-places.ts';
import { openEmbeddedCatalogue } from './embedded-catalogue.ts';

export interface LocalCatalogue extends OpenCatalogue {
  /** The table that it is kept in; undefined for an embedded one. */
  readonly table: string | undefined;
  /** Whether only this process has it open, so that every lease in it that is held has been abandoned. */
  readonly embedded: boolean;
}

/**
 * @param folder where the embedded catalogue is kept.
 * @param stack whose catalogue is meant where the plan file names no table; its own is then not opened.
 */
export async function openLocalCatalogue(
  config: HoldfastConfig,
  folder: string,
  stack?: Pick<DeployedStack, 'catalogueTable'>,
): Promise<LocalCatalogue> {
  const table =
    config.catalogue === 'embedded' ? await stack?.catalogueTable() : config.catalogue.slice('dynamodb://'.length);
  if (table === undefined) return { ...(await openEmbeddedCatalogue(folder)), table: undefined, embedded: true };
  // Loaded only here: the AWS client is most of what a command would otherwise load.
  const { openDeployedCatalogue } = await import('../runtime/deployed-catalogue.ts');
  return { ...openDeployedCatalogue(table), table, embedded: false };
}
