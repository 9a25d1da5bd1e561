/** What Lambda's answers mean here, and how they are told: Lambda repeats in its words what it refuses, an environment's values among it. */
import { httpStatusOf, translateAwsError } from '../../core/aws-errors.ts';
import { AccessDeniedError, BackupError, InvalidInputError, messageOf, TransientError } from '../../core/errors.ts';

export function codeOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

export const isAbsent = (error: unknown): boolean => codeOf(error) === 'ResourceNotFoundException';

/** Whether Lambda understood the request and will not do it: not wrong credentials, or a failure for now. */
export function isRefusal(error: unknown): boolean {
  const status = httpStatusOf(error);
  if (error instanceof BackupError || status === undefined || status < 400 || status >= 500) return false;
  const known = translateAwsError(error, '');
  if (known instanceof TransientError) return false;
  return !(known instanceof AccessDeniedError) || codeOf(error) === 'AccessDeniedException';
}

/**
 * The error of a request that makes or changes a function. What Lambda refuses for the function's own sake is an InvalidInputError, so that it harms
 * no other function. @param secrets Values that no message may repeat.
 */
export function writingError(error: unknown, what: string, secrets: readonly string[]): unknown {
  if (error instanceof BackupError) return error;
  const safe = withoutSecrets(error, secrets);
  if (isRefusal(error) && codeOf(error) !== 'AccessDeniedException')
    return new InvalidInputError(
      `${what}: Lambda refuses it (${codeOf(error)}: ${messageOf(safe)}); mend what it names, or write the archive to a file with holdfast cat and deploy by hand`,
      { cause: safe },
    );
  return translateAwsError(safe, what);
}

/** From this length on a value in a message is no coincidence. */
const TELLING = 4;

/** The error, or, where its words repeat a value or speak of the environment's, one of the same name, status and code without its words. */
function withoutSecrets(error: unknown, secrets: readonly string[]): unknown {
  const said = messageOf(error);
  const repeats = secrets.some((value) => value.length >= TELLING && said.includes(value));
  if (!repeats && !/environment\.variables|Variables=/i.test(said)) return error;
  const silent = new Error('its words are left out, since they repeat the environment');
  silent.name = codeOf(error);
  return Object.assign(silent, { $metadata: { httpStatusCode: httpStatusOf(error) } });
}
