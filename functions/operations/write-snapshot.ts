/**
 * Writes entries into a vault in key order: contents into packs, entries into segments. A segment is written only when every pack that
 * it points into is there.
 */
import type { Attributes, Entry, EntryKey, Extent, PresentEntry } from '../core/entry.ts';
import type { PackRef, SegmentRef } from '../core/manifest.ts';
import { collectMerkle, leafOf, type MerklePart } from '../core/merkle.ts';
import { buildSegment, type SegmentBuilder, segmentName } from '../core/segment.ts';
import type { ChunkStoreOptions } from './store-chunks.ts';
import { type HashedContent, type PendingExtent, pendingOf, storeContent } from './store-content.ts';

/** Entries that wait for their pack to be closed; more of them close it early, so that memory stays bounded. */
const MAX_WAITING = 20_000;

type WaitingEntry =
  | {
      readonly entry: Omit<PresentEntry, 'extents' | 'sha256'>;
      readonly hashed: HashedContent;
      readonly extents: readonly PendingExtent[];
    }
  | { readonly removed: EntryKey };

/** What one worker wrote. */
export interface SnapshotPart {
  readonly segments: readonly SegmentRef[];
  /** Every pack that the segments point into. */
  readonly packs: readonly PackRef[];
  readonly merkle: MerklePart;
  readonly storedBytes: number;
}

export interface SnapshotWriter {
  removed(key: EntryKey): Promise<void>;
  /** An entry whose content is in the vault already. */
  reused(entry: PresentEntry): Promise<void>;
  /** Stores a content and its entry; see `ContentStore.store`. Where `content` throws, no entry is added. */
  content(
    entry: { readonly key: EntryKey; readonly fingerprint: string; readonly attributes: Attributes },
    content: AsyncIterable<Uint8Array> | Buffer,
    known: PresentEntry | undefined,
  ): Promise<{ readonly sizeBytes: number }>;
  /** Writes what is left; the writer is used up. */
  finish(): Promise<SnapshotPart>;
}

export interface SnapshotWriterOptions extends ChunkStoreOptions {
  readonly shard: number;
  /** Sizes of packs that the chain's manifests name, by pack id. */
  readonly knownPacks: ReadonlyMap<string, number>;
}

export function writeSnapshot(options: SnapshotWriterOptions): SnapshotWriter {
  const { vault } = options;
  const contents = storeContent(options);
  const packs = new Map<string, number>();
  const segments: SegmentRef[] = [];
  const merkle = collectMerkle();
  const waiting: WaitingEntry[] = [];
  let segment: SegmentBuilder | undefined;
  let segmentBytes = 0;

  const closeSegment = async (): Promise<void> => {
    if (segment === undefined) return;
    const { segmentId, bytes, firstKey, lastKey, entries } = segment.finish();
    segment = undefined;
    await contents.uploaded();
    await vault.store.putNew(segmentName(segmentId), bytes);
    segmentBytes += bytes.length;
    segments.push({ id: segmentId, shard: options.shard, firstKey, lastKey, entries, sizeBytes: bytes.length });
  };

  const addEntry = async (entry: Entry): Promise<void> => {
    if (entry.state === 'present') {
      for (const { packId } of entry.extents.map((extent) => extent.chunk))
        if (!packs.has(packId)) packs.set(packId, options.knownPacks.get(packId) ?? (await contents.packSize(packId)));
    }
    merkle.add(leafOf(entry));
    segment ??= buildSegment(vault.keys, options.randomBytes(32));
    segment.add(entry);
    if (segment.full) await closeSegment();
  };

  const settle = (item: WaitingEntry): Entry | undefined => {
    if ('removed' in item) return { key: item.removed, state: 'removed' };
    const { sha256 } = item.hashed;
    if (sha256 === undefined) return undefined;
    const extents: Extent[] = [];
    // From the end, which settles last.
    for (let i = item.extents.length - 1; i >= 0; i -= 1) {
      const pending = item.extents[i];
      const extent = pending && contents.settle(pending);
      if (extent === undefined) return undefined;
      extents.push(extent);
    }
    return { ...item.entry, sha256, extents: extents.reverse() };
  };

  /** Writes what waits no longer: the order of keys is kept. */
  const writeSettled = async (): Promise<void> => {
    let written = 0;
    for (const item of waiting) {
      const entry = settle(item);
      if (entry === undefined) break;
      await addEntry(entry);
      written += 1;
    }
    if (written > 0) waiting.splice(0, written);
  };

  const wait = async (item: WaitingEntry): Promise<void> => {
    waiting.push(item);
    if (waiting.length >= MAX_WAITING) await contents.close();
    await writeSettled();
  };

  return {
    removed: (key) => wait({ removed: key }),
    reused: ({ extents, sha256, ...entry }) => wait({ entry, hashed: { sha256 }, extents: extents.map(pendingOf) }),
    async content(entry, content, known) {
      const { hashed, sizeBytes, extents } = await contents.store(content, known);
      await wait({ entry: { ...entry, state: 'present', sizeBytes }, hashed, extents });
      return { sizeBytes };
    },
    async finish() {
      await contents.close();
      await writeSettled();
      await closeSegment();
      await contents.uploaded();
      const named = [...packs].map(([id, sizeBytes]) => ({ id, sizeBytes })).sort((a, b) => (a.id < b.id ? -1 : 1));
      return { segments, packs: named, merkle: merkle.part(), storedBytes: contents.storedBytes + segmentBytes };
    },
  };
}
