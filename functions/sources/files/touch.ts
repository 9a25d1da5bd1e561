/** Gives a file, link or directory its owner, mode and times, as far as this user may. */
import {
  chmodSync,
  chownSync,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  lutimesSync,
  utimesSync,
} from 'node:fs';
import type { DiskAttributes } from './attributes.ts';
import { codeOf } from './errors.ts';

/** What is touched: an open file, a directory by its path, or a symbolic link itself. */
export interface Touchable {
  chown(uid: number, gid: number): void;
  /** Absent where there is no mode to set. */
  readonly chmod?: (mode: number) => void;
  utimes(seconds: string): void;
}

export const openFileAt = (fd: number): Touchable => ({
  chown: (uid, gid) => fchownSync(fd, uid, gid),
  chmod: (mode) => fchmodSync(fd, mode),
  utimes: (seconds) => futimesSync(fd, seconds, seconds),
});

/** A path that was seen to be no symbolic link. */
export const directoryAt = (path: Buffer): Touchable => ({
  chown: (uid, gid) => chownSync(path, uid, gid),
  chmod: (mode) => chmodSync(path, mode),
  utimes: (seconds) => utimesSync(path, seconds, seconds),
});

export const linkAt = (path: Buffer): Touchable => ({
  chown: (uid, gid) => lchownSync(path, uid, gid),
  utimes: (seconds) => lutimesSync(path, seconds, seconds),
});

/** Who this process is to the file system. */
export interface Identity {
  readonly uid: number;
  readonly groups: ReadonlySet<number>;
}

export function currentIdentity(): Identity {
  const groups = [...(process.getgroups?.() ?? []), process.getegid?.() ?? 0];
  return { uid: process.geteuid?.() ?? 0, groups: new Set(groups) };
}

/** Leaves the owner as it is. */
const KEPT = -1;
const SETUID = 0o4000;
const SETGID = 0o2000;

/**
 * Returns the names of the attributes that could not be set. A setuid or setgid bit is set only together with the owner or group for
 * whom it was meant. `setMode: false` leaves the mode to be set later by the returned `mode`.
 */
export function touch(
  touchable: Touchable,
  attributes: Pick<DiskAttributes, 'mode' | 'mtimeNs' | 'uid' | 'gid'>,
  identity: Identity,
  options: { readonly setMode: boolean } = { setMode: true },
): { readonly notHeld: readonly string[]; readonly mode: number } {
  const held = setOwner(touchable, attributes, identity);
  const mode = attributes.mode & ~refusedBits(held);
  if (options.setMode) touchable.chmod?.(mode); // After the owner: a change of owner takes the setuid bit away.
  touchable.utimes(secondsOf(attributes.mtimeNs));
  return { notHeld: namesOf(held, touchable.chmod !== undefined && mode !== attributes.mode), mode };
}

/** What `touch` will do and return, as far as it is not refused, for what is touched later or elsewhere. */
export function foreseeTouch({ mode, uid, gid, mtimeNs }: DiskAttributes, identity: Identity) {
  const isRoot = identity.uid === 0;
  const held = { uid: isRoot || uid === identity.uid, gid: isRoot || identity.groups.has(gid) };
  return {
    owner: isRoot ? { uid, gid } : held.gid ? { uid: KEPT, gid } : undefined,
    mode: mode & ~refusedBits(held),
    seconds: secondsOf(mtimeNs),
    notHeld: namesOf(held, (mode & refusedBits(held)) !== 0),
  };
}

function refusedBits(held: { readonly uid: boolean; readonly gid: boolean }): number {
  return (held.uid ? 0 : SETUID) | (held.gid ? 0 : SETGID);
}

function namesOf(held: { readonly uid: boolean; readonly gid: boolean }, modeDiffers: boolean): readonly string[] {
  return [...(held.uid ? [] : ['uid']), ...(held.gid ? [] : ['gid']), ...(modeDiffers ? ['mode'] : [])];
}

function setOwner(touchable: Touchable, { uid, gid }: Pick<DiskAttributes, 'uid' | 'gid'>, identity: Identity) {
  const mayBe = { uid: uid === identity.uid, gid: identity.groups.has(gid) };
  try {
    if (identity.uid === 0) touchable.chown(uid, gid);
    else if (mayBe.gid) touchable.chown(KEPT, gid);
    return identity.uid === 0 ? { uid: true, gid: true } : mayBe;
  } catch (error) {
    // Root without the capability, or an owner that a user namespace does not map.
    if (codeOf(error) !== 'EPERM' && codeOf(error) !== 'EINVAL') throw error;
    return { uid: mayBe.uid, gid: false };
  }
}

/**
 * Node takes times as seconds in a double: 120 ns off at worst. As text, because it replaces a negative number by the present time.
 */
function secondsOf(mtimeNs: string): string {
  const nanoseconds = BigInt(mtimeNs);
  const second = 1_000_000_000n;
  return String(Number(nanoseconds / second) + Number(nanoseconds % second) / 1e9);
}
