/** What a run has to do at one source, as far as it is known before: the sizes that its cost follows from. */
import type { RecoveryPoint, SnapshotKind, VerifyLevel } from './catalogue-records.ts';
import { getVaultConfig, type HoldfastConfig, type Plan, type SourceConfig } from './plan.ts';
import { type PlaceUri, parseUri, type VaultUri } from './uri.ts';

export interface SourceWorkload {
  /** In the source. */
  readonly entries: number;
  readonly contentBytes: number;
  /** Read for the snapshot because they are new or changed. */
  readonly readEntries: number;
  readonly readBytes: number;
  readonly storedBytes: number;
  /** Snapshots that the new one is compared with, and what they hold. */
  readonly chain: number;
  readonly chainBytes: number;
  /** Recovery points that the catalogue has of the source. */
  readonly points: number;
}

/** How the plan has it done. */
export interface SourceShape {
  readonly scheme: PlaceUri['scheme'];
  readonly engine: 'scan' | 'export';
  readonly consistentReads: boolean;
  readonly vault: VaultUri['scheme'];
  readonly replicas: readonly { readonly scheme: VaultUri['scheme']; readonly otherRegion: boolean }[];
  readonly verify: { readonly level: VerifyLevel; readonly sample: number } | undefined;
}

/** The vault of the plan is taken to be in the region where the functions are. */
export function shapeOf(config: HoldfastConfig, plan: Plan, source: SourceConfig): SourceShape {
  const primary = getVaultConfig(config, plan.vault);
  return {
    scheme: parseUri(source.uri).scheme,
    engine: source.engine ?? 'scan',
    consistentReads: source.consistentReads ?? true,
    vault: schemeOfVault(primary.url),
    replicas: plan.replicateTo.map((name) => {
      const { url, region } = getVaultConfig(config, name);
      return { scheme: schemeOfVault(url), otherRegion: region !== primary.region };
    }),
    verify: plan.verify.after === 'every' ? plan.verify : undefined,
  };
}

const schemeOfVault = (url: string): VaultUri['scheme'] => (url.startsWith('file:') ? 'file' : 's3');

/** What is stored for each entry of a full that finds every content in the vault already, measured. */
const STORED_BYTES_PER_ENTRY = 60;

/**
 * The work of the next snapshot of a kind, after these points of the source in one vault (newest first): the state as the newest has it, the
 * changes as the last of the same kind had them. Undefined where there is none yet.
 */
export function workloadAfter(
  points: readonly RecoveryPoint[],
  kind: SnapshotKind,
  full: Plan['full'],
): SourceWorkload | undefined {
  const [newest] = points;
  if (newest === undefined) return undefined;
  const { entries } = newest.counts;
  const { contentBytes } = newest.sizes;
  const chain = points.filter((point) => newest.chain.includes(point.snapshotId));
  const chainBytes = chain.reduce((sum, { sizes }) => sum + sizes.storedBytes, 0);
  const state = {
    entries,
    contentBytes,
    chain: newest.chain.length,
    // A full that found its contents in the vault tells only what it added.
    chainBytes: Math.max(
      chainBytes,
      chain[0]?.kind === 'full' || chain.length < newest.chain.length ? contentBytes : 0,
    ),
    points: points.length,
  };
  if (kind === 'full') {
    const storedBytes = full === 'independent' ? contentBytes : entries * STORED_BYTES_PER_ENTRY;
    return { ...state, readEntries: entries, readBytes: contentBytes, storedBytes };
  }
  return { ...state, ...changesLike(points.find((point) => point.kind === kind)) };
}

/** None where there was no such snapshot yet. */
function changesLike(
  point: RecoveryPoint | undefined,
): Pick<SourceWorkload, 'readEntries' | 'readBytes' | 'storedBytes'> {
  if (point === undefined) return { readEntries: 0, readBytes: 0, storedBytes: 0 };
  const { counts, sizes } = point;
  const changes = counts.added + counts.changed;
  // A differential counts all since the full, and reads only what is not in the vault.
  const readEntries = point.kind === 'incremental' ? changes : Math.min(changes, entriesOf(sizes.readBytes, point));
  return { readEntries, readBytes: sizes.readBytes, storedBytes: sizes.storedBytes };
}

const entriesOf = (bytes: number, { counts, sizes }: RecoveryPoint): number =>
  sizes.contentBytes === 0 ? 0 : Math.ceil((bytes * counts.entries) / sizes.contentBytes);
