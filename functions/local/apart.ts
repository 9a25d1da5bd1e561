/** A source must not hold what is written while it is backed up: its own vault would grow by itself with every run. */
import { realpath } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { InvalidInputError } from '../core/errors.ts';
import { findPlan, type HoldfastConfig } from '../core/plan.ts';
import { formatUri, parseUri } from '../core/uri.ts';
import type { Session } from './session.ts';

/** Whether a path is the folder or lies in it. */
export function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === '' || !(way === '..' || way.startsWith(`..${sep}`) || resolve(way) === way);
}

/** The path with every link in it followed, as far as it is there. */
export async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')))
      throw error;
    const parent = dirname(path);
    return parent === path ? path : join(await realPathOf(parent), relative(parent, path));
  }
}

/**
 * @param state the folder in which Holdfast itself keeps its catalogue and its work.
 * @throws InvalidInputError naming the source and what lies in it.
 */
export async function assertApart(config: HoldfastConfig, plan: string, state: string): Promise<void> {
  const sources = (findPlan(config, plan)?.sources ?? []).map((source) => source.uri);
  for (const source of sources) {
    for (const { what, uri } of places(config, state)) {
      if (!(await holds(source, uri))) continue;
      throw new InvalidInputError(
        `source ${source} holds ${what} (${uri}), which would be backed up into itself; move one of them, or name the folders beside it as sources`,
      );
    }
  }
}

/** Where Holdfast itself writes. */
function places(config: HoldfastConfig, state: string): readonly { readonly what: string; readonly uri: string }[] {
  return [
    { what: "Holdfast's own folder", uri: `file://${state}` },
    ...Object.entries(config.vaults).map(([name, vault]) => ({ what: `vault ${name}`, uri: vault.url })),
  ];
}

async function holds(outer: string, inner: string): Promise<boolean> {
  const [a, b] = [parseUri(outer), parseUri(inner)];
  if (a.scheme === 'file' && b.scheme === 'file') return isWithin(await realPathOf(b.path), await realPathOf(a.path));
  return a.scheme === 's3' && b.scheme === 's3' && a.bucket === b.bucket && b.prefix.startsWith(a.prefix);
}

/** @throws InvalidInputError when a restore's target would write into a vault, into Holdfast's own folder or its catalogue, or hold one of them. */
export async function assertTargetApart(
  { config, stateFolder, catalogueTable }: Pick<Session, 'config' | 'stateFolder' | 'catalogueTable'>,
  target: string,
): Promise<void> {
  if (catalogueTable !== undefined && target === formatUri({ scheme: 'dynamodb', table: catalogueTable }))
    throw new InvalidInputError(`the target ${target} is Holdfast's own catalogue; restore to another table`);
  for (const { what, uri } of places(config, stateFolder)) {
    if ((await holds(target, uri)) || (await holds(uri, target)))
      throw new InvalidInputError(
        `the target ${target} and ${what} (${uri}) lie in each other; restore to another place`,
      );
  }
}
