/** Trees on a disk for the tests of the directory source, walked and made with Node's own calls and none of the product's. */

import { execFileSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Attributes, type EntryKey, keyFromText, type PresentEntry } from '../../../functions/core/entry.ts';
import { sha256Hex } from '../../../functions/core/ids.ts';
import type { SourceReader, UnlistedEntry } from '../../../functions/core/ports.ts';
import { eachOf } from '../../../functions/operations/each-of.ts';

export interface Walked {
  readonly type: string;
  readonly mode: number;
  readonly mtimeNs: bigint;
  readonly owner: string;
  /** The content's hash, a link's target in hex, or empty. */
  readonly holds: string;
}

/** Everything below a directory, by its path in hex, which keeps names of any bytes apart. */
export function walk(root: string | Buffer, path: Buffer = Buffer.alloc(0)): Map<string, Walked> {
  const found = new Map<string, Walked>();
  const at = path.length === 0 ? Buffer.from(root) : Buffer.concat([Buffer.from(root), Buffer.from('/'), path]);
  for (const name of readdirSync(at, { encoding: 'buffer' })) {
    const below = path.length === 0 ? name : Buffer.concat([path, Buffer.from('/'), name]);
    const full = Buffer.concat([at, Buffer.from('/'), name]);
    const stats = lstatSync(full, { bigint: true });
    const type = stats.isDirectory()
      ? 'directory'
      : stats.isSymbolicLink()
        ? 'link'
        : stats.isFile()
          ? 'file'
          : 'other';
    found.set(below.toString('hex'), {
      type,
      mode: Number(stats.mode & 0o7777n),
      mtimeNs: stats.mtimeNs,
      owner: `${stats.uid}:${stats.gid}`,
      holds:
        type === 'file'
          ? sha256Hex(readFileSync(full))
          : type === 'link'
            ? readlinkSync(full, { encoding: 'buffer' }).toString('hex')
            : '',
    });
    if (type === 'directory') for (const [key, value] of walk(root, below)) found.set(key, value);
  }
  return found;
}

/** The paths of a walk as text. */
export const pathsOf = (root: string): string[] =>
  [...walk(root).keys()].map((hex) => Buffer.from(hex, 'hex').toString()).sort();

const made: string[] = [];

/** A new directory that belongs to whoever runs as `asUser` does. */
export function makeRoot(): string {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-files-'));
  if (isRoot()) chownSync(path, NOBODY, NOBODY);
  made.push(path);
  return path;
}

export function removeRoots(): void {
  for (const path of made.splice(0)) {
    if (!existsSync(path)) continue;
    execFileSync('chmod', ['-R', 'u+rwX', path]); // A directory that its owner may not enter could not be removed.
    rmSync(path, { recursive: true });
  }
}

export const NOBODY = 65534;
export const isRoot = (): boolean => process.geteuid?.() === 0;

/** Acts as a user who is not root, for whom permissions hold; whoever runs the tests as such a user is one already. */
export async function asUser<T>(act: () => Promise<T>): Promise<T> {
  if (!isRoot()) return act();
  const groups = process.getgroups?.() ?? [];
  process.setgroups?.([NOBODY]);
  process.setegid?.(NOBODY);
  process.seteuid?.(NOBODY);
  try {
    return await act();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
    process.setgroups?.(groups);
  }
}

export const key = keyFromText;

/** An entry as a snapshot would have it. */
export function entry(name: string | EntryKey, content: string | Buffer, attributes: Attributes): PresentEntry {
  const bytes = Buffer.from(content);
  return {
    key: name as EntryKey,
    state: 'present',
    fingerprint: 'any',
    attributes,
    sha256: sha256Hex(bytes),
    sizeBytes: bytes.length,
    extents: [],
  };
}

const WHEN = '1700000000123456789';

/** A disk's attributes, owned by whoever asks. */
export function diskAttributes(type: 'file' | 'directory' | 'symlink', more: Attributes = {}): Attributes {
  const owner = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  return { type, mode: type === 'directory' ? 0o755 : 0o644, mtimeNs: WHEN, ...owner, ...more };
}

export const linkTo = (target: string | Buffer): Attributes =>
  diskAttributes('symlink', { mode: 0o777, targetBase64: Buffer.from(target).toString('base64') });

export async function* stream(...pieces: readonly (string | Buffer)[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield Buffer.from(piece);
}

export async function* each<T>(...items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

/** The lines of a listing: keys as text; what is not listed with its reason. */
export async function linesOf(reader: SourceReader, range = {}): Promise<(string | UnlistedEntry)[]> {
  const lines: (string | UnlistedEntry)[] = [];
  for await (const line of eachOf(reader.list(range)))
    lines.push('unprotected' in line ? line : Buffer.from(line.key, 'latin1').toString());
  return lines;
}
