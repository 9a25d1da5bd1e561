import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IntegrityError, InvalidInputError, NotFoundError } from '../../functions/core/errors.ts';
import type { BlobInfo, BlobStore } from '../../functions/core/ports.ts';

const MIB = 1024 * 1024;
const ABSENT = 'packs/00/absent';

/**
 * Every guarantee that is written on `BlobStore`, as tests of whatever `makeStore` makes.
 *
 * @param name What is tested, for the report.
 * @param makeStore A store over an empty place that exists; `dispose` takes the place away again.
 */
export function describeBlobStore(
  name: string,
  makeStore: () => Promise<{ store: BlobStore; dispose(): Promise<void> }>,
): void {
  describe(`${name} as a blob store`, () => {
    let store: BlobStore;
    let dispose: () => Promise<void>;

    beforeEach(async () => {
      ({ store, dispose } = await makeStore());
    });
    afterEach(async () => {
      await dispose();
    });

    describeWriting(() => store);
    describeReading(() => store);
    describeListing(() => store);
    describeDeleting(() => store);
    describeNames(() => store);
  });
}

function describeWriting(store: () => BlobStore): void {
  it('gives back every byte value as it was written', async () => {
    const bytes = Buffer.from(Array.from({ length: 512 }, (_, i) => i % 256));
    expect(await store().putNew('packs/ab/all-bytes', bytes)).toBe('written');
    expect((await store().get('packs/ab/all-bytes')).equals(bytes)).toBe(true);
  });

  it('creates a blob only once and leaves the first bytes alone', async () => {
    expect(await store().putNew('holdfast.json', Buffer.from('first'))).toBe('written');
    expect(await store().putNew('holdfast.json', Buffer.from('the second'))).toBe('exists');
    expect((await store().get('holdfast.json')).toString()).toBe('first');
  });

  it('lets exactly one of eight racing writers create a blob', async () => {
    for (let round = 0; round < 5; round++) {
      const name = `manifests/source/race-${round}`;
      const bodies = Array.from({ length: 8 }, (_, i) => Buffer.alloc(100_000 + i, i));
      const results = await Promise.all(bodies.map((body) => store().putNew(name, body)));
      const winners = bodies.filter((_, i) => results[i] === 'written');
      expect(winners).toHaveLength(1);
      expect(results.filter((result) => result === 'exists')).toHaveLength(7);
      expect((await store().get(name)).equals(winners[0] ?? Buffer.alloc(0))).toBe(true);
    }
  });

  it('holds an empty blob', async () => {
    expect(await store().putNew('empty', Buffer.alloc(0))).toBe('written');
    expect(await store().get('empty')).toHaveLength(0);
    expect((await store().find('empty'))?.sizeBytes).toBe(0);
    expect(await store().putNew('empty', Buffer.from('x'))).toBe('exists');
  });

  it('holds a blob of 40 MiB', async () => {
    const bytes = randomBytes(40 * MIB);
    expect(await store().putNew('packs/ff/large', bytes)).toBe('written');
    expect((await store().get('packs/ff/large')).equals(bytes)).toBe(true);
    const range = { offset: 33 * MIB + 7, length: 5 * MIB };
    const part = await store().get('packs/ff/large', range);
    expect(part.equals(bytes.subarray(range.offset, range.offset + range.length))).toBe(true);
  });

  it('writes with put whether the blob is there or not', async () => {
    await store().put('run/plan.json', Buffer.from('a longer first version'));
    expect((await store().get('run/plan.json')).toString()).toBe('a longer first version');
    await store().put('run/plan.json', Buffer.from('second'));
    expect((await store().get('run/plan.json')).toString()).toBe('second');
  });

  it('shows a reader the old bytes or the new, never a part, while a blob is replaced', async () => {
    const versions = Array.from({ length: 12 }, (_, i) => Buffer.alloc(200_000 + i * 1000, i));
    await store().put('state', versions[0] ?? Buffer.alloc(0));
    let writing = true;
    const seen: Buffer[] = [];
    const reader = (async () => {
      while (writing) seen.push(await store().get('state'));
    })();
    for (const version of versions.slice(1)) await store().put('state', version);
    writing = false;
    await reader;
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.filter((bytes) => !versions.some((version) => version.equals(bytes)))).toEqual([]);
    expect((await store().get('state')).equals(versions.at(-1) ?? Buffer.alloc(0))).toBe(true);
  });

  it('keeps what was written when the writer reuses its buffer', async () => {
    const bytes = Buffer.from('abc');
    await store().putNew('a', bytes);
    await store().put('b', bytes);
    bytes.fill('x');
    (await store().get('a')).fill('y');
    expect((await store().get('a')).toString()).toBe('abc');
    expect((await store().get('b')).toString()).toBe('abc');
  });

  it('writes the bytes of a view, not of the buffer beneath it', async () => {
    const view = new Uint8Array(Buffer.from('0123456789')).subarray(3, 6);
    await store().putNew('a', view);
    await store().put('b', view);
    expect((await store().get('a')).toString()).toBe('345');
    expect((await store().get('b')).toString()).toBe('345');
  });
}

