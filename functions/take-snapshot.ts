/** Lambda function: backs up one shard of a source. */
import { takeSnapshotInput } from './core/messages.ts';
import { takeSnapshot } from './operations/take-snapshot.ts';
import { lambda } from './runtime/lambda.ts';

export const handler = lambda(takeSnapshotInput, takeSnapshot);
