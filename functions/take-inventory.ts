/** Lambda function: lists a source and writes the shards of its snapshot. */
import { takeInventoryInput } from './core/messages.ts';
import { takeInventory } from './operations/take-inventory.ts';
import { lambda } from './runtime/lambda.ts';
import { basics } from './runtime/parts/basics.ts';
import { catalogue } from './runtime/parts/catalogue.ts';
import { plan } from './runtime/parts/plan.ts';
import { sources } from './runtime/parts/sources.ts';
import { vaults } from './runtime/parts/vaults.ts';
import { work } from './runtime/parts/work.ts';

export const handler = lambda(takeInventoryInput, takeInventory, basics, plan, catalogue, work, vaults, sources);
