import type { EntryKey, PresentEntry } from '../core/entry.ts';
import type { RecoveryPointId } from '../core/ids.ts';
import type { Ports } from '../core/ports.ts';
import { findRecoveryPoint } from './find-recovery-point.ts';
import { presentEntries, readChain } from './read-chain.ts';

type ListPorts = Pick<Ports, 'openVault' | 'recoveryPoints' | 'config'>;

/** The entries of a recovery point, in byte order of keys; with a prefix, those below it. @throws NotFoundError, IntegrityError */
export async function* listEntries(
  query: { readonly recoveryPointId: RecoveryPointId; readonly prefix?: EntryKey },
  ports: ListPorts,
): AsyncGenerator<PresentEntry> {
  const point = await findRecoveryPoint(query, ports);
  const vault = await ports.openVault(point.vault);
  const chain = await readChain(vault, point.sourceId, point.chain);
  const prefix = query.prefix ?? '';
  for await (const entry of presentEntries(vault, chain, rangeOf(prefix)))
    if (entry.key.startsWith(prefix)) yield entry;
}

/** The narrowest range that holds every key with a prefix: from just before the prefix itself to its last possible extension. */
function rangeOf(prefix: string) {
  if (prefix === '') return {};
  const last = prefix.charCodeAt(prefix.length - 1);
  const before = last === 0 ? prefix.slice(0, -1) : `${prefix.slice(0, -1)}${String.fromCharCode(last - 1)}\xff`;
  return {
    ...(before === '' ? {} : { after: before as EntryKey }),
    upTo: `${prefix}${'\xff'.repeat(1100)}` as EntryKey,
  };
}
