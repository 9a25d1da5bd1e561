/** Finding the recovery point that a person means. */
import type { RecoveryPoint } from '../core/catalogue-records.ts';
import { InvalidInputError, NotFoundError } from '../core/errors.ts';
import { type SourceId, sourceIdOf } from '../core/ids.ts';
import { findPlan, type HoldfastConfig } from '../core/plan.ts';
import type { Ports } from '../core/ports.ts';

export interface KnownSource {
  readonly sourceId: SourceId;
  readonly uri: string;
}

/** The sources of the plan file and those that the catalogue knows besides, by URI. */
export async function knownSources(ports: Pick<Ports, 'config' | 'recoveryPoints'>): Promise<readonly KnownSource[]> {
  const uris = new Set(Object.values(ports.config.plans).flatMap((plan) => plan.sources.map((source) => source.uri)));
  for await (const state of ports.recoveryPoints.listStates()) uris.add(state.sourceUri);
  return [...uris].sort().map((uri) => ({ sourceId: sourceIdOf(uri), uri }));
}

/** @param uri in the normal form. @throws InvalidInputError naming the sources that there are. */
export async function getSource(ports: Pick<Ports, 'config' | 'recoveryPoints'>, uri: string): Promise<KnownSource> {
  const known = await knownSources(ports);
  const found = known.find((source) => source.uri === uri);
  if (found === undefined)
    throw new InvalidInputError(`there is no source ${uri}; known are ${known.map((source) => source.uri).join(', ')}`);
  return found;
}

/** At most so many candidates are named for an ambiguous beginning. */
export const NAMED_CANDIDATES = 5;

/**
 * The recovery point with an id, or an unambiguous beginning of it. Where the beginning fits one snapshot in several vaults, the
 * replica in `vault` is taken when that is given, else the plan's own vault's, else the first other that is available.
 * @throws NotFoundError, or InvalidInputError naming up to five candidates.
 */
export async function resolveRecoveryPoint(
  ports: Pick<Ports, 'config' | 'recoveryPoints'>,
  text: string,
  vault?: string,
): Promise<RecoveryPoint> {
  const found: RecoveryPoint[] = [];
  for (const source of await knownSources(ports)) {
    for await (const point of ports.recoveryPoints.listBySource(source.sourceId)) {
      if (point.recoveryPointId.startsWith(text)) found.push(point);
    }
  }
  const whole = found.find((point) => point.recoveryPointId === text);
  if (whole !== undefined && (vault === undefined || whole.vault === vault)) return whole;
  const snapshots = new Set(found.map((point) => point.snapshotId));
  if (snapshots.size === 0)
    throw new NotFoundError(`there is no recovery point "${text}"; "holdfast list" shows those that there are`);
  if (snapshots.size > 1) {
    const ids = [...snapshots].sort().reverse();
    const more = ids.length > NAMED_CANDIDATES ? ` and ${ids.length - NAMED_CANDIDATES} more` : '';
    throw new InvalidInputError(
      `"${text}" is the beginning of ${ids.length} recovery points: ${ids.slice(0, NAMED_CANDIDATES).join(', ')}${more}; give more of the id`,
    );
  }
  if (vault !== undefined) return inVault(ports, found, text, vault);
  const best = bestReplica(ports.config, found);
  if (best === undefined) throw new NotFoundError(`there is no recovery point "${text}"`);
  return best;
}

async function inVault(
  ports: Pick<Ports, 'recoveryPoints'>,
  found: readonly RecoveryPoint[],
  text: string,
  vault: string,
): Promise<RecoveryPoint> {
  const [one] = found;
  if (one === undefined) throw new NotFoundError(`there is no recovery point "${text}"`);
  const vaults: string[] = [];
  for await (const point of ports.recoveryPoints.listBySource(one.sourceId)) {
    if (point.snapshotId !== one.snapshotId) continue;
    if (point.vault === vault) return point;
    vaults.push(point.vault);
  }
  throw new NotFoundError(`snapshot ${one.snapshotId} is not in vault "${vault}"; it is in ${vaults.join(', ')}`);
}

/** Of one snapshot in several vaults: an available one before any other, and among these the plan's own vault's. */
export function bestReplica(config: HoldfastConfig, points: readonly RecoveryPoint[]): RecoveryPoint | undefined {
  return points.toSorted((a, b) => preference(config, a) - preference(config, b))[0];
}

/** Lower is better. */
function preference(config: HoldfastConfig, point: RecoveryPoint): number {
  const primary = findPlan(config, point.plan)?.vault === point.vault;
  return (point.status === 'available' ? 0 : 2) + (primary ? 0 : 1);
}
