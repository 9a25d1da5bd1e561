/**
 * The records that the catalogue holds: plain data, ids and counts and times, never contents. Parsed with these schemas when they are
 * read, so that a damaged or newer record is a named error and not an `undefined` far away.
 */
import * as z from 'zod';
import { SNAPSHOT_KINDS, VERIFY_LEVELS } from './closed-sets.ts';
import type { RecoveryPointId, RunId, SnapshotId, SourceId } from './ids.ts';
import { predictionSchema, usageSchema } from './usage.ts';

const id = <T extends string>() => z.string().min(1).max(200) as unknown as z.ZodType<T>;
const time = z.iso.datetime();
const count = z.number().int().nonnegative();

export const snapshotKindSchema = z.enum(SNAPSHOT_KINDS);
export type SnapshotKind = z.infer<typeof snapshotKindSchema>;

export const verifyLevelSchema = z.enum(VERIFY_LEVELS);
export type VerifyLevel = z.infer<typeof verifyLevelSchema>;

export const leaseSchema = z.object({
  sourceId: id<SourceId>(),
  holder: id<RunId>(),
  /** Rises with each new holder. */
  token: count,
  /** By the store's clock. */
  expiresAt: time,
});
export type Lease = z.infer<typeof leaseSchema>;

export const RUN_STATUSES = ['running', 'succeeded', 'partial', 'failed', 'skipped'] as const;

export const runSchema = z.object({
  runId: id<RunId>(),
  plan: z.string(),
  kind: snapshotKindSchema,
  scheduledAt: time,
  startedAt: time,
  finishedAt: time.optional(),
  status: z.enum(RUN_STATUSES),
  /** Greatest distance between two sources' `consistentAt`. */
  skewSeconds: z.number().nonnegative().optional(),
  /** What it used of what AWS bills, but for the last moments of closing it; absent where that is nothing. */
  usage: usageSchema.optional(),
  /** That at list prices, next to what was expected before. */
  cost: z
    .object({
      predictedUsd: z.number().nonnegative().optional(),
      actualUsd: z.number().nonnegative(),
      pricesAsOf: z.string(),
    })
    .optional(),
});
export type Run = z.infer<typeof runSchema>;

export const sourceRunSchema = z.object({
  runId: id<RunId>(),
  sourceId: id<SourceId>(),
  sourceUri: z.string(),
  snapshotId: id<SnapshotId>(),
  /** The fencing token of the lease under which the run works; 0 when it never got one. */
  token: count,
  status: z.enum(['running', 'committed', 'succeeded', 'failed', 'skipped']),
  /** Why it failed or was skipped, one sentence that ends with the mend where there is one. */
  reason: z.string().optional(),
  /** One of the error names, when failed. */
  error: z.string().optional(),
  /** What it was expected to use, from the recovery points that were there when the run began. */
  predicted: predictionSchema.optional(),
});
export type SourceRun = z.infer<typeof sourceRunSchema>;

export const countsSchema = z.object({
  /** Entries in the state that the snapshot stands for (chain merged). */
  entries: count,
  added: count,
  changed: count,
  removed: count,
  unprotected: count,
});

export const sizesSchema = z.object({
  /** Content of all entries (chain merged). */
  contentBytes: count,
  /** Content read from the source for this snapshot. */
  readBytes: count,
  /** Packs and segments written for this snapshot. */
  storedBytes: count,
});

export const RECOVERY_POINT_STATUSES = ['pending', 'available', 'expiring', 'damaged'] as const;
export const VERIFICATION_OUTCOMES = ['verified', 'verified-empty', 'not-verified', 'failed'] as const;
export type VerificationOutcome = (typeof VERIFICATION_OUTCOMES)[number];

export const recoveryPointSchema = z.object({
  recoveryPointId: id<RecoveryPointId>(),
  snapshotId: id<SnapshotId>(),
  sourceId: id<SourceId>(),
  sourceUri: z.string(),
  plan: z.string(),
  /** The vault's name in the plan file. */
  vault: z.string(),
  kind: snapshotKindSchema,
  baseId: id<SnapshotId>().optional(),
  /** Every snapshot that a restore needs, the full first, this one last. */
  chain: z.array(id<SnapshotId>()).min(1),
  runId: id<RunId>(),
  status: z.enum(RECOVERY_POINT_STATUSES),
  /** Why the snapshot is not to be trusted as the source's true state (`guard`). */
  suspect: z.string().optional(),
  /** Why a full was taken where a delta was asked for. */
  fullBecause: z.string().optional(),
  /** Why it is damaged. */
  damage: z.string().optional(),
  startedAt: time,
  /** Changes before this instant are in the snapshot. */
  consistentAt: time,
  finishedAt: time,
  /** When it came to be in this vault. */
  availableAt: time,
  counts: countsSchema,
  sizes: sizesSchema,
  root: z.string(),
  /** The newest verification's result. */
  verified: z.object({ level: verifyLevelSchema, outcome: z.enum(VERIFICATION_OUTCOMES), at: time }).optional(),
});
export type RecoveryPoint = z.infer<typeof recoveryPointSchema>;

/** One line per source: what `status` shows of all sources in one Query. */
export const sourceStateSchema = z.object({
  sourceId: id<SourceId>(),
  sourceUri: z.string(),
  plan: z.string(),
  /** The highest fencing token that has written here. */
  token: count,
  latest: id<RecoveryPointId>().optional(),
  latestConsistentAt: time.optional(),
  latestVerified: id<RecoveryPointId>().optional(),
  latestVerifiedConsistentAt: time.optional(),
  lastFailure: z.object({ runId: id<RunId>(), at: time, error: z.string(), reason: z.string() }).optional(),
});
export type SourceState = z.infer<typeof sourceStateSchema>;

export const verificationSchema = z.object({
  recoveryPointId: id<RecoveryPointId>(),
  level: verifyLevelSchema,
  outcome: z.enum(VERIFICATION_OUTCOMES),
  startedAt: time,
  finishedAt: time,
  checkedEntries: count,
  totalEntries: count,
  checkedBytes: count,
  /** What the checked part proves, in words. */
  proves: z.string(),
  /** At most 100 problems, each a sentence; `problemCount` counts them all. */
  problems: z.array(z.string()),
  problemCount: count,
});
export type Verification = z.infer<typeof verificationSchema>;

export const restoreRecordSchema = z.object({
  restoreId: z.string(),
  recoveryPointId: id<RecoveryPointId>(),
  to: z.string(),
  status: z.enum(['running', 'succeeded', 'partial', 'failed', 'dry-run']),
  startedAt: time,
  finishedAt: time.optional(),
  restored: count,
  skipped: count,
  removed: count,
  failed: count,
  bytes: count,
  measuredRtoSeconds: z.number().nonnegative().optional(),
  /** Why it broke off, one sentence that ends with the mend where there is one. */
  reason: z.string().optional(),
  /** The name of the error by which it broke off. */
  error: z.string().optional(),
});
export type RestoreRecord = z.infer<typeof restoreRecordSchema>;
