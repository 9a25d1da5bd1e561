import type { HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import { AccessDeniedError, LockedError, messageOf } from '../core/errors.ts';

// S3: "Access Denied because object protected by object lock."; others speak of WORM. Spaces and capitals, so that no ARN in it matches.
const LOCK_WORDS = /\b[Oo]bject [Ll]ock\b|\b[Ll]egal [Hh]old\b|\bWORM\b/;

/**
 * A refused deletion as LockedError where a lock is the reason: S3 says so, or the object was seen to be under one.
 *
 * @param error What the table made of S3's answer; all but an AccessDeniedError comes back as it is.
 * @param found The object's version, as HeadObject told just before.
 * @param what The blob, to begin the message.
 */
export function asLocked(error: unknown, found: HeadObjectCommandOutput, what: string): unknown {
  if (!(error instanceof AccessDeniedError)) return error;
  const until = found.ObjectLockRetainUntilDate;
  const held = found.ObjectLockLegalHoldStatus === 'ON';
  const retained = until !== undefined && until.getTime() > Date.now();
  if (!held && !retained && !LOCK_WORDS.test(messageOf(error.cause))) return error;
  const reason = held
    ? 'under a legal hold; release the hold first'
    : `locked${until === undefined ? '' : ` until ${until.toISOString()}`}; delete it after that`;
  return new LockedError(`${what} is ${reason}`, {
    cause: error,
    ...(until && { context: { lockedUntil: until.toISOString() } }),
  });
}
