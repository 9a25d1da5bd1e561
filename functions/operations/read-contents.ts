/** Reads contents back from packs: ahead of whoever needs them, each chunk once for all entries near each other, every content hashed on the way. */
import { createHash } from 'node:crypto';
import type { ChunkLocation, PresentEntry } from '../core/entry.ts';
import { quoteKey } from '../core/entry.ts';
import { IntegrityError } from '../core/errors.ts';
import type { Vault } from '../core/ports.ts';
import { type ChunkProof, chunkFetcher, type WantedChunk } from './fetch-chunks.ts';

/** Plain bytes of all chunks that are in memory or on their way there, whatever the contents' sizes and however many are read side by side. */
const AHEAD_BYTES = 32 << 20;
/** Plain bytes that are fetched together. */
const WINDOW_BYTES = 8 << 20;
/** Entries read ahead of whoever takes them; when there are so many, half of them are taken before more are read, so that requests stay large. */
const AHEAD_ENTRIES = 1000;

/** An entry and its content, which throws IntegrityError at or before its end when it is not what the entry says. */
export interface ReadableEntry {
  readonly entry: PresentEntry;
  /** To be read once. */
  readonly content: AsyncIterable<Uint8Array>;
  /** To be called for a content that may not have been read to its end, so that what is read ahead for it makes room. */
  leave(): void;
}

/** A chunk in memory, or on its way there, until nobody near needs it. */
interface HeldChunk {
  readonly chunk: ChunkLocation;
  readonly plain: Promise<Buffer>;
  needs: number;
  /** Planned, and not yet asked for. */
  waits: boolean;
}

/** An entry on its way: what of its chunks is held for it and not yet used, in order. */
interface Need {
  readonly entry: PresentEntry;
  readonly held: HeldChunk[];
  left: boolean;
}

/**
 * Entries with their contents, in the order given, which is the order in which chunks are read: the first content that is not yet read or left can
 * always be read on, however much of later ones is asked for.
 */
export async function* readContents(
  vault: Vault,
  entries: AsyncIterable<PresentEntry> | Iterable<PresentEntry>,
  proof: ChunkProof = 'left to the content',
): AsyncGenerator<ReadableEntry> {
  const ahead = readAhead(vault, entries, proof);
  try {
    for (let need = await ahead.next(); need !== undefined; need = await ahead.next()) {
      const taken = need;
      yield { entry: taken.entry, content: contentOf(taken, ahead), leave: () => ahead.leave(taken) };
    }
  } finally {
    await ahead.end();
  }
}

/** One entry's content. */
export async function* readContent(vault: Vault, entry: PresentEntry): AsyncGenerator<Uint8Array> {
  for await (const { content } of readContents(vault, [entry])) yield* content;
}

type ReadAhead = ReturnType<typeof readAhead>;

async function* contentOf(need: Need, ahead: ReadAhead): AsyncGenerator<Uint8Array> {
  const { entry } = need;
  const hash = createHash('sha256');
  try {
    for (const { offset, length } of entry.extents) {
      const bytes = (await ahead.nextChunk(need)).subarray(offset, offset + length);
      hash.update(bytes);
      yield bytes;
      ahead.release(need);
    }
    const sha256 = hash.digest('hex');
    if (sha256 !== entry.sha256)
      throw new IntegrityError(
        `${quoteKey(entry.key)}: the content in the vault has hash ${sha256} where the snapshot says ${entry.sha256}`,
      );
  } finally {
    ahead.leave(need);
  }
}

const placeOf = (chunk: ChunkLocation): string => `${chunk.packId}/${chunk.offset}`;

