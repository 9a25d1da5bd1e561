/**
 * Small files are written by a thread of their own. One takes ten calls to the system, 20 µs and more, which would otherwise be added to what it
 * takes to make its content ready.
 */
import { Worker } from 'node:worker_threads';

/** A thread takes 30 ms to start, which so many files are worth. */
const WORTH_A_THREAD = 500;
/** It keeps nothing; without limits what it is done with would stay in memory for long. */
const LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 };
/** One that is written, and one that waits for it. */
const BATCHES = 2;

/** Paths as keys are held, one unit a byte. */
export interface FileJob {
  readonly partialPath: string;
  readonly path: string;
  /** The directory of `path`, which must still be this very one (`device:inode`); undefined for the root. */
  readonly parent: { readonly path: string; readonly identity: string } | undefined;
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  readonly mode: number;
  readonly seconds: string | undefined;
  readonly sizeBytes: number;
}

export interface Batch {
  readonly jobs: readonly FileJob[];
  /** Of all, one after the other. */
  readonly content: Uint8Array<SharedArrayBuffer>;
}

export interface Aside {
  /**
   * Writes the file under its partial path and moves it to its path. False when anything was not as it should be, and then nothing is left: the caller
   * does it itself, and sees what it was. Undefined while no thread is there for it.
   */
  write(job: FileJob, content: Uint8Array): Promise<boolean> | undefined;
}

interface Waiting {
  readonly job: FileJob;
  readonly content: Uint8Array;
  readonly tell: (written: boolean) => void;
}

export function makeAside(): Aside {
  let seen = 0;
  let thread: Worker | undefined;
  let state: 'none' | 'starting' | 'ready' | 'broken' = 'none';
  let waiting: Waiting[] = [];
  const underWay: { readonly batch: readonly Waiting[]; readonly space: SharedArrayBuffer }[] = [];
  /** Memory of earlier batches. */
  let spaces: SharedArrayBuffer[] = [];

  const end = (): void => {
    state = 'broken';
    for (const { tell } of [...underWay.flatMap(({ batch }) => batch), ...waiting]) tell(false);
    underWay.length = 0;
    waiting = [];
  };
  const send = (): void => {
    if (waiting.length === 0 || underWay.length >= BATCHES || thread === undefined) return;
    const batch = waiting;
    waiting = [];
    const sizeBytes = batch.reduce((sum, { job }) => sum + job.sizeBytes, 0);
    const space = spaces.find(({ byteLength }) => byteLength >= sizeBytes) ?? new SharedArrayBuffer(2 * sizeBytes);
    spaces = spaces.filter((one) => one !== space);
    const content = new Uint8Array(space);
    let at = 0;
    for (const one of batch) {
      content.set(one.content, at);
      at += one.job.sizeBytes;
    }
    const message: Batch = { jobs: batch.map(({ job }) => job), content };
    thread.ref(); // The process goes on as long as something is under way.
    thread.postMessage(message);
    underWay.push({ batch, space });
  };
  const start = (): void => {
    state = 'starting';
    const started = new Worker(new URL('./write-thread.ts', import.meta.url), { resourceLimits: LIMITS });
    started.unref();
    started.on('online', () => {
      thread = started;
      state = 'ready';
    });
    started.on('message', (written: readonly boolean[]) => {
      const done = underWay.shift();
      if (done === undefined) return;
      const { batch, space } = done;
      spaces = [...spaces, space].slice(-BATCHES);
      if (underWay.length === 0) started.unref();
      for (const [index, { tell }] of batch.entries()) tell(written[index] === true);
      send();
    });
    // Where no thread can be had, files are written without one.
    started.on('error', end);
    started.on('exit', end);
  };

  return {
    write(job, content) {
      seen += 1;
      if (state === 'none' && seen >= WORTH_A_THREAD) start();
      if (state !== 'ready') return undefined;
      return new Promise((tell) => {
        // What comes within this turn goes together.
        if (waiting.length === 0) setImmediate(send);
        waiting.push({ job, content, tell });
      });
    },
  };
}
