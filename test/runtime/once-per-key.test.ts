import { expect, it } from 'vitest';
import { oncePerKey } from '../../functions/runtime/once-per-key.ts';

it('makes each key’s value once and keeps keys apart', () => {
  const made: string[] = [];
  const get = oncePerKey((key) => ({ index: made.push(key) }));
  expect(get('a')).toBe(get('a'));
  expect(get('b')).not.toBe(get('a'));
  expect(made).toEqual(['a', 'b']);
});

it('makes a value again whose promise failed', async () => {
  let attempts = 0;
  const get = oncePerKey(async () => {
    attempts += 1;
    if (attempts === 1) throw new Error('not yet');
    return attempts;
  });
  await expect(get('a')).rejects.toThrow('not yet');
  expect(await get('a')).toBe(2);
});
