import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../functions/core/canonical-json.ts';
import { cutContent } from '../../functions/core/chunk.ts';
import { type Chunking, DEFAULT_CHUNKING } from '../../functions/core/descriptor.ts';
import {
  displayKey,
  type EntryKey,
  findKeyText,
  keyFromBytes,
  keyFromText,
  keyToBytes,
} from '../../functions/core/entry.ts';
import { InvalidInputError } from '../../functions/core/errors.ts';
import { chooseKeys } from '../../functions/core/glob.ts';
import { runIdOf, snapshotIdOf, sourceIdOf, timeOfSnapshot } from '../../functions/core/ids.ts';
import { collectMerkle, merkleRoot } from '../../functions/core/merkle.ts';
import { formatUri, overlap, parseUri } from '../../functions/core/uri.ts';
import { noise } from '../fakes/noise.ts';

describe('keys', () => {
  it('keep every byte, and order as bytes do', () => {
    const keys = fc.uint8Array({ maxLength: 50 });
    fc.assert(
      fc.property(keys, keys, (a, b) => {
        expect(keyToBytes(keyFromBytes(a))).toEqual(Buffer.from(a));
        const order = keyFromBytes(a) < keyFromBytes(b) ? -1 : keyFromBytes(a) > keyFromBytes(b) ? 1 : 0;
        expect(order).toBe(Buffer.compare(a, b));
      }),
      { seed: 1 },
    );
  });

  it('are text where their bytes are UTF-8', () => {
    expect(findKeyText(keyFromText('ünï/😀\ufeff'))).toBe('ünï/😀\ufeff');
    expect(findKeyText(keyFromBytes(Buffer.from([0x66, 0xff])))).toBeUndefined();
  });

  it('are shown without anything that could steer a terminal or forge a line', () => {
    expect(displayKey(keyFromText('a\n\u001b[31mb\u202e\u2028c\\d é'))).toBe(
      'a\\x0a\\x1b[31mb\\xe2\\x80\\xae\\xe2\\x80\\xa8c\\\\d é',
    );
    expect(displayKey(keyFromBytes(Buffer.from([0x61, 0xff, 0x5c])))).toBe('a\\xff\\x5c');
  });
});

describe('ids', () => {
  it('are the same for equal starts and differ in each part', () => {
    const [at, other] = ['2026-03-01T10:00:00.000Z', '2026-03-01T10:00:00.001Z'];
    expect(runIdOf('web', 'full', at)).toBe(runIdOf('web', 'full', at));
    const ids = [
      runIdOf('web', 'full', at),
      runIdOf('we', 'bfull', at),
      runIdOf('web', 'incremental', at),
      runIdOf('web', 'full', other),
    ];
    expect(new Set(ids).size).toBe(4);
  });

  it('of snapshots sort by time and give it back', () => {
    const run = runIdOf('web', 'full', '2026-03-01T10:00:00.000Z');
    const [a, b] = ['2026-03-01T10:00:00.009Z', '2026-03-01T10:00:00.010Z'].map((at) =>
      snapshotIdOf(at, run, sourceIdOf('s3://b/')),
    );
    if (a === undefined || b === undefined) throw new Error('no ids');
    expect(a < b).toBe(true);
    expect(timeOfSnapshot(a)).toBe('2026-03-01T10:00:00.009Z');
  });
});

describe('URIs', () => {
  it.each([
    ['s3://bucket/a/b', { scheme: 's3', bucket: 'bucket', prefix: 'a/b' }],
    ['s3://bucket', { scheme: 's3', bucket: 'bucket', prefix: '' }],
    ['s3://bucket//a/../%41 ü', { scheme: 's3', bucket: 'bucket', prefix: '/a/../%41 ü' }],
    ['file:///a/b/', { scheme: 'file', path: '/a/b' }],
    ['file:///', { scheme: 'file', path: '/' }],
  ])('%s is read literally and written back in one form', (text, parsed) => {
    expect(parseUri(text)).toEqual(parsed);
    expect(parseUri(formatUri(parseUri(text)))).toEqual(parsed);
  });

  it.each([
    '',
    'bucket',
    'http://x',
    's3://',
    's3://UPPER/x',
    's3://a/x',
    'file://relative',
    'file:/one',
    'file:///a\0b',
  ])('%j is refused by name', (text) => {
    expect(() => parseUri(text)).toThrow(InvalidInputError);
  });

  it.each([
    ['file:///a', 'file:///a/b', true],
    ['file:///a/b', 'file:///a', true],
    ['file:///a', 'file:///ab', false],
    ['file:///', 'file:///x', true],
    ['s3://bucket/a/', 's3://bucket/', true],
    ['s3://bucket/a/', 's3://bucket/b/', false],
    ['s3://bucket/', 's3://other/', false],
    ['s3://bucket/', 'file:///bucket', false],
  ])('%s and %s overlap: %s', (a, b, expected) => {
    expect(overlap(parseUri(a), parseUri(b))).toBe(expected);
  });
});

