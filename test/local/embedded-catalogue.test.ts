import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ClassicLevel } from 'classic-level';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { ConflictError, IntegrityError, TransientError } from '../../functions/core/errors.ts';
import { freeAbandonedLeases, openEmbeddedCatalogue } from '../../functions/local/embedded-catalogue.ts';
import { describeCatalogue } from '../contracts/catalogue.ts';
import { drain, numbers, runId, samplePoint, sampleRun, sourceId } from '../fixtures/catalogue-samples.ts';

let folder: string;
let directories = 0;
const newDirectory = (): string => {
  directories += 1;
  return join(folder, `catalogue-${directories}`);
};
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-catalogue-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** Opens, and closes when the test ends unless it did so itself. */
async function open(directory: string, options: { readonly waitMillis?: number } = {}) {
  const opened = await openEmbeddedCatalogue(directory, options);
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= opened.close();
    return closed;
  };
  onTestFinished(close);
  return { ...opened.catalogue, close };
}

describe('the embedded catalogue', () => {
  describeCatalogue('as a catalogue', async () => {
    const { catalogue, close } = await openEmbeddedCatalogue(newDirectory());
    return { catalogue, dispose: close };
  });

  test('what was written is there after it was closed and opened again', async () => {
    const directory = newDirectory();
    const first = await open(directory);
    await first.runs.start(sampleRun(1));
    await first.recoveryPoints.put(samplePoint(1, 1));
    const lease = await first.leases.acquire(sourceId(1), runId(1), 3600);
    await first.close();
    const second = await open(directory);
    expect(await second.runs.get(runId(1))).toEqual(sampleRun(1));
    expect(await drain(second.recoveryPoints.listBySource(sourceId(1)))).toEqual([samplePoint(1, 1)]);
    expect(await drain(second.recoveryPoints.listByRun(runId(1)))).toEqual([samplePoint(1, 1)]);
    expect(await second.leases.find(sourceId(1))).toEqual(lease);
  });

  test('closing lets the requests that are under way end, and what they acknowledge is kept', async () => {
    const directory = newDirectory();
    const first = await open(directory);
    const writes = numbers(40).map((n) => first.runs.start(sampleRun(n)));
    const settled = Promise.allSettled(writes);
    await writes[0];
    await first.close();
    const answers = await settled;
    const second = await open(directory);
    const kept = new Set((await drain(second.runs.listByPlan('web-app'))).map((run) => run.runId));
    for (const [index, answer] of answers.entries()) {
      if (answer.status === 'fulfilled') expect(kept).toContain(runId(index + 1));
      else expect(answer.reason).toBeInstanceOf(TransientError);
    }
  });

  test('a second opening waits no longer than it was told, and says what to do', async () => {
    const directory = newDirectory();
    await open(directory);
    const second = openEmbeddedCatalogue(directory, { waitMillis: 1 });
    await expect(second).rejects.toBeInstanceOf(ConflictError);
    await expect(second).rejects.toThrow(`another holdfast process is using ${directory}; wait for it to end`);
  });

  test('a second opening that waits gets it when the first closes', async () => {
    const directory = newDirectory();
    const first = await open(directory);
    await first.runs.start(sampleRun(1));
    const second = open(directory);
    await first.close();
    expect(await (await second).runs.get(runId(1))).toEqual(sampleRun(1));
  });

  test('a making that was cut short is begun anew', async () => {
    const directory = newDirectory();
    await mkdir(join(directory, 'data'), { recursive: true });
    await writeFile(join(directory, 'data', 'MANIFEST-000001'), 'cut sh');
    const { runs } = await open(directory);
    expect((await runs.start(sampleRun(1))).created).toBe(true);
  });

  test('a database that is no catalogue of this format is refused, and not taken for an empty one', async () => {
    const directory = newDirectory();
    const other = new ClassicLevel(join(directory, 'data'));
    await other.put('some', 'thing');
    await other.close();
    await expect(openEmbeddedCatalogue(directory)).rejects.toThrow(
      'was made by another version of holdfast; move that directory away and run holdfast catalogue rebuild',
    );
    await other.open();
    expect(await other.keys().all()).toEqual(['some']);
    await other.close();
  });

  test('damaged files are an IntegrityError that says what to do, and the lock is given up', async () => {
    const directory = newDirectory();
    await (await open(directory)).close();
    await writeFile(join(directory, 'data', 'CURRENT'), 'MANIFEST-0\n');
    for (const attempt of [1, 2]) {
      const opening = openEmbeddedCatalogue(directory, { waitMillis: attempt });
      await expect(opening).rejects.toBeInstanceOf(IntegrityError);
      await expect(opening).rejects.toThrow('run holdfast catalogue rebuild');
    }
  });
});

describe('a process that is killed while it writes', () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  /** Starts a writer and returns when it has acknowledged `count` runs; `kill` returns the number of the last one. */
  async function startWriter(directory: string, count: number) {
    const child = spawn(process.execPath, [join(import.meta.dirname, '../fixtures/catalogue-writer.ts'), directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    const gone = once(child, 'exit');
    const said: string[] = [];
    const lines = createInterface(child.stdout);
    const read = once(lines, 'close');
    await new Promise<void>((resolve, reject) => {
      lines.on('line', (line) => {
        if (said.push(line) === count) resolve();
      });
      lines.on('close', () => reject(new Error('the writer ended by itself')));
    });
    const kill = async (): Promise<string[]> => {
      child.kill('SIGKILL');
      await Promise.all([gone, read]);
      return said;
    };
    return { kill };
  }

  test('loses nothing that was acknowledged, and nothing is listed that is not there', async () => {
    const directory = newDirectory();
    const writer = await startWriter(directory, 60);
    const said = await writer.kill();
    // Nothing but the numbers was printed: the database in the process is silent.
    expect(said).toEqual(numbers(said.length).map(String));
    const { runs } = await open(directory);
    for (const n of numbers(said.length)) expect(await runs.get(runId(n))).toEqual(sampleRun(n));
    const listed = await drain(runs.listByPlan('web-app'));
    expect(listed.length).toBeGreaterThanOrEqual(said.length);
    for (const run of listed) expect(await runs.get(run.runId)).toEqual(run);
  });

  test('leaves a lease that the next process frees, whose tokens go on rising', async () => {
    const directory = newDirectory();
    await (await startWriter(directory, 1)).kill();
    const next = await open(directory);
    await expect(next.leases.acquire(sourceId(1), runId(2), 60)).rejects.toBeInstanceOf(ConflictError);
    expect(await freeAbandonedLeases(next)).toBe(1);
    expect(await freeAbandonedLeases(next)).toBe(0);
    expect((await next.leases.acquire(sourceId(1), runId(2), 60)).token).toBe(2);
  });

  test('keeps others out while it lives and lets one in as soon as it is dead', async () => {
    const directory = newDirectory();
    const writer = await startWriter(directory, 1);
    await expect(openEmbeddedCatalogue(directory, { waitMillis: 1 })).rejects.toBeInstanceOf(ConflictError);
    const opening = open(directory);
    await writer.kill();
    expect((await (await opening).runs.get(runId(1))).status).toBe('running');
  });
});
