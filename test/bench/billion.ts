/**
 * A billion objects, on paper: requests, critical path, cost and sizes of lists of a run over 10,000 workers, from the assumptions below and from
 * what `probeBounds` asks of a mixture of made-up keys. The manifest is built and read in this process, and measured.
 * `npm run bench -- billion [objects]`
 */
import { createHash } from 'node:crypto';
import { packRefSchema, segmentRefSchema } from '../../functions/core/manifest.ts';
import { DISTRIBUTIONS } from './key-sets.ts';
import { divide } from './sharding.ts';

/** What is assumed. Latencies and rates: what S3 gives a function in its region, about. */
const ASSUMED = {
  /** Distributed Map's maximum of child executions side by side, and how many Step Functions starts a second. */
  workers: 10_000,
  startsPerSecond: 300,
  shardEntries: 100_000,
  objectBytes: 50_000,
  /** What of the content is stored after compression. */
  stored: 0.7,
  pageSeconds: 0.06,
  getSeconds: 0.03,
  getsSideBySide: 16,
  workerBytesPerSecond: 60e6,
  /** Of one worker, in objects a second: listing and comparing an unchanged one, and reading and sealing a new one. */
  compareRate: 100_000,
  sealRate: 1_500,
  /** S3 serves 5,500 reads a second for each partition of a bucket; one so large has many. */
  partitions: 100,
  readsPerPartition: 5_500,
  probesSideBySide: 16,
  workerGb: 3008 / 1024,
  otherGb: 1769 / 1024,
  callSeconds: 840,
  packBytes: 32 << 20,
  segmentEntries: 20_000,
  transitionsPerShard: 4,
} as const;

/** List prices of us-east-1, November 2026, in USD. */
const USD = {
  list: 0.005 / 1000,
  put: 0.005 / 1000,
  get: 0.0004 / 1000,
  gbSecond: 0.0000133334,
  call: 0.2 / 1e6,
  transition: 0.025 / 1000,
} as const;

const PAGE_KEYS = 1000;
const MB = 1e6;

export async function benchBillion(objects = 1_000_000_000): Promise<void> {
  console.log(`${objects} objects of ${ASSUMED.objectBytes} bytes; assumed:\n${JSON.stringify(ASSUMED, undefined, 1)}`);
  const sample = 1_000_000;
  const mixture = DISTRIBUTIONS.mixture?.(sample, 42);
  const share =
    mixture === undefined ? 0.15 : ((await divide(mixture, ASSUMED.shardEntries)).last.requests * PAGE_KEYS) / sample;
  console.log(`looks for bounds: ${(100 * share).toFixed(1)} % of a listing (measured on a mixture of ${sample} keys)`);
  for (const run of [
    { name: 'full', changed: 1, probes: (objects / PAGE_KEYS) * share },
    { name: 'unchanged', changed: 0, probes: 0 },
    { name: '0.1 % changed', changed: 0.001, probes: 0 },
  ])
    print(run.name, simulate(objects, run.changed, Math.ceil(run.probes)));
  measureManifest(objects);
}

