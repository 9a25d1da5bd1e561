/**
 * The embedded catalogue: a LevelDB in a directory. One process at a time has it open, which a lock of the operating system assures: it
 * ends with the process, however that ends.
 *
 * A write is in the hands of the operating system when it is acknowledged: it survives the process, not a loss of power, after which
 * the newest writes may be missing (a beginning of their order is always there). The vaults, which are forced to disk, rebuild it.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClassicLevel } from 'classic-level';
import type { Leases } from '../core/catalogue-ports.ts';
import type { Lease } from '../core/catalogue-records.ts';
import { ConflictError, IntegrityError } from '../core/errors.ts';
import type { Clock } from '../core/ports.ts';
import { catalogueInLevel, type OpenCatalogue } from '../runtime/local-places.ts';

const clock: Clock = { now: () => new Date() };

const LOCK_WAIT_MILLIS = 10_000;

/** Says how the records are laid out; a database without it is of another making. */
const FORMAT = { key: 'format', value: '1' };

/**
 * Opens the catalogue in `directory` (such as `.holdfast/catalogue`), making it where there is none. Closing it lets what is under way end.
 *
 * @throws ConflictError when another process has it open for longer than `waitMillis` (10 s); IntegrityError when its files are damaged.
 */
export async function openEmbeddedCatalogue(
  directory: string,
  { waitMillis = LOCK_WAIT_MILLIS }: { readonly waitMillis?: number } = {},
): Promise<OpenCatalogue> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const level = await openLevel(directory, waitMillis);
  try {
    await requireFormat(level);
  } catch (error) {
    await level.close();
    throw error;
  }
  return { catalogue: catalogueInLevel(level, clock), close: () => level.close() };
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

async function openLevel(directory: string, waitMillis: number): Promise<ClassicLevel> {
  const level = new ClassicLevel(join(directory, 'data'));
  const giveUpAt = performance.now() + waitMillis;
  for (;;) {
    try {
      await level.open();
      return level;
    } catch (error) {
      if (!isLocked(error)) throw unusable(level, 'cannot be opened', error);
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

async function requireFormat(level: ClassicLevel): Promise<void> {
  if ((await level.get(FORMAT.key)) === FORMAT.value) return;
  for await (const _ of level.keys({ limit: 1 })) throw unusable(level, 'was made by another version of holdfast');
  await level.put(FORMAT.key, FORMAT.value);
}

function unusable(level: ClassicLevel, why: string, cause?: unknown): IntegrityError {
  return new IntegrityError(
    `the embedded catalogue in ${level.location} ${why}; move that directory away and run holdfast catalogue rebuild`,
    { cause },
  );
}
