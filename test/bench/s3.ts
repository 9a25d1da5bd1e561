/**
 * G: from bucket to bucket on one local S3 server: Holdfast from a source into a vault, `aws s3 sync` and `rclone sync` from the same bucket into
 * another, all with as many requests side by side.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, relative } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { CreateBucketCommand, ListBucketsCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { mapInOrder } from '../../functions/operations/map-in-order.ts';
import { type Sizes, writeLargeFiles, writeSmallFiles } from './data.ts';
import { type Command, measure, settleDisk } from './measure.ts';
import type { Results } from './results.ts';
import { say } from './say.ts';
import { holdfastCommand, versionOf } from './tools.ts';

/** Requests side by side: what Holdfast has by itself, and the others are told. */
const CONCURRENCY = 64;
const KEY = 'benchbench';
const REGION = 'us-east-1';

interface Server {
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  readonly process: ChildProcess;
}

interface Syncer {
  readonly name: string;
  readonly version: string;
  /** `run` makes each destination a fresh one. */
  sync(from: string, run: string): Promise<Command>;
}

export async function runS3(found: Results, rounds: number, sizes: Sizes): Promise<void> {
  const folder = mkdtempSync(join(process.env.BENCH_FOLDER ?? process.cwd(), 'holdfast-bench-'));
  const server = await startServer(folder);
  try {
    const syncers = [holdfast(folder, server), aws(folder, server), rclone(server)].filter((one) => one !== undefined);
    if (syncers.length === 1) throw new Error('neither aws nor rclone is on the PATH; install awscli (pip) or rclone');
    say(`G: ${server.name}, ${CONCURRENCY} requests side by side`);
    for (const { name, version } of syncers.slice(1)) say(`${name}: ${version}`);
    const client = new S3Client({
      endpoint: server.env.AWS_ENDPOINT_URL ?? '',
      region: REGION,
      forcePathStyle: true,
      credentials: { accessKeyId: KEY, secretAccessKey: KEY },
      requestHandler: { httpAgent: { keepAlive: true, maxSockets: CONCURRENCY } },
    });
    await untilReady(client, server);
    for (const Bucket of ['small', 'large', 'copies']) await client.send(new CreateBucketCommand({ Bucket }));
    await fill(client, 'small', join(folder, 'a'), sizes, writeSmallFiles);
    await fill(client, 'large', join(folder, 'b'), sizes, writeLargeFiles);
    for (let round = 0; round < rounds; round += 1)
      for (const [scenario, bucket] of [
        ['G of A', 'small'],
        ['G of B', 'large'],
      ] as const)
        for (const [index] of syncers.entries()) {
          const syncer = syncers[(index + round) % syncers.length];
          if (syncer === undefined) continue;
          const command = await syncer.sync(bucket, `${syncer.name}-${bucket}-${round}`);
          await settleDisk();
          found.add(scenario, syncer.name, await measure(command));
        }
  } finally {
    server.process.kill();
    await once(server.process, 'close');
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The S3 server of the machine, on a free port of loopback, with its data below the folder. @throws Error where there is none. */
async function startServer(folder: string): Promise<Server> {
  const port = await freePort();
  const data = join(folder, 'server');
  mkdirSync(data);
  const address = `127.0.0.1:${port}`;
  const env = {
    AWS_ENDPOINT_URL: `http://${address}`,
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: KEY,
    AWS_SECRET_ACCESS_KEY: KEY,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  const start = (program: string, args: readonly string[], own: Readonly<Record<string, string>>) =>
    spawn(program, args, { env: { ...process.env, ...own }, stdio: 'ignore' });
  const versity = versionOf('versitygw', '--version');
  if (versity !== undefined)
    return {
      name: `versitygw (${versity})`,
      env,
      // Unless told it closes each connection behind its answer.
      process: start('versitygw', ['--port', address, '--quiet', '--keep-alive', 'posix', data], {
        ROOT_ACCESS_KEY: KEY,
        ROOT_SECRET_KEY: KEY,
      }),
    };
  const minio = versionOf('minio', '--version');
  if (minio === undefined) throw new Error('no S3 server is on the PATH; install versitygw or minio (go install)');
  return {
    name: minio,
    env,
    process: start('minio', ['server', data, '--address', address, '--quiet'], {
      MINIO_ROOT_USER: KEY,
      MINIO_ROOT_PASSWORD: KEY,
    }),
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('loopback gave no port');
  return address.port;
}

async function untilReady(client: S3Client, { name, process: server }: Server): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if (server.exitCode !== null) throw new Error(`${name} ended with ${server.exitCode}`);
    try {
      await client.send(new ListBucketsCommand());
      return;
    } catch {
      await after(100); // It does not listen yet.
    }
  }
  throw new Error(`${name} does not answer`);
}

async function fill(
  client: S3Client,
  bucket: string,
  folder: string,
  sizes: Sizes,
  write: (folder: string, sizes: Sizes) => void,
): Promise<void> {
  write(folder, sizes);
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const put = mapInOrder(files, CONCURRENCY, async ({ parentPath, name }) => {
    const path = join(parentPath, name);
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: relative(folder, path), Body: readFileSync(path) }));
  });
  for await (const _ of put);
  rmSync(folder, { recursive: true });
}

function holdfast(folder: string, { env }: Server): Syncer {
  return {
    name: 'holdfast',
    version: `holdfast on Node ${process.version}`,
    async sync(from, run) {
      const own = join(folder, run);
      mkdirSync(own);
      const plan = `vaults:\n  primary: { url: "s3://copies/${run}" }\nplans:\n  app:\n    sources: ["s3://${from}/"]\n    vault: primary\n    verify: { after: never }\n`;
      writeFileSync(join(own, 'holdfast.yml'), plan);
      await measure({ ...holdfastCommand(own, 'init', '--yes'), env });
      return { ...holdfastCommand(own, 'run', 'app', '--kind', 'full'), env };
    },
  };
}

function aws(folder: string, { env }: Server): Syncer | undefined {
  const version = versionOf('aws', '--version');
  if (version === undefined) return undefined;
  const config = join(folder, 'aws-config');
  writeFileSync(config, `[default]\ns3 =\n  max_concurrent_requests = ${CONCURRENCY}\n`);
  return {
    name: 'aws',
    version,
    sync: async (from, run) => ({
      program: 'aws',
      args: ['s3', 'sync', `s3://${from}`, `s3://copies/${run}`, '--only-show-errors'],
      env: { ...env, AWS_CONFIG_FILE: config },
    }),
  };
}

function rclone({ env }: Server): Syncer | undefined {
  const version = versionOf('rclone', 'version');
  if (version === undefined) return undefined;
  const side = String(CONCURRENCY);
  return {
    name: 'rclone',
    version,
    sync: async (from, run) => ({
      program: 'rclone',
      args: [
        '--config',
        '/dev/null',
        '--quiet',
        '--transfers',
        side,
        '--checkers',
        side,
        'sync',
        `bench:${from}`,
        `bench:copies/${run}`,
      ],
      env: {
        RCLONE_CONFIG_BENCH_TYPE: 's3',
        RCLONE_CONFIG_BENCH_PROVIDER: 'Other',
        RCLONE_CONFIG_BENCH_ENDPOINT: env.AWS_ENDPOINT_URL ?? '',
        RCLONE_CONFIG_BENCH_ACCESS_KEY_ID: KEY,
        RCLONE_CONFIG_BENCH_SECRET_ACCESS_KEY: KEY,
      },
    }),
  };
}
