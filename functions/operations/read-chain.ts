/** Reads snapshots back from a vault: manifests, and the entries of a chain merged by key, the newest winning. */
import { type Entry, type EntryKey, inRange, type KeyRange, type PresentEntry } from '../core/entry.ts';
import { IntegrityError, NotFoundError } from '../core/errors.ts';
import type { SnapshotId, SourceId } from '../core/ids.ts';
import { type Manifest, manifestName, openManifest, type SegmentRef } from '../core/manifest.ts';
import type { Vault } from '../core/ports.ts';
import { readSegment, segmentName } from '../core/segment.ts';
import { mergeByKey } from './merge-by-key.ts';

/** @throws NotFoundError, IntegrityError, naming the snapshot and the vault. */
export async function readManifest(vault: Vault, sourceId: SourceId, snapshotId: SnapshotId): Promise<Manifest> {
  const name = manifestName(sourceId, snapshotId);
  return openManifest(vault.keys, name, await vault.store.get(name));
}

/** The manifests of a chain, the full first. @throws NotFoundError or IntegrityError for the first that is missing, damaged or does not fit. */
export async function readChain(vault: Vault, sourceId: SourceId, chain: readonly SnapshotId[]): Promise<Manifest[]> {
  const manifests: Manifest[] = [];
  for (const snapshotId of chain) {
    const manifest = await readManifest(vault, sourceId, snapshotId);
    const expected = manifests.length === 0 ? 'full' : 'a delta';
    if ((manifest.kind === 'full') !== (manifests.length === 0))
      throw new IntegrityError(`snapshot ${snapshotId} is of kind ${manifest.kind} where its chain needs ${expected}`);
    manifests.push(manifest);
  }
  return manifests;
}

/** A key of a chain: its newest record, and the record of the full. */
export interface MergedEntry {
  readonly key: EntryKey;
  readonly newest: Entry;
  readonly full: Entry | undefined;
}

function overlaps(segment: SegmentRef, range: KeyRange): boolean {
  return (
    (range.after === undefined || segment.lastKey > range.after) &&
    (range.upTo === undefined || segment.firstKey <= range.upTo)
  );
}

/** The records of one snapshot, in key order, in batches. @throws IntegrityError naming the segment. */
export async function* readEntries(vault: Vault, manifest: Manifest, range: KeyRange): AsyncGenerator<Entry[]> {
  for (const segment of manifest.segments) {
    if (!overlaps(segment, range)) continue;
    let entries = 0;
    for (const batch of readSegment(vault.keys, segment.id, await getSegment(vault, manifest, segment))) {
      entries += batch.length;
      const inside = batch.filter(({ key }) => inRange(key, range));
      if (inside.length > 0) yield inside;
    }
    if (entries !== segment.entries)
      throw new IntegrityError(
        `segment ${segment.id} holds ${entries} entries where manifest ${manifest.snapshotId} says ${segment.entries}`,
      );
  }
}

async function getSegment(vault: Vault, manifest: Manifest, segment: SegmentRef): Promise<Buffer> {
  try {
    return await vault.store.get(segmentName(segment.id));
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    throw new IntegrityError(
      `snapshot ${manifest.snapshotId}: segment ${segment.id} is missing from ${vault.store.url}`,
      { cause: error },
    );
  }
}

async function* asMerged(entries: AsyncIterable<Entry[]>, member: 'full' | 'delta'): AsyncGenerator<MergedEntry[]> {
  for await (const batch of entries)
    yield batch.map((entry) => ({ key: entry.key, newest: entry, full: member === 'full' ? entry : undefined }));
}

const mergeTwo = (older: AsyncGenerator<MergedEntry[]>, newer: AsyncGenerator<MergedEntry[]>) =>
  mergeByKey(older, newer, (a, b) =>
    a === undefined || b === undefined ? (a ?? b) : { key: a.key, newest: b.newest, full: a.full },
  );

/** Balanced, so that a record of one of k deltas passes log k merges; one record passes each frame once. */
function mergeMembers(members: readonly AsyncGenerator<MergedEntry[]>[]): AsyncGenerator<MergedEntry[]> {
  const [first, ...rest] = members;
  if (first === undefined) return (async function* () {})();
  if (rest.length === 0) return first;
  const middle = members.length >> 1;
  return mergeTwo(mergeMembers(members.slice(0, middle)), mergeMembers(members.slice(middle)));
}

/** Every key of the chain in the range, in byte order, in batches, removed ones among them. Memory is one segment per member. */
export function mergeChain(
  vault: Vault,
  chain: readonly Manifest[],
  range: KeyRange = {},
): AsyncGenerator<MergedEntry[]> {
  const [full, ...deltas] = chain.map((manifest, index) =>
    asMerged(readEntries(vault, manifest, range), index === 0 ? 'full' : 'delta'),
  );
  if (full === undefined) return mergeMembers([]);
  // The full is by far the largest member: it passes one merge, not log k.
  return deltas.length === 0 ? full : mergeTwo(full, mergeMembers(deltas));
}

/** The entries of the state that a chain stands for, in byte order of keys. */
export async function* presentEntries(
  vault: Vault,
  chain: readonly Manifest[],
  range: KeyRange = {},
): AsyncGenerator<PresentEntry> {
  for await (const batch of mergeChain(vault, chain, range))
    for (const { newest } of batch) if (newest.state === 'present') yield newest;
}
