/**
 * Typed JSON is DynamoDB's own text of an item: each value stands under its type (`{"N":"1E+125"}`), numbers and bytes (base64) as text. Its
 * canonical text has names in code-unit order, the members of sets sorted, and no white space; every leaf is as it came, digit for digit.
 */

/** Makes the error of a value that is not typed JSON, from what is wrong with it; names an attribute, never a value. */
export type Refuse = (why: string) => Error;

// DynamoDB nests 32 levels (developer guide, "Quotas"); twice that is refused before the stack is in danger.
const MAX_DEPTH = 64;
const TYPES = 'S, N, B, BOOL, NULL, SS, NS, BS, L or M';

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

export const isJsonObject = (value: unknown): value is { readonly [name: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The canonical text of an item: an object from names to typed values, as `JSON.parse` gives it. @throws what `refuse` makes */
export function canonicalItem(item: unknown, refuse: Refuse): string {
  if (!isJsonObject(item)) throw refuse('it is not an object of attributes');
  return `{${Object.keys(item)
    .sort()
    .map((name) => member(item, name, refuse))
    .join(',')}}`;
}

/**
 * The canonical text of a key: the named attributes of an item, in this order (hash key first).
 * @throws what `refuse` makes, also for an attribute that is absent or not of a key's type
 */
export function canonicalKey(item: unknown, names: readonly string[], refuse: Refuse): string {
  if (!isJsonObject(item)) throw refuse('it is not an object of attributes');
  const members = names.map((name) => {
    if (!Object.hasOwn(item, name)) throw refuse(`the key attribute ${JSON.stringify(name)} is absent`);
    if (keyTypeOf(item[name]) === undefined)
      throw refuse(`the key attribute ${JSON.stringify(name)} is not typed as S, N or B`);
    return member(item, name, refuse);
  });
  return `{${members.join(',')}}`;
}

/** The type of a value that can be a key: S, N or B. */
export function keyTypeOf(value: unknown): 'S' | 'N' | 'B' | undefined {
  const [type] = isJsonObject(value) ? Object.keys(value) : [];
  return type === 'S' || type === 'N' || type === 'B' ? type : undefined;
}

function member(item: { readonly [name: string]: unknown }, name: string, refuse: Refuse): string {
  const quoted = JSON.stringify(name);
  return `${quoted}:${canonicalValue(item[name], 1, (why) => refuse(`the attribute ${quoted} ${why}`))}`;
}

function canonicalValue(value: unknown, depth: number, refuse: Refuse): string {
  if (depth > MAX_DEPTH) throw refuse(`is nested more deeply than ${MAX_DEPTH} levels`);
  const names = isJsonObject(value) ? Object.keys(value) : [];
  const [type] = names;
  if (!isJsonObject(value) || type === undefined || names.length !== 1) throw refuse(`has not one type (${TYPES})`);
  const held = value[type];
  switch (type) {
    case 'S':
    case 'N':
    case 'B':
      return `{"${type}":${leaf(type, held, refuse)}}`;
    case 'BOOL':
      if (typeof held !== 'boolean') throw refuse('has a BOOL that is neither true nor false');
      return `{"BOOL":${held}}`;
    case 'NULL':
      if (held !== true) throw refuse('has a NULL that is not true');
      return '{"NULL":true}';
    case 'SS':
    case 'NS':
    case 'BS':
      return `{"${type}":[${set(type, held, refuse).join(',')}]}`;
    case 'L':
      if (!Array.isArray(held)) throw refuse('has an L that is not a list');
      return `{"L":[${held.map((one) => canonicalValue(one, depth + 1, refuse)).join(',')}]}`;
    case 'M':
      return `{"M":${map(held, depth, refuse)}}`;
    default:
      throw refuse(`has a type that is not known (${TYPES})`);
  }
}

function map(held: unknown, depth: number, refuse: Refuse): string {
  if (!isJsonObject(held)) throw refuse('has an M that is not an object');
  const members = Object.keys(held)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalValue(held[name], depth + 1, refuse)}`);
  return `{${members.join(',')}}`;
}

function set(type: 'SS' | 'NS' | 'BS', held: unknown, refuse: Refuse): readonly string[] {
  if (!Array.isArray(held)) throw refuse(`has an ${type} that is not a list`);
  const of = ({ SS: 'S', NS: 'N', BS: 'B' } as const)[type];
  const members: readonly unknown[] = held;
  for (const one of members) leaf(of, one, refuse);
  return members
    .filter((one) => typeof one === 'string')
    .sort()
    .map((one) => JSON.stringify(one));
}

function leaf(type: 'S' | 'N' | 'B', held: unknown, refuse: Refuse): string {
  if (typeof held !== 'string') throw refuse(`has an ${type} that is not text in quotes`);
  if (type === 'N' && !NUMBER.test(held)) throw refuse('has an N that is not a decimal number');
  if (type === 'B' && (held.length % 4 !== 0 || !BASE64.test(held))) throw refuse('has a B that is not base64');
  return JSON.stringify(held);
}
