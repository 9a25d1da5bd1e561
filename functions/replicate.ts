/** Lambda function: brings a vault level with another. */
import { replicateInput } from './core/messages.ts';
import { replicate } from './operations/replicate.ts';
import { lambda } from './runtime/lambda.ts';
import { basics } from './runtime/parts/basics.ts';
import { catalogue } from './runtime/parts/catalogue.ts';
import { events } from './runtime/parts/events.ts';
import { metrics } from './runtime/parts/metrics.ts';
import { plan } from './runtime/parts/plan.ts';
import { vaults } from './runtime/parts/vaults.ts';

export const handler = lambda(replicateInput, replicate, basics, plan, catalogue, vaults, events, metrics);
