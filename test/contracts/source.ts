/** What every source that can be restored into must keep: run against the fake and every real place alike. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Content, closeContent, piecesOf } from '../../functions/core/content.ts';
import {
  type Attributes,
  displayKey,
  type EntryKey,
  inRange,
  type KeyRange,
  keyFromText,
  type ListedEntry,
  type PresentEntry,
} from '../../functions/core/entry.ts';
import { IntegrityError } from '../../functions/core/errors.ts';
import { sha256Hex } from '../../functions/core/ids.ts';
import type { ListedTarget, SourceReader } from '../../functions/core/ports.ts';
import { eachOf } from '../../functions/operations/each-of.ts';

export interface TargetUnderTest {
  readonly uri: string;
  /** Empty when it is made. */
  readonly target: ListedTarget;
  /**
   * The attributes to write an entry with; version 2 must differ from version 1 in something that the place holds for files and
   * objects. Without it all entries are written with `{ type: 'object' }`, and differences of attributes are not tested.
   */
  readonly attributes?: (key: EntryKey, version: 1 | 2) => Attributes;
  dispose(): Promise<void>;
}

/** Keys that every place holds, with each `x/` that a disk needs; where byte order and path order differ, and where an encoding would show. */
const KEYS = [
  ...['a-b', 'a.b', 'a/', 'a/x', 'a/x0', 'a/y-', 'a/y/', 'a/y/z', 'a/y0', 'a0', 'A', 'a b', 'a+b', 'a%2Bb', '50%.jpg'],
  ...['ä', 'ä/', 'ä/ö', '\u{1f600}', '\ue000', '~', 'empty/', 'line\nbreak', 'tab\tbell\u0001', '&amp;<x>', '?q=1#f'],
  ...['.hidden', '...', '-rf', '*', `${'n'.repeat(250)}`, `d/`, `d/${'e'.repeat(200)}/`, `d/${'e'.repeat(200)}/f`],
]
  .filter((key) => key !== 'ä') // `ä` and `ä/` side by side is what a disk cannot hold.
  .map(keyFromText)
  .sort();

const KIB = 1024;
const SIZES = [64 * KIB, KIB * KIB, 8 * KIB * KIB].flatMap((size) => [size - 1, size, size + 1]);

