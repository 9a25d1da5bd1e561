/** A manifest makes a snapshot exist: it is written last, names everything that the snapshot needs, and is authenticated as a whole. */
import * as z from 'zod';
import { countsSchema, sizesSchema, snapshotKindSchema } from './catalogue-records.ts';
import type { Attributes } from './entry.ts';
import { IntegrityError } from './errors.ts';
import type { RunId, SnapshotId, SourceId } from './ids.ts';
import { isSnapshotId, isSourceId } from './ids.ts';
import { parseJson } from './json.ts';
import { buildFrames, openFrames } from './sealed-frames.ts';
import type { VaultKeys } from './vault-keys.ts';

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const time = z.iso.datetime();
const count = z.number().int().nonnegative();
const snapshotId = z.string().refine(isSnapshotId, 'is no snapshot id') as unknown as z.ZodType<SnapshotId>;

export const segmentRefSchema = z.object({
  id: hash,
  shard: count,
  /** Keys as strings whose units are bytes (see FORMAT.md, "Keys"). */
  firstKey: z.string(),
  lastKey: z.string(),
  entries: count,
  sizeBytes: count,
});
export type SegmentRef = z.infer<typeof segmentRefSchema>;

export const packRefSchema = z.object({ id: hash, sizeBytes: count });
export type PackRef = z.infer<typeof packRefSchema>;

export const unprotectedSchema = z.object({ key: z.string(), reason: z.string() });

/** What a source is besides its entries. */
export const settingsSchema = z.record(z.string(), z.json()) as unknown as z.ZodType<Attributes>;

export const manifestSchema = z.object({
  format: z.literal(1),
  snapshotId,
  sourceId: z.string().refine(isSourceId, 'is no source id') as unknown as z.ZodType<SourceId>,
  sourceUri: z.string(),
  plan: z.string(),
  kind: snapshotKindSchema,
  baseId: snapshotId.optional(),
  /** Every snapshot that a restore needs, the full first, this one last. */
  chain: z.array(snapshotId).min(1),
  runId: z.string() as unknown as z.ZodType<RunId>,
  fullBecause: z.string().optional(),
  suspect: z.string().optional(),
  startedAt: time,
  consistentAt: time,
  finishedAt: time,
  counts: countsSchema,
  sizes: sizesSchema,
  /** In key order. */
  segments: z.array(segmentRefSchema),
  /** Every pack that this snapshot's own segments point into. */
  packs: z.array(packRefSchema),
  sourceSettings: settingsSchema,
  settingsNotCaptured: z.array(z.string()),
  unprotected: z.array(unprotectedSchema),
  root: hash,
});
export type Manifest = z.infer<typeof manifestSchema>;

export const manifestName = (sourceId: SourceId, snapshotId: SnapshotId): string =>
  `manifests/${sourceId}/${snapshotId}`;

const FRAME_BYTES = 4 << 20;

/** `salt`: 32 fresh random bytes. */
export function sealManifest(keys: VaultKeys, manifest: Manifest, salt: Buffer): Buffer {
  const text = Buffer.from(JSON.stringify(manifest));
  const frames = buildFrames(keys, 'manifest', salt);
  for (let at = 0; at < text.length; at += FRAME_BYTES) {
    const last = at + FRAME_BYTES >= text.length;
    frames.add(text.subarray(at, at + FRAME_BYTES), last ? 'last frame' : 'frame');
  }
  return frames.finish();
}

// A manifest names about ten bytes of metadata for a megabyte of content; what claims more than this is not one.
const MAX_MANIFEST_BYTES = 1 << 30;

/**
 * @param name the blob's name, which the content must agree with, so that two manifests cannot be swapped.
 * @throws IntegrityError naming the blob.
 */
export function openManifest(keys: VaultKeys, name: string, blob: Buffer): Manifest {
  const frames: Buffer[] = [];
  let sizeBytes = 0;
  for (const frame of openFrames(keys, 'manifest', blob, name)) {
    sizeBytes += frame.length;
    if (sizeBytes > MAX_MANIFEST_BYTES) throw new IntegrityError(`${name} is larger than a manifest can be`);
    frames.push(frame);
  }
  const manifest = parseJson(Buffer.concat(frames), manifestSchema, name);
  if (manifestName(manifest.sourceId, manifest.snapshotId) !== name)
    throw new IntegrityError(
      `${name} holds the manifest of snapshot ${manifest.snapshotId} of source ${manifest.sourceId}`,
    );
  if (manifest.chain.at(-1) !== manifest.snapshotId)
    throw new IntegrityError(`${name}: its chain does not end with itself`);
  return manifest;
}
