/** Looks at what a recovery point needs in its vault: everything there, every byte as it was written, the tree complete. */
import { type EntryKey, keyFromText } from '../core/entry.ts';
import { IntegrityError, NotFoundError } from '../core/errors.ts';
import { sha256Hex } from '../core/ids.ts';
import type { Manifest, PackRef } from '../core/manifest.ts';
import { collectMerkle, leafOf, merkleRoot } from '../core/merkle.ts';
import { packName } from '../core/pack.ts';
import type { Vault } from '../core/ports.ts';
import { eachOf } from './each-of.ts';
import { mapInOrder } from './map-in-order.ts';
import { isOutOfTime } from './out-of-time.ts';
import { readEntries } from './read-chain.ts';
import type { Verifying } from './verify.ts';
import { addDamage } from './verify-session.ts';

const LOOKS = 16;
const READS = 2;

/**
 * Every manifest's segments are whole, their entries hash to its root, and every chunk lies in a pack that the manifest names and that is in the
 * vault with its size. @throws IntegrityError naming the first thing that is wrong.
 */
export async function checkMetadata(vault: Vault, chain: readonly Manifest[]): Promise<void> {
  for (const manifest of chain) {
    const sizes = new Map(manifest.packs.map((pack) => [pack.id, pack.sizeBytes]));
    const merkle = collectMerkle();
    for await (const entry of eachOf(readEntries(vault, manifest, {}))) {
      merkle.add(leafOf(entry));
      for (const { chunk } of entry.state === 'present' ? entry.extents : []) {
        if (chunk.offset + chunk.sealedBytes > (sizes.get(chunk.packId) ?? -1))
          throw new IntegrityError(
            `snapshot ${manifest.snapshotId}: a chunk lies outside the packs that its manifest names (pack ${chunk.packId})`,
          );
      }
    }
    const root = merkleRoot([merkle.part()]);
    if (root !== manifest.root)
      throw new IntegrityError(
        `snapshot ${manifest.snapshotId}: its entries hash to ${root}, not to its root ${manifest.root}`,
      );
  }
  const found = mapInOrder(packsOf(chain), LOOKS, async (pack) => ({
    pack,
    blob: await vault.store.find(packName(pack.id)),
  }));
  for await (const { pack, blob } of found) {
    if (blob === undefined) throw new IntegrityError(`pack ${pack.id} is missing from ${vault.store.url}`);
    if (blob.sizeBytes !== pack.sizeBytes)
      throw new IntegrityError(
        `pack ${pack.id} in ${vault.store.url} has ${blob.sizeBytes} bytes where ${pack.sizeBytes} were written`,
      );
  }
}

const packsOf = (chain: readonly Manifest[]): readonly PackRef[] =>
  [...new Map(chain.flatMap((manifest) => manifest.packs.map((pack) => [pack.id, pack]))).values()].sort((a, b) =>
    a.id < b.id ? -1 : 1,
  );

/** Reads every pack of the chain and hashes it against its name; the cursor is the pack's id. Needs no key that reads contents. */
export async function checkBlobs(verifying: Verifying): Promise<EntryKey | undefined> {
  const { vault, chain, session, after, deadline, point } = verifying;
  const packs = packsOf(chain).filter((pack) => after === undefined || pack.id > after);
  for await (const { pack, problem } of mapInOrder(packs, READS, (pack) => checkPack(vault, pack))) {
    if (problem !== undefined) addDamage(session, problem);
    session.checkedBytes += pack.sizeBytes;
    if (isOutOfTime(deadline) && pack !== packs.at(-1)) return keyFromText(pack.id);
  }
  session.checkedEntries = point.counts.entries;
  return undefined;
}

async function checkPack(vault: Vault, pack: PackRef): Promise<{ readonly pack: PackRef; readonly problem?: string }> {
  try {
    const bytes = await vault.store.get(packName(pack.id));
    return sha256Hex(bytes) === pack.id
      ? { pack }
      : { pack, problem: `pack ${pack.id} in ${vault.store.url} is damaged: its bytes are not those of its name` };
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    return { pack, problem: `pack ${pack.id} is missing from ${vault.store.url}` };
  }
}
