/** Lambda function: records a run and lists the sources that are left to do. */
import { startRunInput } from './core/messages.ts';
import { startRun } from './operations/start-run.ts';
import { lambda } from './runtime/lambda.ts';
import { basics } from './runtime/parts/basics.ts';
import { catalogue } from './runtime/parts/catalogue.ts';
import { events } from './runtime/parts/events.ts';
import { plan } from './runtime/parts/plan.ts';

export const handler = lambda(startRunInput, startRun, basics, plan, catalogue, events);
