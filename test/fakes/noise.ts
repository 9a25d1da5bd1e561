import { createHash } from 'node:crypto';
import type { World } from './world.ts';

const made = new Map<string, Buffer>();

/** Bytes that do not compress, from a seed; made once, so they must not be changed. */
export function noise(seed: string, sizeBytes: number): Buffer {
  const name = `${sizeBytes} ${seed}`;
  const bytes = made.get(name) ?? makeNoise(seed, sizeBytes);
  made.set(name, bytes);
  return bytes;
}

function makeNoise(seed: string, sizeBytes: number): Buffer {
  const blocks: Buffer[] = [];
  for (let i = 0; blocks.length * 32 < sizeBytes; i += 1)
    blocks.push(createHash('sha256').update(`${seed}${i}`).digest());
  return Buffer.concat(blocks).subarray(0, sizeBytes);
}

/** A source of 45 entries: small, empty, medium, large, and with odd names. */
export function fill(world: World): void {
  const { source } = world;
  for (let i = 0; i < 40; i += 1)
    source.put(`small/${String(i).padStart(3, '0')}.json`, JSON.stringify({ i, text: 'x'.repeat(i * 10) }));
  source.put('empty', '');
  source.put('medium', noise('medium', 100_000), { type: 'object', contentType: 'image/png' });
  source.put('large', noise('large', 3_000_000), { type: 'object', metadata: { a: 'b' } });
  source.put('a//b', 'odd');
  source.put('ünï/😀', 'text');
}
