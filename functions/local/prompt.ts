/** Questions on a terminal. They go to standard error, because standard output is for results. */
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { Shell } from './console.ts';
import { Interrupted } from './failure.ts';

/** Whether somebody is there to answer. */
export function canAsk(shell: Shell): boolean {
  return shell.stdin.isTTY === true && shell.stderr.isTTY === true;
}

/** Asks one question; an empty answer is the default. */
export async function ask(shell: Shell, question: string, preset: string): Promise<string> {
  const lines = createInterface({ input: shell.stdin, output: shell.stderr, terminal: true });
  try {
    const answer = await answerOf(lines, `${question} [${preset}]: `);
    return answer.trim() === '' ? preset : answer.trim();
  } finally {
    lines.close();
  }
}

/** Asks for something secret, showing nothing of what is typed. */
export async function askSecret(shell: Shell, question: string): Promise<string> {
  shell.stderr.write(`${question}: `);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: shell.stdin, output: nowhere, terminal: true, historySize: 0 });
  try {
    return await answerOf(lines, '');
  } finally {
    lines.close();
    shell.stderr.write('\n');
  }
}

/** Ctrl-C and Ctrl-D end a question, as they end a command. */
function answerOf(lines: ReturnType<typeof createInterface>, question: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(new Interrupted('stopped at the question; nothing was changed'));
    lines.once('SIGINT', stop);
    lines.once('close', stop);
    lines.question(question).then(resolve, reject);
  });
}
