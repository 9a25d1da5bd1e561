/**
 * The tasks of one execution in process: how many run at once, and that none runs on behind the back of an execution that has ended.
 */

/** An error of the engine itself, named as Step Functions names it. */
export class StatesError extends Error {
  /** Read by the engine's library; Step Functions neither retries nor catches what ends an execution. */
  readonly isRetryable: boolean;
  readonly isCatchable: boolean;

  constructor(
    name: string,
    message: string,
    details: { readonly cause?: unknown; readonly endsExecution?: true } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = name;
    this.isRetryable = details.endsExecution !== true;
    this.isCatchable = details.endsExecution !== true;
  }
}

/** Step Functions quotas: 256 KiB of UTF-8 for any input or output of a state, and more ends the execution. */
const MAX_PAYLOAD_BYTES = 262_144;

/**
 * What passes between states: a JSON text, as between Lambda functions, so that nothing but JSON survives here either.
 * @throws StatesError `States.DataLimitExceeded`
 */
export function toPayload(value: unknown, what: string): string {
  const text = JSON.stringify(value) ?? 'null';
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_PAYLOAD_BYTES)
    throw new StatesError(
      'States.DataLimitExceeded',
      `${what} has ${bytes} bytes; a payload may have ${MAX_PAYLOAD_BYTES}`,
      { endsExecution: true },
    );
  return text;
}

/** Runs tasks until it is stopped; what it started can be waited for. */
export interface TaskGroup {
  readonly signal: AbortSignal;
  /** @throws StatesError when the group, or the one around it, was stopped before. */
  run<Output>(task: () => Promise<Output>): Promise<Output>;
  /** No task starts any more; those that run go on to their end. */
  stop(): void;
  /** Resolves when no task of the group runs any more. */
  settled(): Promise<void>;
}

/** A group of its own, or one within `parent`, which stops with it and is waited for with it. */
export function taskGroup(parent?: TaskGroup): TaskGroup {
  const own = new AbortController();
  const signal = parent === undefined ? own.signal : AbortSignal.any([parent.signal, own.signal]);
  const running = new Set<Promise<unknown>>();
  return {
    signal,
    async run(task) {
      if (signal.aborted)
        throw new StatesError('States.Aborted', 'the execution was stopped, because another part of it failed', {
          endsExecution: true,
        });
      const promise = parent === undefined ? task() : parent.run(task);
      running.add(promise);
      try {
        return await promise;
      } finally {
        running.delete(promise);
      }
    },
    stop: () => own.abort(),
    async settled() {
      while (running.size > 0) await Promise.allSettled([...running]);
    },
  };
}

/** At most `limit` tasks at once; the others wait in the order in which they came. */
export function limitedTo(limit: number): <Output>(task: () => Promise<Output>) => Promise<Output> {
  let free = limit;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}

// On AWS the platform kills a Lambda function after fifteen minutes. In process a task that was given up would run on beside its own
// retry, so that only what hangs is given up.
const TASK_LIMIT_MILLIS = 86_400_000;

/** @throws StatesError `States.Timeout` for a task that takes more than a day. */
export async function withinLimit<Output>(what: string, task: () => Promise<Output>): Promise<Output> {
  const { promise: limit, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new StatesError('States.Timeout', `${what} took more than a day`)),
    TASK_LIMIT_MILLIS,
  );
  try {
    return await Promise.race([task(), limit]);
  } finally {
    clearTimeout(timer);
  }
}
