/** From the words on the command line to a command and its options. What is wrong is one sentence with the nearest known name. */
import { parseArgs } from 'node:util';
import { InvalidInputError } from '../core/errors.ts';
import { COMMAND_OPTIONS, COMMANDS, type CommandSpec, GLOBAL_OPTIONS, type OptionSpec } from './command-table.ts';

/** One call of the command line, checked against the table. */
export interface Invocation {
  /** A key of `COMMANDS`, or `help`, or `version`. */
  readonly command: string;
  readonly positionals: readonly string[];
  /** Values by option name; a flag that was given has the value `true`. */
  readonly options: ReadonlyMap<string, readonly string[] | true>;
}

/** Whether a flag was given. */
export function flag(invocation: Invocation, name: string): boolean {
  return invocation.options.get(name) === true;
}

/** An option's values, none when it was not given. */
export function values(invocation: Invocation, name: string): readonly string[] {
  const given = invocation.options.get(name);
  return given === undefined || given === true ? [] : given;
}

/** An option's only value, or undefined. */
export function value(invocation: Invocation, name: string): string | undefined {
  return values(invocation, name)[0];
}

/** The positional argument at an index that the table says must be there. */
export function positional(invocation: Invocation, index: number): string {
  const text = invocation.positionals[index];
  if (text === undefined) throw new InvalidInputError(`${invocation.command} needs an argument more`);
  return text;
}

const ALL_OPTIONS: Readonly<Record<string, OptionSpec>> = { ...GLOBAL_OPTIONS, ...COMMAND_OPTIONS };

/** Parses the arguments after the program's name. @throws InvalidInputError */
export function parseCommandLine(args: readonly string[]): Invocation {
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: {
      ...Object.fromEntries(
        Object.entries(ALL_OPTIONS).map(([name, spec]) => [
          name,
          { type: spec.value === undefined ? ('boolean' as const) : ('string' as const) },
        ]),
      ),
      help: { type: 'boolean', short: 'h' },
    },
  });
  const options = new Map<string, readonly string[] | true>();
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind === 'option') addOption(options, token);
  }
  if (options.has('version')) return { command: 'version', positionals: [], options };
  const asked = options.has('help') || words[0] === 'help' || words.length === 0;
  const rest = words[0] === 'help' ? words.slice(1) : words;
  if (rest.length === 0) return { command: 'help', positionals: [], options };
  const { command, positionals } = splitCommand(rest);
  if (asked) return { command: 'help', positionals: [command], options };
  checkFits(command, positionals, options);
  return { command, positionals, options };
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
  /** Whether the value stood in the same word, as in `--name=value`. */
  readonly inlineValue?: boolean | undefined;
}

function addOption(options: Map<string, readonly string[] | true>, token: OptionToken): void {
  const { name, rawName, value: text } = token;
  const spec = Object.hasOwn(ALL_OPTIONS, name) ? ALL_OPTIONS[name] : undefined;
  if (spec === undefined)
    throw new InvalidInputError(`there is no option ${rawName}${suggest(name, Object.keys(ALL_OPTIONS), '--')}`);
  if (spec.value === undefined) {
    if (text !== undefined) throw new InvalidInputError(`--${name} takes no value`);
    options.set(name, true);
    return;
  }
  if (text === undefined) throw new InvalidInputError(`--${name} needs a value: --${name} ${spec.value}`);
  if (token.inlineValue !== true && text.startsWith('--'))
    throw new InvalidInputError(`--${name} needs a value; if "${text}" is meant, write --${name}=${text}`);
  if (text === '') throw new InvalidInputError(`--${name} is empty; write --${name} ${spec.value}`);
  if (spec.choices !== undefined && !spec.choices.includes(text))
    throw new InvalidInputError(`--${name} "${text}" is not one of ${spec.choices.join(', ')}`);
  const before = options.get(name);
  if (before !== undefined && before !== true && spec.many === undefined)
    throw new InvalidInputError(`--${name} is given twice`);
  options.set(name, [...(before === undefined || before === true ? [] : before), text]);
}

function splitCommand(words: readonly string[]): { command: string; positionals: readonly string[] } {
  const [first = '', second] = words;
  const two = `${first} ${second}`;
  if (Object.hasOwn(COMMANDS, two)) return { command: two, positionals: words.slice(2) };
  if (Object.hasOwn(COMMANDS, first)) return { command: first, positionals: words.slice(1) };
  const group = Object.keys(COMMANDS).filter((name) => name.startsWith(`${first} `));
  if (group.length > 0) throw new InvalidInputError(`"${first}" needs a second word: ${group.join(', ')}`);
  throw new InvalidInputError(`there is no command "${first}"${suggest(first, Object.keys(COMMANDS), '')}`);
}

function checkFits(
  command: string,
  positionals: readonly string[],
  options: ReadonlyMap<string, readonly string[] | true>,
): void {
  const spec = COMMANDS[command];
  if (spec === undefined) throw new InvalidInputError(`there is no command "${command}"`);
  for (const name of options.keys()) {
    if (!Object.hasOwn(GLOBAL_OPTIONS, name) && !spec.options.includes(name))
      throw new InvalidInputError(`${command} takes no --${name}; see holdfast ${command} --help`);
  }
  const missing = spec.arguments.slice(positionals.length).find((name) => !name.startsWith('['));
  if (missing !== undefined) throw new InvalidInputError(`${command} needs ${missing}: ${usageOf(command)}`);
  const extra = positionals[spec.arguments.length];
  if (extra !== undefined)
    throw new InvalidInputError(`${command} has no use for "${extra}"; write ${usageOf(command)}`);
  if (options.has('aws')) checkFitsAccount(command, spec, options);
}

/** Nothing that has no meaning in the account is passed over in silence. */
function checkFitsAccount(command: string, spec: CommandSpec, options: ReadonlyMap<string, unknown>): void {
  if (options.has('local')) throw new InvalidInputError('--local and --aws exclude each other');
  if (spec.onlyHere !== undefined) throw new InvalidInputError(`${command} takes no --aws: ${spec.onlyHere}`);
  const key = ['key-file', 'passphrase-file'].find((name) => options.has(name));
  if (spec.inAccount === true && key !== undefined)
    throw new InvalidInputError(
      `${command} --aws takes no --${key}: the functions in the account have their own key, in SSM`,
    );
}

/** How a command is written: `holdfast ls RECOVERY_POINT [PREFIX]`. */
export function usageOf(command: string): string {
  const spec = COMMANDS[command];
  const options = (spec?.options ?? []).map((name) => {
    const placeholder = COMMAND_OPTIONS[name]?.value;
    return placeholder === undefined ? `[--${name}]` : `[--${name} ${placeholder}]`;
  });
  return ['holdfast', command, ...(spec?.arguments ?? []), ...options].join(' ');
}

/** `; did you mean "run"?` for the nearest name, or where to look when none is near. */
function suggest(given: string, known: readonly string[], prefix: string): string {
  let nearest: string | undefined;
  // More than half of the letters wrong is another word, not a slip, and so is every letter of a short one.
  let least = Math.min(Math.max(2, Math.floor(given.length / 2)), given.length - 1) + 1;
  for (const name of known) {
    const distance = editDistance(given.toLowerCase(), name);
    if (distance < least) {
      least = distance;
      nearest = name;
    }
  }
  return nearest === undefined ? '; see holdfast --help' : `; did you mean ${prefix}${nearest}?`;
}

/** Levenshtein distance: letters to insert, delete or replace. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const replace = (row[j] ?? 0) + (letter === b[j] ? 0 : 1);
      next.push(Math.min(replace, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
