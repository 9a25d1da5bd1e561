import { describe, expect, it } from 'vitest';
import { type EntryKey, keyFromText } from '../../functions/core/entry.ts';
import type { OpenedEntry } from '../../functions/core/ports.ts';
import type { SourceDifference } from '../../functions/operations/diff-source.ts';
import { readAhead } from '../../functions/operations/read-ahead.ts';
import { tallyChanges } from '../../functions/operations/tally-changes.ts';

/** One of so many whose number `every` divides changed; the others are as the chain has them. */
function differences(count: number, every: number, sizeBytes?: number): SourceDifference[] {
  return Array.from({ length: count }, (_, number) => {
    const key = keyFromText(String(number).padStart(6, '0'));
    const newest = { key, state: 'present', fingerprint: 'old', attributes: {}, sha256: '', sizeBytes: 0, extents: [] };
    return {
      key,
      listed: { key, fingerprint: number % every === 0 ? 'new' : 'old', sizeBytes },
      merged: { key, newest: { ...newest, state: 'present' }, full: undefined },
    };
  });
}

/** A source of which each content ends when it is told to. */
function slowSource(sizeBytes = 1) {
  const waiting: { readonly key: EntryKey; readonly answer: () => void }[] = [];
  let [most, closed] = [0, 0];
  return {
    waiting,
    get most() {
      return most;
    },
    get closed() {
      return closed;
    },
    open: ({ key }: { readonly key: EntryKey }) =>
      new Promise<OpenedEntry>((resolve) => {
        const content = (async function* () {})();
        const counted = {
          [Symbol.asyncIterator]: () => ({
            next: () => content.next(),
            return: () => {
              closed += 1;
              return content.return(undefined);
            },
          }),
        };
        waiting.push({
          key,
          answer: () => resolve({ state: 'open', fingerprint: 'new', sizeBytes, attributes: {}, content: counted }),
        });
        most = Math.max(most, waiting.length);
      }),
  };
}

const tally = () => tallyChanges('incremental', () => {});

describe('what must be read', () => {
  it('is read side by side also where it lies far apart, and comes in order', async () => {
    const source = slowSource();
    const ahead = readAhead(source, tally());
    const all = differences(3000, 100, 10);
    ahead.push(all);
    const seen: EntryKey[] = [];
    for (let due = ahead.next('ended'); due !== undefined; due = ahead.next('ended')) {
      seen.push(due.difference.key);
      // The last that was begun is answered first.
      if (due.opened !== undefined) for (const { answer } of source.waiting.splice(0).reverse()) answer();
      await due.opened;
    }
    expect(seen).toEqual(all.map(({ key }) => key));
    expect(source.most).toBe(30);
  });

  it.each([
    ['few', 10, 64],
    ['many', 1 << 19, 32],
    ['unknown', undefined, 17],
  ])('is read side by side as far as memory allows where its bytes are %s', async (_, sizeBytes, most) => {
    const source = slowSource();
    const ahead = readAhead(source, tally());
    ahead.push(differences(500, 1, sizeBytes));
    for (let due = ahead.next('goes on'); due !== undefined; due = ahead.next('goes on')) {
      for (const { answer } of source.waiting.splice(0)) answer();
      await due.opened;
    }
    expect(source.most).toBe(most);
  });

  it('holds up no more than a bounded number of others, and asks for more until then', () => {
    const ahead = readAhead(slowSource(), tally());
    ahead.push(differences(2000, 2000));
    expect(ahead.next('goes on')).toBeUndefined();
    ahead.push(differences(3000, 3000).slice(1));
    expect(ahead.next('goes on')?.opened).toBeDefined();
  });

  it('is let go of when its turn does not come', async () => {
    // Listed without a size, it turns out to be large: its content is left to whoever takes it.
    const source = slowSource(2 << 20);
    const ahead = readAhead(source, tally());
    ahead.push(differences(5, 1));
    const due = ahead.next('ended');
    for (const { answer } of source.waiting) answer();
    expect(await due?.opened).toMatchObject({ state: 'open' });
    await ahead.close();
    expect(source.closed).toBe(4);
  });
});
