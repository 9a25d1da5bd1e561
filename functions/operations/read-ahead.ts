/** Differences in their order, and what must be read of them read side by side before its turn comes. */
import { CUT_FROM_BYTES } from '../core/chunk.ts';
import { closeContent } from '../core/content.ts';
import type { ListedEntry } from '../core/entry.ts';
import type { SourceReader } from '../core/ports.ts';
import type { SourceDifference } from './diff-source.ts';
import { openSmall, type ReadEntry } from './take-entry.ts';
import type { Tally } from './tally-changes.ts';

/** Entries that are opened and read side by side: a request to a place far away takes as long as a thousand small reads of a disk. */
const READERS = 64;
/** And of their bytes; an entry whose size is not listed counts as the largest that is read ahead, which also spares services that list no sizes. */
const READ_BYTES = 16 << 20;
/** Differences that wait behind one that is read. */
const WAITING = 4096;

export interface ReadAhead {
  push(differences: readonly SourceDifference[]): void;
  /** The next one with what it was read as, if it must be read; undefined when more can be read ahead first, or nothing is left. */
  next(input: 'goes on' | 'ended'): Due | undefined;
  /** Waits for what is still read, and lets go of it. */
  close(): Promise<void>;
}

export interface Due {
  readonly difference: SourceDifference;
  readonly opened: Promise<ReadEntry | 'later'> | undefined;
}

interface Reading {
  readonly opened: Promise<ReadEntry | 'later'>;
  readonly sizeBytes: number;
}

/** Of an entry's content, how much is read before its turn comes at most. */
function bytesAhead({ sizeBytes = CUT_FROM_BYTES - 1 }: ListedEntry): number {
  return sizeBytes < CUT_FROM_BYTES ? sizeBytes : 0;
}

export function readAhead(reader: Pick<SourceReader, 'open'>, tally: Tally): ReadAhead {
  let queue: SourceDifference[] = [];
  let [first, begun, readingBytes] = [0, 0, 0];
  const reading = new Map<SourceDifference, Reading>();

  const begin = (): void => {
    for (; begun < queue.length && reading.size < READERS && readingBytes < READ_BYTES; begun += 1) {
      const difference = queue[begun];
      if (difference === undefined || !tally.mustRead(difference)) continue;
      const sizeBytes = bytesAhead(difference.listed);
      const opened = openSmall(difference, reader, tally);
      opened.catch(() => undefined); // Seen when its turn comes; until then it is not an unhandled rejection.
      reading.set(difference, { opened, sizeBytes });
      readingBytes += sizeBytes;
    }
  };

  return {
    push(differences) {
      queue = first === queue.length ? [...differences] : [...queue.slice(first), ...differences];
      [begun, first] = [begun - first, 0];
    },
    next(input) {
      begin();
      const difference = queue[first];
      if (difference === undefined) return undefined;
      const own = reading.get(difference);
      const roomForMore = begun === queue.length && queue.length - first < WAITING;
      if (own !== undefined && roomForMore && input === 'goes on') return undefined;
      first += 1;
      if (own === undefined) return { difference, opened: undefined };
      reading.delete(difference);
      readingBytes -= own.sizeBytes;
      return { difference, opened: own.opened };
    },
    async close() {
      for (const result of await Promise.allSettled([...reading.values()].map(({ opened }) => opened))) {
        if (result.status === 'rejected' || result.value === 'later' || result.value.state !== 'open') continue;
        await closeContent(result.value.content);
      }
    },
  };
}
