/** Lambda function: records a run and lists the sources that are left to do. */
import { startRunInput } from './core/messages.ts';
import { startRun } from './operations/start-run.ts';
import { lambda } from './runtime/lambda.ts';

export const handler = lambda(startRunInput, startRun);
