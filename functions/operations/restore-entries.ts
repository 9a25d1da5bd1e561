/** Writes entries of a snapshot into a place, and compares what is there with what the snapshot says. */
import { createHash } from 'node:crypto';
import { piecesOf } from '../core/content.ts';
import { type ListedEntry, type PresentEntry, quoteKey } from '../core/entry.ts';
import {
  AccessDeniedError,
  BackupError,
  IntegrityError,
  InvalidInputError,
  messageOf,
  TransientError,
} from '../core/errors.ts';
import type { Source, Target, Vault } from '../core/ports.ts';
import { mapInOrder } from './map-in-order.ts';
import { readContents } from './read-contents.ts';

const WRITERS = 16;

export type RestoredEntry =
  | {
      readonly entry: PresentEntry;
      readonly state: 'restored';
      /** Attributes that the place cannot hold. */
      readonly notHeld: readonly string[];
    }
  | {
      readonly entry: PresentEntry;
      readonly state: 'failed';
      readonly reason: string;
      /** `vault`: what is stored is damaged. `place`: the place cannot hold such an entry. */
      readonly fault: 'vault' | 'place' | 'other';
    };

/**
 * Restores entries, in key order. One that fails (damaged in the vault, not to be held by the place) is named and harms no other. Entries are read
 * far ahead of slow writes: when `isOver` says so no further one is begun, after the first.
 * @throws TransientError, and errors that are no entry's own (refused credentials, a place or a vault that is not there, bugs).
 */
export async function* restoreEntries(
  vault: Vault,
  entries: AsyncIterable<PresentEntry>,
  target: Target,
  isOver: () => boolean = () => false,
): AsyncGenerator<RestoredEntry> {
  yield* mapInOrder(
    until(isOver, readContents(vault, entries)),
    target.writers ?? WRITERS,
    async ({ entry, content, leave }): Promise<RestoredEntry> => {
      try {
        return { entry, state: 'restored', notHeld: await target.write(entry, content) };
      } catch (error) {
        if (!isEntrysOwn(error)) throw error;
        return { entry, state: 'failed', reason: messageOf(error), fault: faultOf(error) };
      } finally {
        leave();
      }
    },
  );
}

async function* until<T>(ends: () => boolean, items: AsyncIterable<T>): AsyncGenerator<T> {
  for await (const item of items) {
    yield item;
    if (ends()) return;
  }
}

const faultOf = (error: unknown): 'vault' | 'place' | 'other' =>
  error instanceof IntegrityError ? 'vault' : error instanceof InvalidInputError ? 'place' : 'other';

const isEntrysOwn = (error: unknown): boolean =>
  error instanceof BackupError &&
  !(error instanceof TransientError || error instanceof AccessDeniedError) &&
  !concernsPlace(error);

/**
 * Whether the service itself has refused, and not for the bytes: then the bucket is not there, in another region, or under no address, and
 * what is true of one entry is true of all.
 */
export function concernsPlace(error: BackupError): boolean {
  return error.context.awsError !== undefined && !(error instanceof IntegrityError);
}

/** What differs between an entry and what a place holds under its key, in words; undefined when nothing does. */
export async function findDifference(
  entry: PresentEntry,
  listed: ListedEntry,
  place: Source,
): Promise<string | undefined> {
  const name = `${quoteKey(entry.key)}`;
  if (listed.sizeBytes !== undefined && listed.sizeBytes !== entry.sizeBytes)
    return `${name} has ${listed.sizeBytes} bytes where the snapshot has ${entry.sizeBytes}`;
  const opened = await place.open(listed);
  if (opened.state === 'gone') return `${name} vanished while it was compared`;
  if (opened.state === 'unprotected') return `${name} cannot be read back: ${opened.reason}`;
  const hash = createHash('sha256');
  for await (const bytes of piecesOf(opened.content)) hash.update(bytes);
  if (hash.digest('hex') !== entry.sha256) return `${name} has other content than the snapshot`;
  const attribute = place.attributesDiffer(entry.attributes, opened.attributes);
  return attribute === undefined ? undefined : `${name}: ${attribute}`;
}

/** The directories among entries. */
export async function* onlyDirectories(entries: AsyncIterable<PresentEntry>): AsyncGenerator<PresentEntry> {
  for await (const entry of entries) if (entry.attributes.type === 'directory') yield entry;
}
