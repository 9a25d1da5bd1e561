/**
 * Ports are what the operations need of the world, named by role. An adapter that implements one keeps the guarantees that are
 * written on it; `test/contracts/` proves them for the fakes and for every real adapter alike.
 *
 * Rules for all: an adapter raises the errors of `errors.ts` for what it knows and lets an unknown error pass untouched; a failed
 * read is never an empty read; short throttles and dropped connections are retried inside the adapter, and what
 * is still failing then is a `TransientError`.
 */
import type { ContentIndex, Leases, Proofs, RecoveryPoints, Runs, RunUsage } from './catalogue-ports.ts';
import type { Content } from './content.ts';
import type { Chunking } from './descriptor.ts';
import type { Attributes, EntryKey, KeyRange, ListedEntry, PresentEntry } from './entry.ts';
import type { HoldfastEvent, MetricName } from './events.ts';
import type { HoldfastConfig } from './plan.ts';
import type { VaultKeys } from './vault-keys.ts';

export interface BlobInfo {
  readonly name: string;
  readonly sizeBytes: number;
  /** By the store's own clock, ISO-8601 UTC. */
  readonly modifiedAt: string;
}

/**
 * A flat map from names to blobs. Names are tame: `[A-Za-z0-9._-]` segments joined by `/`, at most 200 characters.
 * Read-after-write and list-after-write hold. A write that is cut short leaves nothing under the name.
 */
export interface BlobStore {
  /** The place, for messages: `s3://bucket/prefix` or `file:///dir`. */
  readonly url: string;
  /** Writes a blob that must not be there yet; of two racing writers exactly one gets `written`. `exists` changes nothing. */
  putNew(name: string, bytes: Uint8Array): Promise<'written' | 'exists'>;
  /** Writes or replaces, atomically: a reader sees the old bytes or the new, never a part. */
  put(name: string, bytes: Uint8Array): Promise<void>;
  /**
   * The whole blob, or exactly `length` bytes from `offset`.
   * @throws NotFoundError when the store says that it is absent; IntegrityError when it is shorter than was asked for.
   */
  get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Buffer>;
  /** What is there under the name; undefined only when the store says that it is absent (a refusal throws). */
  find(name: string): Promise<BlobInfo | undefined>;
  /** Every blob whose name starts with `prefix`, once, in byte order of names; pages to the end or throws IntegrityError. */
  list(prefix: string): AsyncIterable<BlobInfo>;
  /** Deletes; a name that is absent is success. @throws LockedError when the store refuses by a lock or hold. */
  delete(name: string): Promise<void>;
}

/** A vault that is open: its store and the keys that the keyring gave to this process. */
export interface Vault {
  readonly name: string;
  readonly store: BlobStore;
  readonly keys: VaultKeys;
  /** As its descriptor says. */
  readonly chunking: Chunking;
}

/** Something in a listing that cannot be backed up, or a directory that cannot be listed. */
export interface UnlistedEntry {
  readonly key: EntryKey;
  readonly unprotected: string;
  /** True when nothing below the key could be listed: what the base holds there is not "removed". */
  readonly subtree?: true;
}

export type OpenedEntry =
  | {
      readonly state: 'open';
      /** As read, which may be newer than as listed. */
      readonly fingerprint: string;
      readonly sizeBytes: number;
      readonly attributes: Attributes;
      /**
       * The content, once. What comes in pieces throws ConflictError when the entry changed while it was read (the caller opens it again), and then never
       * ends normally: what ends normally is one version, whole.
       */
      readonly content: Content;
    }
  /** Deleted since it was listed. */
  | { readonly state: 'gone' }
  /** It is there but cannot be read, for a reason that another attempt will not mend; `denied` when these credentials may not. */
  | { readonly state: 'unprotected'; readonly reason: string; readonly denied?: true };

/** Lines of a listing that were got together, as a source gives them; never so many that memory would tell. */
export type ListedPage = readonly (ListedEntry | UnlistedEntry)[];

