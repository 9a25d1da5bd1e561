/**
 * Messages are what passes between the states of the machines: ids, counts and cursors, well below 10 KB. Lists
 * go by reference through the work place. Every handler parses its input with these; unknown fields are ignored, because a state
 * carries what later states need.
 */
import * as z from 'zod';
import { snapshotKindSchema, type VERIFICATION_OUTCOMES, verifyLevelSchema } from './catalogue-records.ts';
import type { RecoveryPointId, RunId, SnapshotId, SourceId } from './ids.ts';

const runId = z.string().regex(/^[0-9a-f]{32}$/, 'is no run id') as unknown as z.ZodType<RunId>;
const sourceId = z.string().regex(/^[0-9a-f]{16}$/, 'is no source id') as unknown as z.ZodType<SourceId>;
const snapshotId = z
  .string()
  .regex(/^\d{8}T\d{9}Z-[0-9a-f]{12}$/, 'is no snapshot id') as unknown as z.ZodType<SnapshotId>;
const recoveryPointId = z
  .string()
  .regex(
    /^\d{8}T\d{9}Z-[0-9a-f]{12}@[a-z0-9-]{1,40}$/,
    'is no recovery point id',
  ) as unknown as z.ZodType<RecoveryPointId>;

/**
 * A path of a disk is up to 4,095 bytes. The key of a table's item is JSON: two names of 255 bytes and values of 2,048 and 1,024, which written with escapes
 * (six bytes for a control character) come to 21,600 bytes at the worst, 28,800 characters of base64url.
 */
const MAX_KEY_CHARACTERS = 28_800;

/** What a worker returns: done, or a cursor with which to call it again. The machine hands it back as `progress`. */
const progress = z.object({
  done: z.boolean(),
  cursor: z
    .string()
    .max(MAX_KEY_CHARACTERS + 100)
    .optional(),
});

export const startRunInput = z.object({
  plan: z.string().min(1),
  kind: snapshotKindSchema,
  /** ISO-8601 with any offset; equal instants give one run. */
  scheduledAt: z.iso.datetime({ offset: true }),
});
export type StartRunInput = z.output<typeof startRunInput>;

/** One source's part of a run; every later state of the source carries it. */
export const sourceWork = z.object({ plan: z.string().min(1), runId, sourceId, snapshotId });
export type SourceWork = z.output<typeof sourceWork>;

export interface StartRunOutput {
  readonly runId: RunId;
  readonly plan: string;
  /** `started` also for a run that goes on after a crash; `done` when it had ended before. */
  readonly status: 'started' | 'done' | 'skipped';
  /** The sources that are left to do. */
  readonly sources: readonly SourceWork[];
}

const attempt = z.string().regex(/^[0-9a-f]{16}$/, 'is no attempt id');

export const takeInventoryInput = sourceWork.extend({
  /** Set by the machine when the base turned out to be damaged: take a full, and say so. */
  fullBecause: z.string().optional(),
  /** What the last call returned; only one that is not done says where to go on, and only one that is done what was divided. */
  inventory: z
    .object({ done: z.boolean(), cursor: z.string().max(200).optional(), attempt: attempt.optional() })
    .optional(),
  /** What the last commit returned: with `divide`, what the workers of the inventory left is divided now. */
  commit: z.object({ status: z.string() }).optional(),
});
export type TakeInventoryInput = z.output<typeof takeInventoryInput>;

/** Not all of the source is read yet: the machine waits and calls again. */
export interface InventoryUnderWay {
  readonly done: false;
  readonly cursor: string;
  /** At least 1. */
  readonly waitSeconds: number;
}

export interface InventoryTaken {
  readonly done: true;
  readonly kind: z.output<typeof snapshotKindSchema>;
  /** Names this inventory, so that a worker of an earlier attempt cannot mix its parts into a later one. */
  readonly attempt: string;
  /** Name, in the work place, of a JSON array of `TakeSnapshotInput`s. */
  readonly shardsKey: string;
  readonly shards: number;
  /** Set when a single shard is the whole source: what its worker is called with, which needs no list and no Map. */
  readonly onlyShard?: TakeSnapshotInput;
  /** How many workers of the source are at work at once, at most; for the machine's Map. */
  readonly concurrency: number;
  /** The replica vaults, for the machine's Map. */
  readonly replicas: readonly { readonly to: string }[];
  /** The machine starts `verify` when true. */
  readonly verify: boolean;
  readonly recoveryPointId: RecoveryPointId;
}

export type TakeInventoryOutput = InventoryTaken | InventoryUnderWay;

/** A shard: `after < key <= upTo`, keys in base64url; plus what the last call returned. */
export const takeSnapshotInput = sourceWork.extend({
  attempt,
  shard: z.number().int().nonnegative(),
  after: z.string().max(MAX_KEY_CHARACTERS).optional(),
  upTo: z.string().max(MAX_KEY_CHARACTERS).optional(),
  progress: progress.optional(),
});
export type TakeSnapshotInput = z.output<typeof takeSnapshotInput>;
export type WorkerOutput = z.output<typeof progress>;

