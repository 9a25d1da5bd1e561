/** What a disk knows of an entry besides its content, and what of it tells change. */
import type { BigIntStats } from 'node:fs';
import { type Attributes, displayKey, type EntryKey } from '../../core/entry.ts';
import { InvalidInputError } from '../../core/errors.ts';

/** Hard links come back as separate files; access lists and extended attributes are not known to Node and not captured. */
export type DiskAttributes = {
  readonly type: 'file' | 'directory' | 'symlink';
  /** Permission bits, with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  /** Nanoseconds since 1970, in digits; negative before. */
  readonly mtimeNs: string;
  readonly uid: number;
  readonly gid: number;
  /** Symbolic links only: the target's bytes in base64, for they need not be UTF-8. */
  readonly targetBase64?: string;
};

/** The permission bits of a mode, without the type. */
export const PERMISSIONS = 0o7777;

/** The type of what was looked at, or in words what it is that cannot be backed up. */
export function typeOf(stats: BigIntStats): DiskAttributes['type'] | { readonly other: string } {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isSocket()) return { other: 'a socket' };
  if (stats.isFIFO()) return { other: 'a named pipe' };
  return { other: 'a device' };
}

export function attributesOf(type: DiskAttributes['type'], stats: BigIntStats, target?: Buffer): DiskAttributes {
  const targetBase64 = target?.toString('base64');
  // With the names in order: see `canonicalJson`.
  return {
    gid: Number(stats.gid),
    mode: Number(stats.mode) & PERMISSIONS,
    mtimeNs: String(stats.mtimeNs),
    ...(targetBase64 === undefined ? {} : { targetBase64 }),
    type,
    uid: Number(stats.uid),
  };
}

/** A directory's content is its entries, so its size and inode tell nothing; the device's number is left out because it changes with a mount. */
export function fingerprintOf(type: DiskAttributes['type'], stats: BigIntStats): string {
  const common = `${stats.mtimeNs}:${Number(stats.mode) & PERMISSIONS}:${stats.uid}:${stats.gid}`;
  if (type === 'directory') return `d:${common}`;
  return `${type === 'file' ? 'f' : 'l'}:${common}:${stats.ctimeNs}:${stats.ino}:${stats.size}`;
}

/** Whether what gave the fingerprint was a file. */
export const isFileFingerprint = (fingerprint: string): boolean => fingerprint.startsWith('f:');

/** Whether two looks saw one version of one file: any write, and any change of attributes, moves ctime, which nobody can set back. */
export function sameVersion(a: BigIntStats, b: BigIntStats): boolean {
  return a.dev === b.dev && a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;
}

const isType = (value: unknown): value is DiskAttributes['type'] =>
  value === 'file' || value === 'directory' || value === 'symlink';

const isId = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 32;

/** Stored attributes, when they are a disk's; undefined when they are another kind of source's. @throws InvalidInputError naming the key when they are neither. */
export function parseDiskAttributes(key: EntryKey, stored: Attributes): DiskAttributes | undefined {
  const { type, mode, mtimeNs, uid, gid, targetBase64 } = stored;
  if (!isType(type)) return undefined;
  const numbers = isId(mode) && mode <= PERMISSIONS && isId(uid) && isId(gid);
  if (!numbers || typeof mtimeNs !== 'string' || !/^-?\d{1,20}$/.test(mtimeNs))
    throw new InvalidInputError(`the attributes of ${displayKey(key)} are not those of a ${type}`);
  const common = { type, mode, mtimeNs, uid, gid };
  if (type !== 'symlink') return common;
  // No link holds an empty target or a NUL byte.
  const target = typeof targetBase64 === 'string' ? Buffer.from(targetBase64, 'base64') : Buffer.alloc(0);
  if (typeof targetBase64 !== 'string' || target.length === 0 || target.includes(0))
    throw new InvalidInputError(`the symbolic link ${displayKey(key)} has no target that a link can hold`);
  return { ...common, targetBase64 };
}

const MICROSECOND = 1_000n;
const SECOND = 1_000_000_000n;

/**
 * Times are set through a double, which is 120 ns off at worst; a disk that holds whole seconds (or FAT's even ones) cuts the rest off.
 */
function sameTime(stored: string, found: string): boolean {
  const late = BigInt(stored) - BigInt(found);
  if (late > -MICROSECOND && late < MICROSECOND) return true;
  return BigInt(found) % SECOND === 0n && late > 0n && late < 2n * SECOND;
}

const octal = (mode: number): string => mode.toString(8).padStart(4, '0');

/**
 * The first difference in words; owners count only where this process `setsOwners`, and with them the setuid and setgid bits. Of an entry
 * that was restored where not all of it can be held, `stored` lacks what was left out, which is not compared.
 */
export function diskAttributesDiffer(
  stored: Attributes,
  found: Attributes,
  options: { readonly setsOwners: boolean },
): string | undefined {
  const key = 'the entry' as EntryKey;
  const is = parseDiskAttributes(key, found);
  if (is === undefined) return `the type is ${JSON.stringify(found.type)}, which no disk holds`;
  const was = parseDiskAttributes(key, { ...is, ...stored });
  if (was === undefined) return is.type === 'symlink' ? 'it is a symbolic link, which it was not' : undefined;
  if (was.type !== is.type) return `it was a ${was.type}, and is a ${is.type}`;
  if (was.targetBase64 !== is.targetBase64) return 'the symbolic link points elsewhere';
  const otherOwner = stored.uid !== is.uid || stored.gid !== is.gid;
  if (options.setsOwners && (was.uid !== is.uid || was.gid !== is.gid))
    return `the owner was ${was.uid}:${was.gid}, and is ${is.uid}:${is.gid}`;
  // Without the owner the setuid and setgid bits are not restored (see the writer).
  const compared = otherOwner ? 0o1777 : PERMISSIONS;
  // A symbolic link has no permissions of its own.
  if (was.type !== 'symlink' && (was.mode & compared) !== (is.mode & compared))
    return `the mode was ${octal(was.mode)}, and is ${octal(is.mode)}`;
  if (!sameTime(was.mtimeNs, is.mtimeNs)) return `the modification time was ${was.mtimeNs} ns, and is ${is.mtimeNs} ns`;
  return undefined;
}
