/**
 * H: a million objects of 10 KB in a simulated bucket, backed up into a simulated vault by the real machine in this process: every request waits as
 * long as one to S3 may, and is counted. A full, an unchanged run, and one in which an object in a thousand changed.
 * The process ends with 1 when a bound is not held.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { createDescriptor, DEFAULT_CHUNKING } from '../../functions/core/descriptor.ts';
import { type EntryKey, type KeyRange, keyFromText, type ListedEntry } from '../../functions/core/entry.ts';
import { NotFoundError } from '../../functions/core/errors.ts';
import { configSchema } from '../../functions/core/plan.ts';
import type { BlobStore, OpenedEntry, Ports, SourceReader } from '../../functions/core/ports.ts';
import { runMachine } from '../../functions/local/engine.ts';
import { localTasks } from '../../functions/local/tasks.ts';
import { filesBlobStore } from '../../functions/stores/files.ts';
import { memoryCatalogue } from '../fakes/memory-catalogue.ts';
import { randomOf, SEED } from './data.ts';
import { say } from './say.ts';

const OBJECT_BYTES = 10_000;
const PAGE_KEYS = 1000;
/** How long a request takes beyond its transfer: what S3 takes for one in the same region, about. */
const LIST_MILLIS = 50;
const GET_MILLIS = 15;
const PUT_MILLIS = 60;
const BYTES_PER_MILLI = 90_000;

/** Requests of one run, by what was asked for. */
type Requests = Record<'list' | 'get' | 'packs' | 'segments' | 'manifests' | 'vaultReads', number>;

const noRequests = (): Requests => ({ list: 0, get: 0, packs: 0, segments: 0, manifests: 0, vaultReads: 0 });

interface Simulation {
  readonly objects: number;
  /** Objects of which `isChanged` says so have another version. */
  isChanged: (object: number) => boolean;
  requests: Requests;
  storedBytes: number;
}

