/** Stored JSON, read totally: a value of the schema, or an IntegrityError that names the blob. */
import type { z } from 'zod';
import { IntegrityError } from './errors.ts';

/** @throws IntegrityError `<what>: …` for bytes that are not JSON of that shape (also when nested too deeply to read). */
export function parseJson<T>(bytes: Buffer, schema: z.ZodType<T>, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new IntegrityError(`${what}: is not JSON`, { cause });
  }
  const parsed = parseShape(schema, value, what);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new IntegrityError(
    `${what}: ${issue?.path.join('.') || 'the value'} is not as the format says (${issue?.message})`,
  );
}

function parseShape<T>(schema: z.ZodType<T>, value: unknown, what: string) {
  try {
    return schema.safeParse(value);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause; // What V8 throws when the stack is used up.
    throw new IntegrityError(`${what}: is nested more deeply than the format allows`, { cause });
  }
}
