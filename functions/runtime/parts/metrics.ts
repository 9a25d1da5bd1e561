/** The metrics of the stage, as many as it was deployed for. */
import { InvalidInputError } from '../../core/errors.ts';
import { powertoolsMetrics } from '../powertools-metrics.ts';
import { part } from './part.ts';

export const metrics = part(['HOLDFAST_STAGE', 'HOLDFAST_METRICS'], ({ HOLDFAST_STAGE, HOLDFAST_METRICS }) => {
  if (HOLDFAST_METRICS !== 'watched' && HOLDFAST_METRICS !== 'all')
    throw new InvalidInputError(
      `HOLDFAST_METRICS is "${HOLDFAST_METRICS}"; deploy with the parameter metrics=watched or metrics=all`,
    );
  return { metrics: powertoolsMetrics(HOLDFAST_STAGE, HOLDFAST_METRICS) };
});
