/** Metrics as embedded metric format on stdout, which CloudWatch reads out of the log. */
import { Metrics as Powertools } from '@aws-lambda-powertools/metrics';
import { type MetricName, WATCHED_METRICS } from '../core/events.ts';
import type { Metrics } from '../core/ports.ts';

/**
 * Every `put` is at most one line of its own: the dimensions are exactly the stage and those given, as the alarms name them.
 * @param which `watched`: what alarms watch, and of that no count of zero; `all`: the figures too, and zeros.
 * @param stage sets apart the metrics of two stages in one account that have a plan of the same name.
 */
export function powertoolsMetrics(stage: string, which: 'watched' | 'all'): Metrics {
  const metrics = new Powertools({ namespace: 'Holdfast' });
  // Powertools adds the service's name, which would make another metric of each.
  metrics.clearDefaultDimensions();
  return {
    put({ plan, source, vault }, all) {
      const values = which === 'all' ? all : all.filter(isNews);
      if (values.length === 0) return;
      metrics.addDimensions({
        stage,
        plan,
        ...(source === undefined ? {} : { source }),
        ...(vault === undefined ? {} : { vault }),
      });
      for (const { name, unit, value } of values) metrics.addMetric(name, unit, value);
      metrics.publishStoredMetrics();
    },
  };
}

const watched: ReadonlySet<MetricName> = new Set(WATCHED_METRICS);

const isNews: (value: Parameters<Metrics['put']>[1][number]) => boolean = ({ name, unit, value }) =>
  watched.has(name) && !(unit === 'Count' && value === 0);
