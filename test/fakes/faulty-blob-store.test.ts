import { describe, expect, it } from 'vitest';
import { TransientError } from '../../functions/core/errors.ts';
import { countingBlobStore, failAt, Killed } from './faulty-blob-store.ts';
import { memoryBlobStore } from './memory-blob-store.ts';

const X = Buffer.from('x');

describe('failAt', () => {
  it('fails the nth write before its effect, once', async () => {
    const memory = memoryBlobStore();
    const store = failAt(memory, 2, 'before');
    await store.putNew('a', X);
    await store.get('a');
    await expect(store.put('b', X)).rejects.toThrow(TransientError);
    expect([...memory.blobs.keys()]).toEqual(['a']);
    await store.put('b', X);
    expect([...memory.blobs.keys()]).toEqual(['a', 'b']);
    expect(store.writes).toBe(3);
  });

  it('fails the nth write after its effect, once', async () => {
    const memory = memoryBlobStore();
    await memory.put('a', X);
    const store = failAt(memory, 1, 'after');
    await expect(store.delete('a')).rejects.toThrow(TransientError);
    expect(memory.blobs.size).toBe(0);
    expect(await store.putNew('a', X)).toBe('written');
  });

  it('kills at the nth write, and nothing works after it', async () => {
    const memory = memoryBlobStore();
    const store = failAt(memory, 2, 'kill');
    await store.putNew('a', X);
    await expect(store.putNew('b', X)).rejects.toThrow(Killed);
    await expect(store.get('a')).rejects.toThrow(Killed);
    await expect(store.find('a')).rejects.toThrow(Killed);
    await expect(store.delete('a')).rejects.toThrow(Killed);
    await expect(store.list('')[Symbol.asyncIterator]().next()).rejects.toThrow(Killed);
    expect([...memory.blobs.keys()]).toEqual(['a']);
  });

  it('kills a listing that is under way', async () => {
    const memory = memoryBlobStore();
    await memory.put('a', X);
    await memory.put('b', X);
    const store = failAt(memory, 1, 'kill');
    const listing = store.list('')[Symbol.asyncIterator]();
    expect((await listing.next()).value).toMatchObject({ name: 'a' });
    await expect(store.put('c', X)).rejects.toThrow(Killed);
    await expect(listing.next()).rejects.toThrow(Killed);
  });
});

describe('countingBlobStore', () => {
  it('counts calls by method and bytes both ways', async () => {
    const store = countingBlobStore(memoryBlobStore());
    await store.putNew('a', Buffer.alloc(10));
    await store.putNew('a', Buffer.alloc(10));
    await store.put('b', Buffer.alloc(5));
    await store.get('a', { offset: 2, length: 3 });
    await store.find('a');
    await expect(store.get('absent')).rejects.toThrow();
    for await (const _ of store.list('')) break;
    await store.delete('a');
    expect(store.counts).toEqual({ putNew: 2, put: 1, get: 2, find: 1, list: 1, delete: 1 });
    expect([store.bytesIn, store.bytesOut]).toEqual([25, 3]);
  });
});
