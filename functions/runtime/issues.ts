/** What is wrong with a value from outside, in words: one problem per field. */
import type { z } from 'zod';

export interface Problem {
  readonly path: readonly PropertyKey[];
  /** Reads on after the field's name when it begins with a small letter: `is missing`. */
  readonly message: string;
  /** What is wrong is the last key of `path`, and not what stands under it. */
  readonly about?: 'key' | 'unknown key';
}

/** The value, or every problem that it has. */
export function check<Output>(
  schema: z.ZodType<Output>,
  value: unknown,
): { readonly value: Output } | { readonly problems: readonly Problem[] } {
  const parsed = schema.safeParse(value, { error: wording });
  return parsed.success
    ? { value: parsed.data }
    : { problems: parsed.error.issues.flatMap((issue) => problemsOf(issue)) };
}

/** `plans.web-app.sources[1].uri`; a key that is no plain word stands in quotes. */
export function fieldName(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`;
      const text = String(part);
      if (!/^[\w-]+$/.test(text)) return `[${JSON.stringify(text)}]`;
      return index === 0 ? text : `.${text}`;
    })
    .join('');
}

/** The problem as a sentence's main part: field and message. `whole` names a value that is wrong as a whole. */
export function sentenceOf({ path, message }: Problem, whole: string): string {
  const field = path.length === 0 ? whole : fieldName(path);
  return /^[a-z]/.test(message) ? `${field} ${message}` : `${field}: ${message}`;
}

/** Zod's wording says what was expected but not how a sentence about a field goes; a schema's own messages come before this. */
const wording: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined
        ? 'is missing'
        : `is ${kindOf(issue.input)} where ${article(issue.expected)} is expected`;
    case 'invalid_value':
      return `is not one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `is too small: ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum} ${unitOf(issue.origin)}`.trimEnd();
    case 'too_big':
      return `is too large: at most ${issue.maximum} ${unitOf(issue.origin)}`.trimEnd();
    default:
      return undefined;
  }
};

function unitOf(origin: string): string {
  return origin === 'string' ? 'characters' : origin === 'array' ? 'elements' : '';
}

function kindOf(value: unknown): string {
  return value === null ? 'empty' : article(Array.isArray(value) ? 'array' : typeof value);
}

function article(type: string): string {
  const known: Readonly<Record<string, string>> = {
    array: 'a list',
    record: 'a mapping',
    object: 'a mapping',
    string: 'text',
    int: 'a whole number',
  };
  return known[type] ?? `a ${type}`;
}

function problemsOf(issue: z.core.$ZodIssue, base: readonly PropertyKey[] = []): readonly Problem[] {
  const path = [...base, ...issue.path];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ path: [...path, key], message: 'is not known here', about: 'unknown key' }));
    case 'invalid_key':
      return issue.issues.map(({ message }) => ({ path, message, about: 'key' }));
    case 'invalid_union': {
      // The branch of the right type is what was meant; only its problems help.
      const meant = issue.errors.find(
        (branch) => !branch.some((inner) => inner.code === 'invalid_type' && inner.path.length === 0),
      );
      if (meant !== undefined) return meant.flatMap((inner) => problemsOf(inner, path));
      return [
        {
          path,
          message: issue.errors
            .flat()
            .map((inner) => inner.message)
            .join(', or '),
        },
      ];
    }
    default:
      return [{ path, message: issue.message }];
  }
}