export const commitSnapshotInput = sourceWork.extend({ inventory: z.object({ attempt }) });
export type CommitSnapshotInput = z.output<typeof commitSnapshotInput>;

export interface CommitSnapshotOutput {
  /**
   * `rebase`: the base is damaged; the machine takes the inventory again, with `fullBecause`. `divide`: workers left something; the machine
   * takes the inventory again, which divides that.
   */
  readonly status: 'committed' | 'rebase' | 'divide';
  readonly recoveryPointId: RecoveryPointId;
  readonly fullBecause?: string;
}

/** Brings vault `to` level with the plan's own vault: one snapshot with its chain, or everything of the plan. */
export const replicateInput = z.object({
  plan: z.string().min(1),
  to: z.string().min(1),
  /** The vault to copy from; the plan's own unless given. */
  from: z.string().min(1).optional(),
  sourceId: sourceId.optional(),
  snapshotId: snapshotId.optional(),
  progress: progress.optional(),
});
export type ReplicateInput = z.output<typeof replicateInput>;

export const verifyInput = z.object({
  recoveryPointId,
  level: verifyLevelSchema.optional(),
  progress: progress.optional(),
});
export type VerifyInput = z.output<typeof verifyInput>;

export interface VerifyOutput extends WorkerOutput {
  readonly recoveryPointId: RecoveryPointId;
  /** Set when done. */
  readonly outcome?: (typeof VERIFICATION_OUTCOMES)[number];
  readonly reason?: string;
}

export const restoreInput = z
  .object({
    recoveryPointId: recoveryPointId.optional(),
    /** Instead of a recovery point: the source, and the time at or before which the latest state is wanted (now unless given). */
    source: z.string().optional(),
    at: z.iso.datetime({ offset: true }).optional(),
    to: z.string().min(1),
    /** Restore from this vault; otherwise from the first that has the snapshot available. */
    vault: z.string().optional(),
    include: z.array(z.string()).optional(),
    exclude: z.array(z.string()).optional(),
    /** Exactly these entries; of a table the typed JSON of keys, or of partition keys alone. */
    keys: z.array(z.string()).optional(),
    /** A budget for the target, where it is a table. */
    maxWriteUnitsPerSecond: z.number().positive().optional(),
    onConflict: z.enum(['fail', 'skip', 'overwrite']).default('fail'),
    exact: z.boolean().default(false),
    dryRun: z.boolean().default(false),
    /** Also set what the source was besides its entries. */
    settings: z.boolean().default(false),
    progress: progress.optional(),
  })
  .refine(
    (input) => (input.recoveryPointId === undefined) !== (input.source === undefined),
    'name either recoveryPointId or source',
  );
export type RestoreInput = z.output<typeof restoreInput>;

/** The machine-readable report; the failed and skipped entries stand in full in the work place under `reportKey`. */
export interface RestoreOutput extends WorkerOutput {
  readonly restoreId: string;
  readonly recoveryPointId: RecoveryPointId;
  readonly to: string;
  readonly status: 'running' | 'succeeded' | 'partial' | 'failed' | 'dry-run';
  readonly restored: number;
  readonly skipped: number;
  readonly removed: number;
  readonly failed: number;
  readonly bytes: number;
  readonly measuredRtoSeconds: number;
  /** The first 20 of what failed or could not be set, each a sentence. */
  readonly problems: readonly string[];
  readonly reportKey: string;
}

/** As Step Functions catches it: `Error` is the error's name, `Cause` a text or the Lambda's JSON, and not always there. */
const caughtError = z.object({
  Error: z.string().default('Error'),
  Cause: z
    .string()
    .nullish()
    .transform((cause) => cause ?? ''),
});

const sourceFailure = sourceWork.extend({
  error: caughtError,
  /** The replica vault, when it is a replication that failed: the source itself is safe. */
  replica: z.string().optional(),
});
export type SourceFailure = z.output<typeof sourceFailure>;

const count = z.number().int().nonnegative();

const restoreFailure = z.object({
  error: caughtError,
  /** Leaves no record. */
  dryRun: z.boolean().default(false),
  /** What the restore's last call that ended well returned. */
  progress: z.object({
    restoreId: z.string(),
    restored: count,
    skipped: count,
    removed: count,
    failed: count,
    bytes: count,
  }),
});
export type RestoreFailure = z.output<typeof restoreFailure>;

export const recordFailureInput = z.union([sourceFailure, restoreFailure]);
export type RecordFailureInput = z.output<typeof recordFailureInput>;

export const finishRunInput = z.object({ runId });
export type FinishRunInput = z.output<typeof finishRunInput>;

export interface FinishRunOutput {
  readonly runId: RunId;
  readonly plan: string;
  readonly status: 'succeeded' | 'partial' | 'failed' | 'skipped';
  readonly recoveryPoints: readonly RecoveryPointId[];
  readonly failed: number;
  readonly skipped: number;
  /** A sentence for each source with which something is wrong, the first 20 of them; the catalogue holds all. */
  readonly problems: readonly string[];
}
