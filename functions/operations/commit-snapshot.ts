import type { RecoveryPoint, SourceRun, SourceState } from '../core/catalogue-records.ts';
import { type EntryKey, quoteKey } from '../core/entry.ts';
import { AccessDeniedError, ConflictError } from '../core/errors.ts';
import { findSuspicion } from '../core/guard.ts';
import { type RecoveryPointId, recoveryPointIdOf } from '../core/ids.ts';
import { type Manifest, manifestName, type PackRef, sealManifest } from '../core/manifest.ts';
import { merkleRoot } from '../core/merkle.ts';
import type { CommitSnapshotInput, CommitSnapshotOutput } from '../core/messages.ts';
import { findPlan, getPlan } from '../core/plan.ts';
import type { Ports, Vault } from '../core/ports.ts';
import { recoveryPointOf } from '../core/recovery-point.ts';
import { findSourceState } from './find-source-state.ts';
import { readManifest } from './read-chain.ts';
import { joinParts, readParts, roundsOf } from './read-parts.ts';
import { removeStaged } from './stage-entries.ts';
import { keepLease } from './start-run.ts';
import { getInventory, type Inventory, type Part, stagedFolder, type Work } from './work-lists.ts';

type CommitSnapshotPorts = Pick<
  Ports,
  | 'clock'
  | 'config'
  | 'randomBytes'
  | 'openVault'
  | 'work'
  | 'leases'
  | 'runs'
  | 'recoveryPoints'
  | 'events'
  | 'metrics'
>;

/**
 * Makes the snapshot exist: writes the manifest, then the catalogue. A manifest that is there already (a repeated call) is taken as the
 * truth. Where a worker found the chain damaged, or left a part of its shard, nothing is written and the answer is `rebase` or `divide`.
 * @throws ConflictError when the run lost its lease; NotFoundError when a worker's result is missing; IntegrityError when the results do not
 * cover the source; AccessDeniedError when nothing of the source may be read.
 */
export async function commitSnapshot(
  input: CommitSnapshotInput,
  ports: CommitSnapshotPorts,
): Promise<CommitSnapshotOutput> {
  const source = await keepLease(input, ports);
  const work = { runId: input.runId, sourceId: input.sourceId, attempt: input.inventory.attempt };
  const inventory = await getInventory(ports.work, work);
  const recoveryPointId = recoveryPointIdOf(input.snapshotId, inventory.vault);
  const { parts: read, left } = await readRounds(inventory, work, ports);
  const damaged = read.find((part) => part.baseDamaged !== undefined)?.baseDamaged;
  if (damaged !== undefined) {
    const answer = await rebase(inventory, input, damaged, recoveryPointId, ports);
    await tidy(work, inventory, ports);
    return answer;
  }
  if (left) return { status: 'divide', recoveryPointId };
  const parts = joinParts(read, `source ${input.sourceId}`);
  refuseDenied(parts, source);

  const vault = await ports.openVault(inventory.vault);
  const manifest = await writeManifest(buildManifest(input, source, inventory, parts, ports), vault, ports);
  await recordSnapshot(manifest, inventory.vault, source, ports);
  await tidy(work, inventory, ports);
  return { status: 'committed', recoveryPointId };
}

/** All parts, or those of the last round alone where some of its workers left what is to be divided first. */
async function readRounds(
  inventory: Inventory,
  work: Work,
  ports: Pick<Ports, 'work'>,
): Promise<{ readonly parts: readonly Part[]; readonly left: boolean }> {
  const parts: Part[] = [];
  for (const [before, round] of roundsOf(inventory, work).reverse().entries()) {
    for await (const part of readParts(ports.work, round)) parts.push(part);
    // What earlier rounds left are the shards of later ones.
    if (before === 0 && parts.some((part) => part.left !== undefined)) return { parts, left: true };
  }
  return { parts, left: false };
}

