import { describe, expect, it } from 'vitest';
import { InvalidInputError } from '../../functions/core/errors.ts';
import { parseCommandLine } from '../../functions/local/arguments.ts';

describe('a command line that is right', () => {
  const cases: readonly (readonly [line: string, command: string, positionals: string[], options: object])[] = [
    ['run web-app', 'run', ['web-app'], {}],
    ['run web-app --kind full', 'run', ['web-app'], { kind: ['full'] }],
    ['--json run --kind=differential web-app', 'run', ['web-app'], { json: true, kind: ['differential'] }],
    ['list', 'list', [], {}],
    ['list s3://bucket/prefix --config other.yml', 'list', ['s3://bucket/prefix'], { config: ['other.yml'] }],
    ['run web-app --aws', 'run', ['web-app'], { aws: true }],
    ['--aws list', 'list', [], { aws: true }],
    ['cat 2026 key --aws --key-file k', 'cat', ['2026', 'key'], { aws: true, 'key-file': ['k'] }],
    ['catalogue rebuild --aws', 'catalogue rebuild', [], { aws: true }],
    ['init --aws --help', 'help', ['init'], { aws: true, help: true }],
    ['ls 2026', 'ls', ['2026'], {}],
    ['ls 2026 uploads/', 'ls', ['2026', 'uploads/'], {}],
    ['cat 2026 -- --kind', 'cat', ['2026', '--kind'], {}],
    [
      'restore 2026 --to /tmp/x --include a* --include b*',
      'restore',
      ['2026'],
      { to: ['/tmp/x'], include: ['a*', 'b*'] },
    ],
    [
      'restore 2026 --to=/tmp/x --exact --dry-run',
      'restore',
      ['2026'],
      { to: ['/tmp/x'], exact: true, 'dry-run': true },
    ],
    [
      'restore --set 0a1b --map a=b --map c=d --in-place',
      'restore',
      [],
      { set: ['0a1b'], map: ['a=b', 'c=d'], 'in-place': true },
    ],
    ['catalogue rebuild', 'catalogue rebuild', [], {}],
    ['init --yes --source a --source b --vault v', 'init', [], { yes: true, source: ['a', 'b'], vault: ['v'] }],
    ['', 'help', [], {}],
    ['--help', 'help', [], { help: true }],
    ['-h', 'help', [], { help: true }],
    ['help', 'help', [], {}],
    ['help run', 'help', ['run'], {}],
    ['run --help', 'help', ['run'], { help: true }],
    ['catalogue rebuild --help', 'help', ['catalogue rebuild'], { help: true }],
    ['--version', 'version', [], { version: true }],
    ['run --version', 'version', [], { version: true }],
  ];
  it.each(cases)('holdfast %s', (line, command, positionals, options) => {
    const invocation = parseCommandLine(line === '' ? [] : line.split(' '));
    expect(invocation.command).toBe(command);
    expect(invocation.positionals).toEqual(positionals);
    expect(Object.fromEntries(invocation.options)).toEqual(options);
  });
});

describe('a command line that is wrong is one sentence', () => {
  const cases: readonly (readonly [line: string, sentence: string])[] = [
    ['rum web-app', 'there is no command "rum"; did you mean run?'],
    ['lst', 'there is no command "lst"; did you mean list?'],
    ['zzzzzzzzz', 'there is no command "zzzzzzzzz"; see holdfast --help'],
    ['catalogue', '"catalogue" needs a second word: catalogue rebuild'],
    ['catalogue rebuilt', '"catalogue" needs a second word: catalogue rebuild'],
    ['constructor', 'there is no command "constructor"; see holdfast --help'],
    ['run web-app --knd full', 'there is no option --knd; did you mean --kind?'],
    ['run web-app --constructor', 'there is no option --constructor; see holdfast --help'],
    ['run web-app -x', 'there is no option -x; see holdfast --help'],
    ['run web-app --kind', '--kind needs a value: --kind KIND'],
    ['run web-app --kind --json', '--kind needs a value; if "--json" is meant, write --kind=--json'],
    ['run web-app --kind=', '--kind is empty; write --kind KIND'],
    ['run web-app --kind weekly', '--kind "weekly" is not one of full, incremental, differential'],
    ['run web-app --kind full --kind full', '--kind is given twice'],
    ['run web-app --json=yes', '--json takes no value'],
    ['run web-app --exact', 'run takes no --exact; see holdfast run --help'],
    ['run', 'run needs PLAN: holdfast run PLAN [--kind KIND] [--scheduled-at TIME]'],
    ['diff 2026', 'diff needs RECOVERY_POINT: holdfast diff RECOVERY_POINT RECOVERY_POINT'],
    ['status now', 'status has no use for "now"; write holdfast status'],
    ['run a --aws --local', '--local and --aws exclude each other'],
    [
      'init --aws',
      'init takes no --aws: it makes keys and vaults from here, and the catalogue of a stack comes with its deployment',
    ],
    [
      'run a --aws --key-file k',
      'run --aws takes no --key-file: the functions in the account have their own key, in SSM',
    ],
    [
      'verify 2026 --passphrase-file p --aws',
      'verify --aws takes no --passphrase-file: the functions in the account have their own key, in SSM',
    ],
  ];
  it.each(cases)('holdfast %s', (line, sentence) => {
    let thrown: unknown;
    try {
      parseCommandLine(line.split(' '));
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(InvalidInputError);
    expect(thrown).toHaveProperty('message', sentence);
  });
});
