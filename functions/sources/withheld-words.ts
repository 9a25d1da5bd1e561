/**
 * Requests that carry secret values. What the SDK throws for one may quote a value: a validation error quotes what it refuses, and the parser of an
 * answer that is no JSON quotes the answer. So such an error is replaced by one of the same name and status that keeps the service's words only where
 * they tell of identities, keys and addresses.
 */
import { httpStatusOf, translateAwsError } from '../core/aws-errors.ts';
import { BackupError, InvalidInputError, messageOf } from '../core/errors.ts';
import type { OpenedEntry } from '../core/ports.ts';

/** Errors of IAM, of KMS and of the credentials: they name an action, a principal and a resource, never what was sent. */
const HARMLESS = /^(AccessDenied|KMS\.|InvalidKeyId$|CredentialsProviderError$|TokenProviderError$)/;

/** What of an error may be told: what `translateAwsError` reads, but for the words. */
const TOLD = ['code', '$metadata', 'hostname', 'address', 'port'] as const;

/** Sends a request; what it throws is free of values, and is told apart by `nameOf`. */
export async function sendWithheld<T>(send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    throw withheld(error);
  }
}

/** Those that were replaced, so that a bug of our own still looks like one. */
const replaced = new WeakSet<object>();

function withheld(error: unknown): unknown {
  if (error instanceof BackupError || isReplaced(error)) return error;
  if (!(error instanceof Error)) return new Error('something that is no error was thrown, which is withheld');
  // Without an answer a code of Node's (ECONNREFUSED) goes with Node's words, and a region that is not set with the SDK's.
  const unanswered = httpStatusOf(error) === undefined;
  const byNode = unanswered && /^E[A-Z_]+$/.test(String(Reflect.get(error, 'code')));
  const harmless = HARMLESS.test(error.name) || byNode || (unanswered && error.message.startsWith('Region '));
  const told = [...TOLD, ...(byNode ? ['errors'] : [])].filter((property) => Reflect.has(error, property));
  const free = Object.assign(
    new Error(harmless ? error.message : ''),
    Object.fromEntries(told.map((property) => [property, Reflect.get(error, property)])),
    { name: error.name },
  );
  replaced.add(free);
  return free;
}

const isReplaced = (error: unknown): boolean => typeof error === 'object' && error !== null && replaced.has(error);

/** What `sendWithheld` threw as an error of `errors.ts`; one that the table does not know says its name alone. */
export function translateWithheld(error: unknown, what: string): unknown {
  const translated = translateAwsError(error, what);
  if (translated instanceof BackupError || !isReplaced(error)) return translated;
  const name = nameOf(error);
  return Object.assign(new Error(`${what}: ${name}, whose words are withheld since they may quote a value`), { name });
}

/** Refusals of the one thing that is written, which say nothing of the others. */
const OWN_REFUSALS: ReadonlySet<string> = new Set([
  'ValidationException',
  'InvalidParameterException',
  'InvalidRequestException',
  // In Secrets Manager a quota, which waiting does not raise.
  'LimitExceededException',
  'MalformedPolicyDocumentException',
  'PreconditionNotMetException',
  'HierarchyLevelLimitExceededException',
  'HierarchyTypeMismatchException',
  'InvalidAllowedPatternException',
  'ParameterLimitExceeded',
  'ParameterMaxVersionLimitExceeded',
  'ParameterPatternMismatchException',
  'UnsupportedParameterType',
]);

/** As `translateWithheld`, but a refusal of this one thing is an InvalidInputError of its own, by which the others go on. */
export function translateRefusal(error: unknown, what: string): unknown {
  const name = nameOf(error);
  if (!OWN_REFUSALS.has(name)) return translateWithheld(error, what);
  const translated = translateAwsError(error, what);
  const message =
    translated instanceof InvalidInputError
      ? translated.message
      : `${what}: the service refuses it with ${name}; its words are withheld since they may quote a value`;
  // Without the context of the service's answer, which would make it an error of the whole place.
  return new InvalidInputError(message, { cause: error });
}

/** The vendor's name of an error. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

/** Whether a request was refused for its KMS key: not there, disabled, or not to be used by these credentials. */
export function isKeyRefusal(error: unknown): boolean {
  const name = nameOf(error);
  if (/^(InvalidKeyId$|KMS\.|DecryptionFailure$|EncryptionFailure$)/.test(name)) return true;
  return name.startsWith('AccessDenied') && error instanceof Error && /\bkms\b|ciphertext/i.test(error.message);
}

/** What a refusal to read means for one entry: access denied and a key that cannot be used are its own. @throws what concerns more than it */
export function refusedEntry(error: unknown, what: string): OpenedEntry {
  const translated = translateWithheld(error, `${what}: reading`);
  if (!isKeyRefusal(error) && nameOf(error) !== 'AccessDeniedException') throw translated;
  return { state: 'unprotected', reason: messageOf(translated), denied: true };
}
