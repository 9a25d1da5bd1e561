/** Sandboxes: in the plan's own place, or else in the work bucket. */
import { randomBytes } from 'node:crypto';
import { removeFromAws } from '../aws-places.ts';
import { sandboxOpener } from '../sandboxes.ts';
import { part } from './part.ts';
import { openReachable } from './places.ts';
import { packagedPlan } from './plan.ts';

export const sandboxes = part(
  ['LAMBDA_TASK_ROOT', 'HOLDFAST_WORK_BUCKET'],
  async ({ LAMBDA_TASK_ROOT, HOLDFAST_WORK_BUCKET }) => ({
    openSandbox: sandboxOpener({
      config: await packagedPlan(LAMBDA_TASK_ROOT),
      places: [`s3://${HOLDFAST_WORK_BUCKET}/sandbox/`],
      openTarget: openReachable,
      remove: removeFromAws,
      randomBytes,
    }),
  }),
);
