import { decodeKey, type EntryKey, encodeKey, type KeyRange, type ListedEntry } from '../core/entry.ts';
import { IntegrityError, InvalidInputError, messageOf, NotFoundError } from '../core/errors.ts';
import type { TakeSnapshotInput, WorkerOutput } from '../core/messages.ts';
import type { Deadline, Ports, SourceReader, Vault } from '../core/ports.ts';
import { diffSource, type SourceDifference } from './diff-source.ts';
import { MAX_ROUNDS } from './divide-left.ts';
import { MAX_SHARD_ENTRIES } from './divide-source.ts';
import { mergeRuns } from './merge-runs.ts';
import { budgetOf, isOutOfTime } from './out-of-time.ts';
import { type Due, readAhead } from './read-ahead.ts';
import { type MergedEntry, mergeChain, readChain } from './read-chain.ts';
import { getStaging } from './stage-entries.ts';
import { diffStaged, openStaged } from './staged-entries.ts';
import { keepLease } from './start-run.ts';
import { takeEntry } from './take-entry.ts';
import { type Tally, tallyChanges } from './tally-changes.ts';
import { damagedPart, getInventory, type Inventory, putPart, stagedFolder } from './work-lists.ts';
import { type SnapshotWriter, writeSnapshot } from './write-snapshot.ts';

type TakeSnapshotPorts = Pick<
  Ports,
  'randomBytes' | 'openVault' | 'openSource' | 'work' | 'leases' | 'runs' | 'contentIndex' | 'progress'
>;

/**
 * Takes a shard's part of a snapshot: compares the listing with the chain, reads what is new, writes packs and segments, and leaves the result
 * in the work place. Short of time it stops between two entries and returns a cursor, or ends with the rest left to others. A damaged chain is not
 * an error here: the part says so, and `commitSnapshot` has the snapshot taken again as a full.
 */
export async function takeSnapshot(
  input: TakeSnapshotInput,
  ports: TakeSnapshotPorts,
  deadline: Deadline,
): Promise<WorkerOutput> {
  await keepLease(input, ports);
  const inventory = await getInventory(ports.work, input);
  const cursor = parseCursor(input);
  const at = { shard: input.shard, part: cursor.part };
  const vault = await ports.openVault(inventory.vault);
  const range: KeyRange = { after: cursor.after ?? bound(input.after), upTo: bound(input.upTo) };
  const damage = watchDamage();
  try {
    const chain = await damage.watch(readChain(vault, input.sourceId, inventory.reference));
    const writer = writeSnapshot({
      vault,
      shard: input.shard,
      chunking: vault.chunking,
      contentIndex: ports.contentIndex,
      randomBytes: ports.randomBytes,
      reuse: inventory.reuse,
      knownPacks: new Map(chain.flatMap((manifest) => manifest.packs.map((pack) => [pack.id, pack.sizeBytes]))),
    });
    const tally = tallyChanges(inventory.kind, (entries, bytes) =>
      ports.progress({ step: 'take-snapshot', source: inventory.sourceUri, entries, bytes }),
    );
    const merged = damage.watchStream(mergeChain(vault, chain, range));
    const { differences, reader, divisible } = await compare({ input, inventory, vault, range }, merged, ports);
    const leaves = divisible && inventory.rounds.length < MAX_ROUNDS;
    const budget = budgetOf(deadline, leaves ? MAX_SHARD_ENTRIES : Number.POSITIVE_INFINITY);
    const stoppedAt = await work(differences, reader, writer, tally, budget);
    const part = await writer.finish();
    // Stopped at its end it has done all, so that no part covers nothing.
    const stopped = stoppedAt === range.upTo ? undefined : stoppedAt;
    const [after, upTo] = [range.after, stopped ?? range.upTo].map((key) => key && encodeKey(key));
    const left = leaves && stopped !== undefined ? { upTo: input.upTo, pace: budget.entries } : undefined;
    const done = stopped === undefined || left !== undefined;
    await putPart(ports.work, input, at, { done, after, upTo, left, ...tally.result(), ...part });
    return done ? { done } : { done, cursor: `${cursor.part + 1}.${upTo}` };
  } catch (error) {
    if (damage.found() === undefined) throw error;
    await putPart(ports.work, input, at, damagedPart(damage.found() ?? ''));
    return { done: true };
  }
}

