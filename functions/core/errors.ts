/**
 * Errors are classed by what the caller does about them, not by where they arose. A Node error's `name` is what a
 * state machine's `ErrorEquals` matches, so each class fixes a literal name.
 */

/** Ids and sizes that say where it happened; never contents, never secrets. */
export type ErrorContext = Readonly<Record<string, string | number | boolean>>;

export interface ErrorDetails {
  readonly cause?: unknown;
  readonly context?: ErrorContext;
}

/** The base of every error that Holdfast raises on purpose; the message names the ids and ends with the mend where there is one. */
export abstract class BackupError extends Error {
  readonly context: ErrorContext;

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.context = details.context ?? {};
  }
}

/** An event, plan, argument or environment variable is malformed: fails at once, exit code 2. */
export class InvalidInputError extends BackupError {
  override readonly name = 'InvalidInputError';
}

/** The thing is known to be absent (the store answered so; a failed read is never this). */
export class NotFoundError extends BackupError {
  override readonly name = 'NotFoundError';
}

/** A conditional write lost, or a run is already active: taken as already done, or a reason to stop. */
export class ConflictError extends BackupError {
  override readonly name = 'ConflictError';
}

/** Hash, size or authentication mismatch, a missing chunk, a truncated listing: never retried. */
export class IntegrityError extends BackupError {
  override readonly name = 'IntegrityError';
}

/** A hold or a vault lock forbids the deletion: skipped and reported. */
export class LockedError extends BackupError {
  override readonly name = 'LockedError';
}

/** Credentials or a policy forbid it: fails, alerts. */
export class AccessDeniedError extends BackupError {
  override readonly name = 'AccessDeniedError';
}

/** A throttle, a timeout, a 5xx: the only class that is retried. */
export class TransientError extends BackupError {
  override readonly name = 'TransientError';
}

/** The literal names, as `ErrorEquals` may use them. */
export const ERROR_NAMES = [
  'InvalidInputError',
  'NotFoundError',
  'ConflictError',
  'IntegrityError',
  'LockedError',
  'AccessDeniedError',
  'TransientError',
] as const;

/** The message of anything thrown, for a record or a person. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