export function describeTarget(name: string, make: () => Promise<TargetUnderTest>): void {
  describe(`${name} as a source and target`, () => {
    let place: TargetUnderTest;
    let target: ListedTarget;
    beforeEach(async () => {
      place = await make();
      target = place.target;
    });
    afterEach(() => place.dispose());

    const entryOf = (key: EntryKey, content: Buffer, version: 1 | 2 = 1): PresentEntry => ({
      key,
      state: 'present',
      fingerprint: 'of another place',
      attributes: place.attributes?.(key, version) ?? { type: 'object' },
      sha256: sha256Hex(content),
      sizeBytes: content.length,
      extents: [],
    });
    const put = async (key: EntryKey, content: Buffer, version: 1 | 2 = 1) => {
      const entry = entryOf(key, content, version);
      await target.write(entry, pieces(content));
      return entry;
    };
    const putAll = async () => {
      const entries: PresentEntry[] = [];
      for (const key of KEYS)
        entries.push(await put(key, key.endsWith('/') ? Buffer.alloc(0) : Buffer.from(`content of ${key}`)));
      await target.finish(iterate(entries.filter(({ key }) => key.endsWith('/'))));
      return entries;
    };

    it('has the URI by which it was opened', () => {
      expect(target.uri).toBe(place.uri);
    });

    it('lists what was written once, in byte order', async () => {
      await putAll();
      expect((await listAll(target)).map(({ key }) => displayKey(key))).toEqual(KEYS.map(displayKey));
    });

    it('reads back what was written: content, sizes and attributes', async () => {
      const written = await putAll();
      const listed = await listAll(target);
      for (const [index, entry] of written.entries()) {
        const line = listed[index];
        if (line === undefined) throw new Error(`${displayKey(entry.key)} is not listed`);
        expect(line.sizeBytes).toBe(entry.sizeBytes);
        const found = await readEntry(target, line);
        expect(sha256Hex(found.content), displayKey(entry.key)).toBe(entry.sha256);
        expect(found.sizeBytes).toBe(entry.sizeBytes);
        expect(found.fingerprint, displayKey(entry.key)).toBe(line.fingerprint);
        expect(target.attributesDiffer(entry.attributes, found.attributes), displayKey(entry.key)).toBeUndefined();
      }
    });

    it('lists the same fingerprints again while nothing changes', async () => {
      await putAll();
      const first = await listAll(target);
      for (const line of first) await readEntry(target, line);
      expect(await listAll(target)).toEqual(first);
    });

    it('lists exactly the keys of any range after < key <= upTo', async () => {
      await putAll();
      const between = ['', 'a', 'a/', 'a/x', 'a/y/', 'a/y/z', 'a/y0', 'a/zz', 'a0', 'd/e', 'zzz', '\u{10ffff}'].map(
        keyFromText,
      );
      const bounds = [undefined, ...between];
      for (const after of bounds)
        for (const upTo of bounds) {
          const range: KeyRange = { after, upTo };
          const listed = (await listAll(target, range)).map(({ key }) => displayKey(key));
          expect(listed, JSON.stringify(range)).toEqual(KEYS.filter((key) => inRange(key, range)).map(displayKey));
        }
    });

    it('covers every key once when ranges follow one another', async () => {
      await putAll();
      for (const cut of KEYS) {
        const keys = [...(await listAll(target, { upTo: cut })), ...(await listAll(target, { after: cut }))];
        expect(keys.map(({ key }) => key)).toEqual(KEYS);
      }
    });

    it('gives the first keys of any range, as many as it lists, where it can be divided', async () => {
      await putAll();
      const bounds = [undefined, ...['', 'a/x', 'a0', 'zzz'].map(keyFromText)];
      for (const after of bounds)
        for (const upTo of bounds) {
          const listed = (await listAll(target, { after, upTo })).map(({ key }) => key);
          expect((await target.peek?.({ after, upTo })) ?? listed, JSON.stringify({ after, upTo })).toEqual(listed);
        }
    });

    it('lists nothing where nothing was written', async () => {
      await target.finish(iterate([]));
      expect(await listAll(target)).toEqual([]);
      expect((await target.peek?.({})) ?? []).toEqual([]);
    });

    it.each([0, 1, ...SIZES])('holds content of %i bytes', async (sizeBytes) => {
      const content = patternOf(sizeBytes, 1);
      const entry = await put(keyFromText('sized.bin'), content);
      const [line, ...others] = await listAll(target);
      expect(others).toEqual([]);
      expect(line?.sizeBytes).toBe(sizeBytes);
      const found = await readEntry(target, line);
      expect(found.content.length).toBe(sizeBytes);
      expect(sha256Hex(found.content)).toBe(entry.sha256);
      expect(target.attributesDiffer(entry.attributes, found.attributes)).toBeUndefined();
    });

    it.each([
      [10, 20],
      [20, 10],
      [9 * KIB * KIB, 5],
      [5, 9 * KIB * KIB],
      [5, 0],
    ])('replaces %i bytes by %i, and the fingerprint tells', async (before, after) => {
      const key = keyFromText('dir.d/replaced');
      await put(key, patternOf(before, 1));
      const first = await findListed(target, key);
      const entry = await put(key, patternOf(after, 2), 2);
      const second = await findListed(target, key);
      expect(second?.fingerprint).not.toBe(first?.fingerprint);
      const found = await readEntry(target, second);
      expect(sha256Hex(found.content)).toBe(entry.sha256);
      expect(target.attributesDiffer(entry.attributes, found.attributes)).toBeUndefined();
    });

    it('says in words when attributes differ', async () => {
      if (place.attributes === undefined)
        return expect(target.attributesDiffer({ type: 'object' }, { type: 'object' })).toBeUndefined();
      const key = keyFromText('differs');
      await put(key, Buffer.from('x'), 1);
      const found = await readEntry(target, await findListed(target, key));
      expect(target.attributesDiffer(place.attributes(key, 2), found.attributes)).toMatch(/\S/);
    });

    it('opens what was removed since it was listed as gone', async () => {
      const key = keyFromText('soon gone');
      await put(key, Buffer.from('x'));
      const line = await findListed(target, key);
      await target.remove(key);
      if (line === undefined) throw new Error('it is not listed');
      expect(await target.open(line)).toEqual({ state: 'gone' });
    });

    it('removes a key, and removing it again is success', async () => {
      const kept = keyFromText('kept');
      const removed = keyFromText('removed');
      await put(kept, Buffer.from('1'));
      await put(removed, Buffer.from('2'));
      await target.remove(removed);
      await target.remove(removed);
      await target.remove(keyFromText('never/was/there'));
      expect((await listAll(target)).map(({ key }) => key)).toEqual([kept]);
    });

    it.each([1000, 9 * KIB * KIB])(
      'leaves the target as it was when content of %i bytes turns out wrong',
      async (sizeBytes) => {
        const key = keyFromText('guarded');
        const old = await put(key, Buffer.from('the old content'));
        const before = await listAll(target);
        const wrong = patternOf(sizeBytes, 3);
        for (const attacked of [key, keyFromText('new one')])
          await expect(target.write(entryOf(attacked, wrong, 2), broken(wrong))).rejects.toThrow(IntegrityError);
        await target.finish(iterate([]));
        expect(await listAll(target)).toEqual(before);
        expect(sha256Hex((await readEntry(target, before[0])).content)).toBe(old.sha256);
      },
    );

    it('lets a reader stop early', async () => {
      const key = keyFromText('long');
      const entry = await put(key, patternOf(9 * KIB * KIB, 1));
      const line = await findListed(target, key);
      if (line === undefined) throw new Error('it is not listed');
      for (const take of [0, 1]) {
        const opened = await target.open(line);
        if (opened.state !== 'open') throw new Error(`it is ${opened.state}`);
        if (take === 0) await closeContent(opened.content);
        else for await (const _ of piecesOf(opened.content)) break;
      }
      expect(sha256Hex((await readEntry(target, line)).content)).toBe(entry.sha256);
    });

    it('keeps many writes at once apart', async () => {
      const keys = Array.from({ length: 40 }, (_, index) => keyFromText(`many.d/${String(index).padStart(2, '0')}`));
      const entries = await Promise.all(keys.map((key, index) => put(key, patternOf(index * 5000, index))));
      const listed = (await listAll(target)).filter(({ key }) => !key.endsWith('/'));
      expect(listed.map(({ key }) => key)).toEqual(keys);
      for (const [index, line] of listed.entries())
        expect(sha256Hex((await readEntry(target, line)).content)).toBe(entries[index]?.sha256);
    });

    it('tells its settings and takes them back', async () => {
      await put(keyFromText('x'), Buffer.from('x'));
      const { settings } = await target.settings();
      await target.finish(iterate([]));
      expect(await target.applySettings(settings)).toEqual([]);
      // Values may come back as precisely as the place can set them: its own tests say how precisely that is.
      expect(Object.keys((await target.settings()).settings)).toEqual(Object.keys(settings));
    });
  });
}

