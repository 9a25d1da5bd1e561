/** The environment of a Lambda function, read once and typed; what is missing fails the first call and not the hundredth. */
import * as z from 'zod';
import { InvalidInputError } from '../core/errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What serverless.yml tells the functions of the stack, and Lambda of the package. */
export type Variable =
  | 'HOLDFAST_STAGE'
  /** `watched` or `all`: which metrics are put. */
  | 'HOLDFAST_METRICS'
  | 'HOLDFAST_CATALOGUE_TABLE'
  | 'HOLDFAST_WORK_BUCKET'
  | 'HOLDFAST_EVENT_BUS'
  /** The SSM parameter (SecureString) that holds the key file's text. */
  | 'HOLDFAST_KEY_PARAMETER'
  /** The folder into which the function's package was unpacked. */
  | 'LAMBDA_TASK_ROOT';

/** The values of these variables. @throws InvalidInputError naming every one that is missing or empty. */
export function readEnvironment<Name extends Variable>(
  environment: Environment,
  names: readonly Name[],
): Readonly<Record<Name, string>> {
  const chosen = Object.fromEntries(names.map((name) => [name, environment[name]]));
  const parsed = z.record(z.enum(names), z.string('is not set').min(1, 'is empty')).safeParse(chosen);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
  throw new InvalidInputError(`the function's environment is incomplete: ${problems.join('; ')}; deploy it again`);
}
