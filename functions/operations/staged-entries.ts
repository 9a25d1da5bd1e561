/** What was staged, seen as a listing that carries the contents. */
import { type Attributes, findPresent, type KeyRange, type ListedEntry } from '../core/entry.ts';
import { sha256Hex } from '../core/ids.ts';
import type { OpenedEntry, ScannedEntry, SourceReader, SourceScanner } from '../core/ports.ts';
import type { SourceDifference } from './diff-source.ts';
import { mergeRuns } from './merge-runs.ts';
import type { MergedEntry } from './read-chain.ts';
import type { Staging, StagingPlace } from './stage-entries.ts';
import { zipByKey } from './zip-by-key.ts';

/** Of every entry of a source that is scanned. */
const ATTRIBUTES: Attributes = { type: 'item' };

interface StagedEntry extends ListedEntry {
  readonly fingerprint: string;
  readonly content: Buffer;
}

/** The content itself tells whether an entry changed. */
function stagedEntry({ key, content }: ScannedEntry): StagedEntry | undefined {
  return content === undefined
    ? undefined
    : { key, fingerprint: sha256Hex(content), sizeBytes: content.length, content };
}

/** Opens an entry of `diffStaged` or of a staged reader's listing. */
export function openStaged(listed: ListedEntry): OpenedEntry {
  if (!isStaged(listed)) throw new TypeError('an entry was opened that was not staged');
  const { fingerprint, content } = listed;
  return { state: 'open', fingerprint, sizeBytes: content.length, attributes: ATTRIBUTES, content: once(content) };
}

const isStaged = (listed: ListedEntry): listed is StagedEntry => 'content' in listed;

async function* once(content: Buffer): AsyncGenerator<Buffer> {
  if (content.length > 0) yield content;
}

/** A place that cannot list in byte order of keys, by what was staged of it. */
export function stagedReader(scanner: SourceScanner, place: StagingPlace, staging: Staging): SourceReader {
  return {
    uri: scanner.uri,
    settings: scanner.settings,
    attributesDiffer: scanner.attributesDiffer,
    open: async (listed) => openStaged(listed),
    async *list(range: KeyRange) {
      for await (const scanned of mergeRuns(place, staging.runs, range)) {
        const entry = stagedEntry(scanned);
        if (entry !== undefined) yield entry;
      }
    },
  };
}

/**
 * Compares what was staged with the merged chain in one sorted pass. With `changesOnly` a key that was not met is as the chain has it;
 * otherwise it is gone.
 */
export async function* diffStaged(
  staged: AsyncIterable<ScannedEntry>,
  chain: AsyncIterable<MergedEntry>,
  { changesOnly }: { readonly changesOnly: boolean },
): AsyncGenerator<SourceDifference> {
  for await (const { key, left, right } of zipByKey(staged, chain)) {
    const merged = right === undefined ? {} : { merged: right };
    if (left !== undefined) {
      const listed = stagedEntry(left);
      if (listed !== undefined || right !== undefined)
        yield { key, ...(listed === undefined ? {} : { listed }), ...merged };
      continue;
    }
    const newest = changesOnly ? findPresent(right?.newest) : undefined;
    const listed = newest && { key, fingerprint: newest.fingerprint, sizeBytes: newest.sizeBytes };
    yield { key, ...(listed === undefined ? {} : { listed }), ...merged };
  }
}
