/** Errors of the operating system, translated in one table; what is not in it (EIO, say) passes untouched. */
import {
  AccessDeniedError,
  type BackupError,
  type ErrorDetails,
  InvalidInputError,
  TransientError,
} from '../../core/errors.ts';

type ErrorClass = new (message: string, details: ErrorDetails) => BackupError;

const BUSY: readonly [ErrorClass, string] = [
  TransientError,
  'the system or the disk is busy or away for the moment; try again',
];

const TABLE: Readonly<Record<string, readonly [ErrorClass, string]>> = {
  EACCES: [AccessDeniedError, 'access is denied to this user'],
  EPERM: [AccessDeniedError, 'the operation is not permitted to this user'],
  EROFS: [AccessDeniedError, 'the file system is mounted read-only'],
  // No retry mends a full disk: a person must act, as with a refusal.
  ENOSPC: [AccessDeniedError, 'the disk is full; free some space and start again'],
  EDQUOT: [AccessDeniedError, 'the disk quota is used up; raise it or free some space and start again'],
  EFBIG: [InvalidInputError, 'the file system does not hold files of this size'],
  ENAMETOOLONG: [InvalidInputError, 'the path is too long for this file system'],
  // What APFS and FAT answer to a name that they do not take.
  EILSEQ: [InvalidInputError, 'the file system does not take such a name'],
  EINVAL: [InvalidInputError, 'the file system does not take such a name or value'],
  EXDEV: [
    InvalidInputError,
    'the directory is mounted from elsewhere within its own file system; restore into it by itself',
  ],
  EMFILE: BUSY,
  ENFILE: BUSY,
  EBUSY: BUSY,
  EAGAIN: BUSY,
  ETIMEDOUT: BUSY,
  ESTALE: BUSY,
};

/** The code of an operating system's error, such as `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** What to throw for an error that arose while `doing` (a clause that names place and key): itself when it is not in the table. */
export function diskError(error: unknown, doing: string): unknown {
  const code = codeOf(error);
  const known = code === undefined ? undefined : TABLE[code];
  if (known === undefined) return error;
  const [ErrorClass, reason] = known;
  return new ErrorClass(`${doing}: ${reason} (${code})`, { cause: error });
}
