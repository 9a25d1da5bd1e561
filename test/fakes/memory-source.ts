/** A source and restore target in memory, for the tests of operations: it keeps the guarantees of `Target` and can be made to fail. */
import {
  type Attributes,
  type EntryKey,
  inRange,
  type KeyRange,
  keyFromText,
  type ListedEntry,
  type PresentEntry,
} from '../../functions/core/entry.ts';
import { AccessDeniedError, ConflictError, NotFoundError, TransientError } from '../../functions/core/errors.ts';
import { type ListedPage, type ListedTarget, type OpenedEntry, PEEKED_KEYS } from '../../functions/core/ports.ts';

export interface MemoryEntry {
  readonly attributes: Attributes;
  readonly content: Buffer;
  readonly fingerprint: string;
}

/**
 * `denied`: cannot be read or written. `gone`: listed, but deleted before it is opened. `changes-once`, `changes-always`: the content
 * breaks off with a ConflictError, the first time or every time. `transient`: opening and writing raise a TransientError.
 */
export type MemoryFailure = 'denied' | 'gone' | 'changes-once' | 'changes-always' | 'transient';

export interface MemoryTarget extends ListedTarget {
  readonly entries: Map<EntryKey, MemoryEntry>;
  readonly failures: Map<EntryKey, MemoryFailure>;
  /** What the listing names as unprotected; with `subtree`, the entries whose keys start with the key are not listed. */
  readonly unlisted: Map<EntryKey, { readonly unprotected: string; readonly subtree?: true }>;
  /** True makes the source absent: listing and settings raise NotFoundError. A write brings it back. */
  absent: boolean;
  /** What `settings()` returns; `applySettings` replaces `settings`. */
  captured: { settings: Attributes; notCaptured: readonly string[] };
  /** How often an entry was opened, and the source listed (begun). */
  reads: number;
  lists: number;
  /** How often its first keys were asked for. */
  peeks: number;
  writes: number;
  /** Contents that were handed out and neither drained nor returned. */
  unclosed: number;
  /** The keys that `finish` was given, in its order; undefined until it is called. */
  finished: readonly EntryKey[] | undefined;
  /** Adds or replaces an entry (key as Unicode text) with a new fingerprint. */
  put(key: string, content: string | Uint8Array, attributes?: Attributes): void;
}

/** Pieces in which content is handed out: small, so that who reads must join them. */
const PIECE_BYTES = 40_000;

