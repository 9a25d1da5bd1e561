import { BackupError, IntegrityError, messageOf } from '../core/errors.ts';
import { recoveryPointIdOf, type SourceId } from '../core/ids.ts';
import { type Manifest, openManifest } from '../core/manifest.ts';
import type { Ports, Vault } from '../core/ports.ts';
import { recoveryPointOf } from '../core/recovery-point.ts';
import { findSourceState } from './find-source-state.ts';

type RebuildPorts = Pick<Ports, 'config' | 'openVault' | 'recoveryPoints' | 'leases'>;

/**
 * Recreates the catalogue's recovery points and source states from the manifests in every vault of the configuration. What the catalogue
 * knows beyond that (verifications, damage) is kept where it is there. A vault that cannot be read, and each manifest that is damaged, is
 * named among the problems.
 */
export async function rebuildCatalogue(
  ports: RebuildPorts,
): Promise<{ readonly recoveryPoints: number; readonly problems: readonly string[] }> {
  const problems: string[] = [];
  const newest = new Map<SourceId, { readonly manifest: Manifest; readonly vault: string }>();
  let recoveryPoints = 0;
  for (const name of Object.keys(ports.config.vaults)) {
    try {
      const vault = await ports.openVault(name);
      for await (const manifest of readManifests(vault, problems)) {
        recoveryPoints += 1;
        await recordPoint(manifest, name, ports);
        const known = newest.get(manifest.sourceId);
        if (known === undefined || manifest.snapshotId > known.manifest.snapshotId)
          newest.set(manifest.sourceId, { manifest, vault: name });
      }
    } catch (error) {
      // One vault that is lost, refused or unreachable must not keep the others from being restored from.
      if (!(error instanceof BackupError)) throw error;
      problems.push(`vault ${name} was left out: ${messageOf(error)}`);
    }
  }
  for (const { manifest, vault } of newest.values()) await recordState(manifest, vault, ports);
  return { recoveryPoints, problems };
}

async function* readManifests(vault: Vault, problems: string[]): AsyncGenerator<Manifest> {
  for await (const { name } of vault.store.list('manifests/')) {
    try {
      yield openManifest(vault.keys, name, await vault.store.get(name));
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
      problems.push(`vault ${vault.name}: ${messageOf(error)}`);
    }
  }
}

async function recordPoint(manifest: Manifest, vault: string, ports: RebuildPorts): Promise<void> {
  const point = recoveryPointOf(manifest, vault, manifest.finishedAt);
  const known = await ports.recoveryPoints.find(point.recoveryPointId);
  if (known === undefined) await ports.recoveryPoints.put(point);
}

async function recordState(manifest: Manifest, vault: string, ports: RebuildPorts): Promise<void> {
  const { sourceId, sourceUri, plan, consistentAt, snapshotId } = manifest;
  const known = await findSourceState(sourceId, ports);
  if (known?.latestConsistentAt !== undefined && known.latestConsistentAt >= consistentAt) return;
  const token = Math.max(known?.token ?? 0, (await ports.leases.find(sourceId))?.token ?? 0);
  const latest = recoveryPointIdOf(snapshotId, vault);
  await ports.recoveryPoints.putState({
    ...known,
    sourceId,
    sourceUri,
    plan,
    token,
    latest,
    latestConsistentAt: consistentAt,
  });
}
