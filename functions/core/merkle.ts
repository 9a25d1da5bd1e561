/**
 * The root is one hash over a snapshot's entries in key order that does not depend on how they were divided into shards and
 * segments: leaves are grouped where a leaf's first byte is zero (on average every 256), so that each worker can hash its own part
 * and the parts join exactly.
 */
import { createHash, hash } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';
import type { Entry } from './entry.ts';

/** One byte of value 0, as the text that it is hashed with. */
const LEAF = '\0';
const GROUP = Buffer.from([1]);
const ROOT = Buffer.from([2]);

const hashOf = (kind: Buffer, parts: readonly Uint8Array[]): Buffer => {
  const digest = createHash('sha256').update(kind);
  for (const part of parts) digest.update(part);
  return digest.digest();
};

/** The hash of an entry: what a restore must bring back, and not where it rests or how change was told. */
export function leafOf(entry: Entry): Buffer {
  const value = entry.state === 'removed' ? [entry.key] : [entry.key, entry.attributes, entry.sha256, entry.sizeBytes];
  return hash('sha256', LEAF + canonicalJson(value), 'buffer');
}

const endsGroup = (leaf: Uint8Array): boolean => leaf[0] === 0;

/** A run of leaves: those up to and with the first group end, whole groups' hashes, those after the last group end. */
export interface MerklePart {
  readonly count: number;
  readonly head: readonly Buffer[];
  /** False while no leaf ended a group: then `head` holds all leaves, and the rest is empty. */
  readonly split: boolean;
  readonly groups: readonly Buffer[];
  readonly tail: readonly Buffer[];
}

/** Collects the leaves of one part, in key order. */
export function collectMerkle(): { add(leaf: Buffer): void; part(): MerklePart } {
  const head: Buffer[] = [];
  const groups: Buffer[] = [];
  let tail: Buffer[] = [];
  let split = false;
  let count = 0;
  return {
    add(leaf) {
      count += 1;
      if (!split) {
        head.push(leaf);
        split = endsGroup(leaf);
        return;
      }
      tail.push(leaf);
      if (!endsGroup(leaf)) return;
      groups.push(hashOf(GROUP, tail));
      tail = [];
    },
    part: () => ({ count, head, split, groups, tail }),
  };
}

/** The root, hex, of parts in key order. */
export function merkleRoot(parts: Iterable<MerklePart>): string {
  const groups: Buffer[] = [];
  let open: Buffer[] = [];
  let count = 0;
  for (const part of parts) {
    count += part.count;
    open.push(...part.head);
    if (!part.split) continue;
    groups.push(hashOf(GROUP, open));
    for (const group of part.groups) groups.push(group);
    open = [...part.tail];
  }
  if (open.length > 0) groups.push(hashOf(GROUP, open));
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(count));
  return hashOf(ROOT, [size, ...groups]).toString('hex');
}
