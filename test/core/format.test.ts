import { randomBytes } from 'node:crypto';
import { zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createDescriptor,
  parseDescriptor,
  serializeDescriptor,
  unlockDescriptor,
} from '../../functions/core/descriptor.ts';
import {
  type ChunkLocation,
  type Entry,
  type EntryKey,
  type Extent,
  keyFromBytes,
  type PresentEntry,
} from '../../functions/core/entry.ts';
import { BackupError, IntegrityError, InvalidInputError } from '../../functions/core/errors.ts';
import { publicKeyOf } from '../../functions/core/hpke.ts';
import { sha256Hex } from '../../functions/core/ids.ts';
import { makeSlot } from '../../functions/core/keyring.ts';
import { type Manifest, manifestName, openManifest, sealManifest } from '../../functions/core/manifest.ts';
import {
  assertChunkId,
  assertChunkSize,
  buildPack,
  chunkUnzstdOptions,
  decryptChunk,
  packKey,
  readPackDirectory,
} from '../../functions/core/pack.ts';
import { buildFrames, openFrames } from '../../functions/core/sealed-frames.ts';
import { buildSegment, readSegment } from '../../functions/core/segment.ts';
import type { VaultKeys } from '../../functions/core/vault-keys.ts';
import { noise } from '../fakes/noise.ts';
import { KEYS } from '../fakes/world.ts';

const bytes = (max: number) => fc.uint8Array({ maxLength: max }).map((array) => Buffer.from(array));
const key = fc.uint8Array({ minLength: 1, maxLength: 40 }).map(keyFromBytes);

const foreign = createDescriptor({
  createdAt: '2026-01-01T00:00:00.000Z',
  slots: [{ secret: { type: 'keyfile', bytes: randomBytes(32) }, kind: 'read' }],
  randomBytes,
}).keys;

function packOf(plains: readonly Buffer[]) {
  const pack = buildPack(KEYS, randomBytes(32));
  const chunks = plains.map((plain) => pack.add(sha256Hex(plain), plain));
  return { ...pack.finish(), chunks };
}

function openChunk(secret: Buffer, chunk: ChunkLocation, sealed: Buffer): Buffer {
  const { codec, bytes: held } = decryptChunk(secret, chunk, sealed);
  const plain = codec === 'raw' ? held : zstdDecompressSync(held, chunkUnzstdOptions(chunk));
  assertChunkSize(chunk, plain);
  assertChunkId(chunk, plain);
  return plain;
}

describe('a pack', () => {
  it('gives back every chunk, by its location and by its own directory', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(bytes(2000), fc.constant(Buffer.alloc(5000, 'abc'))), { minLength: 1, maxLength: 8 }),
        (plains) => {
          const { packId, bytes: blob, chunks } = packOf(plains);
          expect(packId).toBe(sha256Hex(blob));
          const secret = packKey(KEYS, packId, blob);
          for (const [index, chunk] of chunks.entries())
            expect(openChunk(secret, chunk, blob.subarray(chunk.offset, chunk.offset + chunk.sealedBytes))).toEqual(
              plains[index],
            );
          expect(readPackDirectory(KEYS, packId, blob)).toEqual(chunks);
        },
      ),
      { seed: 1, numRuns: 60 },
    );
  });

  it('stores what does not compress raw, and what does smaller', () => {
    const { chunks } = packOf([noise('x', 10_000), Buffer.alloc(10_000, 'abc')]);
    expect(chunks[0]?.sealedBytes).toBe(10_017);
    expect(chunks[1]?.sealedBytes).toBeLessThan(200);
  });

  it('reads nothing with the keys of another vault, or without the private key', () => {
    const { packId, bytes: blob, chunks } = packOf([Buffer.from('secret')]);
    const [chunk] = chunks;
    if (chunk === undefined) throw new Error('no chunk');
    const sealed = blob.subarray(chunk.offset, chunk.offset + chunk.sealedBytes);
    expect(() => openChunk(packKey(foreign, packId, blob), chunk, sealed)).toThrow(IntegrityError);
    expect(() => packKey({ ...KEYS, contentPrivateKey: undefined }, packId, blob)).toThrow(InvalidInputError);
  });

  it('lets nothing of its content be read with the metadata key alone', () => {
    const { bytes: blob } = packOf([Buffer.alloc(400, 'needle')]);
    expect(blob.includes('needle')).toBe(false);
  });
});