/** What was staged is as large as the source, and of no more use; after a call that breaks off here the work place's own expiry removes it. */
async function tidy(work: Work, { staged }: Inventory, ports: Pick<Ports, 'work'>): Promise<void> {
  if (staged === undefined) return;
  await removeStaged({ work: ports.work, folder: stagedFolder({ ...work, attempt: staged.attempt }) });
}

/** @throws AccessDeniedError where refusals are all that came of the source: a permission is missing then, and no entry. */
function refuseDenied(parts: readonly Part[], { sourceUri }: SourceRun): void {
  const denied = parts.reduce((total, part) => total + part.denied, 0);
  if (denied === 0 || parts.some((part) => part.counts.entries > 0)) return;
  const [first] = parts.flatMap((part) => part.unprotected);
  const said = first === undefined ? '' : `, such as ${quoteKey(first.key as EntryKey)}: ${first.reason}`;
  throw new AccessDeniedError(`${sourceUri}: none of its entries can be read${said}`);
}

async function rebase(
  inventory: Inventory,
  input: CommitSnapshotInput,
  damage: string,
  recoveryPointId: RecoveryPointId,
  ports: CommitSnapshotPorts,
): Promise<CommitSnapshotOutput> {
  const newest = inventory.reference.at(-1);
  const point =
    newest === undefined ? undefined : await ports.recoveryPoints.find(recoveryPointIdOf(newest, inventory.vault));
  if (point !== undefined) {
    await ports.recoveryPoints.put({ ...point, status: 'damaged', damage });
    await ports.events.publish([
      {
        type: 'Recovery Point Damaged',
        detail: { recoveryPointId: point.recoveryPointId, sourceId: input.sourceId, damage },
      },
    ]);
  }
  return { status: 'rebase', recoveryPointId, fullBecause: `the base ${newest ?? ''} is damaged: ${damage}` };
}

function buildManifest(
  input: CommitSnapshotInput,
  source: SourceRun,
  inventory: Inventory,
  parts: readonly Part[],
  ports: CommitSnapshotPorts,
): Manifest {
  const plan = getPlan(ports.config, input.plan);
  const sum = (of: (part: Part) => number): number => parts.reduce((total, part) => total + of(part), 0);
  const unprotected = parts.flatMap((part) => part.unprotected);
  const entries = sum((part) => part.counts.entries);
  const suspect = findSuspicion({
    known: sum((part) => part.known),
    lost: sum((part) => part.lost),
    entries,
    trustedEntries: inventory.trustedEntries,
    maxRemoved: plan.guard.maxRemoved,
    expectEmpty: plan.sources.find((one) => one.uri === source.sourceUri)?.expectEmpty ?? false,
  });
  return {
    format: 1,
    snapshotId: input.snapshotId,
    sourceId: input.sourceId,
    sourceUri: source.sourceUri,
    plan: input.plan,
    kind: inventory.kind,
    ...(inventory.baseId === undefined ? {} : { baseId: inventory.baseId }),
    chain: [...inventory.chain, input.snapshotId],
    runId: input.runId,
    ...(inventory.fullBecause === undefined ? {} : { fullBecause: inventory.fullBecause }),
    ...(suspect === undefined ? {} : { suspect }),
    startedAt: inventory.startedAt,
    consistentAt: inventory.consistentAt,
    finishedAt: ports.clock.now().toISOString(),
    counts: {
      entries,
      added: sum((part) => part.counts.added),
      changed: sum((part) => part.counts.changed),
      removed: sum((part) => part.counts.removed),
      unprotected: unprotected.length,
    },
    sizes: {
      contentBytes: sum((part) => part.contentBytes),
      readBytes: sum((part) => part.readBytes),
      storedBytes: sum((part) => part.storedBytes),
    },
    segments: parts.flatMap((part) => part.segments),
    packs: unionOfPacks(parts),
    sourceSettings: inventory.sourceSettings,
    settingsNotCaptured: inventory.settingsNotCaptured,
    unprotected,
    root: merkleRoot(parts.map((part) => part.merkle)),
  };
}