interface Comparison {
  readonly differences: AsyncGenerator<SourceDifference[]>;
  readonly reader: Pick<SourceReader, 'open'>;
  /** Whether what is left of a range can be divided without listing it. */
  readonly divisible: boolean;
}

/** What the snapshot is made of, and what opens it: the source itself, or what was staged of it. */
async function compare(
  taking: {
    readonly input: TakeSnapshotInput;
    readonly inventory: Inventory;
    readonly vault: Vault;
    readonly range: KeyRange;
  },
  merged: AsyncGenerator<MergedEntry[]>,
  ports: TakeSnapshotPorts,
): Promise<Comparison> {
  const { input, inventory, vault, range } = taking;
  if (inventory.staged !== undefined) {
    const place = {
      work: ports.work,
      folder: stagedFolder({ ...input, attempt: inventory.staged.attempt }),
      keys: vault.keys,
      randomBytes: ports.randomBytes,
    };
    const { runs } = await getStaging(place, inventory.staged.part);
    const reader = { open: async (listed: ListedEntry) => openStaged(listed) };
    const differences = diffStaged(mergeRuns(place, runs, range), merged, inventory.staged);
    return { differences, reader, divisible: false };
  }
  const reader = await ports.openSource(inventory.sourceUri);
  if (!('list' in reader)) throw new TypeError(`${inventory.sourceUri} was not staged`);
  const differences = diffSource(reader.list(range), merged, range);
  return { differences, reader, divisible: reader.peek !== undefined };
}

/** Tells a failure of the chain, which a full mends, from a failure of the source, which it does not. */
function watchDamage() {
  let found: string | undefined;
  const note = (error: unknown): void => {
    if (error instanceof IntegrityError || error instanceof NotFoundError) found = messageOf(error);
  };
  return {
    found: () => found,
    async watch<T>(reading: Promise<T>): Promise<T> {
      try {
        return await reading;
      } catch (error) {
        note(error);
        throw error;
      }
    },
    async *watchStream(entries: AsyncGenerator<MergedEntry[]>): AsyncGenerator<MergedEntry[]> {
      try {
        yield* entries;
      } catch (error) {
        note(error);
        throw error;
      }
    },
  };
}

const bound = (text: string | undefined): EntryKey | undefined => (text === undefined ? undefined : decodeKey(text));

function parseCursor(input: TakeSnapshotInput): { readonly part: number; readonly after: EntryKey | undefined } {
  const text = input.progress?.cursor;
  if (text === undefined) return { part: 0, after: undefined };
  const cursor = /^(\d+)\.([\w-]*)$/.exec(text);
  if (cursor === null) throw new InvalidInputError(`"${text}" is no cursor of a snapshot`);
  return { part: Number(cursor[1]), after: bound(cursor[2]) };
}

/**
 * Works through the differences in key order, looking at the deadline once after each. Returns the key that it stopped after when time was up,
 * undefined when all is done.
 */
async function work(
  differences: AsyncIterable<readonly SourceDifference[]>,
  reader: Pick<SourceReader, 'open'>,
  writer: SnapshotWriter,
  tally: Tally,
  deadline: Deadline,
): Promise<EntryKey | undefined> {
  const ahead = readAhead(reader, tally);
  const dealWith = ({ difference, opened }: Due): Promise<void> | undefined => {
    const { listed, unlisted } = difference;
    if (unlisted !== undefined) return tally.keep(difference, unlisted.own ? unlisted.reason : undefined, writer);
    if (listed === undefined) return tally.missing(difference, writer);
    if (opened === undefined) return tally.unchanged(difference, writer);
    return opened.then((first) => takeEntry({ ...difference, listed }, first, { reader, writer, tally }));
  };
  const dealWithDue = async (input: 'goes on' | 'ended'): Promise<EntryKey | undefined> => {
    for (let due = ahead.next(input); due !== undefined; due = ahead.next(input)) {
      const dealt = dealWith(due);
      // Most entries did not change, and nothing has to be awaited for them.
      if (dealt !== undefined) await dealt;
      if (isOutOfTime(deadline)) return due.difference.key;
    }
    return undefined;
  };
  try {
    for await (const batch of differences) {
      ahead.push(batch);
      const stoppedAt = await dealWithDue('goes on');
      if (stoppedAt !== undefined) return stoppedAt;
    }
    return await dealWithDue('ended');
  } finally {
    await ahead.close();
  }
}
