/** Lambda function: records why a source or a replica failed. */
import { recordFailureInput } from './core/messages.ts';
import { recordFailure } from './operations/record-failure.ts';
import { lambda } from './runtime/lambda.ts';
import { basics } from './runtime/parts/basics.ts';
import { catalogue } from './runtime/parts/catalogue.ts';

export const handler = lambda(recordFailureInput, recordFailure, basics, catalogue);