/** Goes through the entries as far ahead of their readers as memory allows, and has their chunks fetched. */
function readAhead(vault: Vault, entries: AsyncIterable<PresentEntry> | Iterable<PresentEntry>, proof: ChunkProof) {
  const fetcher = chunkFetcher(vault, proof);
  const chunks = new Map<string, HeldChunk>();
  const ready: Need[] = [];
  const changed = bell();
  let window: (WantedChunk & { readonly held: HeldChunk })[] = [];
  let windowBytes = 0;
  let heldBytes = 0;
  let state: 'reading' | 'ended' | { readonly failure: unknown } = 'reading';
  let stopped = false;

  const flush = async (): Promise<void> => {
    const wanted = window;
    for (const { held } of wanted) held.waits = false;
    window = [];
    windowBytes = 0;
    await fetcher.fetch(wanted);
  };
  /** What is planned is fetched before anything is waited for, since that may be what is waited for. */
  const waitUntil = async (holds: () => boolean): Promise<void> => {
    if (!stopped && !holds()) await flush();
    while (!stopped && !holds()) await changed.rung();
  };
  const hold = (need: Need, chunk: ChunkLocation): void => {
    const place = placeOf(chunk);
    let held = chunks.get(place);
    if (held === undefined) {
      const { promise: plain, resolve, reject } = Promise.withResolvers<Buffer>();
      plain.catch(() => undefined); // Seen by who needs it.
      held = { chunk, plain, needs: 0, waits: true };
      chunks.set(place, held);
      window.push({ chunk, held, resolve, reject });
      windowBytes += chunk.plainBytes;
      heldBytes += chunk.plainBytes;
    }
    held.needs += 1;
    need.held.push(held);
  };
  const release = (need: Need): void => {
    const held = need.held.shift();
    if (held === undefined) return;
    held.needs -= 1;
    if (held.needs > 0) return;
    chunks.delete(placeOf(held.chunk));
    heldBytes -= held.chunk.plainBytes;
    changed.ring();
  };
  const plan = async (entry: PresentEntry): Promise<void> => {
    const need: Need = { entry, held: [], left: false };
    ready.push(need);
    changed.ring();
    for (const { chunk } of entry.extents) {
      if (need.left || stopped) return;
      if (windowBytes + chunk.plainBytes > WINDOW_BYTES) await flush();
      // Room for a whole window, so that requests stay large.
      if (windowBytes === 0) await waitUntil(() => heldBytes <= AHEAD_BYTES - WINDOW_BYTES);
      if (need.left) return;
      hold(need, chunk);
      changed.ring();
    }
  };
  const planAll = async (): Promise<void> => {
    try {
      for await (const entry of entries) {
        await plan(entry);
        if (ready.length >= AHEAD_ENTRIES) await waitUntil(() => ready.length <= AHEAD_ENTRIES / 2);
        if (stopped) return;
      }
      await flush();
      state = 'ended';
    } catch (failure) {
      await flush();
      state = { failure };
    }
    changed.ring();
  };
  const planned = planAll();

  return {
    /** The next entry; undefined after the last. @throws what the entries threw, at its place. */
    async next(): Promise<Need | undefined> {
      while (ready.length === 0 && state === 'reading') await changed.rung();
      const need = ready.shift();
      changed.ring();
      if (need === undefined && typeof state === 'object') throw state.failure;
      return need;
    },
    /** The plain bytes of the chunk that is needed next. */
    async nextChunk(need: Need): Promise<Buffer> {
      for (;;) {
        const [held] = need.held;
        // Entries may come slowly: what is known of them by the end of this turn is not kept waiting for more.
        if (held?.waits === true) setImmediate(() => held.waits && flush());
        if (held !== undefined) return held.plain;
        if (stopped) throw new Error(`${quoteKey(need.entry.key)} is read after the end`);
        await changed.rung();
      }
    },
    /** Of the chunks that are held for it, the first is no longer needed. */
    release,
    leave(need: Need): void {
      need.left = true;
      while (need.held.length > 0) release(need);
    },
    /** Returns when nothing is under way. */
    async end(): Promise<void> {
      stopped = true;
      changed.ring();
      await planned;
      await fetcher.done();
    },
  };
}

/** Wakes all who wait for it to ring; what they wait for they look at themselves. */
function bell() {
  let waiting: PromiseWithResolvers<void> | undefined;
  return {
    rung(): Promise<void> {
      waiting ??= Promise.withResolvers<void>();
      return waiting.promise;
    },
    ring(): void {
      waiting?.resolve();
      waiting = undefined;
    },
  };
}
