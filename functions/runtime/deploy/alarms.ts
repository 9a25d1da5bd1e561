/** Which alarms a plan asks for: one per source and concern. */
import { InvalidInputError } from '../../core/errors.ts';
import type { HoldfastConfig, Plan } from '../../core/plan.ts';
import { type AlarmScope, alarm, type Heartbeat, LONGEST_WINDOW_SECONDS, type Watch } from './alarm.ts';
import type { Resources } from './cloudformation.ts';

/** What a replica may lag where the plan has no RPO to measure it by. */
const DEFAULT_LAG_SECONDS = 86_400;

/** @throws InvalidInputError for a source whose URI no metric can carry. */
export function alarmResources(config: HoldfastConfig, scope: AlarmScope): Resources {
  const watched = Object.entries(config.plans).flatMap(([name, plan]) => [
    ...onRuns(name),
    ...plan.sources.flatMap(({ uri }) => onSource(name, plan, measurable(name, uri))),
  ]);
  return Object.fromEntries(watched.map((one) => alarm(one, scope)));
}

/** What a person should hear about the alarms before deploying, a sentence each. */
export function alarmNotices(config: HoldfastConfig): readonly string[] {
  return Object.entries(config.plans).flatMap(([name, { objectives }]) => {
    if (objectives.rpo === undefined)
      return [`plan "${name}" has no objectives.rpo, so no alarm tells when its backups stop; set one`];
    if (objectives.rpo > LONGEST_WINDOW_SECONDS)
      return [
        `plan "${name}": CloudWatch looks back seven days at most, so the RPO alarm is raised after seven days already`,
      ];
    return [];
  });
}

/** A dimension's value is ASCII without control characters, at most 1,024 of them (CloudWatch API reference, Dimension). */
function measurable(plan: string, uri: string): string {
  if (/^[\x20-\x7e]{1,1024}$/.test(uri)) return uri;
  throw new InvalidInputError(
    `plan "${plan}": source ${uri} cannot be watched, because CloudWatch takes ASCII only, up to 1,024 characters; name a shorter prefix`,
  );
}

function onRuns(plan: string): readonly Watch[] {
  const common = { shape: 'watch', statistic: 'Sum', above: 0, dimensions: { plan } } as const;
  return [
    { ...common, concern: 'run failed', metric: 'RunFailed', says: 'a run left no source safe' },
    { ...common, concern: 'run partial', metric: 'RunPartial', says: 'a run left something unprotected or behind' },
  ];
}

function onSource(name: string, plan: Plan, source: string): readonly (Watch | Heartbeat)[] {
  const { rpo, rto } = plan.objectives;
  const watch = { shape: 'watch', dimensions: { plan: name, source } } as const;
  return [
    ...[plan.vault, ...plan.replicateTo].map((vault) => verificationFailed(name, source, vault)),
    ...(rpo === undefined ? [] : [recoveryPointWithin(rpo, name, plan, source)]),
    ...plan.replicateTo.map((vault) => replicaBehind(rpo, name, source, vault)),
    ...(rto === undefined ? [] : [restoreTooSlow(rto, name, source)]),
    {
      ...watch,
      concern: 'suspect snapshot',
      metric: 'SuspectSnapshot',
      statistic: 'Sum',
      above: 0,
      says: 'the source lost more than its guard allows; look at it before retention forgets the last good snapshot',
    },
    {
      ...watch,
      concern: 'unprotected entries',
      metric: 'UnprotectedEntries',
      statistic: 'Maximum',
      above: 0,
      says: 'some entries could not be backed up; holdfast show names them',
    },
  ];
}

function verificationFailed(plan: string, source: string, vault: string): Watch {
  return {
    shape: 'watch',
    concern: 'verification failed',
    metric: 'VerificationFailed',
    statistic: 'Sum',
    above: 0,
    dimensions: { plan, source, vault },
    says: `a recovery point in vault ${vault} cannot be restored as it should be`,
  };
}

/** Verified recovery points must keep coming; where the plan verifies nothing, snapshots must. */
function recoveryPointWithin(rpo: number, plan: string, { verify, vault }: Plan, source: string): Heartbeat {
  const common = { shape: 'heartbeat', withinSeconds: rpo, good: { atLeast: 1 } } as const;
  if (verify.after === 'every')
    return {
      ...common,
      concern: 'no verified recovery point within the RPO',
      metric: 'VerificationSucceeded',
      statistic: 'Sum',
      dimensions: { plan, source, vault },
      says: `no recovery point was verified for ${rpo} s`,
    };
  return {
    ...common,
    concern: 'no recovery point within the RPO',
    metric: 'SnapshotTaken',
    statistic: 'Sum',
    dimensions: { plan, source },
    says: `no snapshot was taken for ${rpo} s`,
  };
}

/**
 * The lag is told when a snapshot arrives, so that a replica that cannot be reached tells nothing: within the RPO one must have arrived
 * that was no older. While the replica catches up the newest snapshot counts, hence the minimum. Without an RPO nobody knows how often
 * snapshots should arrive.
 */
function replicaBehind(rpo: number | undefined, plan: string, source: string, vault: string): Watch | Heartbeat {
  const limit = rpo ?? DEFAULT_LAG_SECONDS;
  const common = {
    concern: 'replication lag',
    metric: 'ReplicationLagSeconds',
    dimensions: { plan, source, vault },
    says: `vault ${vault} is more than ${limit} s behind`,
  } as const;
  if (rpo === undefined) return { ...common, shape: 'watch', statistic: 'Maximum', above: limit };
  return { ...common, shape: 'heartbeat', statistic: 'Minimum', withinSeconds: rpo, good: { atMost: limit } };
}

function restoreTooSlow(rto: number, plan: string, source: string): Watch {
  return {
    shape: 'watch',
    concern: 'RTO missed',
    metric: 'MeasuredRtoSeconds',
    statistic: 'Maximum',
    above: rto,
    dimensions: { plan, source },
    says: `a restore took longer than the objective of ${rto} s`,
  };
}