describe('globs', () => {
  const chosen = (pattern: string, key: string) => chooseKeys([pattern], [])(keyFromText(key));
  it.each([
    ['*.jpg', 'a/b/c.jpg', true],
    ['*.jpg', 'c.jpg.txt', false],
    ['uploads', 'uploads/a/b', true],
    ['uploads', 'x/uploads/a', true],
    ['/uploads', 'x/uploads/a', false],
    ['a/*', 'a/b/c', true],
    ['a/*.x', 'a/b/c.x', false],
    ['a/**/c', 'a/c', true],
    ['a/**/c', 'a/b/b/c', true],
    ['a/**', 'a/', true],
    ['a?c', 'abc', true],
    ['a.c', 'abc', false],
    ['[a](b)', '[a](b)', true],
    ['ü*', 'über', true],
    ['*', 'line\nbreak', true],
  ])('%s on %s: %s', (pattern, key, expected) => {
    expect(chosen(pattern, key)).toBe(expected);
  });

  it('take all when none is given, and nothing that is excluded', () => {
    expect(chooseKeys(undefined, undefined)('x' as EntryKey)).toBe(true);
    expect(chooseKeys(['a'], ['*.tmp'])('a/x.tmp' as EntryKey)).toBe(false);
    expect(() => chooseKeys([''], [])).toThrow(InvalidInputError);
  });

  it('match as the expressions that they stand for', () => {
    const words: Record<string, string> = { '**/': '(?:[^]*/)?', '**': '[^]*', '*': '[^/]*', '?': '[^/]' };
    const pattern = fc.array(fc.constantFrom('a', 'b', '/', '*', '?', '**', '**/'), { minLength: 1, maxLength: 8 });
    const key = fc.array(fc.constantFrom('a', 'b', '/'), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(pattern, key, (parts, bytes) => {
        const text = parts.join('');
        const trimmed = text.replace(/^\/|\/$/g, '');
        fc.pre(trimmed !== '');
        const body = trimmed.replace(/\*\*\/?|\*|\?/g, (token) => words[token] ?? '');
        const expression = new RegExp(`${text.includes('/') ? '^' : '^(?:[^]*/)?'}${body}(?:/[^]*)?$`);
        expect(chosen(text, bytes.join(''))).toBe(expression.test(bytes.join('')));
      }),
      { seed: 1, numRuns: 3000 },
    );
  });

  it('are done soon, however they were made to take long', () => {
    for (const pattern of [
      `${'*a'.repeat(500)}b`,
      `${'**/'.repeat(300)}b`,
      `${'**a/'.repeat(300)}b`,
      `${'*?'.repeat(500)}/b`,
    ])
      expect(chosen(pattern, 'a'.repeat(1000))).toBe(false);
  });
});

describe('the root', () => {
  const leaf = (n: number) => createHash('sha256').update(`${n}`).digest();
  const part = (leaves: readonly Buffer[]) => {
    const merkle = collectMerkle();
    for (const one of leaves) merkle.add(one);
    return merkle.part();
  };

  it('does not depend on how the entries were divided', () => {
    const leaves = Array.from({ length: 3000 }, (_, n) => leaf(n));
    const whole = merkleRoot([part(leaves)]);
    fc.assert(
      fc.property(fc.array(fc.nat(3000), { maxLength: 12 }), (cuts) => {
        const bounds = [0, ...cuts.sort((a, b) => a - b), leaves.length];
        const parts = bounds.slice(1).map((end, index) => part(leaves.slice(bounds[index], end)));
        expect(merkleRoot(parts)).toBe(whole);
      }),
      { seed: 4, numRuns: 60 },
    );
  });

  it('changes with any leaf changed, missing, added or moved', () => {
    const leaves = Array.from({ length: 600 }, (_, n) => leaf(n));
    const root = merkleRoot([part(leaves)]);
    for (const at of [0, 1, 300, 598, 599]) {
      const variants = [
        leaves.with(at, leaf(-1)),
        leaves.toSpliced(at, 1),
        leaves.toSpliced(at, 0, leaf(-2)),
        leaves.with(at, leaf(at + 1)).with((at + 1) % 600, leaf(at)),
      ];
      for (const variant of variants) expect(merkleRoot([part(variant)])).not.toBe(root);
    }
  });

  it('is of canonical JSON: the order of names does not matter, values do', () => {
    expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: true })).toBe('{"a":true,"b":[1,{"c":"x","d":null}]}');
    // Names that look like numbers come first in an object, whatever their order as text.
    expect(canonicalJson({ '10': 1, '9': 2, a: null })).toBe('{"10":1,"9":2,"a":null}');
    expect(canonicalJson({ a: 1, b: 2, é: '\ud800' })).toBe('{"a":1,"b":2,"é":"\\ud800"}');
  });
});

