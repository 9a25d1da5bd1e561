/**
 * A model of what a run asks of the deployed stack: functions, machines, the catalogue, the work bucket, the bus. Requests as counted in emulated
 * runs; times of functions as they were measured there, cold starts among them.
 */
import { blobsOf, sampledEntries, shardsOf, verifiedBytes } from './predict-places.ts';
import type { SourceShape, SourceWorkload } from './source-workload.ts';
import { sumUsage, type Usage } from './usage.ts';

/** What the model takes as given, in words for whoever reads its figures. */
export const STACK_ASSUMPTIONS: readonly string[] = [
  'a Lambda call takes 1.1 s besides its work; a worker lists 20,000 entries, opens 200 and moves 50 MiB a second, verifies 100 entries a second and stages 5 MiB of a table a second',
  'every function starts with the memory that serverless.yml gives it',
];

const CALL_SECONDS = 1.1;
const LISTED_PER_SECOND = 20_000;
const OPENED_PER_SECOND = 200;
const VERIFIED_PER_SECOND = 100;
const MOVED_PER_SECOND = 50 * 2 ** 20;
const STAGED_PER_SECOND = 5 * 2 ** 20;
/** A worker stops a minute before Lambda does. */
const MAX_SECONDS = 840;

/** MiB, as in serverless.yml. */
export const MEMORY_MEBIBYTES = { small: 512, middle: 1769, large: 3008 } as const;

/** A table is sorted through the work place in pieces of this size. */
const STAGED_BYTES = 64 << 20;
/** Contents from this size on are chunks of their own in the content index, this long on the average. */
const OWN_CHUNK_FROM_BYTES = 64 << 10;
const CHUNK_BYTES = 1.15 * 2 ** 20;

/** Calls of one function, with all the work that they share. */
function calls(seconds: number, memory: keyof typeof MEMORY_MEBIBYTES, least = 1): Usage {
  const lambdaCalls = Math.max(least, Math.ceil(seconds / MAX_SECONDS));
  const millis = (seconds + lambdaCalls * CALL_SECONDS) * 1000;
  return { lambdaCalls, lambdaMebibyteMillis: millis * MEMORY_MEBIBYTES[memory] };
}

/** The stack's part of one source in a run. */
export function predictStack(work: SourceWorkload, shape: SourceShape): Usage {
  const functions = sumUsage([
    inventory(work, shape),
    calls(
      work.entries / LISTED_PER_SECOND + work.readEntries / OPENED_PER_SECOND + work.readBytes / MOVED_PER_SECOND,
      'large',
      shardsOf(work),
    ),
    calls(0, 'middle'),
    ...shape.replicas.map(() => calls(work.storedBytes / MOVED_PER_SECOND, 'middle')),
    shape.verify === undefined
      ? {}
      : calls(
          sampledEntries(work, shape) / VERIFIED_PER_SECOND + verifiedBytes(work, shape) / MOVED_PER_SECOND,
          'large',
        ),
  ]);
  const verifications = shape.verify === undefined ? 0 : 1;
  const lambdaCalls = functions.lambdaCalls ?? 0;
  return sumUsage([
    functions,
    catalogue(work, shape),
    {
      // Each call adds to the run's usage, and those that open a vault read its key.
      tableWriteUnits: lambdaCalls,
      parameterRequests: lambdaCalls,
      keyRequests: lambdaCalls,
      s3Writes: 3,
      s3Reads: 6,
      events: 1 + shape.replicas.length + verifications,
      transitions:
        2 * lambdaCalls + transitionsAround({ shards: shardsOf(work), replicas: shape.replicas.length, verifications }),
      interRegionBytes: shape.replicas.filter(({ otherRegion }) => otherRegion).length * work.storedBytes,
    },
  ]);
}

function inventory(work: SourceWorkload, { scheme }: SourceShape): Usage {
  if (scheme !== 'dynamodb') return calls(0, 'middle');
  const pieces = Math.ceil(work.contentBytes / STAGED_BYTES) + 1;
  const staged = { s3Writes: pieces + 2, s3Reads: 2 * pieces + 2, s3Deletes: pieces + 2 };
  return sumUsage([calls(work.contentBytes / STAGED_PER_SECOND, 'middle', 2), staged]);
}

/** Points of the source are read in pages of a hundred, about a KiB each. */
function catalogue(work: SourceWorkload, { replicas, verify }: SourceShape): Usage {
  const proof = verify === undefined ? 0 : 1;
  const isLarge = work.readEntries > 0 && work.readBytes / work.readEntries >= OWN_CHUNK_FROM_BYTES;
  const chunksOf = (bytes: number): number => (isLarge ? Math.ceil(bytes / CHUNK_BYTES) : 0);
  return {
    tableReadUnits:
      12 + 0.8 * Math.min(work.points, 100) + 5 * replicas.length + 3 * proof + chunksOf(work.readBytes) / 2,
    tableWriteUnits: 8 + 2 * replicas.length + 5 * proof + (blobsOf(work) > 0 ? chunksOf(work.storedBytes) : 0),
  };
}

/** Steps of a run besides those of its sources: StartRun, Sources, FinishRun, RunOutcome and the end. */
export const RUN_TRANSITIONS = 5;

/** The stack's part of a run besides its sources. */
export const RUN_USAGE: Usage = sumUsage([
  calls(0, 'small', 2),
  { tableReadUnits: 5, tableWriteUnits: 6, events: 2, transitions: RUN_TRANSITIONS },
]);

/**
 * Steps of the machines for one source of a run that goes well, besides two for each call of a function. Step Functions counts a transition
 * "each time a step of your workflow is executed".
 */
export function transitionsAround(source: {
  readonly shards: number;
  readonly replicas: number;
  readonly verifications: number;
}): number {
  const { shards, replicas, verifications } = source;
  // AnyShards, Replicas, VerifyWanted and SourceDone; the map over several shards and the end of each; the end of each replica; the start and the end
  // of each verification.
  return 4 + (shards > 1 ? 1 + shards : 0) + replicas + 2 * verifications;
}
