/**
 * Items of a table as a person names them: by typed JSON of their key, or of the hash key alone for all that share it. The key of an
 * item's entry is the canonical text `{"<hash>":{…},"<range>":{…}}` in UTF-8, so that a partition is one stretch of keys.
 */
import { type KeyRange, keyFromText } from './entry.ts';
import { InvalidInputError } from './errors.ts';
import { canonicalKey, isJsonObject } from './typed-json.ts';

/**
 * The ranges of keys that hold exactly the items that a text like `{"pk":{"S":"a"}}` names: where it names the hash key alone, this
 * item or all items of the partition, whichever the table has; where it names both attributes, in any order, the one item.
 * @throws InvalidInputError for what is not typed JSON of a key
 */
export function itemKeyRanges(text: string): readonly KeyRange[] {
  const refuse = (why: string) =>
    new InvalidInputError(`the key of an item: ${why}; write it as typed JSON, like {"pk":{"S":"a"},"sk":{"N":"1"}}`);
  const key = parse(text, refuse);
  const [first, second, ...more] = isJsonObject(key) ? Object.keys(key) : [];
  if (first === undefined) throw refuse('it names no attribute');
  if (more.length > 0) throw refuse('it names more than two attributes');
  // A whole value is followed by `,` (an attribute more) or `}` (the end) and by nothing else; no key lies between them in byte order.
  if (second === undefined) return [between(canonicalKey(key, [first], refuse), ',')];
  // Which of the two is the hash key the table knows; under the other order it has no keys. Objects put names like `1` first anyway.
  const orders = [
    [first, second],
    [second, first],
  ];
  return orders.map((names) => between(canonicalKey(key, names, refuse), '|')).sort(byStart);
}

/** From right after `after`, in place of the key's last `}`, up to the key itself. */
function between(key: string, after: ',' | '|'): Required<KeyRange> {
  return { after: keyFromText(`${key.slice(0, -1)}${after}`), upTo: keyFromText(key) };
}

const byStart = (a: Required<KeyRange>, b: Required<KeyRange>): number => ((a.upTo ?? '') < (b.upTo ?? '') ? -1 : 1);

function parse(text: string, refuse: (why: string) => InvalidInputError): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw refuse('it is not JSON'); // The parser's own words would quote the text without need.
  }
}
