/** Takes one entry of a source into a snapshot. */
import { CUT_FROM_BYTES } from '../core/chunk.ts';
import { closeContent } from '../core/content.ts';
import { findPresent } from '../core/entry.ts';
import { ConflictError } from '../core/errors.ts';
import type { OpenedEntry, SourceReader } from '../core/ports.ts';
import type { ListedDifference } from './diff-source.ts';
import type { Tally } from './tally-changes.ts';
import type { SnapshotWriter } from './write-snapshot.ts';

/** How often an entry that changes while it is read is tried. */
const ATTEMPTS = 3;
const CHANGING = `changed while it was read, ${ATTEMPTS} times; it is tried again in the next run`;

/** The content is whole when it was small enough to be read side by side with others. */
export type ReadEntry = OpenedEntry | { readonly state: 'unchanged' };

type Opener = Pick<SourceReader, 'open'>;

/** Opens; where the listing does not tell whether the entry changed, what was opened does. */
async function open(difference: ListedDifference, reader: Opener, tally: Tally): Promise<ReadEntry> {
  const opened = await reader.open(difference.listed);
  if (opened.state !== 'open' || difference.listed.fingerprint !== undefined) return opened;
  if (!tally.isUnchanged(difference, opened.fingerprint)) return opened;
  await closeContent(opened.content);
  return { state: 'unchanged' };
}

/** Reads a small entry. Large contents are opened when their turn comes: an open connection must not wait behind others. */
export async function openSmall(
  difference: ListedDifference,
  reader: Opener,
  tally: Tally,
): Promise<ReadEntry | 'later'> {
  if ((difference.listed.sizeBytes ?? 0) >= CUT_FROM_BYTES) return 'later';
  for (let attempt = 1; ; attempt += 1) {
    try {
      const opened = await open(difference, reader, tally);
      if (opened.state !== 'open' || opened.sizeBytes >= CUT_FROM_BYTES) return opened;
      if (Buffer.isBuffer(opened.content)) return opened;
      const parts: Uint8Array[] = [];
      for await (const bytes of opened.content) parts.push(Buffer.from(bytes));
      return { ...opened, content: Buffer.concat(parts) };
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      if (attempt === ATTEMPTS) return { state: 'unprotected', reason: CHANGING };
    }
  }
}

/** @param first What `openSmall` gave. */
export async function takeEntry(
  difference: ListedDifference,
  first: ReadEntry | 'later',
  { reader, writer, tally }: { readonly reader: Opener; readonly writer: SnapshotWriter; readonly tally: Tally },
): Promise<void> {
  const { key } = difference;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const opened = attempt === 1 && first !== 'later' ? first : await open(difference, reader, tally);
      if (opened.state === 'gone') return await tally.missing(difference, writer);
      if (opened.state === 'unchanged') return await tally.unchanged(difference, writer);
      if (opened.state === 'unprotected') {
        if (opened.denied) tally.denied();
        return await tally.keep(difference, opened.reason, writer);
      }
      const { fingerprint, attributes, content } = opened;
      const known = findPresent(difference.merged?.newest);
      const stored = await writer.content({ key, fingerprint, attributes }, content, known);
      return tally.taken(difference, { fingerprint, ...stored });
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      if (attempt === ATTEMPTS) return tally.keep(difference, CHANGING, writer);
    }
  }
}
