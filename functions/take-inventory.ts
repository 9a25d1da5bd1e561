/** Lambda function: lists a source and writes the shards of its snapshot. */
import { takeInventoryInput } from './core/messages.ts';
import { takeInventory } from './operations/take-inventory.ts';
import { lambda } from './runtime/lambda.ts';

export const handler = lambda(takeInventoryInput, takeInventory);
