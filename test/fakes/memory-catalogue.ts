/** The catalogue in memory, with the guarantees that the ports promise. Every record rests as JSON text, so that no reference is shared. */
import { z } from 'zod';
import type { Catalogue } from '../../functions/catalogue/catalogue.ts';
import { indexedChunkSchema } from '../../functions/catalogue/content-index.ts';
import type { StoredItem } from '../../functions/catalogue/items.ts';
import { decodeRecord, encodeRecord } from '../../functions/catalogue/records.ts';
import type {
  ContentIndex,
  Leases,
  Proofs,
  RecoveryPoints,
  Runs,
  RunUsage,
} from '../../functions/core/catalogue-ports.ts';
import {
  type Lease,
  leaseSchema,
  type RecoveryPoint,
  type RestoreRecord,
  type Run,
  recoveryPointSchema,
  restoreRecordSchema,
  runSchema,
  sourceRunSchema,
  sourceStateSchema,
  type Verification,
  verificationSchema,
} from '../../functions/core/catalogue-records.ts';
import { ConflictError, NotFoundError } from '../../functions/core/errors.ts';
import type { Clock } from '../../functions/core/ports.ts';
import { sumUsage, usageSchema } from '../../functions/core/usage.ts';

export interface MemoryCatalogueOptions {
  /** The store's clock. */
  readonly clock: Clock;
  /** Called before each write with its name (`runs.start`, `leases.acquire` …); what it throws comes in place of the write. */
  readonly beforeWrite?: (operation: string) => void;
}

export function memoryCatalogue({ clock, beforeWrite = () => {} }: MemoryCatalogueOptions): Catalogue {
  return {
    leases: memoryLeases(clock, beforeWrite),
    runs: memoryRuns(beforeWrite),
    usage: memoryRunUsage(beforeWrite),
    recoveryPoints: memoryRecoveryPoints(beforeWrite),
    proofs: memoryProofs(beforeWrite),
    contentIndex: memoryContentIndex(beforeWrite),
  };
}

type BeforeWrite = (operation: string) => void;

/** Records by key, each as text, checked as the real catalogue checks them. */
class Shelf<T> {
  readonly #schema: z.ZodType<T>;
  readonly #items = new Map<string, StoredItem>();

  constructor(schema: z.ZodType<T>) {
    this.#schema = schema;
  }

