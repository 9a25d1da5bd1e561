/** Lambda function: closes a run. */
import { finishRunInput } from './core/messages.ts';
import { finishRun } from './operations/finish-run.ts';
import { lambda } from './runtime/lambda.ts';
import { basics } from './runtime/parts/basics.ts';
import { catalogue } from './runtime/parts/catalogue.ts';
import { events } from './runtime/parts/events.ts';
import { metrics } from './runtime/parts/metrics.ts';
import { plan } from './runtime/parts/plan.ts';

export const handler = lambda(finishRunInput, finishRun, basics, plan, catalogue, events, metrics);
