import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalItem, canonicalKey } from '../../functions/core/typed-json.ts';
import { arbitraryMembers, itemText, TYPED_ATTRIBUTES } from '../fixtures/typed-items.ts';

const refuse = (why: string) => new Error(why);
const canonical = (text: string) => canonicalItem(JSON.parse(text), refuse);

describe('the canonical text of an item', () => {
  it.each(TYPED_ATTRIBUTES)('is the text itself where that is canonical: %s', (_, json) => {
    expect(canonical(`{${json}}`)).toBe(`{${json}}`);
  });

  it('has names by code units and the members of sets sorted, and no white space', () => {
    expect(canonical('{ "b": {"SS": ["z", "a"]}, "B": {"M": {"2": {"NS": ["2", "10"]}, "10": {"NULL": true}}} }')).toBe(
      '{"B":{"M":{"10":{"NULL":true},"2":{"NS":["10","2"]}}},"b":{"SS":["a","z"]}}',
    );
  });

  it('is the text of an equal item: what it says is read back as it was', () => {
    fc.assert(
      fc.property(arbitraryMembers, (members) => {
        const text = canonical(itemText(members));
        expect(canonical(text)).toBe(text);
        const sortSets = (value: unknown): unknown =>
          JSON.parse(JSON.stringify(value), (name, held) =>
            /^[SNB]S$/.test(name) && Array.isArray(held) ? [...held].sort() : held,
          );
        expect(sortSets(JSON.parse(text))).toEqual(sortSets(JSON.parse(itemText(members))));
      }),
    );
  });

  it('does not depend on the order in which the attributes come', () => {
    fc.assert(
      fc.property(
        arbitraryMembers.chain((members) =>
          fc.tuple(fc.constant(members), fc.shuffledSubarray(members, { minLength: members.length })),
        ),
        ([members, shuffled]) => {
          expect(canonical(itemText(shuffled))).toBe(canonical(itemText(members)));
        },
      ),
    );
  });

  it.each([
    ['no object', '[]', 'it is not an object of attributes'],
    ['null', 'null', 'it is not an object of attributes'],
    ['a bare text', '{"a":"x"}', 'the attribute "a" has not one type'],
    ['no type', '{"a":{}}', 'the attribute "a" has not one type'],
    ['two types', '{"a":{"S":"x","N":"1"}}', 'the attribute "a" has not one type'],
    ['an unknown type', '{"a":{"X":"x"}}', 'the attribute "a" has a type that is not known'],
    ['a type that objects inherit', '{"a":{"constructor":"x"}}', 'the attribute "a" has a type that is not known'],
    ['a number as a number', '{"a":{"N":1}}', 'the attribute "a" has an N that is not text in quotes'],
    ['a number that is none', '{"a":{"N":"1x"}}', 'the attribute "a" has an N that is not a decimal number'],
    ['bytes that are none', '{"a":{"B":"?"}}', 'the attribute "a" has a B that is not base64'],
    ['a flag that is none', '{"a":{"BOOL":"true"}}', 'the attribute "a" has a BOOL that is neither true nor false'],
    ['a null that is false', '{"a":{"NULL":false}}', 'the attribute "a" has a NULL that is not true'],
    ['a list that is none', '{"a":{"L":{}}}', 'the attribute "a" has an L that is not a list'],
    ['a map that is none', '{"a":{"M":[]}}', 'the attribute "a" has an M that is not an object'],
    ['a set that is none', '{"a":{"SS":"x"}}', 'the attribute "a" has an SS that is not a list'],
    ['a set with a number', '{"a":{"NS":[1]}}', 'the attribute "a" has an N that is not text in quotes'],
    ['a fault within', '{"a":{"M":{"b":{"L":[{"Q":1}]}}}}', 'the attribute "a" has a type that is not known'],
    ['a hundred thousand levels', `{"a":${'{"L":['.repeat(1e5)}${']}'.repeat(1e5)}}`, 'is nested more deeply than 64'],
  ])('is refused for %s', (_, text, why) => {
    expect(() => canonical(text)).toThrow(why);
  });
});

describe('the canonical text of a key', () => {
  const item = JSON.parse('{"__proto__":{"S":"p"},"a":{"N":"1"},"1":{"B":"AA=="},"m":{"M":{}}}');

  it('has the attributes in the order of the schema, whatever their names', () => {
    expect(canonicalKey(item, ['a', '1'], refuse)).toBe('{"a":{"N":"1"},"1":{"B":"AA=="}}');
    expect(canonicalKey(item, ['__proto__'], refuse)).toBe('{"__proto__":{"S":"p"}}');
  });

  it.each([
    ['an attribute is absent', ['x'], 'the key attribute "x" is absent'],
    ['only objects inherit the attribute', ['toString'], 'the key attribute "toString" is absent'],
    ['an attribute has not the type of a key', ['m'], 'the key attribute "m" is not typed as S, N or B'],
  ])('is refused when %s', (_, names, why) => {
    expect(() => canonicalKey(item, names, refuse)).toThrow(why);
  });
});
