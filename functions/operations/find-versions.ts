import type { RecoveryPoint } from '../core/catalogue-records.ts';
import type { EntryKey, PresentEntry } from '../core/entry.ts';
import type { SourceId } from '../core/ids.ts';
import { justBefore } from '../core/key-ranges.ts';
import type { Ports } from '../core/ports.ts';
import { presentEntries, readChain } from './read-chain.ts';

/** What each snapshot of a source holds under a key, newest first; of a snapshot in several vaults the first available one. */
export async function* findVersions(
  query: { readonly sourceId: SourceId; readonly key: EntryKey },
  ports: Pick<Ports, 'openVault' | 'recoveryPoints'>,
): AsyncGenerator<{ readonly recoveryPoint: RecoveryPoint; readonly entry: PresentEntry | undefined }> {
  const { sourceId, key } = query;
  let seen: string | undefined;
  for await (const recoveryPoint of ports.recoveryPoints.listBySource(sourceId)) {
    if (recoveryPoint.status !== 'available' || recoveryPoint.snapshotId === seen) continue;
    seen = recoveryPoint.snapshotId;
    const vault = await ports.openVault(recoveryPoint.vault);
    const chain = await readChain(vault, sourceId, recoveryPoint.chain);
    let found: PresentEntry | undefined;
    for await (const entry of presentEntries(vault, chain, { after: justBefore(key), upTo: key }))
      if (entry.key === key) found = entry;
    yield { recoveryPoint, entry: found };
  }
}
