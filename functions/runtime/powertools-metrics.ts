/** Metrics as embedded metric format on stdout, which CloudWatch reads out of the log. */
import { Metrics as Powertools } from '@aws-lambda-powertools/metrics';
import type { Metrics } from '../core/ports.ts';

/**
 * Every `put` is one line of its own: the dimensions are exactly the stage and those given, as the alarms name them.
 * @param stage sets apart the metrics of two stages in one account that have a plan of the same name.
 */
export function powertoolsMetrics(stage: string): Metrics {
  const metrics = new Powertools({ namespace: 'Holdfast' });
  // Powertools adds the service's name, which would make another metric of each.
  metrics.clearDefaultDimensions();
  return {
    put({ plan, source, vault }, values) {
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