  find(key: string): T | undefined {
    const item = this.#items.get(key);
    return item === undefined ? undefined : decodeRecord(this.#schema, item);
  }

  put(sk: string, record: T): void {
    const key = { pk: 'memory', sk };
    this.#items.set(sk, { ...key, record: encodeRecord(this.#schema, record, key) });
  }

  delete(key: string): void {
    this.#items.delete(key);
  }

  /** Those that fit, as they are at this moment, by ascending `order`. */
  select(fits: (record: T) => boolean, order: (record: T) => string): T[] {
    return [...this.#items.values()]
      .map((item) => decodeRecord(this.#schema, item))
      .filter(fits)
      .sort((a, b) => (order(a) < order(b) ? -1 : order(a) > order(b) ? 1 : 0));
  }
}

function memoryLeases(clock: Clock, beforeWrite: BeforeWrite): Leases {
  const shelf = new Shelf(z.object({ token: leaseSchema.shape.token, held: leaseSchema.optional() }));
  const isOver = (lease: Lease) => Date.parse(lease.expiresAt) <= clock.now().getTime();
  const expiry = (seconds: number) => new Date(clock.now().getTime() + seconds * 1000).toISOString();
  const keep = (lease: Lease): Lease => {
    shelf.put(lease.sourceId, { token: lease.token, held: lease });
    return lease;
  };
  return {
    async acquire(sourceId, holder, ttlSeconds) {
      const { token = 0, held } = shelf.find(sourceId) ?? {};
      if (held !== undefined && held.holder !== holder && !isOver(held))
        throw new ConflictError(`source ${sourceId} is leased to run ${held.holder}`);
      beforeWrite('leases.acquire');
      const mine = held?.holder === holder;
      return keep({ sourceId, holder, token: mine ? token : token + 1, expiresAt: expiry(ttlSeconds) });
    },
    async renew(lease, ttlSeconds) {
      const { token, held } = shelf.find(lease.sourceId) ?? {};
      if (token !== lease.token || held?.holder !== lease.holder)
        throw new ConflictError(
          `run ${lease.holder} lost source ${lease.sourceId}, now of ${held?.holder ?? 'nobody'}`,
        );
      beforeWrite('leases.renew');
      return keep({ ...lease, expiresAt: expiry(ttlSeconds) });
    },
    async release({ sourceId, token }) {
      beforeWrite('leases.release');
      if (shelf.find(sourceId)?.token === token) shelf.put(sourceId, { token });
    },
    async find(sourceId) {
      const held = shelf.find(sourceId)?.held;
      return held === undefined || isOver(held) ? undefined : held;
    },
  };
}

function memoryRuns(beforeWrite: BeforeWrite): Runs {
  const runs = new Shelf(runSchema);
  const sources = new Shelf(sourceRunSchema);
  const get = (runId: string): Run => {
    const run = runs.find(runId);
    if (run === undefined) throw new NotFoundError(`run ${runId} is not in the catalogue`);
    return run;
  };
  return {
    async start(run) {
      beforeWrite('runs.start');
      const known = runs.find(run.runId);
      if (known === undefined) runs.put(run.runId, run);
      return { run: known ?? get(run.runId), created: known === undefined };
    },
    get: async (runId) => get(runId),
    async update(run) {
      beforeWrite('runs.update');
      get(run.runId);
      runs.put(run.runId, run);
    },
    async *listByPlan(plan) {
      const order = (run: Run) => `${instant(run.startedAt)}#${run.runId}`;
      yield* runs.select((run) => run.plan === plan, order).reverse();
    },
    async putSource(source) {
      beforeWrite('runs.putSource');
      sources.put(`${source.runId}#${source.sourceId}`, source);
    },
    listSources: async (runId) =>
      sources.select(
        (source) => source.runId === runId,
        (source) => source.sourceId,
      ),
  };
}

function memoryRunUsage(beforeWrite: BeforeWrite): RunUsage {
  const sums = new Shelf(usageSchema);
  return {
    async add(runId, usage) {
      beforeWrite('usage.add');
      sums.put(runId, sumUsage([sums.find(runId) ?? {}, usage]));
    },
    get: async (runId) => sums.find(runId) ?? {},
  };
}

function memoryRecoveryPoints(beforeWrite: BeforeWrite): RecoveryPoints {
  const points = new Shelf(recoveryPointSchema);
  const states = new Shelf(sourceStateSchema);
  const byId = (point: RecoveryPoint) => point.recoveryPointId;
  return {
    async put(point) {
      beforeWrite('recoveryPoints.put');
      points.put(point.recoveryPointId, point);
    },
    find: async (id) => points.find(id),
    async *listBySource(sourceId, { oldestFirst } = {}) {
      const found = points.select((point) => point.sourceId === sourceId, byId);
      yield* oldestFirst ? found : found.reverse();
    },
    async *listByRun(runId) {
      yield* points.select((point) => point.runId === runId, byId);
    },
    async putState(state) {
      beforeWrite('recoveryPoints.putState');
      const known = states.find(state.sourceId);
      if (known !== undefined && known.token > state.token)
        throw new ConflictError(`the state of source ${state.sourceId} was written under token ${known.token}`);
      states.put(state.sourceId, state);
    },
    async *listStates() {
      yield* states.select(
        () => true,
        (state) => state.sourceId,
      );
    },
  };
}

function memoryProofs(beforeWrite: BeforeWrite): Proofs {
  const verifications = new Shelf(verificationSchema);
  const restores = new Shelf(restoreRecordSchema);
  return {
    async recordVerification(verification) {
      beforeWrite('proofs.recordVerification');
      verifications.put(JSON.stringify(verification), verification);
    },
    async *listVerifications(id) {
      const order = (verification: Verification) => instant(verification.finishedAt);
      yield* verifications.select((verification) => verification.recoveryPointId === id, order).reverse();
    },
    async recordRestore(restore) {
      beforeWrite('proofs.recordRestore');
      restores.put(restore.restoreId, restore);
    },
    async *listRestores() {
      const order = (restore: RestoreRecord) => `${instant(restore.startedAt)}#${restore.restoreId}`;
      yield* restores.select(() => true, order).reverse();
    },
  };
}

function memoryContentIndex(beforeWrite: BeforeWrite): ContentIndex {
  const shelf = new Shelf(indexedChunkSchema);
  const keyOf = (vault: string, indexKey: string) => `${vault}#${indexKey}`;
  return {
    find: async (vault, indexKeys) =>
      [...new Set(indexKeys)].flatMap((indexKey) => shelf.find(keyOf(vault, indexKey)) ?? []),
    async add(vault, chunks) {
      beforeWrite('contentIndex.add');
      for (const chunk of chunks) shelf.put(keyOf(vault, chunk.indexKey), chunk);
    },
    async forget(vault, indexKeys) {
      beforeWrite('contentIndex.forget');
      for (const indexKey of indexKeys) shelf.delete(keyOf(vault, indexKey));
    },
  };
}

const instant = (time: string): string => new Date(time).toISOString();
