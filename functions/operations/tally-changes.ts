/** What a snapshot of one kind records of each difference between source and chain, and what it counts. */
import type { SnapshotKind } from '../core/catalogue-records.ts';
import { findPresent, type PresentEntry, type Unprotected } from '../core/entry.ts';
import type { ListedDifference, SourceDifference } from './diff-source.ts';
import type { Part } from './work-lists.ts';
import type { SnapshotWriter } from './write-snapshot.ts';

export interface Tally {
  /** Whether the content must be read: always for a full, else when the fingerprint differs from the newest state's. */
  mustRead(difference: SourceDifference): difference is ListedDifference;
  /** Whether the fingerprint, told only when the entry was opened, is the newest state's, so that its content need not be read. */
  isUnchanged(difference: SourceDifference, fingerprint: string): boolean;
  /** Listed, with the fingerprint of the newest state. */
  unchanged(difference: SourceDifference, writer: SnapshotWriter): Promise<void> | undefined;
  /** Read, and already added to the writer. */
  taken(difference: SourceDifference, entry: { readonly fingerprint: string; readonly sizeBytes: number }): void;
  /** Not in the source any more. */
  missing(difference: SourceDifference, writer: SnapshotWriter): Promise<void>;
  /** Could not be read or listed: what the chain has is kept. `reason` is absent for what lies below a named one. */
  keep(difference: SourceDifference, reason: string | undefined, writer: SnapshotWriter): Promise<void>;
  /** Of what is kept, one more that these credentials may not read. */
  denied(): void;
  result(): Pick<Part, 'unprotected' | 'denied' | 'counts' | 'known' | 'lost' | 'contentBytes' | 'readBytes'>;
}

/** `onProgress` is told entries and bytes so far. */
export function tallyChanges(kind: SnapshotKind, onProgress: (entries: number, bytes: number) => void): Tally {
  const counts = { entries: 0, added: 0, changed: 0, removed: 0 };
  const unprotected: Unprotected[] = [];
  let [known, lost, denied, contentBytes, readBytes] = [0, 0, 0, 0, 0];

  const newestOf = ({ merged }: SourceDifference) => findPresent(merged?.newest);
  /** What added and changed are told by: the state that the snapshot is relative to. */
  const baseOf = ({ merged }: SourceDifference) => findPresent(kind === 'differential' ? merged?.full : merged?.newest);
  const see = (difference: SourceDifference): void => {
    if (newestOf(difference) !== undefined) known += 1;
  };
  const isUnchanged = (difference: SourceDifference, fingerprint: string): boolean =>
    kind !== 'full' && newestOf(difference)?.fingerprint === fingerprint;
  const count = (sizeBytes: number): void => {
    counts.entries += 1;
    contentBytes += sizeBytes;
    onProgress(counts.entries, readBytes);
  };
  const compare = (difference: SourceDifference, fingerprint: string): void => {
    const base = baseOf(difference);
    if (base === undefined) counts.added += 1;
    else if (base.fingerprint !== fingerprint) counts.changed += 1;
  };
  /** Carries the newest state into the snapshot where its chain does not hold it. */
  const carry = (
    difference: SourceDifference,
    newest: PresentEntry,
    writer: SnapshotWriter,
  ): Promise<void> | undefined => {
    count(newest.sizeBytes);
    compare(difference, newest.fingerprint);
    const inChain =
      kind === 'incremental' || (kind === 'differential' && baseOf(difference)?.fingerprint === newest.fingerprint);
    return inChain ? undefined : writer.reused(newest);
  };

  return {
    mustRead(difference): difference is ListedDifference {
      const { listed } = difference;
      return listed !== undefined && (listed.fingerprint === undefined || !isUnchanged(difference, listed.fingerprint));
    },
    isUnchanged,
    unchanged(difference, writer) {
      see(difference);
      const newest = newestOf(difference);
      return newest && carry(difference, newest, writer);
    },
    taken(difference, entry) {
      see(difference);
      readBytes += entry.sizeBytes;
      count(entry.sizeBytes);
      compare(difference, entry.fingerprint);
    },
    async missing(difference, writer) {
      see(difference);
      if (newestOf(difference) !== undefined) lost += 1;
      if (baseOf(difference) === undefined) return;
      counts.removed += 1;
      if (kind !== 'full') await writer.removed(difference.key);
    },
    async keep(difference, reason, writer) {
      see(difference);
      const newest = newestOf(difference);
      if (reason !== undefined)
        unprotected.push({
          key: difference.key,
          reason: newest === undefined ? reason : `${reason} (its last state that could be read is kept)`,
        });
      if (newest !== undefined) await carry(difference, newest, writer);
      else if (kind === 'differential' && baseOf(difference) !== undefined) await writer.removed(difference.key);
    },
    denied() {
      denied += 1;
    },
    result: () => ({ unprotected, denied, counts, known, lost, contentBytes, readBytes }),
  };
}