const location = fc.record({
  chunkId: fc.constantFrom('a', 'b', 'c').map((c) => c.repeat(64)),
  packId: fc.constantFrom('1', '2').map((c) => c.repeat(64)),
  offset: fc.nat(1e9),
  sealedBytes: fc.nat(1e6),
  plainBytes: fc.integer({ min: 10, max: 1e6 }),
});
const extent: fc.Arbitrary<Extent> = location.map((chunk) => ({
  chunk,
  offset: chunk.plainBytes % 7,
  length: 1 + (chunk.plainBytes % 3),
}));
const present: fc.Arbitrary<PresentEntry> = fc
  .record({
    key,
    state: fc.constant('present' as const),
    fingerprint: fc.string(),
    attributes: fc
      .dictionary(fc.string(), fc.jsonValue() as fc.Arbitrary<string>)
      .map((map) => JSON.parse(JSON.stringify(map))),
    sha256: fc.constant('d'.repeat(64)),
    extents: fc.array(extent, { maxLength: 5 }),
  })
  .map((entry) => ({ ...entry, sizeBytes: entry.extents.reduce((sum, one) => sum + one.length, 0) }));
const removed: fc.Arbitrary<Entry> = key.map((one) => ({ key: one, state: 'removed' }));
const sorted = fc
  .uniqueArray(fc.oneof(present, removed), { selector: (entry) => entry.key, minLength: 1, maxLength: 30 })
  .map((entries) => entries.sort((a, b) => (a.key < b.key ? -1 : 1)));

const segmentOf = (entries: readonly Entry[]) => {
  const segment = buildSegment(KEYS, randomBytes(32));
  for (const entry of entries) segment.add(entry);
  return segment.finish();
};

describe('a segment', () => {
  it('gives back every entry in order', () => {
    fc.assert(
      fc.property(sorted, (entries) => {
        const { segmentId, bytes: blob, firstKey, lastKey } = segmentOf(entries);
        expect([...readSegment(KEYS, segmentId, blob)].flat()).toEqual(entries);
        expect([firstKey, lastKey]).toEqual([entries[0]?.key, entries.at(-1)?.key]);
      }),
      { seed: 2, numRuns: 100 },
    );
  });

  it('holds an entry of more extents than one frame takes', () => {
    const chunk = { chunkId: 'a'.repeat(64), packId: 'b'.repeat(64), offset: 0, sealedBytes: 100, plainBytes: 100 };
    const extents = Array.from({ length: 20_000 }, (_, index) => ({
      chunk: { ...chunk, offset: index * 100 },
      offset: 0,
      length: 100,
    }));
    const entry: PresentEntry = {
      key: 'k' as EntryKey,
      state: 'present',
      fingerprint: '',
      attributes: {},
      sha256: 'c'.repeat(64),
      sizeBytes: 2_000_000,
      extents,
    };
    const after: Entry = { key: 'l' as EntryKey, state: 'removed' };
    const { segmentId, bytes: blob } = segmentOf([entry, after]);
    expect([...readSegment(KEYS, segmentId, blob)].flat()).toEqual([entry, after]);
  });

  it('refuses entries out of order', () => {
    const segment = buildSegment(KEYS, randomBytes(32));
    segment.add({ key: 'b' as EntryKey, state: 'removed' });
    expect(() => segment.add({ key: 'a' as EntryKey, state: 'removed' })).toThrow(IntegrityError);
    expect(() => segment.add({ key: 'b' as EntryKey, state: 'removed' })).toThrow(IntegrityError);
  });
});

