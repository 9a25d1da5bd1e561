/** Lambda function: proves a recovery point. */
import { verifyInput } from './core/messages.ts';
import { verify } from './operations/verify.ts';
import { lambda } from './runtime/lambda.ts';

export const handler = lambda(verifyInput, verify);
