import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { displayKey, keyFromBytes, keyFromText } from '../../functions/core/entry.ts';
import { InvalidInputError } from '../../functions/core/errors.ts';
import { itemKeyRanges } from '../../functions/core/item-key.ts';
import {
  keyForRestore,
  keyFromTyped,
  keysFromTyped,
  prefixFromTyped,
  showKey,
} from '../../functions/local/key-text.ts';

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

describe('keys of a table', () => {
  const TABLE = 'dynamodb://orders';
  const one = (key: string) => [keyFromText(key)];

  it.each([
    ['{"pk":{"S":"a"}}', '{"pk":{"S":"a"}}'],
    ['\n{ "pk" : { "S" : "a" } }', '{"pk":{"S":"a"}}'],
    ['{"\\u0070k":{"S":"\\u0061\\/b"}}', '{"pk":{"S":"a/b"}}'],
    ['{"pk":{"N":"1E+125"}}', '{"pk":{"N":"1E+125"}}'],
  ])('are taken in any spelling: %s', (typed, key) => {
    expect(keysFromTyped(TABLE, typed)).toEqual(one(key));
  });

  it('of two attributes are taken in either order', () => {
    const orders = ['{"pk":{"S":"a"},"sk":{"N":"1"}}', '{"sk":{"N":"1"},"pk":{"S":"a"}}'];
    for (const typed of orders) expect(keysFromTyped(TABLE, typed)).toEqual(orders.map(keyFromText));
  });

  it.each(['a', '{"pk":"a"}', '{}', '[]', '{"pk":{"BOOL":true}}'])('that are none are refused: %s', (typed) => {
    for (const take of [keysFromTyped, keyForRestore]) expect(() => take(TABLE, typed)).toThrow(InvalidInputError);
  });

  it('are shown as JSON that names the same item, whatever is in it, and steers no terminal', () => {
    const text = fc.string({
      unit: fc.oneof(
        fc.constantFrom('\\', '"', 'u', '\u001b', '\u0085', '\u202e', '\u{e0001}', '/'),
        fc.string({ minLength: 1, maxLength: 1, unit: 'binary' }),
      ),
    });
    fc.assert(
      fc.property(text, text, (hash, range) => {
        const json = JSON.stringify({ pk: { S: hash }, sk: { S: range } });
        const [key] = itemKeyRanges(json).map(({ upTo }) => upTo);
        if (key === undefined) throw new Error('no key');
        const shown = showKey(TABLE, key);
        expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u);
        expect(keysFromTyped(TABLE, shown)).toContain(key);
        expect(keyForRestore(TABLE, shown)).toBe(shown);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('begin as they are shown', () => {
    expect(prefixFromTyped(TABLE, '{"pk":{"S":"C:\\\\')).toBe(keyFromText('{"pk":{"S":"C:\\\\'));
  });
});

describe('keys of anything else', () => {
  it('are shown and typed with escapes of bytes', () => {
    const key = keyFromBytes(Buffer.from([0x61, 0x0a, 0xff, 0x5c]));
    expect(showKey('file:///x', key)).toBe('a\\x0a\\xff\\x5c');
    expect(keysFromTyped('file:///x', 'a\\x0a\\xff\\\\')).toEqual([key]);
    expect(prefixFromTyped('s3://bucket/', 'a\\x0a')).toBe(keyFromText('a\n'));
  });

  it('are restored by their text, and not where they have none', () => {
    expect(keyForRestore('s3://bucket/', 'line\\x0abreak\\\\')).toBe('line\nbreak\\');
    expect(() => keyForRestore('file:///x', 'a\\xff')).toThrow(
      '--key "a\\xff" has bytes that are no text; choose the entry with --include',
    );
  });
});
