/**
 * The embedded catalogue: a DynamoDB in this process (dynalite), kept in a directory. One process at a time has it open, which a lock
 * of the operating system assures: it ends with the process, however that ends.
 *
 * A write is in the hands of the operating system when it is acknowledged: it survives the process, not a loss of power, after which
 * the newest writes may be missing (a beginning of their order is always there). The vaults, which are forced to disk, rebuild it.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { access, mkdir, rename, rm } from 'node:fs/promises';
import type { Server, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  ResourceNotFoundException,
} from '@aws-sdk/client-dynamodb';
import type { Leases } from '../core/catalogue-ports.ts';
import type { Lease } from '../core/catalogue-records.ts';
import { ConflictError, IntegrityError } from '../core/errors.ts';
import { catalogueTableDefinition } from '../runtime/local-places.ts';

/** What is used of LevelDB (the package `level`, under dynalite). */
interface Level {
  open(): Promise<void>;
  close(): Promise<void>;
}

const requireHere = createRequire(import.meta.url);
const dynalite: (options: {
  readonly path: string;
  readonly createTableMs: number;
  readonly deleteTableMs: number;
  readonly updateTableMs: number;
}) => Server = requireHere('dynalite');
// The very LevelDB that dynalite writes with.
const { Level }: { readonly Level: new (path: string) => Level } = createRequire(requireHere.resolve('dynalite'))(
  'level',
);

const TABLE = 'holdfast-catalogue';
const LOCK_WAIT_MILLIS = 10_000;
const ACTIVE_WAIT_MILLIS = 10_000;

export interface EmbeddedCatalogue {
  readonly client: DynamoDBClient;
  readonly tableName: string;
  /** Lets requests that are under way end, then ends the database and gives up the lock. */
  close(): Promise<void>;
}

/**
 * Opens the catalogue in `directory` (such as `.holdfast/catalogue`), making it where there is none.
 *
 * @throws ConflictError when another process has it open for longer than `waitMillis` (10 s); IntegrityError when its files are damaged.
 */
export async function openEmbeddedCatalogue(
  directory: string,
  { waitMillis = LOCK_WAIT_MILLIS }: { readonly waitMillis?: number } = {},
): Promise<EmbeddedCatalogue> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const lock = await takeLock(directory, waitMillis);
  try {
    const data = join(directory, 'data');
    if (!(await exists(data))) await makeDatabase(data);
    await checkFiles(data);
    const database = await startDatabase(data);
    return {
      client: database.client,
      tableName: TABLE,
      async close() {
        await database.stop();
        await lock.close();
      },
    };
  } catch (error) {
    await lock.close();
    throw error;
  }
}

/**
 * Frees every lease that is still held. To be called right after the catalogue was opened: whoever held one was in a process that has
 * ended, since only one process at a time has the catalogue open. Returns how many there were.
 */
export async function freeAbandonedLeases(catalogue: {
  readonly leases: Pick<Leases, 'release'>;
  readonly heldLeases: () => AsyncIterable<Lease>;
}): Promise<number> {
  let freed = 0;
  for await (const lease of catalogue.heldLeases()) {
    await catalogue.leases.release(lease);
    freed += 1;
  }
  return freed;
}

/** An empty LevelDB beside the data serves as the lock: dynalite cannot say that its own is taken, it ends the process. */
async function takeLock(directory: string, waitMillis: number): Promise<Level> {
  const lock = new Level(join(directory, 'lock'));
  const giveUpAt = performance.now() + waitMillis;
  for (;;) {
    try {
      await lock.open();
      return lock;
    } catch (error) {
      if (!isLocked(error)) throw error;
      if (performance.now() >= giveUpAt)
        throw new ConflictError(`another holdfast process is using ${directory}; wait for it to end`, { cause: error });
    }
    await sleep(100);
  }
}

function isLocked(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === 'LEVEL_LOCKED';
}

/** Makes the database with its table under another name first: a table whose making was cut short could be neither used nor deleted. */
async function makeDatabase(data: string): Promise<void> {
  const fresh = `${data}.new`;
  await rm(fresh, { recursive: true, force: true });
  const database = await startDatabase(fresh);
  await database.stop();
  await rename(fresh, data);
}

/** Opens the files once by themselves, because dynalite would end the process where they cannot be opened. */
async function checkFiles(data: string): Promise<void> {
  const level = new Level(data);
  try {
    await level.open();
  } catch (error) {
    throw new IntegrityError(
      `the embedded catalogue in ${data} cannot be opened; move that directory away and run holdfast catalogue rebuild`,
      { cause: error },
    );
  }
  await level.close();
}

async function startDatabase(path: string) {
  const server = dynalite({ path, createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
  // A loopback port is open to every user of the machine; only who knows this process's access key is heard.
  const accessKeyId = randomBytes(16).toString('hex');
  const door = admitOnly(server, accessKeyId);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port of 127.0.0.1 is free');
  const client = new DynamoDBClient({
    endpoint: `http://127.0.0.1:${address.port}`,
    region: 'us-east-1',
    credentials: { accessKeyId, secretAccessKey: 'embedded' },
  });
  const stop = async () => {
    await door.shut();
    client.destroy();
    await new Promise<void>((resolve, reject) => {
      server.close((error) => (error ? reject(error) : resolve()));
    });
  };
  try {
    await ensureTable(client, path);
  } catch (error) {
    await stop();
    throw error;
  }
  return { client, stop };
}

/**
 * Lets only requests that this access key signs reach dynalite. `shut` lets in no more of them and waits for the answers that are under
 * way: dynalite ends the process where a connection breaks before its answer, or where a request finds the database closed.
 */
function admitOnly(server: Server, accessKeyId: string): { readonly shut: () => Promise<void> } {
  const [handle] = server.listeners('request');
  if (handle === undefined) throw new Error('dynalite no longer listens to requests the way that this code knows');
  const answering = new Set<ServerResponse>();
  let isShut = false;
  server.removeAllListeners('request');
  server.on('request', (request, response) => {
    const isOurs = request.headers.authorization?.includes(` Credential=${accessKeyId}/`);
    if (!isOurs || isShut) {
      response.writeHead(isOurs ? 503 : 403).end();
      return;
    }
    answering.add(response);
    response.once('close', () => answering.delete(response));
    handle.call(server, request, response);
  });
  const shut = async () => {
    isShut = true;
    await Promise.all([...answering].map((response) => once(response, 'close')));
  };
  return { shut };
}

async function ensureTable(client: DynamoDBClient, path: string): Promise<void> {
  const giveUpAt = performance.now() + ACTIVE_WAIT_MILLIS;
  for (;;) {
    const status = await findTableStatus(client);
    if (status === 'ACTIVE') return;
    if (status === undefined) await client.send(new CreateTableCommand(catalogueTableDefinition(TABLE)));
    else if (performance.now() >= giveUpAt)
      throw new IntegrityError(
        `the embedded catalogue in ${path} remains ${status}; move that directory away and run holdfast catalogue rebuild`,
      );
    await sleep(5);
  }
}

async function findTableStatus(client: DynamoDBClient): Promise<string | undefined> {
  try {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: TABLE }));
    return Table?.TableStatus ?? 'without a status';
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}
