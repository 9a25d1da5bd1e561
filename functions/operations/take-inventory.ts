import type { RecoveryPoint, Run, SnapshotKind } from '../core/catalogue-records.ts';
import { type EntryKey, encodeKey } from '../core/entry.ts';
import { IntegrityError, messageOf, NotFoundError } from '../core/errors.ts';
import { recoveryPointIdOf, type SnapshotId } from '../core/ids.ts';
import type { Manifest } from '../core/manifest.ts';
import type { TakeInventoryInput, TakeInventoryOutput, TakeSnapshotInput } from '../core/messages.ts';
import { packName } from '../core/pack.ts';
import { getPlan } from '../core/plan.ts';
import type { Deadline, Ports, Vault } from '../core/ports.ts';
import { mapInOrder } from './map-in-order.ts';
import { readChain } from './read-chain.ts';
import { keepLease } from './start-run.ts';
import { putInventory, shardsName } from './work-lists.ts';

type TakeInventoryPorts = Pick<
  Ports,
  'clock' | 'config' | 'randomBytes' | 'openVault' | 'openSource' | 'work' | 'leases' | 'runs' | 'recoveryPoints'
>;

/** Entries that one worker handles; a source of fewer has one shard. */
const SHARD_ENTRIES = 100_000;
/** Packs of the chain that are looked at, at most: a bounded price for noticing early that a vault lost blobs. */
const LOOKED_PACKS = 16;

/**
 * Decides what kind of snapshot is taken and against which base, divides the source into shards, and captures its settings. A base that is
 * missing or damaged turns the snapshot into a full, and `fullBecause` says so.
 */
export async function takeInventory(
  input: TakeInventoryInput,
  ports: TakeInventoryPorts,
  _deadline: Deadline,
): Promise<TakeInventoryOutput> {
  const source = await keepLease(input, ports);
  const plan = getPlan(ports.config, input.plan);
  const vault = await ports.openVault(plan.vault);
  const run = await ports.runs.get(input.runId);
  const consistentAt = ports.clock.now().toISOString();
  const reader = ports.openSource(source.sourceUri);
  const { settings, notCaptured } = await reader.settings();
  const base = await chooseBase(input, run, vault, ports);

  const work = { runId: input.runId, sourceId: input.sourceId, attempt: ports.randomBytes(8).toString('hex') };
  const bounds = shardBounds(base.reference);
  const shards: TakeSnapshotInput[] = [undefined, ...bounds].map((after, shard) => ({
    plan: input.plan,
    runId: input.runId,
    sourceId: input.sourceId,
    snapshotId: input.snapshotId,
    attempt: work.attempt,
    shard,
    ...(after === undefined ? {} : { after: encodeKey(after) }),
    ...ending(bounds[shard]),
  }));
  await putInventory(ports.work, work, {
    kind: base.kind,
    sourceUri: source.sourceUri,
    vault: plan.vault,
    reference: base.reference.map((manifest) => manifest.snapshotId),
    reuse: !base.damaged && (base.kind !== 'full' || plan.full === 'reuse'),
    baseId: base.chain.at(-1),
    chain: base.chain,
    fullBecause: base.fullBecause,
    trustedEntries: await findTrustedEntries(input, vault.name, ports),
    consistentAt,
    startedAt: run.startedAt,
    shards: shards.length,
    sourceSettings: settings,
    settingsNotCaptured: [...notCaptured],
  });
  await ports.work.put(shardsName(work), Buffer.from(JSON.stringify(shards)));
  return {
    done: true,
    kind: base.kind,
    attempt: work.attempt,
    shardsKey: shardsName(work),
    shards: shards.length,
    replicas: plan.replicateTo.map((to) => ({ to })),
    verify: plan.verify.after === 'every',
    recoveryPointId: recoveryPointIdOf(input.snapshotId, plan.vault),
  };
}

const ending = (upTo: EntryKey | undefined) => (upTo === undefined ? {} : { upTo: encodeKey(upTo) });

interface Base {
  readonly kind: SnapshotKind;
  readonly fullBecause: string | undefined;
  readonly chain: SnapshotId[];
  readonly reference: readonly Manifest[];
  /** The vault holds something of the source that is not as it was written: then nothing there is relied on. */
  readonly damaged: boolean;
}

