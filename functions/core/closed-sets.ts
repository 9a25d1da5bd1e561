/** Closed sets of words that records, plans and the command line share. */

export const SNAPSHOT_KINDS = ['full', 'incremental', 'differential'] as const;
export const VERIFY_LEVELS = ['check', 'data', 'restore'] as const;
