import {
  AccessDeniedError,
  BackupError,
  type ErrorDetails,
  IntegrityError,
  InvalidInputError,
  TransientError,
} from '../core/errors.ts';

type Row = readonly [error: new (message: string, details: ErrorDetails) => BackupError, meaning: string];

const BUSY: Row = [TransientError, 'the disk or its connection fails for now; try again later'];
const TOO_MANY_OPEN: Row = [TransientError, 'too many files are open; try again, or raise the limit of open files'];
const FULL: Row = [TransientError, 'there is no space left; free some, then try again'];
const DENIED: Row = [AccessDeniedError, 'the system refuses access; check owner, mode and flags'];
const IN_THE_WAY: Row = [InvalidInputError, 'a file and a folder cannot have one name; use another name'];

const BY_CODE: ReadonlyMap<string, Row> = new Map<string, Row>([
  ['EACCES', DENIED],
  ['EPERM', DENIED],
  ['EROFS', [AccessDeniedError, 'the file system is read-only; mount it for writing']],
  ['ENOSPC', FULL],
  ['EDQUOT', FULL],
  ['EMFILE', TOO_MANY_OPEN],
  ['ENFILE', TOO_MANY_OPEN],
  ['EIO', BUSY],
  ['EBUSY', BUSY],
  ['EAGAIN', BUSY],
  ['ESTALE', BUSY],
  ['ETIMEDOUT', BUSY],
  ['EHOSTDOWN', BUSY],
  ['ENOTCONN', BUSY],
  ['EEXIST', IN_THE_WAY],
  ['ENOTDIR', IN_THE_WAY],
  ['EISDIR', IN_THE_WAY],
  ['ENOTEMPTY', IN_THE_WAY],
  ['EXDEV', [InvalidInputError, 'a vault must lie on one file system; move it there whole']],
  ['ELOOP', [IntegrityError, 'a symbolic link is no blob; put the file itself in its place']],
]);

/**
 * Translates what Node's file system threw.
 *
 * @param error Anything; a `BackupError` comes back as it is.
 * @param what What was done to what, to begin the message: `file:///mnt/vault: reading holdfast.json`.
 * @returns a `BackupError` whose `cause` is the error, or the error itself when the table does not know it. ENOENT is not in the
 * table: only the caller knows what its absence means.
 */
export function translateFileError(error: unknown, what: string): unknown {
  if (error instanceof BackupError) return error;
  const code = codeOf(error);
  const row = BY_CODE.get(code ?? '');
  if (row === undefined || code === undefined) return error;
  const [ErrorClass, meaning] = row;
  return new ErrorClass(`${what}: ${meaning} (${code})`, { cause: error, context: { code } });
}

/** The system's code in what Node threw, such as `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' ? code : undefined;
}
