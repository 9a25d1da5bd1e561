/** Lambda function: restores a recovery point. */
import { restoreInput } from './core/messages.ts';
import { restore } from './operations/restore.ts';
import { lambda } from './runtime/lambda.ts';

export const handler = lambda(restoreInput, restore);