/** Drains the listing; an unlisted entry is an error here. */
export async function listAll(reader: SourceReader, range: KeyRange = {}): Promise<ListedEntry[]> {
  const lines: ListedEntry[] = [];
  for await (const line of eachOf(reader.list(range))) {
    if ('unprotected' in line) throw new Error(`${displayKey(line.key)} is unprotected: ${line.unprotected}`);
    lines.push(line);
  }
  return lines;
}

async function findListed(reader: SourceReader, key: EntryKey): Promise<ListedEntry | undefined> {
  return (await listAll(reader)).find((line) => line.key === key);
}

/** A content that comes in pieces, as a source far away gives it. */
export function inPieces(content: Content): AsyncIterable<Uint8Array> {
  if (Buffer.isBuffer(content)) throw new Error('the content came whole');
  return content;
}

/** Opens and drains one listed entry. */
export async function readEntry(reader: SourceReader, line: ListedEntry | undefined) {
  if (line === undefined) throw new Error('the entry is not listed');
  const opened = await reader.open(line);
  if (opened.state !== 'open') throw new Error(`${displayKey(line.key)} is ${opened.state}`);
  const parts: Uint8Array[] = [];
  for await (const part of piecesOf(opened.content)) parts.push(Buffer.from(part));
  return { ...opened, content: Buffer.concat(parts) };
}

/** Bytes that are the same for the same seed, and without a short period, so that a piece out of place shows. */
export function patternOf(sizeBytes: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafe(sizeBytes);
  let state = (seed + 1) * 2654435761;
  for (let index = 0; index < sizeBytes; index += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

/** Uneven pieces, as unsealed chunks arrive; one empty piece among them. */
export async function* pieces(content: Buffer): AsyncGenerator<Uint8Array> {
  if (content.length > 0) yield content.subarray(0, 1);
  yield Buffer.alloc(0);
  for (let offset = 1; offset < content.length; offset += 700_001) yield content.subarray(offset, offset + 700_001);
}

/** All bytes, and then the error of a hash that is wrong. */
async function* broken(content: Buffer): AsyncGenerator<Uint8Array> {
  yield* pieces(content);
  throw new IntegrityError('the content is not what was stored');
}

async function* iterate<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}
