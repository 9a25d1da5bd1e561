/** The `holdfast` command as a user starts it: the bin in a process of its own, in a folder of its own. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, realpathSync } from 'node:fs';
import { lstat, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect } from 'vitest';

export const BIN = fileURLToPath(new URL('../../functions/local/holdfast.mjs', import.meta.url));

const folders: string[] = [];
const kept: string[] = [];

function makeFolder(list: string[]): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-test-')));
  list.push(folder);
  return folder;
}

async function removeAll(list: string[]): Promise<void> {
  for (const folder of list.splice(0)) await rm(folder, { recursive: true, force: true });
}

/** A new folder, removed after the test. */
export const newFolder = (): string => makeFolder(folders);
/** A new folder that stays until `removeKeptFolders`, for tests that look at one thing together. */
export const newKeptFolder = (): string => makeFolder(kept);
export const removeKeptFolders = (): Promise<void> => removeAll(kept);

afterEach(() => removeAll(folders));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface Started {
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  /** Resolves once standard error or output holds the text. */
  seen(text: string): Promise<void>;
  readonly ended: Promise<Ended>;
}

/** Starts the command; no terminal, and of the environment only what finds Node and temporary files. */
export function start(folder: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Started {
  const { PATH = '', TMPDIR } = process.env;
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd: folder,
    env: { PATH, HOME: folder, ...(TMPDIR === undefined ? {} : { TMPDIR }), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const waiting: { readonly text: string; readonly resolve: () => void }[] = [];
  const look = () => {
    const all = Buffer.concat([...out, ...err]).toString();
    for (const { text, resolve } of waiting) if (all.includes(text)) resolve();
  };
  child.stdout.on('data', (piece) => {
    out.push(piece);
    look();
  });
  child.stderr.on('data', (piece) => {
    err.push(piece);
    look();
  });
  return {
    pid: child.pid ?? -1,
    kill: (signal) => child.kill(signal),
    seen: (text) =>
      new Promise((resolve) => {
        waiting.push({ text, resolve });
        look();
      }),
    ended: new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) =>
        resolve({ code, signal, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() }),
      );
    }),
  };
}

/** Runs the command to its end. */
export function holdfast(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return start(folder, args, env).ended;
}

/** What an independent walker sees of a folder. */
export interface Picture {
  /** Path (bytes as Latin-1) → type, mode, and the content's hash or the link's target. */
  readonly entries: Readonly<Record<string, string>>;
  /** Path → time of modification, nanoseconds. */
  readonly times: Readonly<Record<string, bigint>>;
}

/** Walks a folder, following no link. */
export async function pictureOf(folder: string): Promise<Picture> {
  const entries: Record<string, string> = {};
  const times: Record<string, bigint> = {};
  const walk = async (below: Buffer): Promise<void> => {
    const names = await readdir(Buffer.concat([Buffer.from(`${folder}/`), below]), { encoding: 'buffer' });
    for (const name of names) {
      const key = Buffer.concat([below, name]);
      const path = Buffer.concat([Buffer.from(`${folder}/`), key]);
      const stats = await lstat(path, { bigint: true });
      const what = stats.isDirectory()
        ? 'folder'
        : stats.isSymbolicLink()
          ? `link ${(await readlink(path, { encoding: 'buffer' })).toString('hex')}`
          : `file ${createHash('sha256')
              .update(await readFile(path))
              .digest('hex')}`;
      entries[key.toString('latin1')] = `${what} ${(stats.mode & 0o7777n).toString(8)}`;
      times[key.toString('latin1')] = stats.mtimeNs;
      if (stats.isDirectory()) await walk(Buffer.concat([key, Buffer.from('/')]));
    }
  };
  await walk(Buffer.alloc(0));
  return { entries, times };
}

/** Node sets times as floating-point seconds, which hold today's dates to about a quarter of a microsecond. */
export function expectSame(found: Picture, wanted: Picture): void {
  expect(found.entries).toEqual(wanted.entries);
  const drifted = Object.entries(wanted.times).filter(([path, time]) => {
    const drift = time - (found.times[path] ?? 0n);
    return drift <= -1000n || drift >= 1000n;
  });
  expect(drifted).toEqual([]);
}
