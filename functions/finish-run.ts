/** Lambda function: closes a run. */
import { finishRunInput } from './core/messages.ts';
import { finishRun } from './operations/finish-run.ts';
import { lambda } from './runtime/lambda.ts';

export const handler = lambda(finishRunInput, finishRun);
