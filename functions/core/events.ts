/** The closed list of events that Holdfast puts on the bus, source `holdfast`. */

export const EVENT_TYPES = [
  'Run Started',
  'Run Succeeded',
  'Run Partial',
  'Run Failed',
  'Run Skipped',
  'Recovery Point Available',
  'Recovery Point Damaged',
  'Recovery Point Expired',
  'Recovery Point Suspect',
  'Replication Completed',
  'Replication Lagging',
  'Verification Succeeded',
  'Verification Failed',
  'Restore Succeeded',
  'Restore Failed',
  'Objective Breached',
] as const;

export type EventType = (typeof EVENT_TYPES)[number];

export interface HoldfastEvent {
  readonly type: EventType;
  /** Ids, counts and times; never contents. */
  readonly detail: { readonly [name: string]: string | number | boolean };
}

/** Metric names (namespace `Holdfast`), so that an alarm and what feeds it cannot drift apart. */
export const METRIC_NAMES = [
  'RunSucceeded',
  'RunPartial',
  'RunFailed',
  'RunSkipped',
  'VerificationSucceeded',
  'VerificationFailed',
  'SuspectSnapshot',
  'UnprotectedEntries',
  'MeasuredRpoSeconds',
  'MeasuredRtoSeconds',
  'ReplicationLagSeconds',
  'SnapshotSeconds',
  'StoredBytes',
  'ReadBytes',
  'ContentBytes',
  'Entries',
] as const;

export type MetricName = (typeof METRIC_NAMES)[number];
