/** The two shapes of an alarm on one of Holdfast's own metrics, and the window of the one that hears silence. */
import type { Json } from '../../core/entry.ts';
import type { WatchedMetric } from '../../core/events.ts';
import { logicalId, type Resource, ref } from './cloudformation.ts';

const METRIC_NAMESPACE = 'Holdfast';

/** Most metrics come now and then; any datapoint beyond the threshold within five minutes raises the alarm. */
const PERIOD_SECONDS = 300;

interface Watched {
  readonly concern: string;
  readonly metric: WatchedMetric;
  /** Exactly those with which the operations put the metric; the stage comes first and is no operation's to know. */
  readonly dimensions: { readonly plan: string; readonly source?: string; readonly vault?: string };
  /** What it means, in words. */
  readonly says: string;
}

/** Something that must not be seen: the alarm is raised by a datapoint above the limit, and silence is good news. */
export interface Watch extends Watched {
  readonly shape: 'watch';
  readonly statistic: 'Sum' | 'Maximum';
  readonly above: number;
}

/** Something that must keep coming: the alarm is raised by a window without one good datapoint, hence by silence. */
export interface Heartbeat extends Watched {
  readonly shape: 'heartbeat';
  readonly statistic: 'Sum' | 'Minimum';
  readonly withinSeconds: number;
  /** A datapoint is good when it is at least, or at most, this. */
  readonly good: { readonly atLeast: number } | { readonly atMost: number };
}

/** Where an alarm belongs. */
export interface AlarmScope {
  /** Begins the alarm's name. */
  readonly prefix: string;
  /** The first dimension of every metric. */
  readonly stage: string;
}

/** The alarm with its logical id. */
export function alarm(
  watched: Watch | Heartbeat,
  { prefix, stage }: AlarmScope,
): readonly [logicalId: string, Resource] {
  const { concern, says } = watched;
  const { plan, source, vault } = watched.dimensions;
  const names = [concern, plan, source ?? '', vault ?? ''];
  return [
    logicalId('Alarm', ...names),
    {
      Type: 'AWS::CloudWatch::Alarm',
      Properties: {
        // The hash keeps names apart; the source may be too long for a name, which takes 255 characters, and stands in the description.
        AlarmName: `${prefix} ${plan}: ${concern} ${logicalId('', ...names)}`,
        AlarmDescription: ['Holdfast', `plan ${plan}`, source, says]
          .filter((part) => part !== undefined)
          .join(': ')
          .slice(0, 1024),
        ...(watched.shape === 'watch' ? watchProperties(watched, stage) : heartbeatProperties(watched, stage)),
        AlarmActions: [ref('AlarmTopic')],
        OKActions: [ref('AlarmTopic')],
      },
    },
  ];
}

type Properties = { readonly [name: string]: Json };

function watchProperties(watch: Watch, stage: string): Properties {
  return {
    ...metricOf(watch, stage),
    Statistic: watch.statistic,
    Period: PERIOD_SECONDS,
    EvaluationPeriods: 1,
    Threshold: watch.above,
    ComparisonOperator: 'GreaterThanThreshold',
    TreatMissingData: 'notBreaching',
  };
}

function heartbeatProperties(beat: Heartbeat, stage: string): Properties {
  const { periodSeconds, periods } = windowOf(beat.withinSeconds);
  const [threshold, comparison, filling] =
    'atLeast' in beat.good
      ? [beat.good.atLeast, 'LessThanThreshold', beat.good.atLeast - 1]
      : [beat.good.atMost, 'GreaterThanThreshold', beat.good.atMost + 1];
  return {
    Metrics: [
      {
        Id: 'beat',
        ReturnData: false,
        MetricStat: { Metric: metricOf(beat, stage), Stat: beat.statistic, Period: periodSeconds },
      },
      {
        // For a period without data CloudWatch looks for older data first, beyond the window, and judges by that (CloudWatch guide, "How
        // alarm state is evaluated when data is missing"): a source that has gone silent would stay OK too long. A filling is data.
        Id: 'filled',
        Label: beat.metric,
        Expression: `FILL(beat, ${filling})`,
        ReturnData: true,
      },
    ],
    EvaluationPeriods: periods,
    DatapointsToAlarm: periods,
    Threshold: threshold,
    ComparisonOperator: comparison,
    // Where there never was any data there is nothing to fill. Silence is the worst failure.
    TreatMissingData: 'breaching',
  };
}

function metricOf({ metric, dimensions: { plan, source, vault } }: Watched, stage: string): Properties {
  const dimensions = Object.entries({ stage, plan, source, vault });
  return {
    Namespace: METRIC_NAMESPACE,
    MetricName: metric,
    Dimensions: dimensions.flatMap(([Name, Value]) => (Value === undefined ? [] : [{ Name, Value }])),
  };
}

export const LONGEST_WINDOW_SECONDS = 7 * 86_400;
const MOST_PERIODS = 24;

/**
 * Periods that together cover the window, and one more, because the newest has often not got its data yet; never more than an alarm may
 * look back (CloudWatch API reference, PutMetricAlarm: 604,800 s, and 86,400 s with a period under an hour; a period is a multiple of 60 s).
 */
export function windowOf(seconds: number): { readonly periodSeconds: number; readonly periods: number } {
  const window = Math.min(seconds, LONGEST_WINDOW_SECONDS);
  const step = window > 22 * 3600 ? 3600 : 60;
  const periodSeconds = step * Math.ceil(window / (step * MOST_PERIODS));
  return {
    periodSeconds,
    periods: Math.min(Math.ceil(window / periodSeconds) + 1, Math.floor(LONGEST_WINDOW_SECONDS / periodSeconds)),
  };
}
