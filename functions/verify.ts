/** Lambda function: proves a recovery point. */
import { verifyInput } from './core/messages.ts';
import { verify } from './operations/verify.ts';
import { lambda } from './runtime/lambda.ts';
import { basics } from './runtime/parts/basics.ts';
import { catalogue } from './runtime/parts/catalogue.ts';
import { events } from './runtime/parts/events.ts';
import { metrics } from './runtime/parts/metrics.ts';
import { plan } from './runtime/parts/plan.ts';
import { sandboxes } from './runtime/parts/sandboxes.ts';
import { vaults } from './runtime/parts/vaults.ts';
import { work } from './runtime/parts/work.ts';

export const handler = lambda(verifyInput, verify, basics, plan, catalogue, work, vaults, sandboxes, events, metrics);
