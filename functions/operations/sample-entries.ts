import { createHash } from 'node:crypto';
import type { VerifyLevel } from '../core/catalogue-records.ts';
import { keyToBytes, type PresentEntry } from '../core/entry.ts';

/**
 * A share of the entries, chosen by a hash of seed and key: another seed chooses others, the same seed the same ones, whatever is restarted.
 * The first entry is always among them, so that a small source is never sampled away.
 */
export async function* sampleEntries(
  entries: AsyncIterable<PresentEntry>,
  options: { readonly seed: string; readonly share: number; readonly withFirst: boolean },
): AsyncGenerator<PresentEntry> {
  let first = options.withFirst;
  for await (const entry of entries) {
    if (first || isChosen(entry, options.seed, options.share)) yield entry;
    first = false;
  }
}

export function isChosen(entry: PresentEntry, seed: string, share: number): boolean {
  if (share >= 1) return true;
  const hash = createHash('sha256').update(seed).update('\0').update(keyToBytes(entry.key)).digest();
  return hash.readUInt32BE(0) < share * 2 ** 32;
}

const LEVEL_WORDS: Readonly<Record<VerifyLevel, string>> = {
  check: 'present and intact as stored',
  data: 'read, unsealed and hashed',
  restore: 'restored into a sandbox and read back from there',
};

/** What looking at `checked` of `total` entries proves, in words. */
export function proofOf(checked: number, total: number, level: VerifyLevel): string {
  if (checked >= total) return `all ${total} entries were ${LEVEL_WORDS[level]}`;
  if (checked === 0) return `none of ${total} entries was ${LEVEL_WORDS[level]}`;
  // With damage in a share p of the entries, n random ones miss it with probability at most (1 - p)^n: 5 % at p = 1 - 0.05^(1/n).
  const percent = Math.min(100, (1 - 0.05 ** (1 / checked)) * 100);
  return `${checked} of ${total} entries were ${LEVEL_WORDS[level]}: with 95 % confidence less than ${percent.toPrecision(2)} % are damaged`;
}
