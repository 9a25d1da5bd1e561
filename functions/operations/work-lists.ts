/** Lists that pass between the workers of one snapshot by reference, through the work place. */
import * as z from 'zod';
import { snapshotKindSchema } from '../core/catalogue-records.ts';
import type { RunId, SnapshotId, SourceId } from '../core/ids.ts';
import { isSnapshotId } from '../core/ids.ts';
import { parseJson } from '../core/json.ts';
import { packRefSchema, segmentRefSchema, settingsSchema, unprotectedSchema } from '../core/manifest.ts';
import type { MerklePart } from '../core/merkle.ts';
import type { WorkPlace } from '../core/ports.ts';

const snapshotId = z.string().refine(isSnapshotId, 'is no snapshot id') as unknown as z.ZodType<SnapshotId>;
const count = z.number().int().nonnegative();
const hashes = z
  .array(z.string().regex(/^[0-9a-f]{64}$/))
  .transform((list) => list.map((hex) => Buffer.from(hex, 'hex')));

export const inventorySchema = z.object({
  kind: snapshotKindSchema,
  sourceUri: z.string(),
  vault: z.string(),
  /** The newest snapshot's chain, the full first: what deltas are told by and contents are found in. Empty when there is none. */
  reference: z.array(snapshotId),
  /** Whether chunks that the vault is said to hold are used again; never when something there is known to be damaged. */
  reuse: z.boolean(),
  /** What the new snapshot is relative to; absent for a full. */
  baseId: snapshotId.optional(),
  /** The chain of the base; empty for a full. */
  chain: z.array(snapshotId),
  fullBecause: z.string().optional(),
  /** Entries of the last trusted snapshot, when the newest is suspect. */
  trustedEntries: count.optional(),
  /** Changes before this instant will be in the snapshot. */
  consistentAt: z.iso.datetime(),
  startedAt: z.iso.datetime(),
  /** The attempts that made shards, and how many: numbers of shards go on from one to the next. Empty while the source is not divided. */
  rounds: z.array(z.object({ attempt: z.string(), shards: count })),
  /** Set when the source was scanned and its entries are in the work place: by this attempt, as this part of the staging says. */
  staged: z
    .object({
      attempt: z.string(),
      part: count,
      changesOnly: z.boolean(),
      /** Keys (base64url) at which the base is divided: changes alone do not tell how large the source is. */
      bounds: z.array(z.string()),
    })
    .optional(),
  sourceSettings: settingsSchema,
  settingsNotCaptured: z.array(z.string()),
});
export type Inventory = z.output<typeof inventorySchema>;

export const partSchema = z.object({
  /** False where the shard goes on in a part behind this one. */
  done: z.boolean(),
  /** What the part covers: after < key <= upTo, keys in base64url; absent where the source begins and ends. */
  after: z.string().optional(),
  upTo: z.string().optional(),
  /**
   * Of the last part of a shard whose worker did as much as one call may: the rest, from `upTo` of the part to this bound, is for others. `pace` is how
   * many entries the worker dealt with.
   */
  left: z.object({ upTo: z.string().optional(), pace: count }).optional(),
  /** Set when the chain turned out to be damaged; then nothing else of the part counts. */
  baseDamaged: z.string().optional(),
  segments: z.array(segmentRefSchema),
  packs: z.array(packRefSchema),
  merkle: z.object({ count, head: hashes, split: z.boolean(), groups: hashes, tail: hashes }),
  unprotected: z.array(unprotectedSchema),
  /** How many of the unprotected these credentials may not read. */
  denied: count,
  counts: z.object({ entries: count, added: count, changed: count, removed: count }),
  /** Entries in the state before, and those of them that are gone: what the guard judges by. */
  known: count,
  lost: count,
  contentBytes: count,
  readBytes: count,
  storedBytes: count,
});
type Parsed = z.output<typeof partSchema>;
export type Part = {
  readonly [Name in keyof Parsed]: Name extends 'merkle'
    ? MerklePart
    : Parsed[Name] extends readonly (infer Item)[]
      ? readonly Item[]
      : Parsed[Name];
};

/** The part of a worker that found the chain damaged. */
export const damagedPart = (baseDamaged: string): Part => ({
  done: true,
  baseDamaged,
  segments: [],
  packs: [],
  merkle: { count: 0, head: [], split: false, groups: [], tail: [] },
  unprotected: [],
  denied: 0,
  counts: { entries: 0, added: 0, changed: 0, removed: 0 },
  known: 0,
  lost: 0,
  contentBytes: 0,
  readBytes: 0,
  storedBytes: 0,
});

/** An attempt at a source's part of a run. */
export interface Work {
  readonly runId: RunId;
  readonly sourceId: SourceId;
  readonly attempt: string;
}

const folderOf = ({ runId, sourceId, attempt }: Work): string => `runs/${runId}/${sourceId}/${attempt}`;
/** Where the source's entries are staged when it lists in an order of its own. */
export const stagedFolder = (work: Work): string => `${folderOf(work)}/staged`;
export const shardsName = (work: Work): string => `${folderOf(work)}/shards.json`;
const inventoryName = (work: Work): string => `${folderOf(work)}/inventory.json`;
const partName = (work: Work, shard: number, part: number): string =>
  `${folderOf(work)}/parts/${String(shard).padStart(6, '0')}.${String(part).padStart(6, '0')}.json`;

/** Buffers in a part (leaf hashes) are written in hex. */
const toJson = (value: unknown): Buffer =>
  Buffer.from(
    JSON.stringify(value, (_, field: unknown) =>
      isBufferJson(field) ? Buffer.from(field.data).toString('hex') : field,
    ),
  );

// JSON.stringify hands a Buffer to its replacer after Buffer's own toJSON.
const isBufferJson = (value: unknown): value is { readonly type: 'Buffer'; readonly data: number[] } =>
  typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer' && 'data' in value;

export const putInventory = (place: WorkPlace, work: Work, inventory: Inventory): Promise<void> =>
  place.put(inventoryName(work), toJson(inventory));

export const getInventory = async (place: WorkPlace, work: Work): Promise<Inventory> =>
  parseJson(await place.get(inventoryName(work)), inventorySchema, inventoryName(work));

export const putPart = (
  place: WorkPlace,
  work: Work,
  at: { readonly shard: number; readonly part: number },
  part: Part,
): Promise<void> => place.put(partName(work, at.shard, at.part), toJson(part));

export const getPart = async (
  place: WorkPlace,
  work: Work,
  at: { readonly shard: number; readonly part: number },
): Promise<Part> => {
  const name = partName(work, at.shard, at.part);
  return parseJson(await place.get(name), partSchema, name);
};