const MANIFEST: Manifest = {
  format: 1,
  snapshotId: '20260301T100000000Z-0123456789ab' as Manifest['snapshotId'],
  sourceId: '0123456789abcdef' as Manifest['sourceId'],
  sourceUri: 's3://bucket/',
  plan: 'web',
  kind: 'full',
  chain: ['20260301T100000000Z-0123456789ab' as Manifest['snapshotId']],
  runId: 'f'.repeat(32) as Manifest['runId'],
  startedAt: '2026-03-01T10:00:00.000Z',
  consistentAt: '2026-03-01T10:00:00.000Z',
  finishedAt: '2026-03-01T10:00:01.000Z',
  counts: { entries: 0, added: 0, changed: 0, removed: 0, unprotected: 0 },
  sizes: { contentBytes: 0, readBytes: 0, storedBytes: 0 },
  segments: [],
  packs: [],
  sourceSettings: { versioning: 'Enabled' },
  settingsNotCaptured: [],
  unprotected: [{ key: '\xff\x01', reason: 'access denied' }],
  root: 'e'.repeat(64),
};
const NAME = manifestName(MANIFEST.sourceId, MANIFEST.snapshotId);

describe('a manifest', () => {
  it('comes back as it was, also when it takes many frames', () => {
    expect(openManifest(KEYS, NAME, sealManifest(KEYS, MANIFEST, randomBytes(32)))).toEqual(MANIFEST);
    const large = {
      ...MANIFEST,
      packs: Array.from({ length: 120_000 }, (_, i) => ({ id: sha256Hex(`${i}`), sizeBytes: i })),
    };
    expect(openManifest(KEYS, NAME, sealManifest(KEYS, large, randomBytes(32)))).toEqual(large);
  });

  it('is refused under another name and with the keys of another vault', () => {
    const blob = sealManifest(KEYS, MANIFEST, randomBytes(32));
    expect(() => openManifest(KEYS, NAME.replace('0123456789ab', 'ffffffffffff'), blob)).toThrow(
      /holds the manifest of snapshot/,
    );
    expect(() => openManifest(foreign, NAME, blob)).toThrow(IntegrityError);
  });
});

describe('stored bytes that are not as they were written', () => {
  const entries: Entry[] = [{ key: 'a' as EntryKey, state: 'removed' }];
  const pack = packOf([Buffer.alloc(3000, 'abc'), noise('y', 500)]);
  const segment = segmentOf(entries);
  const manifest = sealManifest(KEYS, MANIFEST, randomBytes(32));
  const readers: Record<string, { readonly blob: Buffer; readonly read: (blob: Buffer) => unknown }> = {
    pack: {
      blob: pack.bytes,
      read: (blob) => {
        const secret = packKey(KEYS, pack.packId, blob);
        for (const chunk of pack.chunks)
          openChunk(secret, chunk, blob.subarray(chunk.offset, chunk.offset + chunk.sealedBytes));
        return readPackDirectory(KEYS, pack.packId, blob);
      },
    },
    segment: { blob: segment.bytes, read: (blob) => [...readSegment(KEYS, segment.segmentId, blob)].flat() },
    'the frames of a segment, whatever its name says': {
      blob: segment.bytes,
      read: (blob) => [...readSegment(KEYS, sha256Hex(blob), blob)].flat(),
    },
    manifest: { blob: manifest, read: (blob) => openManifest(KEYS, NAME, blob) },
  };
  for (const [name, { blob, read }] of Object.entries(readers)) {
    it(`${name}: every flipped bit is found`, () => {
      read(blob);
      for (let at = 0; at < blob.length; at += 1) {
        const copy = Buffer.from(blob);
        copy[at] = (copy[at] ?? 0) ^ (1 << (at % 8));
        expect(() => read(copy), `byte ${at}`).toThrow(IntegrityError);
      }
    });

    it(`${name}: every truncation and any extension is found`, () => {
      for (let length = 0; length < blob.length; length += 1)
        expect(() => read(blob.subarray(0, length)), `${length} bytes`).toThrow(IntegrityError);
      expect(() => read(Buffer.concat([blob, Buffer.from([0])]))).toThrow(IntegrityError);
    });

    it(`${name}: any bytes at all end in a named error`, () => {
      const head = blob.subarray(0, 38);
      fc.assert(
        fc.property(bytes(300), fc.boolean(), (random, withHead) => {
          expect(() => read(withHead ? Buffer.concat([head, random]) : random)).toThrow(BackupError);
        }),
        { seed: 3, numRuns: 500 },
      );
    });
  }

  it('a frame that claims to be larger than any is refused before it is unpacked', () => {
    const frames = buildFrames(KEYS, 'segment', randomBytes(32));
    frames.add(Buffer.alloc(65 << 20), 'last frame');
    expect(() => [...openFrames(KEYS, 'segment', frames.finish(), 'segment x')]).toThrow(/does not decompress within/);
  });

  it('authentic frames whose JSON is not as the format says end in a named error', () => {
    const texts = [
      '',
      '{}',
      '[]',
      'null',
      '{"packs":[],"chunks":[],"entries":[[]]}',
      '{"packs":[],"chunks":[],"entries":[[1]]}',
      '{"packs":["x"],"chunks":[],"entries":[]}',
      `{"packs":[],"chunks":[[0,"${'a'.repeat(64)}",0,0,0]],"entries":[]}`,
      `{"packs":[],"chunks":[],"entries":[["k","f",{},"${'a'.repeat(64)}",5,[]]]}`,
      `{"packs":[],"chunks":[],"entries":[["k","f",{},"${'a'.repeat(64)}",0,[[0,0,1]]]]}`,
      '{"packs":[],"chunks":[],"entries":[["k",[]]]}',
      '{"packs":[],"chunks":[],"entries":[["\u0100"]]}',
      '{"packs":[],"chunks":[],"entries":[["b"],["a"]]}',
      '['.repeat(100_000),
    ];
    for (const text of texts) {
      const frames = buildFrames(KEYS, 'segment', randomBytes(32));
      frames.add(Buffer.from(text), 'last frame');
      const blob = frames.finish();
      expect(() => [...readSegment(KEYS, sha256Hex(blob), blob)].flat(), text.slice(0, 60)).toThrow(IntegrityError);
    }
  });
});