function describeReading(store: () => BlobStore): void {
  const bytes = Buffer.from('0123456789');

  it.each([
    { offset: 0, length: 10, expected: '0123456789' },
    { offset: 0, length: 1, expected: '0' },
    { offset: 3, length: 4, expected: '3456' },
    { offset: 9, length: 1, expected: '9' },
    { offset: 4, length: 0, expected: '' },
    { offset: 10, length: 0, expected: '' },
  ])('reads exactly $length bytes from $offset', async ({ offset, length, expected }) => {
    await store().putNew('packs/ab/ten', bytes);
    expect((await store().get('packs/ab/ten', { offset, length })).toString()).toBe(expected);
  });

  it.each([
    { offset: 0, length: 11 },
    { offset: 9, length: 2 },
    { offset: 10, length: 1 },
    { offset: 1000, length: 1 },
    { offset: 11, length: 0 },
  ])('refuses $length bytes from $offset of a blob of ten', async ({ offset, length }) => {
    await store().putNew('packs/ab/ten', bytes);
    await expect(store().get('packs/ab/ten', { offset, length })).rejects.toThrow(IntegrityError);
  });

  it('refuses any byte of an empty blob', async () => {
    await store().putNew('empty', Buffer.alloc(0));
    await expect(store().get('empty', { offset: 0, length: 1 })).rejects.toThrow(IntegrityError);
  });

  it.each([
    { offset: -1, length: 1 },
    { offset: 0, length: -1 },
    { offset: 0.5, length: 1 },
    { offset: 0, length: Number.NaN },
    { offset: Number.MAX_SAFE_INTEGER, length: 1 },
  ])('refuses a range of $length bytes from $offset as input', async (range) => {
    await store().putNew('packs/ab/ten', bytes);
    await expect(store().get('packs/ab/ten', range)).rejects.toThrow(InvalidInputError);
  });

  it('throws NotFoundError for an absent blob, naming it', async () => {
    await store().putNew('packs/00/other', bytes);
    for (const range of [undefined, { offset: 0, length: 1 }, { offset: 0, length: 0 }]) {
      const read = store().get(ABSENT, range);
      await expect(read).rejects.toThrow(NotFoundError);
      await expect(read).rejects.toThrow(ABSENT);
    }
  });

  it('finds what is there and tells its size and time', async () => {
    await store().putNew('segments/ab/x', bytes);
    const info = await store().find('segments/ab/x');
    expect(info).toMatchObject({ name: 'segments/ab/x', sizeBytes: 10 });
    expect(new Date(info?.modifiedAt ?? '').toISOString()).toBe(info?.modifiedAt);
  });

  it('finds nothing under an absent name, nor under the way to another', async () => {
    await store().putNew('packs/00/other', bytes);
    expect(await store().find(ABSENT)).toBeUndefined();
    expect(await store().find('packs')).toBeUndefined();
    expect(await store().find('packs/00')).toBeUndefined();
    expect(await store().find('packs/00/other/below')).toBeUndefined();
  });
}

function describeListing(store: () => BlobStore): void {
  it('lists nothing in an empty place', async () => {
    expect(await collect(store().list(''))).toEqual([]);
  });

  it('lists more than a page, every blob once, in byte order', async () => {
    const names = Array.from({ length: 1100 }, (_, i) => `packs/${(i * 37) % 11}/p${i}`);
    await writeAll(store(), [...names, 'packs.txt', 'segments/a', 'holdfast.json']);
    expect(await listNames(store(), 'packs/')).toEqual([...names].sort());
    expect(await listNames(store(), '')).toEqual([...names, 'packs.txt', 'segments/a', 'holdfast.json'].sort());
  });

  it('orders by whole names, where a slash sorts between other characters', async () => {
    const names = [
      'a',
      'a-b',
      'a.b',
      'a0',
      'b/c/d',
      'b/c.d',
      'b/c-d/e',
      'b/cd',
      'B',
      '_x/y',
      '0/1',
      'b.c/d',
      'b-',
      '.x',
    ];
    const below = ['aa/b', 'aa.b', 'aa-b/c', 'aa0/b'];
    await writeAll(store(), [...names, ...below]);
    expect(await listNames(store(), '')).toEqual([...names, ...below].sort());
  });

  it.each([
    { prefix: 'packs/a', expected: ['packs/a0/x', 'packs/ab/x', 'packs/ab/y', 'packs/ac/x'] },
    { prefix: 'packs/ab', expected: ['packs/ab/x', 'packs/ab/y'] },
    { prefix: 'packs/ab/', expected: ['packs/ab/x', 'packs/ab/y'] },
    { prefix: 'packs/ab/y', expected: ['packs/ab/y'] },
    { prefix: 'packs/ab/y/', expected: [] },
    { prefix: 'pack', expected: ['packs/a0/x', 'packs/ab/x', 'packs/ab/y', 'packs/ac/x', 'packs/b0/x'] },
    { prefix: 'packs/ad', expected: [] },
    { prefix: 'absent/', expected: [] },
  ])('lists what begins with "$prefix"', async ({ prefix, expected }) => {
    await writeAll(store(), ['packs/ab/y', 'packs/ac/x', 'packs/a0/x', 'packs/b0/x', 'packs/ab/x', 'segments/ab/x']);
    expect(await listNames(store(), prefix)).toEqual(expected);
  });

  it('tells the size and time of each, the same as find does', async () => {
    await store().putNew('a', Buffer.from('1'));
    await store().putNew('b/c', Buffer.from('333'));
    const listed = await collect(store().list(''));
    expect(listed.map(({ name, sizeBytes }) => [name, sizeBytes])).toEqual([
      ['a', 1],
      ['b/c', 3],
    ]);
    // Some stores tell the milliseconds in a listing only.
    const seconds = (info: BlobInfo | undefined) => info?.modifiedAt.slice(0, 19);
    for (const info of listed) expect(seconds(info)).toBe(seconds(await store().find(info.name)));
  });

  it('shows a write, a replacement and a deletion at once', async () => {
    await store().putNew('a', Buffer.from('1'));
    expect(await listNames(store(), '')).toEqual(['a']);
    await store().put('a', Buffer.from('22'));
    expect((await collect(store().list('')))[0]?.sizeBytes).toBe(2);
    await store().delete('a');
    expect(await listNames(store(), '')).toEqual([]);
  });

  it('may be left before its end', async () => {
    await writeAll(store(), ['a', 'b', 'c']);
    for await (const { name } of store().list('')) {
      expect(name).toBe('a');
      break;
    }
    expect(await listNames(store(), '')).toEqual(['a', 'b', 'c']);
  });
}

