import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ERROR_NAMES } from '../functions/core/errors.ts';
import { COMMAND_OPTIONS, COMMANDS, GLOBAL_OPTIONS } from '../functions/local/command-table.ts';
import { parsePlanFile } from '../functions/runtime/plan-file.ts';

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const PACKAGE: { dependencies: object; scripts: object } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
);

describe('README', () => {
  it('names every command of the command line, and no other', () => {
    for (const command of Object.keys(COMMANDS))
      expect(README, command).toMatch(new RegExp(`\`(holdfast )?${command}[ \`]`));
    const invoked = [...README.matchAll(/^(?:holdfast|npx holdfast) ([a-z]+)/gm)].map((match) => match[1] ?? '');
    for (const command of invoked) expect(Object.keys(COMMANDS).map((name) => name.split(' ')[0])).toContain(command);
    expect(invoked.length).toBeGreaterThan(3);
  });

  it('names no option that the command line does not have', () => {
    const known = [...Object.keys(COMMAND_OPTIONS), ...Object.keys(GLOBAL_OPTIONS)];
    const foreign = [
      'stage',
      'region',
      'param',
      'type',
      'name',
      'value',
      'state-machine-arn',
      'stack-name',
      'query',
      'input',
    ];
    const options = [...README.matchAll(/(?<![\w-])--([a-z][a-z-]*)/g)].map((match) => match[1] ?? '');
    expect(options.length).toBeGreaterThan(20);
    for (const option of options) expect([...known, ...foreign], option).toContain(option);
  });

  it('shows a plan that is valid', () => {
    const [, plan = ''] = /```yaml\n([\s\S]*?)```/.exec(README) ?? [];
    expect(parsePlanFile(plan, 'README.md').plans['web-app']?.verify.sample).toBe(0.05);
  });

  it('explains every error and every dependency', () => {
    for (const name of ERROR_NAMES) expect(README).toContain(`\`${name}\``);
    for (const name of Object.keys(PACKAGE.dependencies)) {
      const group = name
        .replace(/^@aws-sdk\/client-.*/, '@aws-sdk/client-*')
        .replace(/^@aws-lambda-powertools\/.*/, '@aws-lambda-powertools/*');
      expect(README, name).toContain(`\`${group}\``);
    }
  });

  it('names scripts and files that are there', () => {
    for (const [, script = ''] of README.matchAll(/npm run ([a-z:]+)/g))
      expect(Object.keys(PACKAGE.scripts)).toContain(script);
  });
});
