/** A shell for tests: streams that remember, no terminal unless one is asked for. */
import { PassThrough, Writable } from 'node:stream';
import type { Shell, Sink } from '../../functions/local/console.ts';

export interface Remembered {
  readonly sink: Sink;
  text(): string;
}

/** A stream that keeps what is written to it; with `columns` it passes for a terminal. */
export function remember(columns?: number): Remembered {
  const pieces: Buffer[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      pieces.push(Buffer.from(chunk));
      done();
    },
  });
  if (columns !== undefined) Object.assign(sink, { isTTY: true, columns });
  return { sink, text: () => Buffer.concat(pieces).toString() };
}

export function testShell(options: {
  readonly args?: readonly string[];
  readonly folder?: string;
  readonly env?: Shell['env'];
}): {
  readonly shell: Shell;
  readonly stdout: Remembered;
  readonly stderr: Remembered;
} {
  const stdout = remember();
  const stderr = remember();
  const shell: Shell = {
    args: options.args ?? [],
    env: options.env ?? {},
    folder: options.folder ?? '/nowhere',
    stdin: new PassThrough(),
    stdout: stdout.sink,
    stderr: stderr.sink,
  };
  return { shell, stdout, stderr };
}