export async function benchSimulated(objects = 1_000_000): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  const simulation: Simulation = { objects, isChanged: () => false, requests: noRequests(), storedBytes: 0 };
  say(
    `H: ${objects} objects of ${OBJECT_BYTES} bytes that do not compress; LIST ${LIST_MILLIS} ms, GET ${GET_MILLIS} ms, PUT ${PUT_MILLIS} ms and 1 ms for ${BYTES_PER_MILLI} bytes`,
  );
  say(
    '| run | s | objects/s | LIST | GET of objects | PUT of packs | of segments | of manifests | vault reads | stored MB | peak MB |',
  );
  say('| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |');
  try {
    const ports = await portsOf(simulation, folder);
    const full = await run('full', 'full', ports, simulation);
    demand(full.get <= objects * 1.05, `a full takes ${full.get} GETs for ${objects} objects`);
    demand(full.packs + full.segments + full.manifests < 1000, 'a full takes 1,000 PUTs or more');
    const unchanged = await run('unchanged', 'incremental', ports, simulation);
    demand(unchanged.list <= (objects / PAGE_KEYS) * 1.01, `an unchanged run takes ${unchanged.list} LISTs`);
    demand(unchanged.get === 0, 'an unchanged run reads content');
    simulation.isChanged = (object) => object % 1000 === 500;
    const changed = await run('0.1 % changed', 'incremental', ports, simulation);
    demand(changed.list <= (objects / PAGE_KEYS) * 1.01, `a run with changes takes ${changed.list} LISTs`);
    demand(changed.get <= (objects / 1000) * 1.05, `a run with ${objects / 1000} changes takes ${changed.get} GETs`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function run(
  name: string,
  kind: 'full' | 'incremental',
  ports: Ports,
  simulation: Simulation,
): Promise<Requests> {
  simulation.requests = noRequests();
  simulation.storedBytes = 0;
  const started = performance.now();
  const tasks = localTasks(ports, {
    before: () => {},
    deadline: () => ({ remainingMillis: () => 3_600_000 }),
    failed: (error) => process.stderr.write(`${String(error)}\n`),
  });
  const scheduledAt = new Date().toISOString();
  const result = await runMachine(
    'backup',
    { plan: 'app', kind, scheduledAt },
    { tasks, readWork: (key) => ports.work.get(key) },
  );
  if (result.status !== 'SUCCEEDED') throw new Error(`${name}: ${result.error}: ${result.cause}`);
  const seconds = (performance.now() - started) / 1000;
  const { requests, storedBytes, objects } = simulation;
  const { list, get, packs, segments, manifests, vaultReads } = requests;
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  const figures = [
    seconds.toFixed(1),
    Math.round(objects / seconds),
    list,
    get,
    packs,
    segments,
    manifests,
    vaultReads,
    (storedBytes / 1e6).toFixed(1),
    Math.round(peakBytes / 1e6),
  ];
  say(`| ${name} | ${figures.join(' | ')} |`);
  return requests;
}

async function portsOf(simulation: Simulation, folder: string): Promise<Ports> {
  const clock = { now: () => new Date() };
  const { keys } = createDescriptor({
    createdAt: clock.now().toISOString(),
    slots: [{ secret: { type: 'keyfile', bytes: randomBytes(32) }, kind: 'read' }],
    randomBytes,
  });
  const store = storeOf(simulation, join(folder, 'vault'));
  const source = sourceOf(simulation);
  const refuse = (): never => {
    throw new Error('a backup writes to no target');
  };
  return {
    clock,
    randomBytes,
    config: configSchema.parse({
      vaults: { primary: { url: 's3://vault' } },
      plans: { app: { sources: [source.uri], vault: 'primary', verify: { after: 'never' } } },
    }),
    openVault: async (name) => ({ name, store, keys, chunking: DEFAULT_CHUNKING }),
    openSource: async () => source,
    openTarget: refuse,
    openSandbox: refuse,
    work: filesBlobStore(join(folder, 'work')),
    ...memoryCatalogue({ clock }),
    events: { publish: async () => {} },
    metrics: { put: () => {} },
    progress: () => {},
  };
}

const nameOf = (object: number): string =>
  `orders/${String(object >> 10).padStart(6, '0')}/${String(object).padStart(9, '0')}.json`;

/** The first object whose key comes after a key. */
function firstAfter({ objects }: Simulation, key: EntryKey | undefined): number {
  if (key === undefined) return 0;
  let [low, high] = [0, objects];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keyFromText(nameOf(middle)) > key) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Objects in pages of a thousand, each a request. */
function sourceOf(simulation: Simulation): SourceReader {
  const next = randomOf(SEED);
  // Longer than what zstd looks back in a block, so that nothing is found again.
  const pool = Buffer.from(Uint32Array.from({ length: 4 << 20 }, next).buffer);
  const listed = (object: number): ListedEntry => ({
    key: keyFromText(nameOf(object)),
    fingerprint: simulation.isChanged(object) ? 'second' : 'first',
    sizeBytes: OBJECT_BYTES,
  });
  const pageAt = async (first: number, upTo: EntryKey | undefined): Promise<readonly ListedEntry[]> => {
    simulation.requests.list += 1;
    await after(LIST_MILLIS);
    const page: ListedEntry[] = [];
    for (let object = first; object < Math.min(first + PAGE_KEYS, simulation.objects); object += 1) {
      const entry = listed(object);
      if (upTo !== undefined && entry.key > upTo) break;
      page.push(entry);
    }
    return page;
  };
  return {
    uri: 's3://bench/objects/',
    async *list(range: KeyRange) {
      for (let first = firstAfter(simulation, range.after); first < simulation.objects; first += PAGE_KEYS) {
        const page = await pageAt(first, range.upTo);
        yield page;
        if (page.length < PAGE_KEYS) return;
      }
    },
    peek: async (range) => (await pageAt(firstAfter(simulation, range.after), range.upTo)).map(({ key }) => key),
    async open(entry): Promise<OpenedEntry> {
      simulation.requests.get += 1;
      await after(GET_MILLIS);
      const content = Buffer.allocUnsafe(OBJECT_BYTES);
      const object = firstAfter(simulation, entry.key) - 1;
      pool.copy(content, 0, ((object * 10_007) % (pool.length - OBJECT_BYTES)) >>> 0);
      content.write(`${nameOf(object)} ${entry.fingerprint}`);
      return {
        state: 'open',
        fingerprint: entry.fingerprint ?? '',
        sizeBytes: OBJECT_BYTES,
        attributes: { type: 'object' },
        content,
      };
    },
    settings: async () => ({ settings: {}, notCaptured: [] }),
    attributesDiffer: () => undefined,
  };
}

/** A vault whose packs are counted and dropped, since no backup reads one back; all else rests in a folder. */
function storeOf(simulation: Simulation, folder: string): BlobStore {
  const kept = filesBlobStore(folder);
  const packs = new Map<string, number>();
  const kindOf = (name: string): 'packs' | 'segments' | 'manifests' =>
    name.startsWith('packs/') ? 'packs' : name.startsWith('segments/') ? 'segments' : 'manifests';
  const wait = (bytes: number): Promise<void> => after(PUT_MILLIS + bytes / BYTES_PER_MILLI);
  const read = async <T>(bytes: number, act: () => Promise<T>): Promise<T> => {
    simulation.requests.vaultReads += 1;
    await after(GET_MILLIS + bytes / BYTES_PER_MILLI);
    return act();
  };
  return {
    url: 's3://vault',
    async putNew(name, bytes) {
      simulation.requests[kindOf(name)] += 1;
      simulation.storedBytes += bytes.length;
      await wait(bytes.length);
      if (kindOf(name) !== 'packs') return kept.putNew(name, bytes);
      if (packs.has(name)) return 'exists';
      packs.set(name, bytes.length);
      return 'written';
    },
    put: (name, bytes) => kept.put(name, bytes),
    get: (name, range) => read(range?.length ?? 8 << 20, () => kept.get(name, range)),
    find: (name) =>
      read(0, async () => {
        const sizeBytes = packs.get(name);
        return sizeBytes === undefined ? undefined : { name, sizeBytes, modifiedAt: new Date().toISOString() };
      }),
    // biome-ignore lint/correctness/useYield: no backup lists a vault.
    async *list(prefix) {
      throw new NotFoundError(`nothing lists ${prefix} here`);
    },
    delete: (name) => kept.delete(name),
  };
}

function demand(held: boolean, what: string): void {
  if (held) return;
  say(`NOT HELD: ${what}`);
  process.exitCode = 1;
}
