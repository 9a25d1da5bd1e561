/** A small application's data for the demonstration, and two days of changes to it. The same every time, made from a seed. */
import { appendFile, chmod, lutimes, mkdir, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';

/** A path as bytes, because a disk holds names that are not text. */
type Path = Buffer;

/** mulberry32: small, seeded, and good enough for bytes that must only look like content. */
function randomSource(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Half noise and half repetition, as photographs with their metadata are: it compresses, but not away. */
function semiCompressible(sizeBytes: number, random: () => number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  for (let at = 0; at < sizeBytes; at += 4096) {
    const noisy = random() < 0.5;
    const end = Math.min(at + 4096, sizeBytes);
    const letter = Math.floor(random() * 256);
    for (let index = at; index < end; index++) bytes[index] = noisy ? Math.floor(random() * 256) : letter;
  }
  return bytes;
}

function under(root: string, name: string | Uint8Array): Path {
  return Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name)]);
}

const PHOTOS = 10;
const MESSAGES = 1200;
const THUMBNAILS = 300;

/** Writes the application's data into `root`, which is made. */
export async function buildApplication(root: string): Promise<void> {
  const random = randomSource(20_261_125);
  for (const folder of ['uploads/photos', 'uploads/thumbnails', 'messages', 'config', 'code/lib', 'empty/still empty'])
    await mkdir(`${root}/${folder}`, { recursive: true });
  for (let index = 0; index < PHOTOS; index++) {
    const sizeBytes = 600_000 + Math.floor(random() * 3_000_000);
    await writeFile(`${root}/uploads/photos/photo-${index}.jpg`, semiCompressible(sizeBytes, random));
  }
  for (let index = 0; index < THUMBNAILS; index++) {
    const sizeBytes = 800 + Math.floor(random() * 6000);
    await writeFile(`${root}/uploads/thumbnails/photo-${index}.png`, semiCompressible(sizeBytes, random));
  }
  for (let index = 0; index < MESSAGES; index++)
    await writeFile(`${root}/messages/${index}.json`, message(index, 'new', random));
  await writeFile(`${root}/config/app.yml`, 'database: orders\nregion: eu-west-1\n');
  await writeFile(`${root}/config/secrets.env`, 'TOKEN=not-a-real-one\n', { mode: 0o600 });
  await writeFile(`${root}/code/start.sh`, '#!/bin/sh\nexec node lib/server.mjs\n', { mode: 0o755 });
  await writeFile(
    `${root}/code/lib/server.mjs`,
    'import { createServer } from "node:http";\ncreateServer().listen(8080);\n',
  );
  await symlink('lib/server.mjs', `${root}/code/server`);
  await symlink('../uploads', `${root}/code/public`);
  await symlink('/nowhere/at all', `${root}/config/dangling`);
  await buildOddities(root);
}

function message(index: number, state: string, random: () => number): string {
  const body = Array.from({ length: 8 }, () => Math.floor(random() * 1e9).toString(36)).join(' ');
  return `${JSON.stringify({ id: index, state, body })}\n`;
}

/** What other tools trip over. */
const ODD_NAMES: readonly (string | Buffer)[] = [
  'with  two spaces ',
  'elephant 🐘 and ünïcödé.txt',
  Buffer.from([0x6e, 0x6f, 0x74, 0xff, 0xfe, 0x75, 0x74, 0x66, 0x38]),
  'line\nbreak and \t tab',
  'back\\slash "quotes" \'and\' $HOME `x`',
  '-rf',
  '100%41%2Fpercent+plus',
  '...',
  'n'.repeat(255),
];

async function buildOddities(root: string): Promise<void> {
  await mkdir(`${root}/odd`);
  for (const [index, name] of ODD_NAMES.entries())
    await writeUnlessRefused(under(`${root}/odd`, name), `odd ${index}\n`);
  const deep = `${root}/odd/${Array.from({ length: 12 }, (_, depth) => `level ${depth} ${'x'.repeat(30)}`).join('/')}`;
  await mkdir(deep, { recursive: true });
  await writeFile(`${deep}/deep`, 'deep\n');
  await writeFile(`${root}/odd/nothing in it`, '');
  await writeFile(`${root}/odd/read only`, 'read only\n', { mode: 0o444 });
  await mkdir(`${root}/odd/shared`, { mode: 0o770 });
  await chmod(`${root}/odd/shared`, 0o1777);
  await utimes(`${root}/odd/read only`, new Date('1987-06-05T04:03:02Z'), new Date('1987-06-05T04:03:02Z'));
  await utimes(`${root}/config/app.yml`, new Date('2009-02-13T23:31:30.123Z'), new Date('2009-02-13T23:31:30.123Z'));
  await lutimes(`${root}/code/server`, new Date('2015-01-01T00:00:00Z'), new Date('2015-01-01T00:00:00Z'));
  await utimes(`${root}/empty`, new Date('2001-09-09T01:46:40Z'), new Date('2001-09-09T01:46:40Z'));
}

/** macOS refuses names that are not UTF-8 (EILSEQ). */
async function writeUnlessRefused(path: Path, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EILSEQ')) throw error;
  }
}

/** The first day's changes: some of everything. */
export async function changeSome(root: string): Promise<void> {
  const random = randomSource(1);
  for (let index = 0; index < 40; index++)
    await writeFile(`${root}/messages/${index * 7}.json`, message(index * 7, 'read', random));
  for (let index = MESSAGES; index < MESSAGES + 60; index++)
    await writeFile(`${root}/messages/${index}.json`, message(index, 'new', random));
  for (let index = 0; index < 25; index++) await rm(`${root}/messages/${index * 11 + 1}.json`);
  await writeFile(`${root}/uploads/photos/photo-new.jpg`, semiCompressible(1_500_000, random));
  await appendFile(`${root}/uploads/photos/photo-0.jpg`, semiCompressible(50_000, random));
  await rename(`${root}/uploads/photos/photo-1.jpg`, `${root}/uploads/photos/photo-1 renamed.jpg`);
  await chmod(`${root}/code/lib/server.mjs`, 0o640);
}

/** The second day's changes. */
export async function changeMore(root: string): Promise<void> {
  const random = randomSource(2);
  for (let index = 0; index < 30; index++)
    await writeFile(`${root}/messages/${index * 9 + 2}.json`, message(index * 9 + 2, 'answered', random));
  await rm(`${root}/code/server`);
  await symlink('start.sh', `${root}/code/server`);
  await rm(`${root}/uploads/photos/photo-2.jpg`);
  // A file takes the place of a folder, and a folder that of a file.
  await rm(`${root}/empty`, { recursive: true });
  await writeFile(`${root}/empty`, 'no longer a folder\n');
  await rm(`${root}/odd/nothing in it`);
  await mkdir(`${root}/odd/nothing in it`);
  const photo = await readFile(`${root}/uploads/photos/photo-3.jpg`);
  await writeFile(`${root}/uploads/photos/copy of photo-3.jpg`, photo);
}