function unionOfPacks(parts: readonly Part[]): PackRef[] {
  const packs = new Map(parts.flatMap((part) => part.packs.map((pack) => [pack.id, pack])));
  return [...packs.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Writes the manifest, or reads the one that an earlier call of the same run wrote. */
async function writeManifest(manifest: Manifest, vault: Vault, ports: CommitSnapshotPorts): Promise<Manifest> {
  const name = manifestName(manifest.sourceId, manifest.snapshotId);
  const sealed = sealManifest(vault.keys, manifest, ports.randomBytes(32));
  const result = await vault.store.putNew(name, sealed);
  if (result === 'written') return manifest;
  const earlier = await readManifest(vault, manifest.sourceId, manifest.snapshotId);
  if (earlier.runId !== manifest.runId)
    throw new ConflictError(`${name} was written by run ${earlier.runId}, not by ${manifest.runId}`);
  return earlier;
}

async function recordSnapshot(
  manifest: Manifest,
  vault: string,
  source: SourceRun,
  ports: CommitSnapshotPorts,
): Promise<void> {
  const point = recoveryPointOf(manifest, vault, ports.clock.now().toISOString());
  const known = await ports.recoveryPoints.find(point.recoveryPointId);
  if (known === undefined) await ports.recoveryPoints.put(point);
  await ports.recoveryPoints.putState(await advanceState(point, source.token, ports));
  await ports.runs.putSource({ ...source, status: 'committed', ...unprotectedOf(manifest) });
  const ids = {
    recoveryPointId: point.recoveryPointId,
    sourceId: point.sourceId,
    runId: point.runId,
    plan: point.plan,
    kind: point.kind,
  };
  await ports.events.publish([
    {
      type: 'Recovery Point Available',
      detail: { ...ids, entries: point.counts.entries, unprotected: point.counts.unprotected },
    },
    ...(point.suspect === undefined
      ? []
      : [{ type: 'Recovery Point Suspect' as const, detail: { ...ids, suspect: point.suspect } }]),
  ]);
  // Where every snapshot is verified the verification is what must keep coming.
  const taken = findPlan(ports.config, point.plan)?.verify.after === 'every' ? 0 : 1;
  ports.metrics.put({ plan: point.plan, source: point.sourceUri }, [
    { name: 'SnapshotTaken', unit: 'Count', value: taken },
    { name: 'Entries', unit: 'Count', value: point.counts.entries },
    { name: 'ContentBytes', unit: 'Bytes', value: point.sizes.contentBytes },
    { name: 'ReadBytes', unit: 'Bytes', value: point.sizes.readBytes },
    { name: 'StoredBytes', unit: 'Bytes', value: point.sizes.storedBytes },
    { name: 'UnprotectedEntries', unit: 'Count', value: point.counts.unprotected },
    { name: 'SuspectSnapshot', unit: 'Count', value: point.suspect === undefined ? 0 : 1 },
    {
      name: 'SnapshotSeconds',
      unit: 'Seconds',
      value: (Date.parse(point.finishedAt) - Date.parse(point.startedAt)) / 1000,
    },
  ]);
}

/** What a person reads at the source of the run: how many, and the first with its reason; the manifest names all. */
function unprotectedOf({ unprotected }: Manifest): { readonly reason?: string } {
  const [first] = unprotected;
  if (first === undefined) return {};
  const said = `${quoteKey(first.key as EntryKey)}: ${first.reason}`.slice(0, 500);
  return {
    reason:
      unprotected.length === 1
        ? `an entry is not protected: ${said}`
        : `${unprotected.length} entries are not protected, the first of them ${said}`,
  };
}

async function advanceState(
  point: RecoveryPoint,
  token: number,
  ports: Pick<Ports, 'recoveryPoints'>,
): Promise<SourceState> {
  const before = await findSourceState(point.sourceId, ports);
  const { sourceId, sourceUri, plan, recoveryPointId, consistentAt } = point;
  return { ...before, sourceId, sourceUri, plan, token, latest: recoveryPointId, latestConsistentAt: consistentAt };
}
