/** The help: made from the table, so that it says what the parser takes. */

import { PLACE_FORMS } from '../core/uri.ts';
import { usageOf } from './arguments.ts';
import { COMMAND_OPTIONS, COMMANDS, GLOBAL_OPTIONS, type OptionSpec } from './command-table.ts';
import { pairs } from './figures.ts';

const indent = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);

function optionRows(options: Readonly<Record<string, OptionSpec>>): (readonly [string, string])[] {
  return Object.entries(options).map(([name, { value, choices, help }]) => [
    value === undefined ? `--${name}` : `--${name} ${value}`,
    choices === undefined ? help : `${choices.join(', ')}: ${help}`,
  ]);
}

/** What holdfast does, command by command. */
export function generalHelp(): readonly string[] {
  const forms = Object.values(PLACE_FORMS);
  return [
    'holdfast backs up applications, and proves that they can be restored.',
    '',
    'holdfast [options] COMMAND [arguments]',
    '',
    ...indent(
      pairs(Object.entries(COMMANDS).map(([name, spec]) => [[name, ...spec.arguments].join(' '), spec.help] as const)),
    ),
    '',
    ...indent(pairs(optionRows(GLOBAL_OPTIONS))),
    '',
    `A source or a target is one of ${forms.slice(0, 4).join(', ')},`,
    `${forms.slice(4).join(', ')}; a vault is ${PLACE_FORMS.s3} or ${PLACE_FORMS.file}.`,
    'A source is named by its URI as in holdfast.yml (or a folder by its path), a recovery point by its id or an unambiguous',
    'beginning of it, a key as "holdfast ls" shows it (an item of a table by the JSON of its key, in any spelling). The key to the',
    'vaults comes from HOLDFAST_PASSPHRASE, --passphrase-file or a prompt, or from a key file: --key-file, HOLDFAST_KEY_FILE,',
    'keyFile in holdfast.yml, or holdfast.key beside it.',
    'Exit codes: 0 done, 1 failed, 2 usage or input invalid, 3 partial, 130 stopped by Ctrl-C.',
  ];
}

/** What one command does and takes. */
export function commandHelp(command: string): readonly string[] {
  const spec = COMMANDS[command];
  const options = Object.fromEntries(
    Object.entries(COMMAND_OPTIONS).filter(([name]) => spec?.options.includes(name) === true),
  );
  return [
    usageOf(command),
    '',
    `${spec?.help}.`,
    '',
    ...indent(pairs([...optionRows(options), ...optionRows(GLOBAL_OPTIONS)])),
  ];
}