/** Reads one source (or a restore's target, which is read back the same way). */
interface Readable {
  readonly uri: string;
  /** Opens one entry for reading, pinned to one version. Whoever does not drain `content` must close it (`closeContent`). */
  open(listed: ListedEntry): Promise<OpenedEntry>;
  /** What the source is besides its entries. `notCaptured` names each setting that could not be read, with the reason. */
  settings(): Promise<{ readonly settings: Attributes; readonly notCaptured: readonly string[] }>;
  /** The first difference between attributes as stored and as read back, in words; undefined when they are equal as far as the place can hold them. */
  attributesDiffer(stored: Attributes, found: Attributes): string | undefined;
}

/** A source that lists in byte order of keys. */
export interface SourceReader extends Readable {
  /** Every entry of the range, once, in byte order of keys; pages to the end or throws. @throws NotFoundError when the source itself is absent. */
  list(range: KeyRange): AsyncIterable<ListedPage>;
  /**
   * Given by a place that can be divided without being listed: the first keys of the range, in byte order, by one request. They are `PEEKED_KEYS`, fewer
   * only when the range holds no more. Errors are those of `list`.
   */
  peek?(range: KeyRange): Promise<readonly EntryKey[]>;
}

/** As many as S3 gives in one answer (API reference, ListObjectsV2). */
export const PEEKED_KEYS = 1000;

/** An entry as a scan meets it: whole, or the news that it is gone. */
export interface ScannedEntry {
  readonly key: EntryKey;
  /** Undefined: removed since the state that the scan is relative to. */
  readonly content: Buffer | undefined;
}

export interface ScannedPage {
  readonly entries: readonly ScannedEntry[];
  /** With which to go on after this page; undefined when nothing is left. */
  readonly cursor: string | undefined;
  /** Set where the source has nothing to read yet (it is still preparing): come back after so many seconds. */
  readonly waitSeconds?: number;
}

/** What a scan reads. */
export interface ScanStart {
  readonly cursor: string;
  /** The state that is read: changes before this instant (ISO-8601 UTC) are in it. */
  readonly consistentAt: string;
  /** True when only what changed since the earlier state is read; what is not met is as it was there. */
  readonly changesOnly: boolean;
  /** Why all is read although changes were asked for and the source tells them otherwise; a sentence. */
  readonly fullBecause?: string;
}

/** A source that can only be read whole and in an order of its own (a table); the operations sort what it gives (`stage-entries.ts`). */
export interface SourceScanner extends Readable {
  /**
   * Fixes what is read. `since` is the newest state that is in the vault: its `consistentAt`, and what `settings` captured then. It is absent for a full.
   * @throws NotFoundError when the source itself is absent.
   */
  beginScan(now: Date, since?: { readonly consistentAt: string; readonly settings: Attributes }): Promise<ScanStart>;
  /**
   * Reads on from a cursor, whose pages it gives again when it is called again with it. Every entry that is there all the time is met once;
   * of one key that is met twice the later is the newer state.
   */
  scan(cursor: string): AsyncIterable<ScannedPage>;
}

export type Source = SourceReader | SourceScanner;

/** Writes entries back into a place. */
export interface SourceWriter {
  readonly uri: string;
  /** Entries that are written side by side; 16 unless given. */
  readonly writers?: number;
  /** Given by a place that a restore makes itself where it is not there yet (a table). */
  readonly creation?: PlaceCreation;
  /**
   * Makes the key hold exactly this content and these attributes, replacing what is there, atomically: `content` throws
   * (IntegrityError) before its end when it is not what `entry.sha256` says, and then the target is as before.
   * Returns the names of the attributes that this place cannot hold.
   * @throws InvalidInputError when the place cannot hold such a key or entry (named in the report, nothing written).
   */
  write(entry: PresentEntry, content: AsyncIterable<Uint8Array>): Promise<readonly string[]>;
  /** Removes the key; absent is success. */
  remove(key: EntryKey): Promise<void>;
  /** Called once after all writes, with every restored entry that needs a last touch (directories' modes and times), in key order. */
  finish(directories: AsyncIterable<PresentEntry>): Promise<void>;
  /** Sets what `SourceReader.settings` captured; returns a line for each setting that could not be set, with the reason. */
  applySettings(settings: Attributes): Promise<readonly string[]>;
}