/** One run: what it asks for, how long it takes, what it costs, and how large its lists are. */
function simulate(objects: number, changed: number, probes: number): Readonly<Record<string, string>> {
  const a = ASSUMED;
  const shards = Math.ceil(objects / a.shardEntries);
  const lists = objects / PAGE_KEYS + shards;
  const gets = objects * changed;
  // Changes are spread, so that every shard that has some writes at least one pack and one segment.
  const packs = changed === 0 ? 0 : Math.max(shards, Math.ceil((gets * a.objectBytes * a.stored) / a.packBytes));
  const segments = changed === 0 ? 0 : Math.max(shards, Math.ceil(gets / a.segmentEntries));
  const baseReads = changed === 1 ? 0 : Math.ceil(objects / a.segmentEntries) + shards;
  // Each shard: its part; then the lists of all and the manifest.
  const puts = packs + segments + shards + 4;
  const reads = gets + baseReads + 4 * shards;
  const perShard = {
    listing: (a.shardEntries / PAGE_KEYS) * a.pageSeconds,
    comparing: a.shardEntries / a.compareRate,
    getting: (a.shardEntries * changed * a.getSeconds) / a.getsSideBySide,
    moving: (a.shardEntries * changed * a.objectBytes) / a.workerBytesPerSecond,
    sealing: (a.shardEntries * changed) / a.sealRate,
  };
  const shardSeconds =
    Math.max(perShard.listing, perShard.comparing) + Math.max(perShard.getting, perShard.moving, perShard.sealing);
  const waves = Math.ceil(shards / a.workers);
  const throttled = (gets + lists) / (a.partitions * a.readsPerPartition);
  const starting = shards / a.startsPerSecond;
  const mapping = Math.max(shardSeconds * waves + Math.min(starting, shards / a.startsPerSecond), throttled);
  const probing = (probes * a.pageSeconds) / a.probesSideBySide;
  const committing = (shards * a.getSeconds) / a.getsSideBySide + (packs * 90 + segments * 300) / (20 * MB);
  const billed = Math.max(shardSeconds, throttled / waves);
  const gbSeconds = shards * billed * a.workerGb + (probing + committing) * a.otherGb;
  const calls = shards * Math.ceil(billed / a.callSeconds) + Math.ceil(probing / a.callSeconds) + 6;
  const cost = {
    requests: (lists + probes) * USD.list + puts * USD.put + reads * USD.get,
    lambda: gbSeconds * USD.gbSecond + calls * USD.call,
    steps: (shards * a.transitionsPerShard + 20) * USD.transition,
  };
  const usd = (value: number): string => value.toFixed(2);
  return {
    shards: String(shards),
    'requests: looks, LIST, GET, PUT': [probes, lists, reads, puts]
      .map((one) => Math.round(one).toLocaleString('en'))
      .join(', '),
    'seconds: dividing, workers, commit': [probing, mapping, committing].map((one) => one.toFixed(0)).join(', '),
    'of the workers, by the limits of S3': `${throttled.toFixed(0)} s (${a.partitions} partitions)`,
    'calls longer than one may be':
      billed > a.callSeconds ? 'yes: workers leave the rest of their shards to others' : 'no',
    'USD: requests, Lambda, Step Functions, sum': [
      cost.requests,
      cost.lambda,
      cost.steps,
      cost.requests + cost.lambda + cost.steps,
    ]
      .map(usd)
      .join(', '),
    'MB: list of shards, parts, manifest': [
      shards * 330,
      packs * 90 + segments * 300 + shards * 600,
      packs * 90 + segments * 300,
    ]
      .map((bytes) => (bytes / MB).toFixed(1))
      .join(', '),
  };
}

/** What the manifest of a full takes of the function that commits. */
function measureManifest(objects: number): void {
  const packs = Math.ceil((objects * ASSUMED.objectBytes * ASSUMED.stored) / ASSUMED.packBytes);
  const segments = Math.ceil(objects / ASSUMED.segmentEntries);
  const begun = process.cpuUsage();
  const id = (at: number): string => createHash('sha256').update(String(at)).digest('hex');
  const key = (at: number): string => `projects/some/folder/of/a/name/file-${String(at).padStart(12, '0')}.dat`;
  const manifest = {
    segments: Array.from({ length: segments }, (_, at) => ({
      id: id(at),
      shard: Math.floor(at / 5),
      firstKey: key(at * ASSUMED.segmentEntries),
      lastKey: key((at + 1) * ASSUMED.segmentEntries - 1),
      entries: ASSUMED.segmentEntries,
      sizeBytes: 3_000_000,
    })),
    packs: Array.from({ length: packs }, (_, at) => ({ id: id(-at - 1), sizeBytes: ASSUMED.packBytes })),
  };
  const made = process.cpuUsage(begun).user / 1e6;
  const text = Buffer.from(JSON.stringify(manifest));
  const read: unknown = JSON.parse(text.toString());
  if (typeof read !== 'object' || read === null || !('segments' in read) || !('packs' in read))
    throw new Error('the manifest is not read as it was written');
  segmentRefSchema.array().parse(read.segments);
  packRefSchema.array().parse(read.packs);
  const used = process.cpuUsage(begun).user / 1e6 - made;
  print('manifest of the full, measured', {
    'segments, packs': `${segments}, ${packs}`,
    'MB before sealing': (text.length / MB).toFixed(1),
    'CPU seconds to write, read and check': used.toFixed(1),
    'MB of memory': (process.memoryUsage().rss / MB).toFixed(0),
  });
}

function print(title: string, lines: Readonly<Record<string, string>>): void {
  console.log(`\n${title}`);
  for (const [name, value] of Object.entries(lines)) console.log(`  ${name.padEnd(44)}${value}`);
}
