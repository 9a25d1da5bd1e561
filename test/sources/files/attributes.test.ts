import { describe, expect, it } from 'vitest';
import type { Attributes } from '../../../functions/core/entry.ts';
import { diskAttributesDiffer } from '../../../functions/sources/files/attributes.ts';

const file: Attributes = { type: 'file', mode: 0o4644, mtimeNs: '1700000000123456789', uid: 1, gid: 2 };
const link: Attributes = { ...file, type: 'symlink', mode: 0o777, targetBase64: 'eA==' };
const asRoot = { setsOwners: true };
const asUser = { setsOwners: false };

/** Attributes without those that a place cannot hold. */
const leftOut = (stored: Attributes, ...names: readonly string[]): Attributes =>
  Object.fromEntries(Object.entries(stored).filter(([name]) => !names.includes(name)));

describe('attributes of a disk', () => {
  it.each<[string, Attributes, Attributes, { setsOwners: boolean }]>([
    ['equal ones', file, file, asRoot],
    ['times that differ by less than a microsecond', file, { ...file, mtimeNs: '1700000000123457788' }, asRoot],
    ['a time that the disk cut off at whole seconds', file, { ...file, mtimeNs: '1700000000000000000' }, asRoot],
    ['owners that this user cannot set', file, { ...file, uid: 9, gid: 9 }, asUser],
    ['a setuid bit withheld with the owner', file, { ...file, uid: 9, mode: 0o644 }, asUser],
    ['an owner that was left out', leftOut(file, 'uid', 'gid'), { ...file, uid: 9, gid: 9 }, asRoot],
    ['a setuid bit withheld with an owner that was left out', leftOut(file, 'uid'), { ...file, mode: 0o644 }, asUser],
    ['a mode that was left out', leftOut(file, 'mode'), { ...file, mode: 0o777 }, asRoot],
    ['a time that was left out', leftOut(file, 'mtimeNs'), { ...file, mtimeNs: '0' }, asRoot],
    ['the mode of a symbolic link, which it does not have', link, { ...link, mode: 0o755 }, asRoot],
    ['an object that became a file', { type: 'object', contentType: 'text/plain' }, file, asRoot],
    ['an object that became a directory', { type: 'object' }, { ...file, type: 'directory' }, asRoot],
  ])('are equal in %s', (_, stored, found, as) => {
    expect(diskAttributesDiffer(stored, found, as)).toBeUndefined();
  });

  it.each<[RegExp, Attributes, Attributes, { setsOwners: boolean }]>([
    [/type|symlink/, file, link, asRoot],
    [/directory/, file, { ...file, type: 'directory' }, asRoot],
    [/mode was 4644, and is 4600/, file, { ...file, mode: 0o4600 }, asRoot],
    [/mode/, file, { ...file, mode: 0o644 }, asRoot],
    [/mode/, file, { ...file, mode: 0o644 }, asUser],
    [/mode/, file, { ...file, uid: 9, mode: 0o600 }, asUser],
    [/time/, file, { ...file, mtimeNs: '1700000000123457789' }, asRoot],
    [/time/, file, { ...file, mtimeNs: '1700000000123455789' }, asRoot],
    [/time/, file, { ...file, mtimeNs: '1700000002000000000' }, asRoot],
    [/time/, file, { ...file, mtimeNs: '1699999998000000000' }, asRoot],
    [/owner was 1:2, and is 9:2/, file, { ...file, uid: 9 }, asRoot],
    [/owner/, file, { ...file, gid: 9 }, asRoot],
    [/owner/, leftOut(file, 'uid'), { ...file, gid: 9 }, asRoot],
    [/mode/, leftOut(file, 'uid', 'gid'), { ...file, mode: 0o600 }, asUser],
    [/time/, leftOut(file, 'uid', 'gid', 'mode'), { ...file, mtimeNs: '0' }, asUser],
    [/elsewhere/, link, { ...link, targetBase64: 'eQ==' }, asRoot],
    [/time/, link, { ...link, mtimeNs: '0' }, asRoot],
    [/link/, { type: 'object' }, link, asRoot],
    [/object/, file, { type: 'object' }, asRoot],
  ])('differ, and %s says how', (words, stored, found, as) => {
    expect(diskAttributesDiffer(stored, found, as)).toMatch(words);
  });
});
