/** Runs a program to its end and tells how long it took and how much memory it had at most. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** Beside the caller's own. */
  readonly env?: Readonly<Record<string, string>>;
  readonly folder?: string;
}

export interface Measured {
  readonly seconds: number;
  /** Of the program and of those that it starts; 0 where the system has no /proc. */
  readonly peakBytes: number;
  readonly output: string;
}

const LOOK_MILLIS = 10;

/** @throws Error with the end of what the program said, when it ends with anything but 0. */
export async function measure({ program, args, env = {}, folder }: Command): Promise<Measured> {
  const started = performance.now();
  const child = spawn(program, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(folder === undefined ? {} : { cwd: folder }),
  });
  const [said, complained]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (piece: Buffer) => said.push(piece));
  child.stderr.on('data', (piece: Buffer) => complained.push(piece));
  const peaks = new Map<number, number>();
  // The kernel keeps the peak itself (VmHWM); the last look before the end misses what is added within a hundredth of a second.
  const looks = setInterval(() => {
    for (const pid of familyOf(child.pid)) peaks.set(pid, Math.max(peaks.get(pid) ?? 0, peakOf(pid)));
  }, LOOK_MILLIS);
  const [code] = await once(child, 'close');
  clearInterval(looks);
  const seconds = (performance.now() - started) / 1000;
  if (code !== 0)
    throw new Error(
      `${program} ${args.join(' ').slice(0, 300)} ended with ${code}: ${Buffer.concat([...said, ...complained])
        .toString()
        .slice(-2000)}`,
    );
  return {
    seconds,
    peakBytes: [...peaks.values()].reduce((sum, peak) => sum + peak, 0),
    output: Buffer.concat(said).toString(),
  };
}

/** A process and its children; of the processes that it had before, only the peak counts. */
function familyOf(pid: number | undefined): readonly number[] {
  if (pid === undefined) return [];
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
    return [pid, ...children.flatMap((child) => familyOf(Number(child)))];
  } catch {
    return [];
  }
}

function peakOf(pid: number): number {
  try {
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0; // It ended a moment ago.
  }
}

/** Bytes of all files below a folder. */
export function bytesBelow(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

/** What is written lies on the disk, so that no tool pays for the one before it. */
export async function settleDisk(): Promise<void> {
  await measure({ program: 'sync', args: [] });
}

export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = 0, high = 0] =
    sorted.length % 2 === 1 ? [sorted[middle], sorted[middle]] : [sorted[middle - 1], sorted[middle]];
  return (low + high) / 2;
}
