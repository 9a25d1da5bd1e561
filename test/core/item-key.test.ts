import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inRange, keyFromText } from '../../functions/core/entry.ts';
import { InvalidInputError } from '../../functions/core/errors.ts';
import { itemKeyRanges } from '../../functions/core/item-key.ts';

const selects = (text: string, key: string): boolean =>
  itemKeyRanges(text).some((range) => inRange(keyFromText(key), range));

const keyValue = fc.oneof(
  fc.string({ minLength: 1, maxLength: 4, unit: 'binary' }).map((one) => `{"S":${JSON.stringify(one)}}`),
  fc.constantFrom('{"S":"}"}', '{"S":","}', '{"S":"|"}', '{"N":"1"}', '{"N":"11"}', '{"B":"AA=="}', '{"S":"a\\"}"}'),
);
const attribute = fc.constantFrom('pk', 'p', 'pk2', '1', '10', '__proto__', 'a.b', '"');
const key = fc
  .tuple(fc.uniqueArray(attribute, { minLength: 2, maxLength: 2 }), keyValue, keyValue)
  .map(([[hash = '', range = ''], hashValue, rangeValue]) => ({
    partition: `{${JSON.stringify(hash)}:${hashValue}}`,
    whole: `{${JSON.stringify(hash)}:${hashValue},${JSON.stringify(range)}:${rangeValue}}`,
    reversed: `{${JSON.stringify(range)}:${rangeValue},${JSON.stringify(hash)}:${hashValue}}`,
  }));

describe('the items that a key names', () => {
  it('are the one item of a table without a range key', () => {
    expect(selects('{"pk":{"S":"a"}}', '{"pk":{"S":"a"}}')).toBe(true);
    expect(selects('{"pk":{"S":"a"}}', '{"pk":{"S":"ab"}}')).toBe(false);
    expect(selects('{"pk":{"S":"a"}}', '{"pk":{"N":"1"}}')).toBe(false);
  });

  it('are all items of a partition where only the hash key is named, and no others', () => {
    fc.assert(
      fc.property(key, key, (mine, other) => {
        expect(selects(mine.partition, mine.whole)).toBe(true);
        expect(selects(mine.partition, mine.partition)).toBe(true);
        expect(selects(mine.partition, other.whole)).toBe(other.partition === mine.partition);
      }),
    );
  });

  it('are exactly one item where both attributes are named, in either order', () => {
    fc.assert(
      fc.property(key, key, (mine, other) => {
        expect(selects(mine.whole, mine.whole)).toBe(true);
        expect(selects(mine.reversed, mine.whole)).toBe(true);
        expect(selects(mine.whole, other.whole)).toBe(other.whole === mine.whole || other.whole === mine.reversed);
        expect(selects(mine.whole, mine.partition)).toBe(false);
      }),
    );
  });

  it('are found whatever white space the text has', () => {
    expect(selects(' { "sk" : { "N" : "1" } , "pk" : { "S" : "a" } } ', '{"pk":{"S":"a"},"sk":{"N":"1"}}')).toBe(true);
  });

  it('come as ranges in order, which do not overlap', () => {
    fc.assert(
      fc.property(key, ({ whole }) => {
        const [first, second] = itemKeyRanges(whole);
        expect((first?.upTo ?? '') < (second?.after ?? '')).toBe(true);
      }),
    );
  });

  it.each([
    ['text that is not JSON', '{pk:{S:a}}', 'it is not JSON'],
    ['a bare text', '"a"', 'it names no attribute'],
    ['nothing', '{}', 'it names no attribute'],
    ['three attributes', '{"a":{"S":"1"},"b":{"S":"1"},"c":{"S":"1"}}', 'more than two attributes'],
    ['an untyped value', '{"pk":"a"}', 'the key attribute "pk" is not typed as S, N or B'],
    ['a number without quotes', '{"pk":{"N":1}}', 'an N that is not text in quotes'],
    ['a type that no key has', '{"pk":{"BOOL":true}}', 'the key attribute "pk" is not typed as S, N or B'],
    ['deep nonsense', '['.repeat(1e6), 'it is not JSON'],
  ])('are refused for %s, with the way to write it', (_, text, why) => {
    const call = () => itemKeyRanges(text);
    expect(call).toThrow(InvalidInputError);
    expect(call).toThrow(why);
    expect(call).toThrow('write it as typed JSON, like {"pk":{"S":"a"},"sk":{"N":"1"}}');
  });
});
