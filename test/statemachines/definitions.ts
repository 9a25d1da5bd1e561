/** The state machine files, read for the tests: every state with the machine or Map that it stands in. */
import { readdirSync, readFileSync } from 'node:fs';
import { z } from 'zod';

const folder = new URL('../../statemachines/', import.meta.url);

const conditionSchema = z.looseObject({ Variable: z.string().optional(), IsPresent: z.boolean().optional() });
const ruleSchema = conditionSchema.extend({ Next: z.string(), And: z.array(conditionSchema).optional() });
const catcherSchema = z.object({ ErrorEquals: z.array(z.string()), Next: z.string(), ResultPath: z.unknown() });
const retrierSchema = z.object({
  ErrorEquals: z.array(z.string()),
  IntervalSeconds: z.number(),
  BackoffRate: z.number(),
  MaxAttempts: z.number(),
  MaxDelaySeconds: z.number(),
  JitterStrategy: z.string(),
});

const stateSchema = z.looseObject({
  Type: z.string(),
  Comment: z.string().optional(),
  Resource: z.string().optional(),
  Parameters: z.record(z.string(), z.unknown()).optional(),
  Error: z.string().optional(),
  ErrorPath: z.string().optional(),
  Cause: z.string().optional(),
  CausePath: z.string().optional(),
  TimeoutSeconds: z.number().optional(),
  Next: z.string().optional(),
  End: z.boolean().optional(),
  Default: z.string().optional(),
  Choices: z.array(ruleSchema).optional(),
  Catch: z.array(catcherSchema).optional(),
  Retry: z.array(retrierSchema).optional(),
  get ItemProcessor() {
    return scopeSchema.optional();
  },
});

const scopeSchema = z.looseObject({
  StartAt: z.string(),
  get States() {
    return z.record(z.string(), stateSchema);
  },
});

const machineSchema = scopeSchema.extend({ TimeoutSeconds: z.number().optional(), Comment: z.string().optional() });

export type Retrier = z.output<typeof retrierSchema>;
export type State = z.output<typeof stateSchema>;
export type Scope = z.output<typeof scopeSchema>;

/** The names of the files, without `.asl.json`. */
export const machineNames: readonly string[] = readdirSync(folder)
  .filter((file) => file.endsWith('.asl.json'))
  .map((file) => file.slice(0, -'.asl.json'.length))
  .sort();

export const machineText = (name: string): string => readFileSync(new URL(`${name}.asl.json`, folder), 'utf8');

export const readMachine = (name: string) => machineSchema.parse(JSON.parse(machineText(name)));

/** The machine and every Map within it, outermost first, with a name for messages. */
export function scopesOf(name: string): readonly { readonly where: string; readonly scope: Scope }[] {
  const inner = (where: string, scope: Scope): { where: string; scope: Scope }[] => [
    { where, scope },
    ...Object.entries(scope.States).flatMap(([state, { ItemProcessor }]) =>
      ItemProcessor === undefined ? [] : inner(`${where}/${state}`, ItemProcessor),
    ),
  ];
  return inner(name, readMachine(name));
}

/** Every state of every machine. */
export const allStates: readonly { readonly where: string; readonly name: string; readonly state: State }[] =
  machineNames
    .flatMap(scopesOf)
    .flatMap(({ where, scope }) => Object.entries(scope.States).map(([name, state]) => ({ where, name, state })));

/** The states to which a state can lead. */
export function nextOf(state: State): readonly string[] {
  return [
    state.Next,
    state.Default,
    ...(state.Choices ?? []).map((rule) => rule.Next),
    ...(state.Catch ?? []).map((catcher) => catcher.Next),
  ].filter((next) => next !== undefined);
}
