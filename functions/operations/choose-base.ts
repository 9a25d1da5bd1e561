/** Chooses what a snapshot is relative to. */
import type { RecoveryPoint, Run, SnapshotKind } from '../core/catalogue-records.ts';
import { IntegrityError, messageOf, NotFoundError } from '../core/errors.ts';
import type { SnapshotId } from '../core/ids.ts';
import type { Manifest } from '../core/manifest.ts';
import type { TakeInventoryInput } from '../core/messages.ts';
import { packName } from '../core/pack.ts';
import type { Ports, Vault } from '../core/ports.ts';
import { mapInOrder } from './map-in-order.ts';
import { readChain } from './read-chain.ts';

/** Packs of the chain that are looked at, at most: a bounded price for noticing early that a vault lost blobs. */
const LOOKED_PACKS = 16;

export interface Base {
  readonly kind: SnapshotKind;
  readonly fullBecause: string | undefined;
  readonly chain: SnapshotId[];
  readonly reference: readonly Manifest[];
  /** The vault holds something of the source that is not as it was written: then nothing there is relied on. */
  readonly damaged: boolean;
}

/** The base of the run's snapshot. One that is missing or damaged makes it a full, and is marked in the catalogue. */
export async function chooseBase(
  input: TakeInventoryInput,
  run: Run,
  vault: Vault,
  ports: Pick<Ports, 'recoveryPoints'>,
): Promise<Base> {
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
  ports: Pick<Ports, 'recoveryPoints'>,
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
export async function findTrustedEntries(
  input: TakeInventoryInput,
  vault: string,
  ports: Pick<Ports, 'recoveryPoints'>,
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
