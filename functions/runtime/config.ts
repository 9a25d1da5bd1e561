/** The environment of a Lambda function, read once and typed; what is missing fails the first call and not the hundredth. */
import { resolve } from 'node:path';
import * as z from 'zod';
import { InvalidInputError } from '../core/errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface LambdaConfig {
  readonly stage: string;
  /** Absolute path of holdfast.yml within the function's package. */
  readonly planFile: string;
  readonly catalogueTable: string;
  readonly workBucket: string;
  /** The SSM parameter (SecureString) that holds the key file's text; absent for a function that opens no vault. */
  readonly keyParameter: string | undefined;
  readonly eventBus: string;
}

const name = z.string('is not set').min(1, 'is empty');

const schema = z.object({
  HOLDFAST_STAGE: name,
  HOLDFAST_CONFIG: name.default('holdfast.yml'),
  HOLDFAST_CATALOGUE_TABLE: name,
  HOLDFAST_WORK_BUCKET: name,
  HOLDFAST_KEY_PARAMETER: name.optional(),
  HOLDFAST_EVENT_BUS: name,
  LAMBDA_TASK_ROOT: name.default('.'),
});

/** @throws InvalidInputError naming every variable that is missing or empty. */
export function readLambdaConfig(environment: Environment): LambdaConfig {
  const parsed = schema.safeParse(environment);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
    throw new InvalidInputError(`the function's environment is incomplete: ${problems.join('; ')}; deploy it again`);
  }
  const env = parsed.data;
  return {
    stage: env.HOLDFAST_STAGE,
    planFile: resolve(env.LAMBDA_TASK_ROOT, env.HOLDFAST_CONFIG),
    catalogueTable: env.HOLDFAST_CATALOGUE_TABLE,
    workBucket: env.HOLDFAST_WORK_BUCKET,
    keyParameter: env.HOLDFAST_KEY_PARAMETER,
    eventBus: env.HOLDFAST_EVENT_BUS,
  };
}
