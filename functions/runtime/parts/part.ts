/** A part of the ports: what the handler of a function names to get them, and what it needs of the function's environment. */
import type { Ports } from '../../core/ports.ts';
import { type Environment, readEnvironment, type Variable } from '../config.ts';

export interface Part<Given extends Partial<Ports>> {
  readonly needs: readonly Variable[];
  readonly open: (environment: Environment) => Promise<Given>;
}

/** The ports that parts give together. */
export type GivenBy<Parts extends readonly Part<Partial<Ports>>[]> = Parts extends readonly [
  Part<infer Given>,
  ...infer Others extends readonly Part<Partial<Ports>>[],
]
  ? Given & GivenBy<Others>
  : unknown;

/** A part that is opened with the variables that it needs, and sees no others. */
export function part<const Name extends Variable, Given extends Partial<Ports>>(
  needs: readonly Name[],
  open: (values: Readonly<Record<Name, string>>) => Given | Promise<Given>,
): Part<Given> {
  return { needs, open: async (environment) => open(readEnvironment(environment, needs)) };
}

/** @throws InvalidInputError naming every variable that any of the parts lacks; what keeps one from being opened. */
export async function openParts<const Parts extends readonly Part<Partial<Ports>>[]>(
  parts: Parts,
  environment: Environment,
): Promise<GivenBy<Parts>> {
  readEnvironment(
    environment,
    parts.flatMap(({ needs }) => needs),
  );
  const given = await Promise.all(parts.map(({ open }) => open(environment)));
  return Object.assign({}, ...given);
}
