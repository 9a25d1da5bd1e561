/** What was staged, seen as a listing that carries the contents. */
import { type Attributes, findPresent, type KeyRange, type ListedEntry, type PresentEntry } from '../core/entry.ts';
import { sha256Hex } from '../core/ids.ts';
import type { OpenedEntry, ScannedEntry, SourceReader, SourceScanner } from '../core/ports.ts';
import type { SourceDifference } from './diff-source.ts';
import { mergeByKey } from './merge-by-key.ts';
import { mergeRuns } from './merge-runs.ts';
import type { MergedEntry } from './read-chain.ts';
import type { Staging, StagingPlace } from './stage-entries.ts';

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
  return { state: 'open', fingerprint, sizeBytes: content.length, attributes: ATTRIBUTES, content };
}

const isStaged = (listed: ListedEntry): listed is StagedEntry => 'content' in listed;

/** A place that cannot list in byte order of keys, by what was staged of it. */
export function stagedReader(scanner: SourceScanner, place: StagingPlace, staging: Staging): SourceReader {
  return {
    uri: scanner.uri,
    settings: scanner.settings,
    attributesDiffer: scanner.attributesDiffer,
    open: async (listed) => openStaged(listed),
    async *list(range: KeyRange) {
      for await (const batch of mergeRuns(place, staging.runs, range))
        yield batch.map(stagedEntry).filter((entry) => entry !== undefined);
    },
  };
}

/**
 * Compares what was staged with the merged chain in one sorted pass. With `changesOnly` a key that was not met is as the chain has it;
 * otherwise it is gone.
 */
export const diffStaged = (
  staged: AsyncIterable<readonly ScannedEntry[]>,
  chain: AsyncIterable<readonly MergedEntry[]>,
  { changesOnly }: { readonly changesOnly: boolean },
): AsyncGenerator<SourceDifference[]> =>
  mergeByKey(staged, chain, (scanned, merged) => {
    if (scanned !== undefined) {
      const listed = stagedEntry(scanned);
      return listed === undefined && merged === undefined ? undefined : { key: scanned.key, listed, merged };
    }
    if (merged === undefined) return undefined;
    const { key, newest } = merged;
    return { key, merged, listed: changesOnly ? asListed(findPresent(newest)) : undefined };
  });

const asListed = (entry: PresentEntry | undefined): ListedEntry | undefined =>
  entry && { key: entry.key, fingerprint: entry.fingerprint, sizeBytes: entry.sizeBytes };