export interface PlaceCreation {
  isThere(): Promise<boolean>;
  /**
   * Makes the place as captured settings say, and returns when it can be written to; one that is being made, or is there and fits, is success. `bare`
   * leaves out what costs time or money and no entry needs (indexes, capacity), for a sandbox.
   * @throws InvalidInputError when a place is there that cannot hold such entries, or the settings do not say how to make it; TransientError when it is not ready in time.
   */
  create(settings: Attributes, options: { readonly bare: boolean }): Promise<void>;
}

/** A place that a restore can fill and read back. */
export type Target = Source & SourceWriter;
export type ListedTarget = SourceReader & SourceWriter;

/** How a source is read, as the plan says. */
export interface ReadOptions {
  readonly engine?: 'scan' | 'export' | undefined;
  readonly consistentReads?: boolean | undefined;
  readonly maxReadUnitsPerSecond?: number | undefined;
  /** `s3://bucket/prefix` for exports. */
  readonly exportTo?: string | undefined;
}

export interface WriteOptions {
  readonly maxWriteUnitsPerSecond?: number | undefined;
}

export interface Sandbox {
  readonly target: Target;
  dispose(): Promise<void>;
}

/** Lists by reference between states: small blobs that may be replaced and vanish after a week; never a vault. */
export type WorkPlace = Pick<BlobStore, 'url' | 'put' | 'get' | 'list' | 'delete'>;

/** Puts events on the bus; at least once. */
export interface EventPublisher {
  publish(events: readonly HoldfastEvent[]): Promise<void>;
}

export type MetricUnit = 'Seconds' | 'Count' | 'Bytes';

/** Namespace `Holdfast`; dimensions stage (the adapter's to know), plan, source (the URI) and vault, the last two as far as they are given. */
export interface Metrics {
  put(
    dimensions: { readonly plan: string; readonly source?: string; readonly vault?: string },
    values: readonly { readonly name: MetricName; readonly unit: MetricUnit; readonly value: number }[],
  ): void;
}

export interface Clock {
  now(): Date;
}

/** What a worker has left before it must return a cursor. */
export interface Deadline {
  remainingMillis(): number;
}

/** All ports; an operation asks for those that it uses with `Pick`. */
export interface Ports {
  readonly clock: Clock;
  readonly randomBytes: (count: number) => Buffer;
  readonly config: HoldfastConfig;
  /** Opens a vault of the configuration by name, once per process. @throws InvalidInputError, NotFoundError (no descriptor), IntegrityError (wrong key). */
  readonly openVault: (name: string) => Promise<Vault>;
  /** Opening one promises nothing about the place itself: what reads or writes it says whether it is there. */
  readonly openSource: (uri: string, options?: ReadOptions) => Promise<Source>;
  readonly openTarget: (uri: string, options?: WriteOptions) => Promise<Target>;
  /**
   * A fresh place of the source's own kind for a verification to restore into; undefined where there is none (an S3 source without
   * `verify.sandbox` outside AWS). `dispose` removes the place with all that is in it.
   */
  readonly openSandbox: (
    source: { readonly uri: string; readonly plan: string },
    id: string,
  ) => Promise<Sandbox | undefined>;
  readonly work: WorkPlace;
  readonly leases: Leases;
  readonly runs: Runs;
  /** What was counted of a run so far; who counts is the process, not the operations. */
  readonly usage: Pick<RunUsage, 'get'>;
  readonly recoveryPoints: RecoveryPoints;
  readonly proofs: Proofs;
  readonly contentIndex: ContentIndex;
  readonly events: EventPublisher;
  readonly metrics: Metrics;
  /** Told as work proceeds, for a person's progress bar; deployed it does nothing. */
  readonly progress: (tick: {
    readonly step: string;
    readonly source: string;
    readonly entries: number;
    readonly bytes: number;
  }) => void;
}
