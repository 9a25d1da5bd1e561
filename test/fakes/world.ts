/** All ports over fakes, and the operations called in the machine's order: a whole Holdfast in memory, for the tests of operations. */
import { randomBytes } from 'node:crypto';
import type { Run, SnapshotKind } from '../../functions/core/catalogue-records.ts';
import { createDescriptor, DEFAULT_CHUNKING } from '../../functions/core/descriptor.ts';
import { messageOf } from '../../functions/core/errors.ts';
import type { HoldfastEvent } from '../../functions/core/events.ts';
import type { RecoveryPointId } from '../../functions/core/ids.ts';
import {
  type InventoryTaken,
  type RestoreInput,
  type RestoreOutput,
  restoreInput,
  type SourceWork,
  type VerifyOutput,
} from '../../functions/core/messages.ts';
import { configSchema } from '../../functions/core/plan.ts';
import type { BlobStore, Deadline, Ports } from '../../functions/core/ports.ts';
import { commitSnapshot } from '../../functions/operations/commit-snapshot.ts';
import { finishRun } from '../../functions/operations/finish-run.ts';
import { recordFailure } from '../../functions/operations/record-failure.ts';
import { replicate } from '../../functions/operations/replicate.ts';
import { restore } from '../../functions/operations/restore.ts';
import { startRun } from '../../functions/operations/start-run.ts';
import { takeInventory } from '../../functions/operations/take-inventory.ts';
import { takeSnapshot } from '../../functions/operations/take-snapshot.ts';
import { verify } from '../../functions/operations/verify.ts';
import { memoryBlobStore } from './memory-blob-store.ts';
import { memoryCatalogue } from './memory-catalogue.ts';
import { type MemoryTarget, memoryTarget } from './memory-source.ts';
import { type MemoryTable, memoryTable } from './memory-table.ts';

export const NO_HURRY: Deadline = { remainingMillis: () => 600_000 };

const created = createDescriptor({
  createdAt: '2026-01-01T00:00:00.000Z',
  slots: [{ secret: { type: 'keyfile', bytes: Buffer.alloc(32, 1) }, kind: 'read' }],
  randomBytes,
});
export const KEYS = created.keys;
/** Opens with a key file of 32 bytes of 1. */
export const DESCRIPTOR = created.descriptor;

export interface WorldOptions {
  /** Called before each write to the catalogue, with the operation's name. */
  readonly beforeWrite?: (operation: string) => void;
  /** Wraps the stores, by vault name and `work`. */
  readonly wrap?: (store: BlobStore, name: string) => BlobStore;
  readonly plan?: object;
  readonly sources?: readonly string[];
  /** Told of each inventory that is taken, before its shards are; the test may divide the source otherwise. */
  readonly onInventory?: (source: SourceWork, inventory: InventoryTaken, ports: Ports) => Promise<void>;
  /** Makes each call of a worker in a run or restore, as the machine's Retry does. */
  readonly retry?: <T>(call: () => Promise<T>) => Promise<T>;
}

export type World = ReturnType<typeof makeWorld>;

