/** The metrics of the stage. */
import { powertoolsMetrics } from '../powertools-metrics.ts';
import { part } from './part.ts';

export const metrics = part(['HOLDFAST_STAGE'], ({ HOLDFAST_STAGE }) => ({
  metrics: powertoolsMetrics(HOLDFAST_STAGE),
}));
