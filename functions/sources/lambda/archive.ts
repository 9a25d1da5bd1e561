/**
 * The content of a function's entry: one tar archive of its document and of the zips that the document names. Equal functions give equal bytes, since
 * nothing in a header but name and size varies.
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, type Pack, pack } from 'tar-stream';
import { BackupError, InvalidInputError, messageOf } from '../../core/errors.ts';
import { DOCUMENT_FILE, type FunctionDocument, filesOf, parseDocument } from './document.ts';

export interface ArchivedFile {
  readonly name: string;
  readonly sizeBytes: number;
  readonly bytes: () => AsyncIterable<Uint8Array>;
}

const BLOCK = 512;
const END_BYTES = 2 * BLOCK;
const EPOCH = new Date(0);
/** A function has at most 75 GB of versions in an account, and each takes a few KB of settings; a document that is larger is none. */
const MAX_DOCUMENT_BYTES = 32 * 1024 * 1024;
const MAX_FILES = 20_000;

/** Bytes of the archive of such files; every name fits the plain header. */
export function archiveSize(files: readonly Pick<ArchivedFile, 'sizeBytes'>[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + BLOCK + Math.ceil(sizeBytes / BLOCK) * BLOCK, END_BYTES);
}

/** The archive, as a stream: no more of a file is in memory than the pieces that it comes in. What a file throws passes through. */
export async function* writeArchive(files: readonly ArchivedFile[]): AsyncGenerator<Uint8Array, void> {
  const archive = pack();
  const filling = fill(archive, files);
  filling.catch((error: unknown) => archive.destroy(error instanceof Error ? error : new Error(messageOf(error))));
  try {
    for await (const bytes of archive) yield asBytes(bytes);
  } finally {
    archive.destroy();
  }
  await filling;
}

async function fill(archive: Pack, files: readonly ArchivedFile[]): Promise<void> {
  for (const { name, sizeBytes, bytes } of files) {
    const header = { name, size: sizeBytes, mode: 0o644, mtime: EPOCH, uid: 0, gid: 0, type: 'file' } as const;
    const packed = Promise.withResolvers<void>();
    const sink = archive.entry(header, (error) => (error ? packed.reject(error) : packed.resolve()));
    packed.promise.catch(() => undefined); // Told by the pipeline, too.
    await pipeline(bytes(), sink);
    await packed.promise;
  }
  archive.finalize();
}

/** What was read of an archive: its document, and the chosen of its files, whole. */
export interface ReadArchive {
  readonly document: FunctionDocument;
  readonly files: ReadonlyMap<string, Buffer>;
}

/**
 * Reads an archive to its end, keeping the files that `choose` names once the document, which comes first, is known.
 * @throws InvalidInputError when it is not such an archive; what `content` and `choose` throw.
 */
export async function readArchive(
  content: AsyncIterable<Uint8Array>,
  name: string,
  choose: (document: FunctionDocument) => Promise<ReadonlySet<string>>,
): Promise<ReadArchive> {
  const archive = extract();
  const feeding = pipeline(Readable.from(content), archive);
  feeding.catch(() => undefined); // Awaited below, after the reading that it ends.
  let document: FunctionDocument | undefined;
  let chosen: ReadonlySet<string> = new Set();
  const files = new Map<string, Buffer>();
  const expected = new Map<string, number>();
  try {
    for await (const entry of archive) {
      const { name: file, size: sizeBytes = 0 } = entry.header;
      if (document === undefined) {
        document = parseDocument(await readDocument(entry, file, sizeBytes, name), name);
        for (const stored of filesOf(document)) expected.set(stored.file, stored.sizeBytes);
        if (expected.size > MAX_FILES) throw foreign(name, `it names ${expected.size} files`);
        chosen = await choose(document);
      } else if (expected.get(file) !== sizeBytes)
        throw foreign(name, 'its files are not those that its document names');
      else {
        expected.delete(file);
        if (chosen.has(file)) files.set(file, await readWhole(entry));
        else for await (const _ of entry);
      }
    }
    await feeding;
  } catch (error) {
    archive.destroy();
    throw await firstCause(feeding, error, name);
  }
  if (document === undefined || expected.size > 0) throw foreign(name, 'it is not whole');
  return { document, files };
}

async function readDocument(
  entry: AsyncIterable<unknown>,
  file: string,
  sizeBytes: number,
  name: string,
): Promise<Buffer> {
  if (file !== DOCUMENT_FILE || sizeBytes > MAX_DOCUMENT_BYTES)
    throw foreign(name, `it does not begin with ${DOCUMENT_FILE}`);
  return await readWhole(entry);
}

async function readWhole(entry: AsyncIterable<unknown>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const bytes of entry) parts.push(asBytes(bytes));
  return Buffer.concat(parts);
}

function asBytes(piece: unknown): Uint8Array {
  if (piece instanceof Uint8Array) return piece;
  throw new TypeError('an archive is made of bytes');
}

/** Of what broke the reading: our own refusal, else what the content threw, else that the parser cannot read it. */
async function firstCause(feeding: Promise<void>, error: unknown, name: string): Promise<unknown> {
  if (error instanceof BackupError) return error;
  const fed = await feeding.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (fed instanceof BackupError) return fed;
  // The parser throws plain Errors; anything else is a service's or a bug.
  const cause = error ?? fed;
  return cause instanceof Error && cause.name === 'Error' && !('$metadata' in cause)
    ? foreign(name, 'it is no tar archive', cause)
    : cause;
}

function foreign(name: string, why: string, cause?: unknown): InvalidInputError {
  return new InvalidInputError(
    `${name}: the entry's content is not the archive of a function (${why}); restore it to a directory`,
    {
      cause,
    },
  );
}
