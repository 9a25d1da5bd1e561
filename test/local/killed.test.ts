/**
 * The pipeline as it runs on a laptop (the machines in the local engine, the embedded catalogue, directories as source and vaults),
 * killed at every write to anything and started again.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createDescriptor, DESCRIPTOR_NAME, serializeDescriptor } from '../../functions/core/descriptor.ts';
import type { Secret } from '../../functions/core/keyring.ts';
import type { BlobStore, Ports } from '../../functions/core/ports.ts';
import { freeAbandonedLeases, openEmbeddedCatalogue } from '../../functions/local/embedded-catalogue.ts';
import { runMachine } from '../../functions/local/engine.ts';
import { localTasks } from '../../functions/local/tasks.ts';
import { rebuildCatalogue } from '../../functions/operations/rebuild-catalogue.ts';
import { workPlaceIn } from '../../functions/runtime/local-places.ts';
import { parsePlanFile } from '../../functions/runtime/plan-file.ts';
import { wirePorts } from '../../functions/runtime/wiring.ts';
import { filesBlobStore } from '../../functions/stores/files.ts';
import { Killed } from '../fakes/faulty-blob-store.ts';
import { noise } from '../fakes/noise.ts';
import { expectSame, newKeptFolder, pictureOf, removeKeptFolders } from './holdfast.ts';

const SECRET: Secret = { type: 'keyfile', bytes: Buffer.alloc(32, 9) };
const FIRST = '2026-03-01T02:00:00.000Z';
const SECOND = '2026-03-01T03:00:00.000Z';

/** Counts writes, and from its n-th on refuses every one, as a process that is dead does. */
interface Killer {
  writes: number;
  readonly at: number;
}
const write = (killer: Killer): void => {
  killer.writes += 1;
  if (killer.writes > killer.at) throw new Killed(`killed at write ${killer.writes}`);
};

const WRITES = /^(put|putNew|delete|start|update|putSource|putState|acquire|renew|release|record|add|forget)/;

/** A port whose writes ask the killer first. */
function guarded<T extends object>(port: T, killer: Killer): T {
  return new Proxy(port, {
    get(target, name, receiver) {
      const member: unknown = Reflect.get(target, name, receiver);
      if (typeof member !== 'function' || typeof name !== 'string' || !WRITES.test(name)) return member;
      return async (...args: unknown[]) => {
        write(killer);
        return Reflect.apply(member, target, args);
      };
    },
  });
}

const planOf = (folder: string) =>
  parsePlanFile(
    `vaults:\n  primary: { url: "file://${folder}/primary" }\n  offsite: { url: "file://${folder}/offsite" }\nplans:\n  app: { sources: ["file://${folder}/source"], vault: primary, replicateTo: [offsite] }\n`,
    'holdfast.yml',
  );

/** One process: opens everything, works, closes. */
async function inProcess<T>(folder: string, killer: Killer, work: (ports: Ports) => Promise<T>): Promise<T> {
  const opened = await openEmbeddedCatalogue(join(folder, 'catalogue'));
  try {
    const { catalogue } = opened;
    await freeAbandonedLeases(catalogue);
    const place = workPlaceIn(join(folder, 'work'));
    const wired = wirePorts({
      config: planOf(folder),
      catalogue: {
        leases: guarded(catalogue.leases, killer),
        runs: guarded(catalogue.runs, killer),
        usage: guarded(catalogue.usage, killer),
        recoveryPoints: guarded(catalogue.recoveryPoints, killer),
        proofs: guarded(catalogue.proofs, killer),
        contentIndex: guarded(catalogue.contentIndex, killer),
      },
      work: guarded(place, killer),
      secret: async () => SECRET,
      events: { publish: async () => {} },
      metrics: { put: () => {} },
      sandboxes: [`file://${folder}/sandbox`],
      randomBytes,
    });
    const ports: Ports = {
      ...wired,
      openVault: async (name) => {
        const vault = await wired.openVault(name);
        return { ...vault, store: guarded<BlobStore>(vault.store, killer) };
      },
    };
    return await work(ports);
  } finally {
    await opened.close();
  }
}

