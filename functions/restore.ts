/** Lambda function: restores a recovery point. */
import { restoreInput } from './core/messages.ts';
import { restore } from './operations/restore.ts';
import { lambda } from './runtime/lambda.ts';
import { basics } from './runtime/parts/basics.ts';
import { catalogue } from './runtime/parts/catalogue.ts';
import { events } from './runtime/parts/events.ts';
import { metrics } from './runtime/parts/metrics.ts';
import { plan } from './runtime/parts/plan.ts';
import { targets } from './runtime/parts/targets.ts';
import { vaults } from './runtime/parts/vaults.ts';
import { work } from './runtime/parts/work.ts';

export const handler = lambda(restoreInput, restore, basics, plan, catalogue, work, vaults, targets, events, metrics);
