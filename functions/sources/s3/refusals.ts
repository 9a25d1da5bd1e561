/**
 * What to leave out when S3 refuses an object for one of its attributes: restoring the content comes first, and the writer names
 * what it left out.
 */
import { httpStatusOf, translateAwsError } from '../../core/aws-errors.ts';
import { AccessDeniedError, messageOf, NotFoundError, TransientError } from '../../core/errors.ts';

/** Codes by which S3 says that it cannot hold such an object at all (S3 API reference, "Error responses"). */
const CANNOT_HOLD: ReadonlySet<string> = new Set([
  'KeyTooLongError',
  'InvalidURI',
  'EntityTooLarge',
  'MetadataTooLarge',
]);

export function cannotHold(error: unknown): boolean {
  return CANNOT_HOLD.has(codeOf(error));
}

/** Whether S3 understood the request and will not do it: not a wrong place, wrong credentials, or a failure for now. */
export function isRefusal(error: unknown): boolean {
  const status = httpStatusOf(error);
  if (status === undefined || status < 400 || cannotHold(error)) return false;
  const known = translateAwsError(error, '');
  if (known instanceof TransientError || known instanceof NotFoundError) return false;
  // Of the access errors, only these may be about a part of what was asked for; the others are about who asks.
  return !(known instanceof AccessDeniedError) || /^(AccessDenied$|KMS\.)/.test(codeOf(error));
}

/** An attribute to blame, by S3's code and words. */
const BLAMED: readonly (readonly [attribute: string, pattern: RegExp])[] = [
  ['encryption', /^KMS\.|\bkms:|KMS key/i],
  ['objectLock', /object ?lock|retain until|PutObjectRetention|PutObjectLegalHold/i],
  ['storageClass', /InvalidStorageClass|storage class/i],
  ['tags', /InvalidTag|PutObjectTagging/i],
];

/** The attributes that an object can be restored without. */
const OPTIONAL: ReadonlySet<string> = new Set(['encryption', 'objectLock', 'storageClass', 'tags', 'websiteRedirect']);

/**
 * Which of the attributes that were asked for to leave out of the next attempt: those that the refusal names, else all that may be
 * left out; none when it is no refusal, or nothing is left to leave out.
 */
export function attributesToLeaveOut(error: unknown, asked: Iterable<string>): readonly string[] {
  if (!isRefusal(error)) return [];
  const optional = [...asked].filter((name) => OPTIONAL.has(name));
  const words = `${codeOf(error)} ${messageOf(error)}`;
  const blamed = BLAMED.filter(([name, pattern]) => optional.includes(name) && pattern.test(words));
  return blamed.length > 0 ? blamed.map(([name]) => name) : optional;
}

function codeOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}