function cutAs(chunking: Chunking, pushes: readonly Uint8Array[]): readonly Buffer[] {
  const cutter = cutContent(chunking);
  const chunks: Buffer[] = [];
  let held: Uint8Array[] = [];
  for (const bytes of pushes)
    for (let from = 0; from < bytes.length; ) {
      const end = cutter.findEnd(bytes, from);
      held.push(bytes.subarray(from, end));
      if (end !== undefined) {
        chunks.push(Buffer.concat(held));
        held = [];
      }
      from = end ?? bytes.length;
    }
  return held.length > 0 ? [...chunks, Buffer.concat(held)] : chunks;
}

/** The lengths of the chunks by the algorithm's definition, a byte at a time. */
function lengthsByDefinition({ minBytes, averageBytes, maxBytes }: Chunking, content: Uint8Array): readonly number[] {
  const gear = Array.from({ length: 256 }, (_, byte) =>
    createHash('sha256').update(`holdfast gear ${byte}`).digest().readUInt32BE(0),
  );
  const bits = Math.round(Math.log2(averageBytes));
  const lengths: number[] = [];
  let length = 0;
  let hash = 0;
  for (const byte of content) {
    length += 1;
    if (length > minBytes) hash = (hash * 2 + (gear[byte] ?? 0)) % 2 ** 32;
    const ones = length <= averageBytes ? bits + 2 : bits - 2;
    if ((length > minBytes && hash < 2 ** (32 - ones)) || length === maxBytes) {
      lengths.push(length);
      length = 0;
      hash = 0;
    }
  }
  return length > 0 ? [...lengths, length] : lengths;
}

describe('cutting', () => {
  const cut = (pushes: readonly Uint8Array[]) => cutAs(DEFAULT_CHUNKING, pushes);
  const content = noise('cut', 12_000_000);

  it('loses nothing, keeps to its bounds, and does not depend on how the content arrives', () => {
    const whole = cut([content]);
    expect(Buffer.concat(whole).equals(content)).toBe(true);
    for (const chunk of whole.slice(0, -1)) {
      expect(chunk.length).toBeGreaterThanOrEqual(DEFAULT_CHUNKING.minBytes);
      expect(chunk.length).toBeLessThanOrEqual(DEFAULT_CHUNKING.maxBytes);
    }
    const lengths = whole.map((chunk) => chunk.length);
    for (const size of [1000, 65_536, 1 << 20, 5_000_001]) {
      const pushes = Array.from({ length: Math.ceil(content.length / size) }, (_, i) =>
        content.subarray(i * size, (i + 1) * size),
      );
      expect(cut(pushes).map((chunk) => chunk.length)).toEqual(lengths);
    }
  });

  it('cuts where the definition says, whatever the sizes and the pushes', () => {
    const size = fc.integer({ min: 16, max: 40_000 });
    const chunkings = fc
      .tuple(size, size, size)
      .map((sizes) => sizes.sort((a, b) => a - b))
      .map(([minBytes = 0, averageBytes = 0, maxBytes = 0]) => ({
        ...{ algorithm: 'fastcdc' as const, minBytes, averageBytes, maxBytes },
      }));
    const contents = fc
      .tuple(fc.nat(999), fc.nat(200_000), fc.boolean())
      .map(([seed, length, dull]) => (dull ? Buffer.alloc(length, `${seed}`) : noise(`${seed}`, length)));
    fc.assert(
      fc.property(chunkings, contents, fc.array(fc.nat(200_000), { maxLength: 5 }), (chunking, bytes, splits) => {
        const borders = [0, ...splits.filter((at) => at < bytes.length).sort((a, b) => a - b), bytes.length];
        const pushes = borders.slice(1).map((end, index) => bytes.subarray(borders[index], end));
        const chunks = cutAs(chunking, pushes);
        expect(chunks.map((chunk) => chunk.length)).toEqual(lengthsByDefinition(chunking, bytes));
        expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
      }),
      { seed: 5, numRuns: 150 },
    );
  });

  it('cuts at about the average size, and at the maximum where the content never says so', () => {
    const sizes = cut([content]).map((chunk) => chunk.length);
    const mean = content.length / sizes.length;
    expect(mean).toBeGreaterThan(600_000);
    expect(mean).toBeLessThan(1_800_000);
    expect(cut([Buffer.alloc(20_000_000)]).map((chunk) => chunk.length)).toEqual([
      8 << 20,
      8 << 20,
      20_000_000 - (16 << 20),
    ]);
  });

  it('finds the same chunks again behind an insertion', () => {
    const before = new Set(cut([content]).map((chunk) => createHash('sha256').update(chunk).digest('hex')));
    const after = cut([content.subarray(0, 3_000_000), Buffer.from('x'), content.subarray(3_000_000)]);
    const fresh = after.filter((chunk) => !before.has(createHash('sha256').update(chunk).digest('hex')));
    expect(fresh.length).toBeLessThanOrEqual(2);
  });
});
