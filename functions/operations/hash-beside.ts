/** Hashes chunks, and the contents that they make up, in a thread beside the caller. */
import { hash } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { EMPTY_SHA256 } from '../core/entry.ts';

/** A text, because a function's bundle is one file. It answers each message in turn. */
const THREAD = `
const { parentPort } = require('node:worker_threads');
const { createHash, hash } = require('node:crypto');
const contents = new Map();
parentPort.on('message', ({ content, bytes, ends }) => {
  if (bytes !== undefined) {
    if (content !== undefined) {
      if (!contents.has(content)) contents.set(content, createHash('sha256'));
      contents.get(content).update(bytes);
    }
    parentPort.postMessage(hash('sha256', bytes));
    return;
  }
  if (ends) parentPort.postMessage(contents.get(content).digest('hex'));
  contents.delete(content);
});`;

type Shared = Buffer<SharedArrayBuffer>;

interface Message {
  readonly content?: number;
  readonly bytes?: Shared;
  readonly ends?: boolean;
}

interface Waiting {
  readonly resolve: (sha256: string) => void;
  readonly reject: (error: unknown) => void;
}

/** One per process: its worker is started by the first who needs it, and keeps no process from ending. */
let thread: ReturnType<typeof startThread> | undefined;
let contents = 0;

function startThread() {
  const worker = new Worker(THREAD, { eval: true, execArgv: [] });
  const waiting: Waiting[] = [];
  worker.unref();
  worker.on('message', (sha256: string) => {
    waiting.shift()?.resolve(sha256);
    if (waiting.length === 0) worker.unref();
  });
  worker.on('error', (error) => {
    thread = undefined;
    for (const { reject } of waiting.splice(0)) reject(error);
  });
  return {
    tell: (message: Message): void => worker.postMessage(message),
    ask: (message: Message): Promise<string> =>
      new Promise((resolve, reject) => {
        if (waiting.push({ resolve, reject }) === 1) worker.ref();
        worker.postMessage(message);
      }),
  };
}

const threadOf = () => {
  thread ??= startThread();
  return thread;
};

/** Below this a thread is not worth its start. */
const SMALL_BYTES = 256 << 10;

/** SHA-256 in lower-case hex. The bytes must not change until it is there. */
export async function hashBeside(bytes: Shared): Promise<string> {
  return bytes.length < SMALL_BYTES ? hash('sha256', bytes) : threadOf().ask({ bytes });
}

/** A content that is hashed chunk by chunk. One of `end` and `drop` must be called. */
export interface ContentHash {
  /** Goes on with the content; gives the hash of this chunk alone. The bytes must not change until it is there. */
  chunk(bytes: Shared): Promise<string>;
  /** The hash of the whole. */
  end(): Promise<string>;
  drop(): void;
}

export function hashContent(): ContentHash {
  contents += 1;
  const content = contents;
  let begun: ReturnType<typeof startThread> | undefined;
  return {
    chunk(bytes) {
      begun ??= threadOf();
      return begun.ask({ content, bytes });
    },
    end: async () => begun?.ask({ content, ends: true }) ?? EMPTY_SHA256,
    drop: () => begun?.tell({ content }),
  };
}
