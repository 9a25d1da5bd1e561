import { type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BIN, holdfast, newKeptFolder, removeKeptFolders } from './holdfast.ts';

let folder: string;

beforeAll(async () => {
  folder = newKeptFolder();
  await holdfast(folder, ['init', '--yes']);
});

afterAll(removeKeptFolders);

describe('a stream that cannot be written', () => {
  /** The descriptor is open for reading only, as good as a full disk. */
  async function withUnwritable(stream: 'stdout' | 'stderr', args: readonly string[]) {
    const descriptor = openSync(BIN, 'r');
    const stdio: StdioOptions = stream === 'stdout' ? ['ignore', descriptor, 'pipe'] : ['ignore', 'pipe', descriptor];
    const child = spawn(process.execPath, [BIN, ...args], { cwd: folder, stdio });
    const told: Buffer[] = [];
    (stream === 'stdout' ? child.stderr : child.stdout)?.on('data', (piece) => told.push(piece));
    const [code] = await once(child, 'close');
    closeSync(descriptor);
    return { code, told: Buffer.concat(told).toString() };
  }

  it.each(['list', 'list --json', 'help'])('is one sentence and exit code 1 for the result of %s', async (line) => {
    const { code, told } = await withUnwritable('stdout', line.split(' '));
    expect(told).toMatch(/^holdfast: standard output cannot be written: .*\n$/);
    expect(code).toBe(1);
  });

  it('changes neither result nor exit code where it is for notes', async () => {
    const { code, told } = await withUnwritable('stderr', ['show', 'zzz', '--json']);
    expect(JSON.parse(told)).toMatchObject({ error: { name: 'NotFoundError' } });
    expect(code).toBe(1);
  });
});