const backUp = (folder: string, scheduledAt: string, kind: string, killer: Killer) =>
  inProcess(folder, killer, (ports) =>
    runMachine(
      'backup',
      { plan: 'app', kind, scheduledAt },
      {
        tasks: localTasks(ports, {
          before: () => {},
          deadline: () => ({ remainingMillis: () => 600_000 }),
          failed: () => {},
        }),
        readWork: (key) => ports.work.get(key),
        retryDelayMillis: 0,
      },
    ),
  );

const alive = (): Killer => ({ writes: 0, at: Number.POSITIVE_INFINITY });

/** What must be the same, whatever happened on the way (roots are not: they hold the times of the files that each copy changed). */
async function facts(folder: string) {
  return inProcess(folder, alive(), async (ports) => {
    const found = [];
    for await (const state of ports.recoveryPoints.listStates()) {
      for await (const point of ports.recoveryPoints.listBySource(state.sourceId))
        found.push([point.vault, point.kind, point.status, point.counts, point.chain.length, point.verified?.outcome]);
      found.push([state.latest?.split('@')[1], state.latestVerified === state.latest]);
    }
    const { problems } = await rebuildCatalogue(ports);
    return { found, problems };
  });
}

let original = '';
beforeAll(async () => {
  original = newKeptFolder();
  const source = join(original, 'source');
  mkdirSync(join(source, 'deep/empty'), { recursive: true });
  for (let i = 0; i < 12; i += 1) writeFileSync(join(source, `deep/${i}.json`), JSON.stringify({ i }));
  writeFileSync(join(source, 'large'), noise('large', 1_500_000));
  symlinkSync('deep', join(source, 'link'));
  const descriptor = serializeDescriptor(
    createDescriptor({ createdAt: FIRST, slots: [{ secret: SECRET, kind: 'read' }], randomBytes }).descriptor,
  );
  for (const vault of ['primary', 'offsite'])
    await filesBlobStore(join(original, vault)).putNew(DESCRIPTOR_NAME, descriptor);
});

/** A copy of everything, in which a full was taken and the source has changed since. */
async function prepared(): Promise<string> {
  const folder = newKeptFolder();
  cpSync(original, folder, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  expect(await backUp(folder, FIRST, 'full', alive())).toMatchObject({ status: 'SUCCEEDED' });
  writeFileSync(join(folder, 'source/deep/3.json'), 'changed');
  writeFileSync(join(folder, 'source/added'), noise('added', 100_000));
  rmSync(join(folder, 'source/deep/5.json'));
  chmodSync(join(folder, 'source/deep'), 0o700);
  return folder;
}

async function restored(folder: string): Promise<void> {
  const out = join(folder, 'restored');
  const result = await inProcess(folder, alive(), (ports) =>
    runMachine(
      'restore',
      { source: `file://${folder}/source`, to: `file://${out}` },
      {
        tasks: localTasks(ports, {
          before: () => {},
          deadline: () => ({ remainingMillis: () => 600_000 }),
          failed: () => {},
        }),
        readWork: (key) => ports.work.get(key),
      },
    ),
  );
  expect(result).toMatchObject({ status: 'SUCCEEDED' });
  expectSame(await pictureOf(out), await pictureOf(join(folder, 'source')));
}

describe('a process that is killed at a write', () => {
  it('leaves nothing that the same run, started again, does not bring to the same end, whichever write it was', async () => {
    const calm = await prepared();
    const count = alive();
    expect(await backUp(calm, SECOND, 'incremental', count)).toMatchObject({ status: 'SUCCEEDED' });
    const expected = await facts(calm);
    expect(expected.problems).toEqual([]);
    expect(count.writes).toBeGreaterThan(20);
    for (let at = 0; at < count.writes; at += 1) {
      const folder = await prepared();
      const killed = await backUp(folder, SECOND, 'incremental', { writes: 0, at });
      expect(killed.status, `killed at write ${at}`).toBe('FAILED');
      const again = await backUp(folder, SECOND, 'incremental', alive());
      expect(again, `started again after write ${at}`).toMatchObject({ status: 'SUCCEEDED' });
      expect(await facts(folder), `after write ${at}`).toEqual(expected);
      await restored(folder);
      rmSync(folder, { recursive: true });
    }
    await removeKeptFolders();
  }, 600_000);
});
