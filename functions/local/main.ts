/** The command line: parse, act, and say what went wrong in one sentence and an exit code. */
import { readFile } from 'node:fs/promises';
import { flag, parseCommandLine } from './arguments.ts';
import { Console, type Shell } from './console.ts';
import { describeFailure, EXIT } from './failure.ts';
import { plain } from './figures.ts';
import { type Interruption, interruption } from './interruption.ts';
import { importLean } from './lean-import.ts';
import type { CommandContext } from './session.ts';

type Action = (context: CommandContext) => Promise<number>;

/** Loaded when it is called for: half of the time of a short command is that of loading what it does not use. */
const ACTIONS: Readonly<Record<string, () => Promise<Action>>> = {
  init: async () => (await import('./commands/init.ts')).initCommand,
  run: async () => (await import('./commands/run.ts')).runCommand,
  list: async () => (await import('./commands/list.ts')).listCommand,
  show: async () => (await import('./commands/list.ts')).showCommand,
  ls: async () => (await import('./commands/browse.ts')).lsCommand,
  find: async () => (await import('./commands/browse.ts')).findCommand,
  diff: async () => (await import('./commands/browse.ts')).diffCommand,
  cat: async () => (await import('./commands/browse.ts')).catCommand,
  restore: async () => (await import('./commands/restore.ts')).restoreCommand,
  verify: async () => (await import('./commands/prove.ts')).verifyCommand,
  replicate: async () => (await import('./commands/prove.ts')).replicateCommand,
  status: async () => (await import('./commands/status.ts')).statusCommand,
  estimate: async () => (await import('./commands/estimate.ts')).estimateCommand,
  'catalogue rebuild': async () => (await import('./commands/status.ts')).rebuildCommand,
  help: async () => helpCommand,
  version: async () => versionCommand,
};

/** Runs one command; never throws. Returns the exit code. */
export async function main(shell: Shell, stop: Interruption): Promise<number> {
  // A failure to parse is told in JSON too where that was asked for.
  let console = new Console(shell, { json: shell.args.includes('--json') });
  try {
    const invocation = parseCommandLine(shell.args);
    console = new Console(shell, { json: flag(invocation, 'json') });
    const load = ACTIONS[invocation.command];
    if (load === undefined) throw new Error(`the command "${invocation.command}" does nothing`);
    const action = await importLean(load);
    return await action({ shell, console, invocation, interruption: stop });
  } catch (error) {
    const { sentence, exitCode, unexpected } = describeFailure(error);
    await console.failure(error);
    // Several problems of one plan file stand on a line each.
    for (const line of sentence.split('\n')) await console.note(`holdfast: ${plain(line)}`);
    if (shell.env.HOLDFAST_DEBUG === '1' && error instanceof Error) await console.note(stackOf(error));
    else if (unexpected) await console.note('holdfast: HOLDFAST_DEBUG=1 shows where it arose');
    return exitCode;
  }
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}

async function helpCommand({ console, invocation }: CommandContext): Promise<number> {
  const { commandHelp, generalHelp } = await import('./help.ts');
  const [command] = invocation.positionals;
  const lines = command === undefined ? generalHelp() : commandHelp(command);
  await console.document({ help: lines });
  await console.lines(lines);
  return EXIT.done;
}

async function versionCommand({ console }: CommandContext): Promise<number> {
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
  await console.document({ version });
  await console.line(String(version));
  return EXIT.done;
}

const OWN_SCRIPTS: readonly string[] = ['start', 'holdfast'];

/** The folder in which the user typed: npm runs a package's scripts in the package's folder and hands the user's on. */
export function userFolder(env: NodeJS.ProcessEnv): string {
  // What another script of npm starts (the tests do) works where it was started, like any command.
  const byScript = env.npm_package_name === 'holdfast' && OWN_SCRIPTS.includes(env.npm_lifecycle_event ?? '');
  return byScript && env.INIT_CWD !== undefined ? env.INIT_CWD : process.cwd();
}

/** Gives `act` this process's shell and its signals, and ends the process with the exit code. */
export async function inThisProcess(act: (shell: Shell, stop: Interruption) => Promise<number>): Promise<void> {
  const { stdin, stdout, stderr, env, argv } = process;
  const shell: Shell = { args: argv.slice(2), env, folder: userFolder(env), stdin, stdout, stderr };
  // Whoever reads our output may stop reading, as `head` does: nothing is wrong then.
  stdout.on('error', (error) => {
    if ('code' in error && error.code === 'EPIPE') process.exit(EXIT.done);
    stderr.write(`holdfast: standard output cannot be written: ${describeFailure(error).sentence}\n`);
    process.exit(EXIT.failed);
  });
  // Notes that nobody can read must not end the work, nor its result.
  stderr.on('error', () => {});
  const stop = interruption({
    say: (text) => stderr.write(`\nholdfast: ${text}\n`),
    kill: (exitCode) => process.exit(exitCode),
    millis: () => performance.now(),
  });
  process.on('SIGINT', () => stop.signal());
  process.on('SIGTERM', () => stop.signal());
  process.exitCode = await act(shell, stop);
}

/** The `holdfast` command. */
export async function runFromShell(): Promise<void> {
  await inThisProcess(main);
}
