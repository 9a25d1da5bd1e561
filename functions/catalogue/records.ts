/** Records as JSON text, checked in both directions: a damaged or newer record is a named error, and a wrong one is never written. */
import type { z } from 'zod';
import { IntegrityError, InvalidInputError } from '../core/errors.ts';
import type { StoredItem } from './items.ts';
import type { Key } from './keys.ts';

/** The text of a record, its fields in the schema's order, so that equal records give equal texts. @throws InvalidInputError */
export function encodeRecord<T>(schema: z.ZodType<T>, value: T, key: Key): string {
  const parsed = schema.safeParse(value);
  if (!parsed.success)
    throw new InvalidInputError(
      `the record for ${key.pk}/${key.sk} of the catalogue is not valid: ${fault(parsed.error)}`,
      {
        cause: parsed.error,
      },
    );
  return JSON.stringify(parsed.data);
}

/** @throws IntegrityError naming the key, when the record does not parse. */
export function decodeRecord<T>(schema: z.ZodType<T>, item: StoredItem): T {
  const damaged = (why: string, cause: unknown) =>
    new IntegrityError(
      `the record under ${item.pk}/${item.sk} of the catalogue is damaged or of a newer version (${why}); run holdfast catalogue rebuild`,
      { cause, context: { pk: item.pk, sk: item.sk } },
    );
  let json: unknown;
  try {
    json = JSON.parse(item.record);
  } catch (error) {
    throw damaged('no JSON', error);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw damaged(fault(parsed.error), parsed.error);
  return parsed.data;
}

function fault(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
}
