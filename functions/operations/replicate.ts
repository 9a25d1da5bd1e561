import { DESCRIPTOR_NAME } from '../core/descriptor.ts';
import { IntegrityError, InvalidInputError, NotFoundError } from '../core/errors.ts';
import { isSnapshotId, type SnapshotId, type SourceId, sha256Hex, sourceIdOf } from '../core/ids.ts';
import { type Manifest, manifestName } from '../core/manifest.ts';
import type { ReplicateInput, WorkerOutput } from '../core/messages.ts';
import { packName } from '../core/pack.ts';
import { getPlan } from '../core/plan.ts';
import type { BlobStore, Deadline, Ports, Vault } from '../core/ports.ts';
import { recoveryPointOf } from '../core/recovery-point.ts';
import { segmentName } from '../core/segment.ts';
import { mapInOrder } from './map-in-order.ts';
import { isOutOfTime } from './out-of-time.ts';
import { readManifest } from './read-chain.ts';

type ReplicatePorts = Pick<
  Ports,
  'clock' | 'config' | 'openVault' | 'recoveryPoints' | 'events' | 'metrics' | 'progress'
>;

/** Blobs on their way at once; each may be 40 MB of memory. */
const COPIES = 4;

/**
 * Brings a vault level with another: copies what it lacks, packs first, then segments, then the manifest, oldest snapshot first, every blob
 * checked against its name on the way. One snapshot with its chain, or every snapshot of the plan's sources. Going on where it stopped
 * needs no cursor: what is there already is not copied again.
 * @throws IntegrityError naming a blob that is damaged in the vault that is copied from.
 */
export async function replicate(
  input: ReplicateInput,
  ports: ReplicatePorts,
  deadline: Deadline,
): Promise<WorkerOutput> {
  const plan = getPlan(ports.config, input.plan);
  const from = await ports.openVault(input.from ?? plan.vault);
  const to = await ports.openVault(input.to);
  if (from.name === to.name) throw new InvalidInputError(`vault ${to.name} cannot be replicated to itself`);
  if (from.keys.vaultId !== to.keys.vaultId)
    throw new InvalidInputError(
      `vaults ${from.name} and ${to.name} have different keys (${DESCRIPTOR_NAME}), so blobs cannot be copied between them; use an empty place and run holdfast init`,
    );
  const sourceIds =
    input.sourceId === undefined ? plan.sources.map((source) => sourceIdOf(source.uri)) : [input.sourceId];
  for (const sourceId of sourceIds) {
    for (const snapshotId of await wantedSnapshots(input, sourceId, from, ports)) {
      const done = await replicateSnapshot(sourceId, snapshotId, { plan: input.plan, from, to, deadline }, ports);
      if (!done) return { done: false, cursor: `${sourceId}.${snapshotId}` };
    }
  }
  return { done: true };
}

/** Oldest first, so that a chain is whole in the target at every moment. */
async function wantedSnapshots(
  input: ReplicateInput,
  sourceId: SourceId,
  from: Vault,
  ports: ReplicatePorts,
): Promise<SnapshotId[]> {
  if (input.snapshotId !== undefined) return [...(await readManifest(from, sourceId, input.snapshotId)).chain];
  const wanted: SnapshotId[] = [];
  for await (const point of ports.recoveryPoints.listBySource(sourceId, { oldestFirst: true }))
    if (point.vault === from.name && point.status === 'available') wanted.push(point.snapshotId);
  const needed = new Set<SnapshotId>();
  for (const snapshotId of wanted)
    for (const one of (await readManifest(from, sourceId, snapshotId)).chain) needed.add(one);
  return [...needed].filter(isSnapshotId).sort();
}

interface Copying {
  readonly plan: string;
  readonly from: Vault;
  readonly to: Vault;
  readonly deadline: Deadline;
}

/** False when time ran out after something was copied: what is there already is passed by, so that each call comes further. */
async function replicateSnapshot(
  sourceId: SourceId,
  snapshotId: SnapshotId,
  copying: Copying,
  ports: ReplicatePorts,
): Promise<boolean> {
  const { from, to, deadline } = copying;
  const name = manifestName(sourceId, snapshotId);
  const manifest = await readManifest(from, sourceId, snapshotId);
  const lacking = (await to.store.find(name)) === undefined;
  if (lacking) {
    const blobs = [
      ...manifest.packs.map((pack) => packName(pack.id)),
      ...manifest.segments.map((segment) => segmentName(segment.id)),
    ];
    const packs = blobs.slice(0, manifest.packs.length);
    for (const group of [packs, blobs.slice(packs.length)]) {
      for await (const bytes of mapInOrder(group, COPIES, (blob) => copyBlob(blob, from.store, to.store, manifest))) {
        ports.progress({
          step: `replicate to ${to.name}`,
          source: manifest.sourceUri,
          entries: manifest.counts.entries,
          bytes,
        });
        if (bytes > 0 && isOutOfTime(deadline)) return false;
      }
    }
    await to.store.putNew(name, await from.store.get(name));
  }
  await recordReplica(manifest, copying, ports);
  return !lacking || !isOutOfTime(deadline);
}

/** Copies a content-addressed blob unless it is there; returns the bytes copied. */
async function copyBlob(name: string, from: BlobStore, to: BlobStore, manifest: Manifest): Promise<number> {
  if ((await to.find(name)) !== undefined) return 0;
  let bytes: Buffer;
  try {
    bytes = await from.get(name);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    throw new IntegrityError(`${name} is missing from ${from.url}; snapshot ${manifest.snapshotId} needs it`, {
      cause: error,
    });
  }
  if (!name.endsWith(`/${sha256Hex(bytes)}`))
    throw new IntegrityError(
      `${name} in ${from.url} is damaged: its bytes are not those of its name; snapshot ${manifest.snapshotId} needs it`,
    );
  await to.putNew(name, bytes);
  return bytes.length;
}

async function recordReplica(manifest: Manifest, { plan, from, to }: Copying, ports: ReplicatePorts): Promise<void> {
  const now = ports.clock.now().toISOString();
  const point = recoveryPointOf(manifest, to.name, now);
  if ((await ports.recoveryPoints.find(point.recoveryPointId)) !== undefined) return;
  await ports.recoveryPoints.put(point);
  const lagSeconds = (Date.parse(now) - Date.parse(manifest.finishedAt)) / 1000;
  const { recoveryPointId, sourceId } = point;
  await ports.events.publish([
    {
      type: 'Replication Completed',
      detail: { recoveryPointId, sourceId, plan, from: from.name, to: to.name, lagSeconds },
    },
  ]);
  ports.metrics.put({ plan, source: manifest.sourceUri, vault: to.name }, [
    { name: 'ReplicationLagSeconds', unit: 'Seconds', value: lagSeconds },
  ]);
}
