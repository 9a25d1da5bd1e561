/** Lambda function: brings a vault level with another. */
import { replicateInput } from './core/messages.ts';
import { replicate } from './operations/replicate.ts';
import { lambda } from './runtime/lambda.ts';

export const handler = lambda(replicateInput, replicate);