/** One of `s3://` can be divided as a bucket can, others not. */
export function memoryTarget(uri: string): MemoryTarget {
  let version = 0;
  const store = (key: EntryKey, content: Buffer, attributes: Attributes) => {
    version += 1;
    self.entries.set(key, { attributes, content, fingerprint: `v${version}` });
  };
  const demandPresent = () => {
    if (self.absent) throw new NotFoundError(`${uri} does not exist`);
  };

  const peek = async (range: KeyRange): Promise<EntryKey[]> => {
    self.peeks += 1;
    demandPresent();
    const keys = [...self.entries.keys()].filter((key) => inRange(key, range) && !self.unlisted.has(key));
    return keys.sort().slice(0, PEEKED_KEYS);
  };

  const self: MemoryTarget = {
    uri,
    entries: new Map(),
    failures: new Map(),
    unlisted: new Map(),
    absent: false,
    captured: { settings: {}, notCaptured: [] },
    reads: 0,
    lists: 0,
    peeks: 0,
    writes: 0,
    unclosed: 0,
    finished: undefined,

    put(key, content, attributes = { type: 'object' }) {
      store(keyFromText(key), Buffer.from(content), attributes);
    },

    async *list(range: KeyRange): AsyncGenerator<ListedPage> {
      self.lists += 1;
      demandPresent();
      const subtrees = [...self.unlisted].filter(([, { subtree }]) => subtree === true).map(([key]) => key);
      const hidden = (key: EntryKey) => self.unlisted.has(key) || subtrees.some((subtree) => key.startsWith(subtree));
      const keys = [...[...self.entries.keys()].filter((key) => !hidden(key)), ...self.unlisted.keys()];
      for (const key of keys.filter((key) => inRange(key, range)).sort()) {
        const unlisted = self.unlisted.get(key);
        const entry = self.entries.get(key);
        if (unlisted !== undefined) yield [{ key, ...unlisted }];
        else if (entry !== undefined) yield [{ key, fingerprint: entry.fingerprint, sizeBytes: entry.content.length }];
      }
    },

    ...(uri.startsWith('s3:') ? { peek: (range: KeyRange) => peek(range) } : {}),

    async open(listed: ListedEntry): Promise<OpenedEntry> {
      self.reads += 1;
      const { key } = listed;
      const failure = self.failures.get(key);
      if (failure === 'transient') throw new TransientError(`${uri} is busy`);
      if (failure === 'denied') return { state: 'unprotected', reason: 'access denied', denied: true };
      const entry = self.entries.get(key);
      if (failure === 'gone' || entry === undefined) return { state: 'gone' };
      if (failure === 'changes-once') self.failures.delete(key);
      const breaksOff = failure === 'changes-once' || failure === 'changes-always';
      self.unclosed += 1;
      return {
        state: 'open',
        fingerprint: entry.fingerprint,
        sizeBytes: entry.content.length,
        attributes: entry.attributes,
        content: contentOf(entry.content, breaksOff, () => {
          self.unclosed -= 1;
        }),
      };
    },

    async settings() {
      demandPresent();
      return self.captured;
    },

    attributesDiffer(stored, found) {
      for (const name of new Set([...Object.keys(stored), ...Object.keys(found)])) {
        const [was, is] = [stored[name], found[name]].map((value) => canonical(value));
        if (was !== is) return `${name} was ${was}, is ${is}`;
      }
      return undefined;
    },

    async write(entry: PresentEntry, content) {
      self.writes += 1;
      const failure = self.failures.get(entry.key);
      if (failure === 'transient') throw new TransientError(`${uri} is busy`);
      if (failure === 'denied') throw new AccessDeniedError(`${uri} refuses the write`);
      const pieces: Uint8Array[] = [];
      for await (const piece of content) pieces.push(Buffer.from(piece));
      self.absent = false;
      store(entry.key, Buffer.concat(pieces), entry.attributes);
      return [];
    },

    async remove(key) {
      if (self.failures.get(key) === 'denied') throw new AccessDeniedError(`${uri} refuses the removal`);
      self.entries.delete(key);
    },

    async finish(directories) {
      const keys: EntryKey[] = [];
      for await (const directory of directories) keys.push(directory.key);
      self.finished = keys;
    },

    async applySettings(settings) {
      self.captured = { ...self.captured, settings };
      return [];
    },
  };
  return self;
}

/** JSON with sorted names, so that equal values are equal text. */
function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_, part: unknown) =>
      typeof part === 'object' && part !== null && !Array.isArray(part)
        ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
        : part,
    ) ?? 'absent'
  );
}

/** Not a generator: `return` on a generator that has not begun would not tell that the content was closed. */
function contentOf(content: Buffer, breaksOff: boolean, closed: () => void): AsyncIterable<Uint8Array> {
  let offset = 0;
  let open = true;
  let piece = Buffer.alloc(0);
  const close = () => {
    if (open) closed();
    open = false;
  };
  const end = breaksOff ? Math.floor(content.length / 2) : content.length;
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        if (!open) return { done: true, value: undefined };
        piece.fill(0); // It was good until now.
        if (offset >= end) {
          close();
          if (breaksOff) throw new ConflictError('the entry changed while it was read');
          return { done: true, value: undefined };
        }
        piece = Buffer.from(content.subarray(offset, Math.min(end, offset + PIECE_BYTES)));
        offset += piece.length;
        return { done: false, value: piece };
      },
      async return() {
        close();
        return { done: true, value: undefined };
      },
    }),
  };
}
