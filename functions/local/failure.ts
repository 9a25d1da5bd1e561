/** What is said of an error, and the exit code that goes with it. */
import {
  AccessDeniedError,
  BackupError,
  ConflictError,
  type ErrorDetails,
  IntegrityError,
  InvalidInputError,
  LockedError,
  messageOf,
  NotFoundError,
  TransientError,
} from '../core/errors.ts';

export const EXIT = { done: 0, failed: 1, invalid: 2, partial: 3, interrupted: 130 } as const;

/** Raised in place of the step that would come next, once the user has asked to stop. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** An execution in the account failed by what is no error of Holdfast's own: out of time, stopped by somebody, a fault of a function. */
export class ExecutionFailed extends Error {
  override readonly name = 'ExecutionFailed';
}

/** The sentence for standard error; `unexpected` when it is a bug and not something that Holdfast or the system says of the world. */
export function describeFailure(error: unknown): {
  readonly sentence: string;
  readonly exitCode: number;
  readonly unexpected: boolean;
} {
  if (error instanceof Interrupted) return { sentence: error.message, exitCode: EXIT.interrupted, unexpected: false };
  if (error instanceof BackupError)
    return {
      sentence: error.message,
      exitCode: error instanceof InvalidInputError ? EXIT.invalid : EXIT.failed,
      unexpected: false,
    };
  if (error instanceof ExecutionFailed) return { sentence: error.message, exitCode: EXIT.failed, unexpected: false };
  if (error instanceof Error && error.message === 'Region is missing')
    return { sentence: 'no AWS region is set; set AWS_REGION', exitCode: EXIT.invalid, unexpected: false };
  const system = systemSentence(error);
  if (system !== undefined) return { sentence: system, exitCode: EXIT.failed, unexpected: false };
  return { sentence: `unexpected error: ${messageOf(error)}`, exitCode: EXIT.failed, unexpected: true };
}

const SYSTEM: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  ENOENT: 'it is not there',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is not a folder',
  EEXIST: 'it is there already',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the disk is read-only',
  EIO: 'the disk reports an error',
  EMFILE: 'too many files are open',
  ENAMETOOLONG: 'the name is too long',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was dropped',
  ETIMEDOUT: 'the connection timed out',
  EHOSTUNREACH: 'the host cannot be reached',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name cannot be looked up now',
};

/** What the operating system says, in words; undefined when the error is not the system's. */
function systemSentence(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  const words = SYSTEM[error.code];
  if (words === undefined) return undefined;
  const where = ['path', 'address', 'hostname'].flatMap((name) => {
    const found = Reflect.get(error, name);
    return typeof found === 'string' ? [found] : [];
  })[0];
  return `${where ?? ('syscall' in error ? String(error.syscall) : 'the system')}: ${words} (${error.code})`;
}

const CLASSES: Readonly<Record<string, new (message: string, details?: ErrorDetails) => BackupError>> = {
  InvalidInputError,
  NotFoundError,
  ConflictError,
  IntegrityError,
  LockedError,
  AccessDeniedError,
  TransientError,
};

interface FailedMachine {
  readonly error: string;
  readonly cause: string;
}

function knownFailure({ error, cause }: FailedMachine): BackupError | undefined {
  const known = Object.hasOwn(CLASSES, error) ? CLASSES[error] : undefined;
  return known === undefined ? undefined : new known(cause);
}

/** The error of an execution in the account that FAILED. */
export function executionFailure(failed: FailedMachine, executionArn: string): Error {
  return (
    knownFailure(failed) ?? new ExecutionFailed(`execution ${executionArn} failed by ${failed.error}: ${failed.cause}`)
  );
}

/** The error of a machine that FAILED, from the name and cause that the engine reports; `origin` is what a task threw, where it is known. */
export function machineFailure(failed: FailedMachine, origin?: unknown): Error {
  if (origin instanceof Error && origin.name === failed.error) return origin;
  const known = knownFailure(failed);
  if (known !== undefined) return known;
  if (failed.error === 'Interrupted') return new Interrupted(failed.cause);
  return new Error(`${failed.error}: ${failed.cause}`);
}
