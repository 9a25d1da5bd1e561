/** Lambda function: records why a source or a replica failed. */
import { recordFailureInput } from './core/messages.ts';
import { recordFailure } from './operations/record-failure.ts';
import { lambda } from './runtime/lambda.ts';

export const handler = lambda(recordFailureInput, recordFailure);