describe('the descriptor', () => {
  const secrets = {
    passphrase: { type: 'passphrase', passphrase: 'correct horse' },
    keyfile: { type: 'keyfile', bytes: Buffer.alloc(32, 7) },
    writer: { type: 'keyfile', bytes: Buffer.alloc(32, 8) },
  } as const;
  const { descriptor, keys } = createDescriptor({
    createdAt: '2026-01-01T00:00:00.000Z',
    slots: [
      { secret: secrets.passphrase, kind: 'read' },
      { secret: secrets.keyfile, kind: 'read' },
      { secret: secrets.writer, kind: 'write' },
    ],
    randomBytes,
  });
  const stored = parseDescriptor(serializeDescriptor(descriptor), 'file:///vault');

  it('opens with each of its secrets, as far as the slot goes', () => {
    expect(unlockDescriptor(stored, secrets.passphrase)).toEqual(keys);
    expect(unlockDescriptor(stored, secrets.keyfile)).toEqual(keys);
    expect(unlockDescriptor(stored, secrets.writer)).toEqual({ ...keys, contentPrivateKey: undefined });
  });

  it('takes a passphrase in any Unicode form', () => {
    const made = createDescriptor({
      createdAt: '2026-01-01T00:00:00.000Z',
      slots: [{ secret: { type: 'passphrase', passphrase: 'caf\u00e9' }, kind: 'read' }],
      randomBytes,
    });
    expect(unlockDescriptor(made.descriptor, { type: 'passphrase', passphrase: 'cafe\u0301' })).toEqual(made.keys);
  });

  it('refuses a wrong secret with a sentence that says what to give', () => {
    for (const secret of [
      { type: 'passphrase', passphrase: 'wrong' },
      { type: 'keyfile', bytes: Buffer.alloc(32) },
    ] as const)
      expect(() => unlockDescriptor(stored, secret)).toThrow(/opens no slot of the keyring/);
  });

  it('holds no secret in the clear', () => {
    const text = serializeDescriptor(descriptor).toString();
    for (const secret of [keys.metadataKey, keys.contentPrivateKey ?? Buffer.alloc(0)]) {
      expect(text).not.toContain(secret.toString('base64').slice(0, 20));
      expect(text).not.toContain(secret.toString('hex').slice(0, 20));
    }
  });

  it('notices that its public key was exchanged for another', () => {
    const [first] = stored.generations;
    if (first === undefined) throw new Error('no generation');
    const altered = {
      ...stored,
      generations: [{ ...first, contentPublicKey: foreign.contentPublicKey.toString('base64') }],
    };
    expect(() => unlockDescriptor(altered, secrets.keyfile)).toThrow(IntegrityError);
  });

  it('is refused in another format, and when it is damaged in any field', () => {
    const value = JSON.parse(serializeDescriptor(descriptor).toString());
    const parse = (change: object) => () =>
      parseDescriptor(Buffer.from(JSON.stringify({ ...value, ...change })), 'file:///vault');
    expect(parse({ format: 'holdfast-vault-2' })).toThrow(InvalidInputError);
    expect(() => parseDescriptor(Buffer.from('no json'), 'file:///vault')).toThrow(IntegrityError);
    for (const field of Object.keys(value).filter((name) => name !== 'format')) {
      expect(parse({ [field]: undefined }), field).toThrow(IntegrityError);
      expect(parse({ [field]: { $: 1 } }), field).toThrow(IntegrityError);
    }
    for (const sizes of [
      { maxBytes: 0 },
      { maxBytes: 1000 },
      { minBytes: 1 << 23, maxBytes: 1 << 22 },
      { averageBytes: 1 },
    ])
      expect(parse({ chunking: { ...value.chunking, ...sizes } })).toThrow(IntegrityError);
    const slot = value.keyring[0];
    expect(parse({ keyring: [{ ...slot, n: 2 ** 30 }] })).toThrow(IntegrityError);
  });

  it('opens what an earlier generation sealed, and seals with the newest', () => {
    const privateKey = randomBytes(32);
    const second = {
      generation: 2,
      metadataKey: randomBytes(32),
      contentPublicKey: publicKeyOf(privateKey),
      contentPrivateKey: privateKey,
    };
    const [first] = descriptor.generations;
    if (first === undefined) throw new Error('no generation');
    const rotated = {
      ...descriptor,
      generations: [first, { ...first, generation: 2, contentPublicKey: second.contentPublicKey.toString('base64') }],
      keyring: [
        makeSlot(descriptor.vaultId, { secret: secrets.keyfile, kind: 'read' }, [keys, second], randomBytes),
        ...descriptor.keyring,
      ],
    };
    const opened = unlockDescriptor(parseDescriptor(serializeDescriptor(rotated), 'file:///vault'), secrets.keyfile);
    expect(opened).toMatchObject({ generation: 2, earlier: [{ generation: 1, metadataKey: keys.metadataKey }] });
    const frames = (sealer: VaultKeys, reader: VaultKeys) => {
      const built = buildFrames(sealer, 'segment', randomBytes(32));
      built.add(Buffer.from('x'), 'last frame');
      return Buffer.concat([...openFrames(reader, 'segment', built.finish(), 'segment x')]).toString();
    };
    expect(frames(keys, opened)).toBe('x');
    expect(frames(opened, opened)).toBe('x');
    expect(() => frames(opened, keys)).toThrow(/key generation 2, which this key does not open/);
    const pack = buildPack(keys, randomBytes(32));
    pack.add(sha256Hex('y'), Buffer.from('y'));
    const { packId, bytes: blob } = pack.finish();
    expect(readPackDirectory(opened, packId, blob)).toHaveLength(1);
    expect(() => unlockDescriptor(rotated, secrets.passphrase)).toThrow(/from before the newest key generation/);
  });

  it('needs a key of kind read', () => {
    const slots = [{ secret: secrets.writer, kind: 'write' }] as const;
    expect(() => createDescriptor({ createdAt: '2026-01-01T00:00:00.000Z', slots, randomBytes })).toThrow(
      /at least one key of kind read/,
    );
  });
});
