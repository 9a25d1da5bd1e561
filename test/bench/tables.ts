/**
 * A table of a million small items: how long a full, an unchanged and a restore-checking run take, how much memory, and how much is stored.
 * `npm run bench -- tables [items]`
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const MB = 1 << 20;

export async function benchTables(items = 1_000_000): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  const server = spawn(process.execPath, [path('table-server.ts'), String(items)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [port] = await once(server.stdout, 'data');
    writeFileSync(
      join(folder, 'holdfast.yml'),
      `vaults:\n  primary: { url: "file://${folder}/vault" }\nplans:\n  app:\n    sources: [dynamodb://bench]\n    vault: primary\n    verify: { after: never }\n`,
    );
    const holdfast = (...args: string[]) => measure(folder, Number(String(port)), args);
    await holdfast('init', '--yes');
    const rows: (readonly string[])[] = [['run', 'seconds', 'items/s', 'peak memory', 'packs', 'vault']];
    for (const kind of ['full', 'incremental']) {
      const { seconds, peakBytes } = await holdfast('run', 'app', '--kind', kind);
      const [packs, bytes] = sizeOf(join(folder, 'vault'));
      const shown = [seconds.toFixed(1), (items / seconds).toFixed(0), `${Math.round(peakBytes / MB)} MB`];
      rows.push([kind, ...shown, String(packs), `${(bytes / MB).toFixed(1)} MB`]);
    }
    console.log(`${items} items of about 190 bytes, all workers in one process`);
    for (const row of rows) console.log(row.map((cell) => cell.padEnd(14)).join(''));
  } finally {
    server.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(folder: string, port: number, args: readonly string[]) {
  const peak = join(folder, 'peak');
  const started = performance.now();
  const child = spawn(process.execPath, [path('../../functions/local/holdfast.mjs'), ...args], {
    cwd: folder,
    env: {
      ...process.env,
      AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'bench',
      AWS_SECRET_ACCESS_KEY: 'bench',
      NODE_OPTIONS: `--import=${path('peak-memory.mjs')}`,
      BENCH_PEAK: peak,
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`holdfast ${args.join(' ')} ended with ${code}`);
  return { seconds: (performance.now() - started) / 1000, peakBytes: Number(readFileSync(peak, 'utf8')) };
}

/** Packs, and bytes of all blobs. */
function sizeOf(vault: string): readonly [packs: number, bytes: number] {
  const files = readdirSync(vault, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const packs = files.filter(({ parentPath }) => parentPath.includes('/packs/'));
  return [packs.length, files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0)];
}
