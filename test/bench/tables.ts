/**
 * A table of a million small items: how long a full and an unchanged run take, how much memory each of their workers has at most, and what is stored.
 * `npm run bench -- tables [items]`
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const MB = 1 << 20;
/** What a worker of 512 MB has for its heap; one that needs more ends with an error. */
const HEAP_MB = 320;
const PLAN = (folder: string) =>
  `vaults:\n  primary: { url: "file://${folder}/vault" }\nplans:\n  app:\n    sources: [dynamodb://bench]\n    vault: primary\n    verify: { after: never }\n`;

const startedSchema = z.object({ runId: z.string(), sources: z.array(z.looseObject({})).length(1) });
const inventorySchema = z.looseObject({ done: z.boolean(), shardsKey: z.string().optional() });
const progressSchema = z.looseObject({ done: z.boolean() });

export async function benchTables(items = 1_000_000): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  const table = spawn(process.execPath, [path('table-server.ts'), String(items)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [port] = await once(table.stdout, 'data');
    writeFileSync(join(folder, 'holdfast.yml'), PLAN(folder));
    const start = starter(folder, Number(String(port)));
    await start(path('../../functions/local/holdfast.mjs'), ['init', '--yes', '--json']);
    console.log(
      `${items} items of about 190 bytes; each call of a worker in a process of its own, with a heap of ${HEAP_MB} MB`,
    );
    print('run', 'worker', 'calls', 'seconds', 'peak of one');
    for (const kind of ['full', 'incremental']) {
      await run(kind, start);
      const { output: chunks } = await start(path('worker.ts'), ['count-chunks']);
      const { packs, bytes } = sizeOf(join(folder, 'vault'));
      print('', `vault: ${packs} packs of ${String(chunks)} chunks, ${(bytes / MB).toFixed(1)} MB in all`);
    }
  } finally {
    table.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

type Start = ReturnType<typeof starter>;

/** One run, in the machine's order. */
async function run(kind: string, start: Start): Promise<void> {
  const task = async (name: string, input: unknown) => start(path('worker.ts'), [name, JSON.stringify(input)]);
  const scheduledAt = new Date().toISOString();
  const { runId, sources } = startedSchema.parse((await task('start-run', { plan: 'app', kind, scheduledAt })).output);
  const [source] = sources;
  const taking = tally();
  let inventory = inventorySchema.parse(taking(await task('take-inventory', source)));
  while (!inventory.done)
    inventory = inventorySchema.parse(taking(await task('take-inventory', { ...source, inventory })));
  print(kind, 'take-inventory', ...taking.shown());
  const shards: unknown = JSON.parse(
    readFileSync(join(start.folder, '.holdfast/work', inventory.shardsKey ?? ''), 'utf8'),
  );
  const snapping = tally();
  for (const shard of z.array(z.looseObject({})).parse(shards)) {
    let progress: unknown;
    do progress = snapping(await task('take-snapshot', { ...shard, ...(progress === undefined ? {} : { progress }) }));
    while (!progressSchema.parse(progress).done);
  }
  print('', 'take-snapshot', ...snapping.shown());
  const committing = tally();
  committing(await task('commit-snapshot', { ...source, inventory }));
  committing(await task('finish-run', { runId }));
  print('', 'commit and finish', ...committing.shown());
}

interface Ended {
  readonly output: unknown;
  readonly seconds: number;
  readonly peakBytes: number;
}

/** Adds calls up, and gives each one's output through. */
function tally() {
  let [calls, seconds, peakBytes] = [0, 0, 0];
  const add = (ended: Ended): unknown => {
    [calls, seconds, peakBytes] = [calls + 1, seconds + ended.seconds, Math.max(peakBytes, ended.peakBytes)];
    return ended.output;
  };
  const shown = () => [String(calls), seconds.toFixed(1), `${Math.round(peakBytes / MB)} MB`];
  return Object.assign(add, { shown });
}

const print = (...cells: readonly string[]): void => console.log(cells.map((cell) => cell.padEnd(18)).join(''));

/** Runs a script in the folder to its end, with the table as its AWS. */
function starter(folder: string, port: number) {
  const env = {
    ...process.env,
    AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'bench',
    AWS_SECRET_ACCESS_KEY: 'bench',
    // Without a limit a heap grows as long as the machine has memory to spare, and tells nothing of what is needed.
    NODE_OPTIONS: `--max-old-space-size=${HEAP_MB} --import=${path('peak-memory.mjs')}`,
    BENCH_PEAK: join(folder, 'peak'),
  };
  const start = async (script: string, args: readonly string[]): Promise<Ended> => {
    const started = performance.now();
    const child = spawn(process.execPath, [script, ...args], {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const said: Buffer[] = [];
    child.stdout.on('data', (piece: Buffer) => said.push(piece));
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`${script} ${args.join(' ').slice(0, 200)} ended with ${code}`);
    const seconds = (performance.now() - started) / 1000;
    return {
      output: JSON.parse(Buffer.concat(said).toString()),
      seconds,
      peakBytes: Number(readFileSync(env.BENCH_PEAK, 'utf8')),
    };
  };
  return Object.assign(start, { folder });
}

function sizeOf(vault: string): { readonly packs: number; readonly bytes: number } {
  const files = readdirSync(vault, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const packs = files.filter(({ parentPath }) => parentPath.includes('/packs/')).length;
  return { packs, bytes: files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0) };
}