function describeDeleting(store: () => BlobStore): void {
  it('deletes one blob and no other, and the same again is success', async () => {
    await writeAll(store(), ['packs/ab/x', 'packs/ab/xy', 'packs/ab/w']);
    await store().delete('packs/ab/x');
    await store().delete('packs/ab/x');
    expect(await store().find('packs/ab/x')).toBeUndefined();
    await expect(store().get('packs/ab/x')).rejects.toThrow(NotFoundError);
    expect(await listNames(store(), '')).toEqual(['packs/ab/w', 'packs/ab/xy']);
  });

  it('takes an absent name, and the way to another blob, for deleted', async () => {
    await store().putNew('packs/00/other', Buffer.from('x'));
    await store().delete(ABSENT);
    await store().delete('packs/00');
    await store().delete('packs/00/other/below');
    expect(await listNames(store(), '')).toEqual(['packs/00/other']);
  });

  it('creates anew what was deleted', async () => {
    await store().putNew('a', Buffer.from('old'));
    await store().delete('a');
    expect(await store().putNew('a', Buffer.from('new'))).toBe('written');
    expect((await store().get('a')).toString()).toBe('new');
  });

  it('leaves nothing of a blob that had been replaced', async () => {
    await store().put('a', Buffer.from('1'));
    await store().put('a', Buffer.from('22'));
    await store().delete('a');
    expect(await store().find('a')).toBeUndefined();
  });
}

function describeNames(store: () => BlobStore): void {
  const bytes = Buffer.from('x');
  const longest = `${'n'.repeat(99)}/${'m'.repeat(100)}`;

  it.each(['a', 'A-Z_a.z', '...', '.x', 'a/..b/c', '0/1/2/3/4/5/6/7', longest])('takes the name %j', async (name) => {
    expect(await store().putNew(name, bytes)).toBe('written');
    expect(await listNames(store(), '')).toEqual([name]);
  });

  const refused = [
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    '../a',
    'a/../b',
    'a/.',
    './a',
    'a b',
    'a+b',
    'a\\b',
    'ü',
    'a\n',
    'a\0',
    'a:b',
    '.tmp',
    '.tmp/a',
    '.TMP/a',
    `${longest}m`,
  ];

  it.each(refused)('refuses the name %j in every method', async (name) => {
    await expect(store().putNew(name, bytes)).rejects.toThrow(InvalidInputError);
    await expect(store().put(name, bytes)).rejects.toThrow(InvalidInputError);
    await expect(store().get(name)).rejects.toThrow(InvalidInputError);
    await expect(store().find(name)).rejects.toThrow(InvalidInputError);
    await expect(store().delete(name)).rejects.toThrow(InvalidInputError);
    expect(await listNames(store(), '')).toEqual([]);
  });

  it.each(['/', '../', 'a//', 'a/../', 'ü', '.tmp/'])('refuses the prefix %j', async (prefix) => {
    await expect(collect(store().list(prefix))).rejects.toThrow(InvalidInputError);
  });
}

async function writeAll(store: BlobStore, names: readonly string[]): Promise<void> {
  const waiting = [...names];
  const worker = async () => {
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop())
      await store.putNew(name, Buffer.from(name));
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

async function collect(blobs: AsyncIterable<BlobInfo>): Promise<BlobInfo[]> {
  const all: BlobInfo[] = [];
  for await (const blob of blobs) all.push(blob);
  return all;
}

async function listNames(store: BlobStore, prefix: string): Promise<string[]> {
  return (await collect(store.list(prefix))).map(({ name }) => name);
}
