/** Lambda function: makes a snapshot exist: manifest, then catalogue. */
import { commitSnapshotInput } from './core/messages.ts';
import { commitSnapshot } from './operations/commit-snapshot.ts';
import { lambda } from './runtime/lambda.ts';
import { basics } from './runtime/parts/basics.ts';
import { catalogue } from './runtime/parts/catalogue.ts';
import { events } from './runtime/parts/events.ts';
import { metrics } from './runtime/parts/metrics.ts';
import { plan } from './runtime/parts/plan.ts';
import { vaults } from './runtime/parts/vaults.ts';
import { work } from './runtime/parts/work.ts';

export const handler = lambda(
  commitSnapshotInput,
  commitSnapshot,
  basics,
  plan,
  catalogue,
  work,
  vaults,
  events,
  metrics,
);
