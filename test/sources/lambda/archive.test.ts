import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidInputError } from '../../../functions/core/errors.ts';
import {
  type ArchivedFile,
  archiveSize,
  readArchive,
  writeArchive,
} from '../../../functions/sources/lambda/archive.ts';
import { DOCUMENT_FILE, type FunctionDocument } from '../../../functions/sources/lambda/document.ts';
import { sha256Of } from '../../fakes/lambda-function.ts';

const documentWith = (files: ReadonlyMap<string, Buffer>): FunctionDocument => {
  const versions = [...files].map(([file, bytes]) => ({
    settings: { Role: 'arn:aws:iam::111122223333:role/worker', PackageType: 'Zip' as const },
    code: { file, sha256: sha256Of(bytes), sizeBytes: bytes.length },
  }));
  const [latest, ...others] = versions;
  if (latest === undefined) throw new Error('a function has code');
  const none = { layers: [], aliases: [], provisionedConcurrency: [], eventSources: [], eventInvoke: [], urls: [] };
  return { format: 1, latest, versions: others, ...none, permissions: [], tags: {} };
};

async function* inPieces(bytes: Buffer, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const archivedFile = (name: string, bytes: Buffer, size = 7_000): ArchivedFile => ({
  name,
  sizeBytes: bytes.length,
  bytes: () => inPieces(bytes, size),
});

const archived = (files: ReadonlyMap<string, Buffer>, size?: number): readonly ArchivedFile[] => [
  archivedFile(DOCUMENT_FILE, Buffer.from(JSON.stringify(documentWith(files)))),
  ...[...files].map(([name, bytes]) => archivedFile(name, bytes, size)),
];

async function bytesOf(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const bytes of content) parts.push(bytes);
  return Buffer.concat(parts);
}

const everything = async (document: FunctionDocument) =>
  new Set([document.latest, ...document.versions].flatMap(({ code }) => ('file' in code ? code.file : [])));

const ZIP = Buffer.from('a zip that is a little longer than nothing');
const one = new Map([['code.zip', ZIP]]);

describe('an archive of a function', () => {
  it('gives back what was put in, whatever the sizes and the pieces', async () => {
    const contents = fc.array(fc.uint8Array({ maxLength: 3_000 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(contents, fc.integer({ min: 1, max: 2_000 }), async (zips, size) => {
        const files = new Map(zips.map((zip, index) => [`versions/${index}/code.zip`, Buffer.from(zip)]));
        const tar = await bytesOf(writeArchive(archived(files, size)));
        expect(tar.length).toBe(archiveSize(archived(files)));
        const read = await readArchive(inPieces(tar, size), 'function f', everything);
        expect(read.document).toEqual(documentWith(files));
        expect(read.files).toEqual(files);
      }),
      { numRuns: 40 },
    );
  });

  it('has the same bytes however its files come in', async () => {
    expect(await bytesOf(writeArchive(archived(one, 1)))).toEqual(await bytesOf(writeArchive(archived(one, 1_000))));
  });

  it('gets no extra header for the longest names that layers have', async () => {
    const long = new Map([[`layers/${'n'.repeat(140)}/111122223333-1000000.zip`, ZIP]]);
    expect((await bytesOf(writeArchive(archived(long)))).length).toBe(archiveSize(archived(long)));
  });

  it('keeps only the files that are asked for', async () => {
    const files = new Map([...one, ['versions/1/code.zip', Buffer.from('older')]]);
    const read = await readArchive(writeArchive(archived(files)), 'function f', async () => new Set(['code.zip']));
    expect([...read.files.keys()]).toEqual(['code.zip']);
  });

  it('never ends normally when a file throws', async () => {
    const broken: ArchivedFile = {
      name: 'code.zip',
      sizeBytes: 100,
      bytes: async function* () {
        yield Buffer.alloc(10);
        throw new RangeError('it broke');
      },
    };
    await expect(bytesOf(writeArchive([broken]))).rejects.toThrow(new RangeError('it broke'));
  });

  it('never ends normally when a file is shorter than was said', async () => {
    await expect(
      bytesOf(writeArchive([{ ...archivedFile('code.zip', ZIP), sizeBytes: ZIP.length + 1 }])),
    ).rejects.toThrow();
  });

  it('passes on what the content throws', async () => {
    const tar = await bytesOf(writeArchive(archived(one)));
    const broken = async function* () {
      yield tar.subarray(0, 700);
      throw new RangeError('the vault broke');
    };
    await expect(readArchive(broken(), 'function f', everything)).rejects.toThrow(new RangeError('the vault broke'));
  });

  it('passes on what the choice throws', async () => {
    const choose = async () => {
      throw new RangeError('no choice');
    };
    await expect(readArchive(writeArchive(archived(one)), 'function f', choose)).rejects.toThrow(
      new RangeError('no choice'),
    );
  });

  const empty = Buffer.alloc(0);
  const shorter = new Map([['code.zip', ZIP.subarray(1)]]);
  it.each([
    ['nothing', async () => empty],
    ['other bytes', async () => Buffer.alloc(2_000, 'x')],
    ['an archive that is cut', async () => (await bytesOf(writeArchive(archived(one)))).subarray(0, 1_100)],
    ['an archive without its end', async () => (await bytesOf(writeArchive(archived(one)))).subarray(0, 600)],
    ['an archive of other files', async () => bytesOf(writeArchive([archivedFile('a.txt', ZIP)]))],
    ['a document that is no JSON', async () => bytesOf(writeArchive([archivedFile(DOCUMENT_FILE, ZIP)]))],
    [
      'a document of another shape',
      async () => bytesOf(writeArchive([archivedFile(DOCUMENT_FILE, Buffer.from('{}'))])),
    ],
    [
      'a document nested beyond reason',
      async () => bytesOf(writeArchive([archivedFile(DOCUMENT_FILE, Buffer.from('['.repeat(200_000)))])),
    ],
    ['a document without its files', async () => bytesOf(writeArchive(archived(one).slice(0, 1)))],
    [
      'a file of another size than the document says',
      async () => bytesOf(writeArchive([...archived(one).slice(0, 1), ...archived(shorter).slice(1)])),
    ],
    [
      'a file that the document does not name',
      async () => bytesOf(writeArchive([...archived(one), archivedFile('more.zip', ZIP)])),
    ],
  ])('refuses %s', async (_, make) => {
    const read = readArchive(inPieces(await make(), 500), 'function f', everything);
    await expect(read).rejects.toThrow(InvalidInputError);
    await expect(read).rejects.toThrow(/^function f: .*restore it to a directory$/);
  });
});
