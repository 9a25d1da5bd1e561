/** Where a command speaks: results on standard output, progress and logs on standard error. With `--json` one document, and nothing else. */
import { once } from 'node:events';
import { messageOf } from '../core/errors.ts';

/** A stream to write to, as far as the command line uses it. */
export type Sink = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

/** What a call of the command line is given by the shell. */
export interface Shell {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's current folder, absolute. */
  readonly folder: string;
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: Sink;
  readonly stderr: Sink;
}

async function write(sink: Sink, text: string | Uint8Array): Promise<void> {
  if (!sink.write(text)) await once(sink, 'drain');
}

/** Speaks for one command. */
export class Console {
  readonly shell: Shell;
  readonly json: boolean;
  #begun = false;

  constructor(shell: Shell, options: { readonly json: boolean }) {
    this.shell = shell;
    this.json = options.json;
  }

  /** Columns of standard output; undefined where it is no terminal, or one that does not say (some say 0), and nothing is cut. */
  get columns(): number | undefined {
    return this.shell.stdout.isTTY === true ? this.shell.stdout.columns || undefined : undefined;
  }

  /** A line of the result, for a person; nothing with `--json`. */
  async line(text = ''): Promise<void> {
    if (!this.json) await write(this.shell.stdout, `${text}\n`);
  }

  async lines(texts: readonly string[]): Promise<void> {
    for (const text of texts) await this.line(text);
  }

  /** Raw content on standard output. */
  async bytes(content: Uint8Array): Promise<void> {
    await write(this.shell.stdout, content);
  }

  /** A line beside the result: a note, a warning, a failure. */
  async note(text: string): Promise<void> {
    await write(this.shell.stderr, `${text}\n`);
  }

  /** The JSON document, whole; nothing without `--json`. */
  async document(value: object): Promise<void> {
    if (!this.json) return;
    this.#begun = true;
    await write(this.shell.stdout, `${JSON.stringify(value, undefined, 2)}\n`);
  }

  /**
   * The JSON document `{ …head, [name]: [items…] }`, item by item, so that memory does not grow with the list. When the list breaks off
   * the document is closed with an `error` and the error goes on.
   */
  async list<T>(head: object, name: string, items: AsyncIterable<T>): Promise<void> {
    this.#begun = true;
    const { stdout } = this.shell;
    await write(stdout, `${openHead(head)}${JSON.stringify(name)}:[`);
    let separator = '\n';
    try {
      for await (const item of items) {
        await write(stdout, separator + JSON.stringify(item));
        separator = ',\n';
      }
    } catch (error) {
      await write(stdout, `\n],"error":${JSON.stringify(errorDocument(error))}}\n`);
      throw error;
    }
    await write(stdout, '\n]}\n');
  }

  /** The JSON document `{ …head, [name]: "<base64 of the content>" }`, piece by piece; closed like `list` when the content breaks off. */
  async base64(head: object, name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    this.#begun = true;
    const { stdout } = this.shell;
    await write(stdout, `${openHead(head)}${JSON.stringify(name)}:"`);
    let rest = Buffer.alloc(0);
    try {
      for await (const piece of content) {
        const bytes = Buffer.concat([rest, piece]);
        // Base64 joins only at multiples of three bytes.
        const whole = bytes.length - (bytes.length % 3);
        await write(stdout, bytes.subarray(0, whole).toString('base64'));
        rest = bytes.subarray(whole);
      }
    } catch (error) {
      await write(stdout, `","error":${JSON.stringify(errorDocument(error))}}\n`);
      throw error;
    }
    await write(stdout, `${rest.toString('base64')}"}\n`);
  }

  /** The JSON document of a failure, unless a document has been written already. */
  async failure(error: unknown): Promise<void> {
    if (!this.#begun) await this.document({ error: errorDocument(error) });
  }
}

function openHead(head: object): string {
  const text = JSON.stringify(head);
  return text === '{}' ? '{' : `${text.slice(0, -1)},`;
}

function errorDocument(error: unknown): { name: string; message: string } {
  return { name: error instanceof Error ? error.name : 'Error', message: messageOf(error) };
}
