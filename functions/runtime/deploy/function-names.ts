/** The Lambda functions: one file directly in functions/ each. */

export const FUNCTION_NAMES = [
  'start-run',
  'take-inventory',
  'take-snapshot',
  'commit-snapshot',
  'replicate',
  'verify',
  'restore',
  'record-failure',
  'finish-run',
] as const;

export type FunctionName = (typeof FUNCTION_NAMES)[number];

/** `start-run` → `startRun`: the function's name in serverless.yml. */
export function functionKey(name: FunctionName): string {
  const pascal = pascalCase(name);
  return pascal.charAt(0).toLowerCase() + pascal.slice(1);
}

/** `start-run` → `StartRun`: how its resources' logical ids and the state machines' substitutions begin. */
export function pascalCase(name: string): string {
  return name
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}
