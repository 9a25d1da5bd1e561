import { type EntryKey, type PresentEntry, quoteKey } from '../core/entry.ts';
import { NotFoundError } from '../core/errors.ts';
import type { RecoveryPointId } from '../core/ids.ts';
import { justBefore } from '../core/key-ranges.ts';
import type { Ports } from '../core/ports.ts';
import { findRecoveryPoint } from './find-recovery-point.ts';
import { presentEntries, readChain } from './read-chain.ts';
import { readContent } from './read-contents.ts';

/**
 * One entry of a recovery point and its content, which throws IntegrityError before its end when it is not what was backed up. Reads one
 * segment per member of the chain. @throws NotFoundError
 */
export async function readEntry(
  query: { readonly recoveryPointId: RecoveryPointId; readonly key: EntryKey },
  ports: Pick<Ports, 'openVault' | 'recoveryPoints' | 'config'>,
): Promise<{ readonly entry: PresentEntry; readonly content: AsyncIterable<Uint8Array> }> {
  const point = await findRecoveryPoint(query, ports);
  const vault = await ports.openVault(point.vault);
  const chain = await readChain(vault, point.sourceId, point.chain);
  const { key } = query;
  for await (const entry of presentEntries(vault, chain, { upTo: key, after: justBefore(key) }))
    if (entry.key === key) return { entry, content: readContent(vault, entry) };
  throw new NotFoundError(
    `recovery point ${query.recoveryPointId} holds no ${quoteKey(key)}; see holdfast ls ${query.recoveryPointId}`,
  );
}
