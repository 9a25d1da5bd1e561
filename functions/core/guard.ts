/**
 * The guard judges whether a snapshot may be trusted as the source's true state: a source that was emptied, or lost a large share of its
 * entries, gives a suspect one, and stays suspect until its entries are back or the plan allows the loss.
 */

export interface GuardedChange {
  /** Entries of the snapshot before, and those of them that are gone. */
  readonly known: number;
  readonly lost: number;
  /** Entries now. */
  readonly entries: number;
  /** Entries of the last trusted snapshot, when the snapshot before is itself suspect. */
  readonly trustedEntries: number | undefined;
  /** Share of entries that may go between two snapshots, 0 to 1. */
  readonly maxRemoved: number;
  /** The plan says that the source may be empty. */
  readonly expectEmpty: boolean;
}

/** Why the snapshot is suspect, in words; undefined when it is not. */
export function findSuspicion(change: GuardedChange): string | undefined {
  const { known, lost, entries, trustedEntries, maxRemoved, expectEmpty } = change;
  const share = `${Math.round(maxRemoved * 100)} %`;
  if (known > 0 && entries === 0 && !expectEmpty) return `the source is empty where it held ${known} entries before`;
  if (known > 0 && lost / known > maxRemoved)
    return `${lost} of ${known} entries are gone, more than guard.maxRemoved (${share}) allows`;
  if (trustedEntries === undefined) return undefined;
  const still = entries === 0 ? trustedEntries > 0 && !expectEmpty : entries < trustedEntries * (1 - maxRemoved);
  return still
    ? `it still holds ${entries} entries where the last trusted snapshot has ${trustedEntries}; if that is right, set guard.maxRemoved to 100% for one run`
    : undefined;
}
