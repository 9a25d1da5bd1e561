/** An alarm's properties, in one shape whether it watches a metric or an expression over one. */
import { z } from 'zod';
import { spell } from './package.ts';

const dimensions = z
  .array(z.strictObject({ Name: z.string(), Value: z.unknown() }))
  .transform((list) => Object.fromEntries(list.map(({ Name, Value }) => [Name, spell(Value)])));

const metric = { Namespace: z.string(), MetricName: z.string(), Dimensions: dimensions };

const common = {
  AlarmName: z.string(),
  AlarmDescription: z.string().max(1024),
  EvaluationPeriods: z.number(),
  DatapointsToAlarm: z.number().optional(),
  Threshold: z.number(),
  ComparisonOperator: z.string(),
  TreatMissingData: z.string(),
  AlarmActions: z.array(z.unknown()),
  OKActions: z.array(z.unknown()),
};

const onMetric = z.strictObject({ ...common, ...metric, Statistic: z.string(), Period: z.number() });
const onExpression = z.strictObject({
  ...common,
  Metrics: z.tuple([
    z.strictObject({
      Id: z.string(),
      ReturnData: z.literal(false),
      MetricStat: z.strictObject({ Metric: z.strictObject(metric), Stat: z.string(), Period: z.number() }),
    }),
    z.strictObject({ Id: z.string(), Label: z.string(), Expression: z.string(), ReturnData: z.literal(true) }),
  ]),
});

export interface Alarm {
  readonly name: string;
  readonly namespace: string;
  readonly metric: string;
  readonly dimensions: { readonly [name: string]: string };
  readonly statistic: string;
  readonly periodSeconds: number;
  readonly periods: number;
  readonly datapointsToAlarm: number | undefined;
  readonly threshold: number;
  readonly comparison: string;
  readonly missing: string;
  readonly expression: string | undefined;
  readonly actions: { readonly alarm: readonly string[]; readonly ok: readonly string[] };
}

/** Reads an AWS::CloudWatch::Alarm; unknown properties are an error. */
export function readAlarm({ Properties }: { readonly Properties: unknown }): Alarm {
  const properties = z.union([onMetric, onExpression]).parse(Properties);
  const watched =
    'Metrics' in properties
      ? {
          ...properties.Metrics[0].MetricStat.Metric,
          Statistic: properties.Metrics[0].MetricStat.Stat,
          Period: properties.Metrics[0].MetricStat.Period,
          expression: properties.Metrics[1].Expression,
        }
      : { ...properties, expression: undefined };
  return {
    name: properties.AlarmName,
    namespace: watched.Namespace,
    metric: watched.MetricName,
    dimensions: watched.Dimensions,
    statistic: watched.Statistic,
    periodSeconds: watched.Period,
    periods: properties.EvaluationPeriods,
    datapointsToAlarm: properties.DatapointsToAlarm,
    threshold: properties.Threshold,
    comparison: properties.ComparisonOperator,
    missing: properties.TreatMissingData,
    expression: watched.expression,
    actions: { alarm: properties.AlarmActions.map(spell), ok: properties.OKActions.map(spell) },
  };
}
