import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { displayKey, keyFromBytes, keyFromText } from '../../functions/core/entry.ts';
import { keyFromTyped } from '../../functions/local/key-text.ts';

describe('keys as a person types them', () => {
  it('takes text as UTF-8', () => {
    expect(keyFromTyped('ünï/🐘')).toBe(keyFromText('ünï/🐘'));
  });

  it('takes \\xNN as one byte and a doubled backslash as one', () => {
    expect(keyFromTyped('a\\xff\\\\b')).toBe(keyFromBytes(Buffer.from([0x61, 0xff, 0x5c, 0x62])));
  });

  it('leaves a lone backslash alone', () => {
    expect(keyFromTyped('C:\\dir\\')).toBe(keyFromText('C:\\dir\\'));
    expect(keyFromTyped('\\xg0')).toBe(keyFromText('\\xg0'));
  });

  it('takes back whatever is displayed, byte for byte', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
      fc.string({ unit: fc.constantFrom('\\', 'x', '4', '1', '\n', 'é') }).map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(bytes, (key) => {
        expect(keyFromTyped(displayKey(keyFromBytes(key)))).toBe(keyFromBytes(key));
      }),
      { seed: 1, numRuns: 500 },
    );
  });
});
