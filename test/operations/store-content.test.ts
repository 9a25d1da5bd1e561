import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ContentIndex } from '../../functions/core/catalogue-ports.ts';
import { DEFAULT_CHUNKING } from '../../functions/core/descriptor.ts';
import { keyFromText } from '../../functions/core/entry.ts';
import { TransientError } from '../../functions/core/errors.ts';
import { sha256Hex } from '../../functions/core/ids.ts';
import { readPackDirectory } from '../../functions/core/pack.ts';
import { readSegment } from '../../functions/core/segment.ts';
import { type SnapshotWriter, writeSnapshot } from '../../functions/operations/write-snapshot.ts';
import { memoryBlobStore } from '../fakes/memory-blob-store.ts';
import { memoryCatalogue } from '../fakes/memory-catalogue.ts';
import { noise } from '../fakes/noise.ts';
import { KEYS } from '../fakes/world.ts';

const MIB = 1 << 20;

function begin(changed: { readonly index?: Partial<ContentIndex>; readonly putNew?: () => Promise<'written'> } = {}) {
  const store = memoryBlobStore();
  const { contentIndex } = memoryCatalogue({ clock: { now: () => new Date(0) } });
  const putNew = changed.putNew ?? store.putNew;
  const writer = writeSnapshot({
    vault: { name: 'v', store: { ...store, putNew }, keys: KEYS, chunking: DEFAULT_CHUNKING },
    ...{ shard: 0, chunking: DEFAULT_CHUNKING, randomBytes, reuse: true, knownPacks: new Map() },
    contentIndex: { ...contentIndex, ...changed.index },
  });
  let added = 0;
  return {
    writer,
    store,
    async add(content: Buffer | AsyncIterable<Uint8Array>) {
      added += 1;
      const key = keyFromText(`${1000 + added}`);
      return writer.content({ key, fingerprint: 'f', attributes: { type: 'object' } }, content, undefined);
    },
    /** Of all packs, in their order. */
    async chunks(writer: SnapshotWriter) {
      const { segments } = await writer.finish();
      const entries = segments.flatMap(({ id }) => {
        const blob = store.blobs.get(`segments/${id.slice(0, 2)}/${id}`) ?? Buffer.alloc(0);
        return [...readSegment(KEYS, id, blob)].flat();
      });
      const ids = entries
        .flatMap((entry) => (entry.state === 'present' ? entry.extents : []))
        .map((e) => e.chunk.packId);
      return [...new Set(ids)].flatMap((id) =>
        readPackDirectory(KEYS, id, store.blobs.get(`packs/${id.slice(0, 2)}/${id}`) ?? Buffer.alloc(0)),
      );
    },
  };
}

/** Unlike all others. */
const unlike = (number: number, sizeBytes: number): Buffer => {
  const content = Buffer.from(noise('any', sizeBytes));
  content.writeUInt32BE(number);
  return content;
};

async function* inPieces(content: Buffer): AsyncGenerator<Uint8Array> {
  const piece = Buffer.alloc(300_000);
  for (let at = 0; at < content.length; at += piece.length)
    yield piece.subarray(0, content.copy(piece, 0, at, at + piece.length));
}

describe('contents', () => {
  it('lie in packs in the order in which they came, however long each takes to be hashed and compressed', async () => {
    const { add, chunks, writer } = begin();
    const large = Array.from({ length: 60 }, (_, i) =>
      i % 2 === 0 ? Buffer.alloc(65_536 + i, `${i}`) : unlike(i, 900_000),
    );
    for (const content of large) await add(content);
    expect((await chunks(writer)).map((chunk) => chunk.chunkId)).toEqual(large.map(sha256Hex));
  });

  it('that are equal are stored once, also when the first is still on its way', async () => {
    const { add, chunks, writer } = begin();
    const [cut, own, small] = [noise('cut', 3 * MIB), noise('own', 100_000), noise('small', 100)];
    for (let i = 0; i < 20; i += 1) {
      await add(inPieces(cut));
      await add(own);
      await add(small);
    }
    const stored = await chunks(writer);
    expect(new Set(stored.map((chunk) => chunk.chunkId)).size).toBe(stored.length);
    expect(stored.reduce((sum, chunk) => sum + chunk.plainBytes, 0)).toBe(cut.length + own.length + small.length);
  });

  it('of which one breaks off are stored without it', async () => {
    const { add, chunks, writer } = begin();
    async function* broken() {
      yield* inPieces(noise('broken', 400_000));
      throw new TransientError('broken off');
    }
    const whole = noise('whole', 2 * MIB);
    await add(inPieces(whole));
    await expect(add(broken())).rejects.toThrow('broken off');
    await add(noise('last', 70_000));
    const stored = await chunks(writer);
    expect(stored.at(-1)?.chunkId).toBe(sha256Hex(noise('last', 70_000)));
    expect(stored.reduce((sum, chunk) => sum + chunk.plainBytes, 0)).toBe(whole.length + 70_000);
  });

  it('are on their way a few at a time', async () => {
    let begun = 0;
    let looked = 0;
    let most = 0;
    const { add, writer } = begin({
      index: {
        async find(_, keys) {
          for (let turn = 0; turn < 100; turn += 1) await setImmediate();
          most = Math.max(most, begun - looked);
          looked += keys.length;
          return [];
        },
      },
    });
    for (; begun < 60; begun += 1) await add(unlike(begun, 900_000));
    await writer.finish();
    expect(looked).toBe(60);
    expect(most).toBeLessThan(20);
  });
});

describe('what fails while contents are stored', () => {
  const failing = async () => {
    throw new TransientError('the disk is away');
  };
  it.each([
    ['writing a pack', { putNew: failing }],
    ['looking into the content index', { index: { find: failing } }],
    ['adding to the content index', { index: { add: failing } }],
  ])('is thrown by a later call, and at the end: %s', async (_, changed) => {
    const { add, store, writer } = begin(changed);
    const addAll = async () => {
      for (let i = 0; i < 150; i += 1) await add(unlike(i, 700_000));
    };
    await expect(addAll()).rejects.toThrow('the disk is away');
    await expect(writer.finish()).rejects.toThrow('the disk is away');
    expect([...store.blobs.keys()].filter((name) => name.startsWith('segments/'))).toEqual([]);
  });

  it.each([
    ['writing a pack', { putNew: failing }],
    ['looking into the content index', { index: { find: failing } }],
    ['adding to the content index', { index: { add: failing } }],
  ])('is thrown at the end when no call comes before it: %s', async (_, changed) => {
    const { add, store, writer } = begin(changed);
    await add(noise('one', 700_000));
    await expect(writer.finish()).rejects.toThrow('the disk is away');
    expect([...store.blobs.keys()].filter((name) => name.startsWith('segments/'))).toEqual([]);
  });
});
