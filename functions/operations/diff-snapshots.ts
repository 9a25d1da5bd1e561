import { canonicalJson } from '../core/canonical-json.ts';
import type { EntryKey, PresentEntry } from '../core/entry.ts';
import type { RecoveryPointId } from '../core/ids.ts';
import type { Ports } from '../core/ports.ts';
import { listEntries } from './list-entries.ts';
import { zipByKey } from './zip-by-key.ts';

export interface SnapshotDifference {
  readonly key: EntryKey;
  readonly change: 'added' | 'removed' | 'changed';
  readonly before?: PresentEntry;
  readonly after?: PresentEntry;
}

/** What differs, in content or attributes, between two recovery points, in byte order of keys. */
export async function* diffSnapshots(
  query: { readonly before: RecoveryPointId; readonly after: RecoveryPointId },
  ports: Pick<Ports, 'openVault' | 'recoveryPoints' | 'config'>,
): AsyncGenerator<SnapshotDifference> {
  const sides = zipByKey(
    listEntries({ recoveryPointId: query.before }, ports),
    listEntries({ recoveryPointId: query.after }, ports),
  );
  for await (const { key, left: before, right: after } of sides) {
    if (before === undefined && after !== undefined) yield { key, change: 'added', after };
    else if (after === undefined && before !== undefined) yield { key, change: 'removed', before };
    else if (before !== undefined && after !== undefined && !isSame(before, after))
      yield { key, change: 'changed', before, after };
  }
}

const isSame = (a: PresentEntry, b: PresentEntry): boolean =>
  a.sha256 === b.sha256 && canonicalJson(a.attributes) === canonicalJson(b.attributes);