export function makeWorld(options: WorldOptions = {}) {
  const wrap = options.wrap ?? ((store: BlobStore) => store);
  const retry = options.retry ?? (<T>(call: () => Promise<T>) => call());
  const sourceUris = options.sources ?? ['s3://bucket/data/'];
  const config = configSchema.parse({
    vaults: { primary: { url: 'file:///vaults/primary' }, offsite: { url: 'file:///vaults/offsite' } },
    plans: {
      web: { sources: sourceUris, vault: 'primary', replicateTo: [], verify: { after: 'never' }, ...options.plan },
    },
  });
  let now = Date.parse('2026-03-01T10:00:00.000Z');
  const clock = { now: () => new Date(now) };
  const catalogue = memoryCatalogue({
    clock,
    ...(options.beforeWrite === undefined ? {} : { beforeWrite: options.beforeWrite }),
  });
  const vaults = {
    primary: memoryBlobStore('file:///vaults/primary'),
    offsite: memoryBlobStore('file:///vaults/offsite'),
  };
  const work = memoryBlobStore('file:///work');
  const places = new Map<string, MemoryTarget>();
  const place = (uri: string): MemoryTarget => {
    const known = places.get(uri) ?? memoryTarget(uri);
    places.set(uri, known);
    return known;
  };
  const tables = new Map<string, MemoryTable>();
  const table = (uri: string): MemoryTable => {
    const known = tables.get(uri) ?? memoryTable(uri);
    tables.set(uri, known);
    return known;
  };
  const open = (uri: string) => (uri.startsWith('dynamodb:') ? table(uri) : place(uri));
  const events: HoldfastEvent[] = [];
  const metrics: { readonly dimensions: object; readonly name: string; readonly value: number }[] = [];
  const ports: Ports = {
    clock,
    randomBytes,
    config,
    openVault: async (name) => {
      const store = name === 'primary' ? vaults.primary : vaults.offsite;
      return { name, store: wrap(store, name), keys: KEYS, chunking: DEFAULT_CHUNKING };
    },
    openSource: async (uri) => open(uri),
    openTarget: async (uri) => open(uri),
    openSandbox: async (source, id) => {
      if (source.uri.startsWith('dynamodb:')) {
        const uri = `dynamodb://holdfast-sandbox-${id}`;
        const target = table(uri);
        target.there = false;
        return { target, dispose: async () => void tables.delete(uri) };
      }
      const uri = `s3://sandbox/${id}/`;
      return { target: place(uri), dispose: async () => void places.delete(uri) };
    },
    work: wrap(work, 'work'),
    ...catalogue,
    events: { publish: async (list) => void events.push(...list) },
    metrics: {
      put: (dimensions, values) => {
        for (const { name, value } of values) metrics.push({ dimensions, name, value });
      },
    },
    progress: () => {},
  };

  /** The machine's order, one source after the other; what a source throws is recorded, as the machine's Catch does. */
  const run = async (
    kind: SnapshotKind = 'incremental',
    scheduledAt?: string,
    deadline: () => Deadline = () => NO_HURRY,
  ) => {
    now += 60_000;
    const started = await startRun({ plan: 'web', kind, scheduledAt: scheduledAt ?? clock.now().toISOString() }, ports);
    for (const source of started.sources) {
      try {
        const inventory = await committed(source, deadline);
        for (const { to } of inventory.replicas)
          await loop((progress) => retry(() => replicate({ ...source, to, progress }, ports, deadline())));
        if (inventory.verify) await check(inventory.recoveryPointId);
      } catch (error) {
        if (!(error instanceof Error) || error.name === 'Killed') throw error;
        await recordFailure({ ...source, error: { Error: error.name, Cause: messageOf(error) } }, ports);
      }
    }
    const output = await finishRun({ runId: started.runId }, ports);
    return { ...output, started, sources: await ports.runs.listSources(started.runId) };
  };

  /** The machine's loop around `takeInventory`, without its waits. */
  const inventoryOf = async (
    source: Parameters<typeof takeInventory>[0],
    deadline: () => Deadline = () => NO_HURRY,
  ): Promise<InventoryTaken> => {
    let inventory = await retry(() => takeInventory(source, ports, deadline()));
    while (!inventory.done) {
      const underWay = { ...source, inventory };
      inventory = await retry(() => takeInventory(underWay, ports, deadline()));
    }
    return inventory;
  };

  /** The machine's loops around inventory, shards and commit. */
  const committed = async (source: SourceWork, deadline: () => Deadline): Promise<InventoryTaken> => {
    let state: Parameters<typeof takeInventory>[0] = source;
    for (let rounds = 0; rounds < 30; rounds += 1) {
      const inventory = await inventoryOf(state, deadline);
      await options.onInventory?.(source, inventory, ports);
      const commit = await snapshot(source, inventory, deadline);
      if (commit.status === 'committed') return inventory;
      if (commit.status === 'rebase' && state.fullBecause !== undefined) throw new Error('rebased twice');
      const { fullBecause = state.fullBecause } = commit;
      state = { ...state, inventory, commit, fullBecause };
    }
    throw new Error('the source was divided again and again');
  };

  const snapshot = async (source: object, inventory: InventoryTaken, deadline: () => Deadline) => {
    const shards: Parameters<typeof takeSnapshot>[0][] = JSON.parse((await work.get(inventory.shardsKey)).toString());
    for (const shard of shards)
      await loop((progress) => retry(() => takeSnapshot({ ...shard, progress }, ports, deadline())));
    return retry(() => commitSnapshot({ ...(source as Parameters<typeof commitSnapshot>[0]), inventory }, ports));
  };

  const check = async (
    recoveryPointId: RecoveryPointId,
    level?: 'check' | 'data' | 'restore',
    deadline: () => Deadline = () => NO_HURRY,
  ) =>
    loop<VerifyOutput>((progress) =>
      verify({ recoveryPointId, ...(level === undefined ? {} : { level }), progress }, ports, deadline()),
    );

  const restoreTo = async (input: Partial<RestoreInput> & { to: string }, deadline: () => Deadline = () => NO_HURRY) =>
    loop<RestoreOutput>((progress) =>
      retry(() => restore(restoreInput.parse({ ...input, progress }), ports, deadline())),
    );

  const latest = async (): Promise<RecoveryPointId> => {
    for await (const point of ports.recoveryPoints.listBySource((await firstState()).sourceId))
      if (point.vault === 'primary') return point.recoveryPointId;
    throw new Error('no recovery point');
  };
  const firstState = async () => {
    for await (const state of ports.recoveryPoints.listStates()) return state;
    throw new Error('no state');
  };

  return {
    ports,
    catalogue,
    vaults,
    work,
    events,
    metrics,
    source: place(sourceUris[0] ?? ''),
    place,
    table,
    tables,
    run,
    inventoryOf,
    committed,
    check,
    restoreTo,
    latest,
    advance: (millis: number) => {
      now += millis;
    },
  };
}

export const runRecord = (world: World, runId: Run['runId']) => world.ports.runs.get(runId);

/** Calls a worker again with what it returned, until it is done; a worker that makes no progress fails the test. */
async function loop<T extends { readonly done: boolean; readonly cursor?: string | undefined }>(
  call: (progress: { done: boolean; cursor?: string | undefined } | undefined) => Promise<T>,
): Promise<T> {
  let progress: { done: boolean; cursor?: string | undefined } | undefined;
  for (let calls = 0; calls < 2000; calls += 1) {
    const output = await call(progress);
    if (output.done) return output;
    progress = { done: output.done, cursor: output.cursor };
  }
  throw new Error('the worker was called 2,000 times and is not done');
}

/** A deadline that is over after its owner looked at it `looks` times. */
export function impatient(looks: number): () => Deadline {
  return () => {
    let left = looks;
    return {
      remainingMillis: () => {
        left -= 1;
        return left > 0 ? 600_000 : 0;
      },
    };
  };
}

/** What a place holds, in a form that tests compare. */
export function contentsOf(place: MemoryTarget): Record<string, { content: string; attributes: object }> {
  return Object.fromEntries(
    [...place.entries].map(([key, { content, attributes }]) => [
      key,
      { content: content.toString('base64'), attributes },
    ]),
  );
}
