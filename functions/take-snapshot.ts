/** Lambda function: backs up one shard of a source. */
import { takeSnapshotInput } from './core/messages.ts';
import { takeSnapshot } from './operations/take-snapshot.ts';
import { lambda } from './runtime/lambda.ts';
import { basics } from './runtime/parts/basics.ts';
import { catalogue } from './runtime/parts/catalogue.ts';
import { sources } from './runtime/parts/sources.ts';
import { vaults } from './runtime/parts/vaults.ts';
import { work } from './runtime/parts/work.ts';

export const handler = lambda(takeSnapshotInput, takeSnapshot, basics, catalogue, work, vaults, sources);
