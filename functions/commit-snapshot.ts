/** Lambda function: makes a snapshot exist: manifest, then catalogue. */
import { commitSnapshotInput } from './core/messages.ts';
import { commitSnapshot } from './operations/commit-snapshot.ts';
import { lambda } from './runtime/lambda.ts';

export const handler = lambda(commitSnapshotInput, commitSnapshot);
