/** Which keys a mapping in the plan file may have, to name the one that was meant. */
import * as z from 'zod';

/** `did you mean schedule?`, or the keys that there are. */
export function hintFor(schema: z.core.$ZodType, path: readonly PropertyKey[], unknownKey: string): string {
  const known = path
    .reduce<readonly z.core.$ZodType[]>((at, part) => at.flatMap((one) => childrenOf(one, part)), [schema])
    .flatMap(keysOf);
  const nearest = known
    .map((key) => ({ key, distance: editDistance(key.toLowerCase(), unknownKey.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0];
  if (nearest !== undefined && nearest.distance <= Math.max(1, Math.floor(unknownKey.length / 3)))
    return `did you mean ${nearest.key}?`;
  return `known are ${known.join(', ')}`;
}

/** The schemas behind defaults, transformations and alternatives. */
function alternatives(schema: z.core.$ZodType): readonly z.core.$ZodType[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return alternatives(schema.unwrap());
  if (schema instanceof z.ZodPipe) return alternatives(schema.in);
  if (schema instanceof z.ZodUnion) return schema.options.flatMap(alternatives);
  return [schema];
}

function childrenOf(schema: z.core.$ZodType, part: PropertyKey): readonly z.core.$ZodType[] {
  return alternatives(schema).flatMap((one) => {
    if (one instanceof z.ZodObject) return Object.hasOwn(one.shape, part) ? [one.shape[String(part)]] : [];
    if (one instanceof z.ZodRecord) return [one.valueType];
    if (one instanceof z.ZodArray) return [one.element];
    return [];
  });
}

const keysOf = (schema: z.core.$ZodType): readonly string[] =>
  alternatives(schema).flatMap((one) => (one instanceof z.ZodObject ? Object.keys(one.shape) : []));

/** Letters to insert, delete or replace, or neighbours to swap (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const line = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1];
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      line[column] = Math.min(
        (last[column] ?? 0) + 1,
        (line[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
        swapped ? (before[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    before = last;
    last = line;
  }
  return last[b.length] ?? 0;
}