async function chooseBase(input: TakeInventoryInput, run: Run, vault: Vault, ports: TakeInventoryPorts): Promise<Base> {
  const wanted = run.kind;
  const full = (fullBecause: string | undefined, reference: readonly Manifest[] = []): Base => ({
    kind: 'full',
    fullBecause: wanted === 'full' ? undefined : fullBecause,
    chain: [],
    reference,
    damaged: false,
  });
  const damagedBase = (told: string): Base => ({ ...full(told), damaged: true });
  if (input.fullBecause !== undefined) return damagedBase(input.fullBecause);
  const { newest, damaged } = await findNewest(input, vault.name, ports);
  if (newest === undefined) return full('the source has no recovery point in this vault yet');
  if (damaged !== undefined)
    return damagedBase(`the base ${damaged.snapshotId} is damaged: ${damaged.damage ?? 'see its verification'}`);
  let reference: Manifest[];
  try {
    reference = await readChain(vault, input.sourceId, newest.chain);
    await lookAtPacks(reference, vault, input.snapshotId);
  } catch (error) {
    if (!(error instanceof NotFoundError || error instanceof IntegrityError)) throw error;
    await ports.recoveryPoints.put({ ...newest, status: 'damaged', damage: messageOf(error) });
    return damagedBase(`the base ${newest.snapshotId} is damaged: ${messageOf(error)}`);
  }
  if (wanted === 'full') return full(undefined, reference);
  const chain = wanted === 'incremental' ? newest.chain : newest.chain.slice(0, 1);
  return { kind: wanted, fullBecause: undefined, chain: [...chain], reference, damaged: false };
}

/** The newest point of the source in the vault that is older than this run's own, and the newest of its chain that is known to be damaged. */
async function findNewest(
  input: TakeInventoryInput,
  vault: string,
  ports: TakeInventoryPorts,
): Promise<{ readonly newest?: RecoveryPoint; readonly damaged?: RecoveryPoint }> {
  let newest: RecoveryPoint | undefined;
  for await (const point of ports.recoveryPoints.listBySource(input.sourceId)) {
    if (point.vault !== vault || point.snapshotId >= input.snapshotId || point.status === 'pending') continue;
    newest ??= point;
    if (!newest.chain.includes(point.snapshotId)) continue;
    if (point.status === 'damaged') return { newest, damaged: point };
    if (point.snapshotId === newest.chain[0]) break;
  }
  return newest === undefined ? {} : { newest };
}

/** Entries of the last trusted snapshot; undefined when the newest is trusted itself, or none is. */
async function findTrustedEntries(
  input: TakeInventoryInput,
  vault: string,
  ports: TakeInventoryPorts,
): Promise<number | undefined> {
  let suspects = 0;
  for await (const point of ports.recoveryPoints.listBySource(input.sourceId)) {
    if (point.vault !== vault || point.snapshotId >= input.snapshotId || point.status === 'pending') continue;
    if (point.suspect === undefined) return suspects > 0 ? point.counts.entries : undefined;
    suspects += 1;
  }
  return undefined;
}

/** Looks at some packs of the chain, other ones each time. @throws IntegrityError naming one that is missing or of another size. */
async function lookAtPacks(chain: readonly Manifest[], vault: Vault, snapshotId: SnapshotId): Promise<void> {
  const packs = [...new Map(chain.flatMap((manifest) => manifest.packs.map((pack) => [pack.id, pack]))).values()];
  const step = Math.max(1, Math.ceil(packs.length / LOOKED_PACKS));
  const first = Number.parseInt(snapshotId.slice(-6), 16) % step;
  const chosen = packs.filter((_, index) => index % step === first);
  const found = mapInOrder(chosen, 8, async (pack) => ({ pack, blob: await vault.store.find(packName(pack.id)) }));
  for await (const { pack, blob } of found) {
    if (blob === undefined) throw new IntegrityError(`pack ${pack.id} is missing from ${vault.store.url}`);
    if (blob.sizeBytes !== pack.sizeBytes)
      throw new IntegrityError(
        `pack ${pack.id} in ${vault.store.url} has ${blob.sizeBytes} bytes where ${pack.sizeBytes} were written`,
      );
  }
}

/** Keys at which to divide, from the segment boundaries of the full: each shard gets about `SHARD_ENTRIES` entries. */
function shardBounds(reference: readonly Manifest[]): EntryKey[] {
  const bounds: EntryKey[] = [];
  let entries = 0;
  const segments = reference[0]?.segments ?? [];
  for (const segment of segments.slice(0, -1)) {
    entries += segment.entries;
    if (entries < SHARD_ENTRIES) continue;
    bounds.push(segment.lastKey as EntryKey); // A manifest's keys are strings of bytes; see FORMAT.md.
    entries = 0;
  }
  return bounds;
}
