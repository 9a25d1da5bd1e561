/** What the operations need of the catalogue; the rules of `ports.ts` hold here too. */
import type {
  Lease,
  RecoveryPoint,
  RestoreRecord,
  Run,
  SourceRun,
  SourceState,
  Verification,
} from './catalogue-records.ts';
import type { RecoveryPointId, RunId, SourceId } from './ids.ts';
import type { Usage } from './usage.ts';

/**
 * Who may work on a source. Staleness is judged by the store's clock: a lease is free when it is absent, released, or expired by
 * that clock. `token` rises with each new holder and never falls, also across release.
 */
export interface Leases {
  /** Takes or, for the same holder, extends. @throws ConflictError naming the holder when another run holds it. */
  acquire(sourceId: SourceId, holder: RunId, ttlSeconds: number): Promise<Lease>;
  /** Extends a lease that is still ours. @throws ConflictError when it was lost. */
  renew(lease: Lease, ttlSeconds: number): Promise<Lease>;
  /** Gives it up; a lease that is no longer ours is left alone. */
  release(lease: Lease): Promise<void>;
  find(sourceId: SourceId): Promise<Lease | undefined>;
}

/** Runs and what became of each source in them. */
export interface Runs {
  /** Records a run unless its id is known; returns what is recorded. */
  start(run: Run): Promise<{ readonly run: Run; readonly created: boolean }>;
  get(runId: RunId): Promise<Run>;
  /** Replaces the record of a run that is known. */
  update(run: Run): Promise<void>;
  /** Newest first. */
  listByPlan(plan: string): AsyncIterable<Run>;
  /** Writes the state of one source in a run, replacing. */
  putSource(source: SourceRun): Promise<void>;
  listSources(runId: RunId): Promise<readonly SourceRun[]>;
}

/** What runs used (`usage.ts`), added up as their tasks end, side by side. */
export interface RunUsage {
  /** A repeat is counted again. */
  add(runId: RunId, usage: Usage): Promise<void>;
  /** Empty where nothing was added. */
  get(runId: RunId): Promise<Usage>;
}

/** Recovery points. Times order by `snapshotId`. */
export interface RecoveryPoints {
  /** Creates or replaces. */
  put(point: RecoveryPoint): Promise<void>;
  find(id: RecoveryPointId): Promise<RecoveryPoint | undefined>;
  /** By time, newest first unless `oldestFirst`; all vaults. */
  listBySource(sourceId: SourceId, options?: { readonly oldestFirst?: true }): AsyncIterable<RecoveryPoint>;
  listByRun(runId: RunId): AsyncIterable<RecoveryPoint>;
  /**
   * Advances the one-line state of a source; refused when a later fencing token was seen there, so that a worker that lost its lease
   * cannot write over its successor. @throws ConflictError
   */
  putState(state: SourceState): Promise<void>;
  listStates(): AsyncIterable<SourceState>;
}

/** What was proven and what was restored. Append-only. */
export interface Proofs {
  recordVerification(verification: Verification): Promise<void>;
  /** Newest first. */
  listVerifications(id: RecoveryPointId): AsyncIterable<Verification>;
  /** Creates or replaces. */
  recordRestore(restore: RestoreRecord): Promise<void>;
  /** Newest first. */
  listRestores(): AsyncIterable<RestoreRecord>;
}

/** Where a chunk rests, under a key that tells nothing of the chunk (`vault-keys.ts`, `contentIndexKey`). */
export interface IndexedChunk {
  readonly indexKey: string;
  readonly packId: string;
  readonly offset: number;
  readonly sealedBytes: number;
  readonly plainBytes: number;
}

/** A hint, never the truth: a chunk that it does not know is written again; what it knows is looked at before it is relied on. */
export interface ContentIndex {
  /** The known ones of these keys; any number of keys, batched inside. */
  find(vault: string, indexKeys: readonly string[]): Promise<readonly IndexedChunk[]>;
  /** Adds or replaces; any number, batched inside. */
  add(vault: string, chunks: readonly IndexedChunk[]): Promise<void>;
  /** Forgets every chunk of a pack that turned out to be lost. */
  forget(vault: string, indexKeys: readonly string[]): Promise<void>;
}
