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

/**
 * Metrics that an alarm watches. CloudWatch charges for every metric and hour in which it hears of it, so that these are few, and a count of
 * zero is not put: its alarm takes silence for the same.
 */
export const WATCHED_METRICS = [
  'RunPartial',
  'RunFailed',
  'SnapshotTaken',
  'VerificationSucceeded',
  'VerificationFailed',
  'SuspectSnapshot',
  'UnprotectedEntries',
  'MeasuredRtoSeconds',
  'ReplicationLagSeconds',
] as const;

/** Figures that nobody is woken for; the catalogue has them too. Put only where a stack is deployed with `metrics=all`. */
export const FIGURES = [
  'RunSucceeded',
  'RunSkipped',
  'MeasuredRpoSeconds',
  'SnapshotSeconds',
  'StoredBytes',
  'ReadBytes',
  'ContentBytes',
  'Entries',
] as const;

/** Metric names (namespace `Holdfast`), so that an alarm and what feeds it cannot drift apart. */
export const METRIC_NAMES = [...WATCHED_METRICS, ...FIGURES] as const;

export type WatchedMetric = (typeof WATCHED_METRICS)[number];
export type MetricName = (typeof METRIC_NAMES)[number];
