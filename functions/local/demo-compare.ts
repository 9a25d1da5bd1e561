/**
 * An independent witness for the demonstration: it walks a folder and compares what it sees with what was seen before. Nothing of it
 * is shared with the code that backs up and restores.
 */
import { createHash } from 'node:crypto';
import { type BigIntStats, createReadStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';

/** One thing in a folder, as far as a restore can bring it back. */
export interface Seen {
  readonly type: 'file' | 'folder' | 'link';
  /** Permission bits, with set-uid, set-gid and sticky. */
  readonly mode: number;
  readonly owner: string;
  /** Nanoseconds. */
  readonly modifiedAt: bigint;
  readonly sizeBytes: number;
  /** SHA-256 of a file's content, or a link's target, in hex. */
  readonly content: string;
}

/** Everything in a folder, by path: bytes as Latin-1, so that names that are not UTF-8 stay apart. */
export interface Witnessed {
  readonly entries: ReadonlyMap<string, Seen>;
  readonly files: number;
  readonly bytes: number;
  /** What cannot be compared, with the reason: sockets, devices, and what this user may not read. */
  readonly leftOut: ReadonlyMap<string, string>;
}

/** Reads everything below `folder`, following no link. */
export async function witness(folder: string): Promise<Witnessed> {
  const entries = new Map<string, Seen>();
  const leftOut = new Map<string, string>();
  const root = Buffer.from(folder);
  const pending: Buffer[] = [Buffer.alloc(0)];
  for (let below = pending.pop(); below !== undefined; below = pending.pop()) {
    const path = join(root, below);
    for (const name of await namesIn(path, below, leftOut)) {
      const key = join(below, name);
      const stats = await lstat(join(root, key), { bigint: true });
      if (stats.isDirectory()) pending.push(key);
      const seen = await look(join(root, key), stats);
      if (typeof seen === 'string') leftOut.set(key.toString('latin1'), seen);
      else entries.set(key.toString('latin1'), seen);
    }
  }
  for (const path of leftOut.keys()) entries.delete(path);
  const files = [...entries.values()].filter((entry) => entry.type === 'file');
  return { entries, files: files.length, bytes: files.reduce((sum, file) => sum + file.sizeBytes, 0), leftOut };
}

function join(folder: Buffer, name: Buffer): Buffer {
  return folder.length === 0 ? name : Buffer.concat([folder, Buffer.from('/'), name]);
}

async function namesIn(path: Buffer, below: Buffer, leftOut: Map<string, string>): Promise<readonly Buffer[]> {
  try {
    return await readdir(path, { encoding: 'buffer' });
  } catch (error) {
    if (below.length === 0 || !isRefusal(error)) throw error;
    leftOut.set(below.toString('latin1'), 'the folder cannot be listed by this user');
    return [];
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM');
}

async function look(path: Buffer, stats: BigIntStats): Promise<Seen | string> {
  const base = {
    mode: Number(stats.mode & 0o7777n),
    owner: `${stats.uid}:${stats.gid}`,
    modifiedAt: stats.mtimeNs,
  };
  if (stats.isDirectory()) return { type: 'folder', ...base, sizeBytes: 0, content: '' };
  if (stats.isSymbolicLink()) {
    const target = await readlink(path, { encoding: 'buffer' });
    // A link's own mode means nothing: Linux shows 0777 for all, and nobody can change it.
    return { type: 'link', ...base, mode: 0, sizeBytes: 0, content: target.toString('hex') };
  }
  if (!stats.isFile()) return 'it is a socket, a pipe or a device';
  try {
    const hash = createHash('sha256');
    let sizeBytes = 0;
    for await (const piece of createReadStream(path)) {
      hash.update(piece);
      sizeBytes += piece.length;
    }
    return { type: 'file', ...base, sizeBytes, content: hash.digest('hex') };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return 'it cannot be read by this user';
  }
}

/** Node sets times as floating-point seconds, which hold today's dates to about a quarter of a microsecond. */
const TIME_TOLERANCE_NANOS = 1000n;

/** Two looks at one path that do not agree. */
export interface Difference {
  readonly path: string;
  /** In words, with the path. */
  readonly sentence: string;
}

/**
 * Every difference; none when the second is the first again. Only root can give a file to another user: where this process is not
 * root, another owner is none, nor is a set-uid or set-gid bit that is missing on such a file, which would lend the new owner's rights.
 */
export function differences(
  before: Witnessed,
  after: Witnessed,
  options: { readonly setsOwners: boolean },
): readonly Difference[] {
  const found: Difference[] = [];
  for (const [path, seen] of before.entries) {
    const again = after.entries.get(path);
    const words =
      again === undefined ? ['is missing'] : differencesOf(seen, again, options.setsOwners ? 'compared' : 'ignored');
    found.push(...words.map((text) => ({ path, sentence: `${show(path)} ${text}` })));
  }
  for (const path of after.entries.keys()) {
    if (!before.entries.has(path)) found.push({ path, sentence: `${show(path)} was not there before` });
  }
  return found;
}

function differencesOf(before: Seen, after: Seen, owners: 'compared' | 'ignored'): readonly string[] {
  if (before.type !== after.type) return [`was a ${before.type} and is a ${after.type}`];
  const found: string[] = [];
  if (before.content !== after.content || before.sizeBytes !== after.sizeBytes) found.push('has another content');
  const otherOwner = before.owner !== after.owner;
  const bits = otherOwner && owners === 'ignored' ? 0o1777 : 0o7777;
  if ((before.mode & bits) !== (after.mode & bits))
    found.push(`had mode ${before.mode.toString(8)} and has ${after.mode.toString(8)}`);
  if (otherOwner && owners === 'compared') found.push(`belonged to ${before.owner} and belongs to ${after.owner}`);
  const drift = before.modifiedAt - after.modifiedAt;
  if (drift > TIME_TOLERANCE_NANOS || drift < -TIME_TOLERANCE_NANOS)
    found.push(`was modified at ${before.modifiedAt} ns and is at ${after.modifiedAt} ns`);
  return found;
}

function show(path: string): string {
  return JSON.stringify(Buffer.from(path, 'latin1').toString('utf8'));
}
