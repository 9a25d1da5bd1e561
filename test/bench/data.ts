/**
 * The data that campaigns run on, made from a fixed seed, so that every run and every machine measures the same bytes.
 *
 * - A: 50,000 files of 2 to 14 KB of JSON in 500 folders. B: 64 files of 12 MB, 60 % of each compressible. E: one file of 2 GB.
 * - `changeOnePercent` changes one file in a hundred of A; `insertInto` writes E anew with 100 insertions of a few hundred bytes.
 */
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readSync, utimesSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export const SEED = 20260101;

/** How large each set is; a share of it for a quick look. */
export interface Sizes {
  readonly files: number;
  readonly largeFiles: number;
  readonly largeBytes: number;
  readonly hugeBytes: number;
}

const FULL_SIZES: Sizes = { files: 50_000, largeFiles: 64, largeBytes: 12_000_000, hugeBytes: 2_000_000_000 };

/** xorshift128: 32 bits a call, the same for ever. */
export function randomOf(seed: number): () => number {
  const state = createHash('sha256').update(`holdfast bench ${seed}`).digest();
  let [x, y, z, w] = [0, 4, 8, 12].map((at) => state.readInt32LE(at)) as [number, number, number, number];
  return () => {
    const t = x ^ (x << 11);
    [x, y, z] = [y, z, w];
    w = w ^ (w >>> 19) ^ t ^ (t >>> 8);
    return w >>> 0;
  };
}

const WORDS = readableWords();

/** Made words: what a JSON document of an application is full of, no one's text. */
function readableWords(): readonly string[] {
  const next = randomOf(SEED);
  const syllables = ['ka', 'lo', 'mi', 'ter', 'an', 'vo', 'si', 'rul', 'ne', 'po', 'dra', 'el'];
  const word = () => Array.from({ length: 1 + (next() % 3) }, () => syllables[next() % syllables.length]).join('');
  return Array.from({ length: 2000 }, word);
}

/** A JSON document of about `sizeBytes` (2 to 14 KB in A), like an order or a profile. */
export function jsonDocument(next: () => number, id: number, sizeBytes: number): Buffer {
  const word = () => WORDS[next() % WORDS.length];
  const hex = () => next().toString(16).padStart(8, '0');
  const lines: string[] = [];
  for (let size = 150; size < sizeBytes; ) {
    const line = `{"sku":"${hex()}${hex()}","name":"${word()} ${word()}","quantity":${next() % 20},"price":"${next() % 500}.${next() % 100}","note":"${word()} ${word()} ${word()} ${word()}"}`;
    lines.push(line);
    size += line.length + 1;
  }
  return Buffer.from(
    `{"id":${id},"customer":"${hex()}-${hex()}","createdAt":"2026-${1 + (next() % 12)}-${1 + (next() % 28)}","items":[${lines.join(',')}]}`,
  );
}

const pathOfSmall = (folder: string, file: number): string =>
  join(folder, `d${String(file % 500).padStart(3, '0')}`, `order-${String(file).padStart(6, '0')}.json`);

const sizeOfSmall = (next: () => number): number => 2000 + (next() % 12_000);

/** A's times lie in the past, as those of most files do: what was just written is looked at twice by whoever is careful. */
const AGE_SECONDS = 3600;

function writeOld(path: string, bytes: Uint8Array): void {
  writeFileSync(path, bytes);
  const time = Date.now() / 1000 - AGE_SECONDS;
  utimesSync(path, time, time);
}

export function writeSmallFiles(folder: string, { files }: Sizes): void {
  const next = randomOf(SEED + 1);
  for (let file = 0; file < Math.min(files, 500); file += 1)
    mkdirSync(join(folder, `d${String(file).padStart(3, '0')}`), { recursive: true });
  for (let file = 0; file < files; file += 1)
    writeOld(pathOfSmall(folder, file), jsonDocument(next, file, sizeOfSmall(next)));
}

/** One file in a hundred gets other content; `round` says which ones, and with what. */
export function changeOnePercent(folder: string, { files }: Sizes, round: number): void {
  const next = randomOf(SEED + 1000 + round);
  for (let file = round % 100; file < files; file += 100)
    writeFileSync(pathOfSmall(folder, file), jsonDocument(next, file, sizeOfSmall(next)));
}

/** `bytes` of which about 60 % compress away: runs of text and of random bytes, alternating. */
function fillMixed(next: () => number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) {
    const random = Math.min(bytes.length - at, 400 + (next() % 400));
    let end = at + random;
    for (; at + 4 <= end; at += 4) bytes.writeUInt32LE(next(), at);
    for (; at < end; at += 1) bytes[at] = next();
    end = Math.min(bytes.length, at + Math.round(random * 1.7));
    const word = WORDS[next() % WORDS.length] ?? '';
    bytes.fill(`${word} `, at, end);
    at = end;
  }
}

export function writeLargeFiles(folder: string, { largeFiles, largeBytes }: Sizes): void {
  const next = randomOf(SEED + 2);
  mkdirSync(folder, { recursive: true });
  for (let file = 0; file < largeFiles; file += 1) {
    const bytes = Buffer.alloc(largeBytes);
    fillMixed(next, bytes);
    writeOld(join(folder, `image-${String(file).padStart(2, '0')}.bin`), bytes);
  }
}

const PIECE_BYTES = 8_000_000;

export function writeHugeFile(folder: string, { hugeBytes }: Sizes): void {
  const next = randomOf(SEED + 3);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'database.img');
  const file = openSync(path, 'w');
  for (let left = hugeBytes; left > 0; left -= PIECE_BYTES) {
    const bytes = Buffer.alloc(Math.min(PIECE_BYTES, left));
    fillMixed(next, bytes);
    writeSync(file, bytes);
  }
  closeSync(file);
  const time = Date.now() / 1000 - AGE_SECONDS;
  utimesSync(path, time, time);
}

/** The huge file of `from`, with 100 insertions of 100 to 900 bytes spread over it, as `to`'s. */
export function insertInto(from: string, to: string, { hugeBytes }: Sizes): void {
  const next = randomOf(SEED + 4);
  mkdirSync(to, { recursive: true });
  const places = Array.from({ length: 100 }, () => Math.floor((next() / 2 ** 32) * hugeBytes)).sort((a, b) => a - b);
  const source = openSync(join(from, 'database.img'), 'r');
  const target = openSync(join(to, 'database.img'), 'w');
  const copy = (start: number, end: number): void => {
    const bytes = Buffer.allocUnsafe(Math.min(PIECE_BYTES, end - start));
    for (let at = start; at < end; ) {
      const got = readSync(source, bytes, 0, Math.min(bytes.length, end - at), at);
      writeSync(target, bytes, 0, got);
      at += got;
    }
  };
  let at = 0;
  for (const place of [...places, hugeBytes]) {
    if (place > at) copy(at, place);
    at = place;
    if (place === hugeBytes) break;
    const inserted = Buffer.alloc(100 + (next() % 800));
    fillMixed(next, inserted);
    writeSync(target, inserted);
  }
  closeSync(source);
  closeSync(target);
}

/** A tenth of a set has a tenth of its files, or of the huge file's bytes. */
export function sizesOf(share: number): Sizes {
  const { files, largeFiles, largeBytes, hugeBytes } = FULL_SIZES;
  const part = (whole: number): number => Math.max(1, Math.round(whole * share));
  return { files: part(files), largeFiles: part(largeFiles), largeBytes, hugeBytes: part(hugeBytes) };
}
