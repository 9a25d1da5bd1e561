import { describe, expect, it } from 'vitest';
import { InvalidInputError } from '../../functions/core/errors.ts';
import { PLACE_FORMS } from '../../functions/core/uri.ts';
import { parsePlanFile } from '../../functions/runtime/plan-file.ts';

const GOOD = `vaults:
  primary: { url: "s3://acme-vault", region: eu-west-1 }
  office: { url: "file:///mnt/vault" }
plans:
  web-app:
    sources:
      - s3://acme-uploads/public/
      - { uri: "s3://acme-logs/", expectEmpty: true }
    vault: primary
    replicateTo: [office]
`;

/** The lines of the message, without the file's name. */
function problemsIn(text: string): readonly string[] {
  try {
    parsePlanFile(text, 'holdfast.yml');
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    return error.message.split('\n').map((line) => {
      expect(line.startsWith('holdfast.yml')).toBe(true);
      return line.slice('holdfast.yml'.length).replace(/^:/, '');
    });
  }
  throw new Error('the plan file was taken');
}

describe('a plan file', () => {
  it('becomes the configuration, with its defaults', () => {
    const config = parsePlanFile(GOOD, 'holdfast.yml');
    expect(config.catalogue).toBe('embedded');
    expect(config.vaults.primary).toEqual({ url: 's3://acme-vault/', region: 'eu-west-1' });
    expect(config.plans['web-app']).toMatchObject({
      sources: [{ uri: 's3://acme-uploads/public/' }, { uri: 's3://acme-logs/', expectEmpty: true }],
      verify: { after: 'every', sample: 1 },
    });
  });

  it('may repeat a part with an anchor', () => {
    const text = GOOD.replace('{ url: "file:///mnt/vault" }', '&office { url: "file:///mnt/vault" }').concat(
      '  other: { sources: ["file:///srv"], vault: primary, retention: &keep { keepLast: 3 } }\n',
      '  third: { sources: ["file:///srv/b"], vault: primary, retention: *keep }\n',
    );
    expect(parsePlanFile(text, 'holdfast.yml').plans.third?.retention).toEqual({ keepLast: 3 });
  });
});

describe('a mistake in a plan file', () => {
  it.each([
    [
      'an unknown key',
      GOOD.replace('replicateTo:', 'replicatTo:'),
      '10:5: plans.web-app.replicatTo is not known here; did you mean replicateTo?',
    ],
    [
      'an unknown key at the top',
      `catalog: embedded\n${GOOD}`,
      '1:1: catalog is not known here; did you mean catalogue?',
    ],
    [
      'an unknown key of a source',
      GOOD.replace('expectEmpty', 'expectempty'),
      '8:35: plans.web-app.sources[1].expectempty is not known here; did you mean expectEmpty?',
    ],
    [
      'swapped letters',
      GOOD.replace('vault: primary', 'valut: primary\n    vault: primary'),
      '9:5: plans.web-app.valut is not known here; did you mean vault?',
    ],
    [
      'a key like no other',
      GOOD.replace('region:', 'zzzzzz:'),
      '2:38: vaults.primary.zzzzzz is not known here; known are url, region, lock',
    ],
    [
      'a vault that is not there',
      GOOD.replace('vault: primary', 'vault: primry'),
      '9:12: plans.web-app.vault names vault "primry", which is not under vaults (primary, office)',
    ],
    [
      'a bad URI in a list',
      GOOD.replace('- s3://acme-uploads/public/', '- ftp://acme'),
      `7:9: plans.web-app.sources[0]: "ftp://acme" names no place that is known here; write ${Object.values(PLACE_FORMS).join(', ')}`,
    ],
    [
      'a bad URI in a mapping',
      GOOD.replace('s3://acme-logs/', 'dynamodb://x'),
      '8:16: plans.web-app.sources[1].uri: "dynamodb://x": "x" is not the name of a table; write dynamodb://table',
    ],
    [
      'an option that only a table has',
      GOOD.replace('- s3://acme-uploads/public/', '- { uri: "ssm:///acme/", engine: scan }'),
      '7:40: plans.web-app.sources[0].engine is an option of dynamodb:// sources, and ssm:///acme/ is none',
    ],
    [
      'an engine that no table has',
      GOOD.replace('- s3://acme-uploads/public/', '- { uri: "dynamodb://orders", engine: stream }'),
      '7:45: plans.web-app.sources[0].engine is not one of scan, export',
    ],
    [
      'a budget of nothing',
      GOOD.replace('- s3://acme-uploads/public/', '- { uri: "dynamodb://orders", maxReadUnitsPerSecond: 0 }'),
      '7:60: plans.web-app.sources[0].maxReadUnitsPerSecond is too small: more than 0',
    ],
    [
      'a folder for exports',
      GOOD.replace('- s3://acme-uploads/public/', '- { uri: "dynamodb://orders", exportTo: "file:///x" }'),
      '7:47: plans.web-app.sources[0].exportTo: "file:///x" cannot hold an export; write s3://bucket/prefix',
    ],
    [
      'a table as a vault',
      GOOD.replace('{ url: "file:///mnt/vault" }', '{ url: "dynamodb://orders" }'),
      '3:18: vaults.office.url: "dynamodb://orders" cannot be a vault; write s3://bucket/prefix or file:///absolute/path',
    ],
    [
      'a value of another type',
      GOOD.replace('[office]', 'office'),
      '10:18: plans.web-app.replicateTo is text where a list is expected',
    ],
    [
      'a number for a source',
      GOOD.replace('- s3://acme-uploads/public/', '- 5'),
      '7:9: plans.web-app.sources[0] is a number where text is expected, or is a number where a mapping is expected',
    ],
    [
      'nothing where something must be',
      GOOD.replace('    vault: primary\n', ''),
      '6:5: plans.web-app.vault is missing',
    ],
    [
      'a value out of range',
      `${GOOD}    retention: { keepLast: -1 }\n`,
      '11:28: plans.web-app.retention.keepLast is too small: at least 0',
    ],
    [
      'a word that is none of the choices',
      `${GOOD}    full: sometimes\n`,
      '11:11: plans.web-app.full is not one of reuse, independent',
    ],
    [
      'a share that is none',
      `${GOOD}    verify: { sample: 500% }\n`,
      '11:23: plans.web-app.verify.sample is not a share; write a percentage such as 5%',
    ],
    [
      'a name with capitals',
      GOOD.replace('  office:', '  Office:').replace('[office]', '[]'),
      '3:3: vaults.Office is not a name; use 1 to 40 of a-z, 0-9 and -',
    ],
    ['no vaults', GOOD.replace(/vaults:\n.*\n.*\n/, 'vaults: {}\n'), undefined],
  ])('%s is named with its place', (_, text, expected) => {
    const problems = problemsIn(text);
    if (expected === undefined) expect(problems[0]).toBe('1:9: vaults needs at least one vault');
    else expect(problems).toEqual([expected]);
  });

  it.each([
    ['a key twice', `${GOOD}    vault: office\n`, '11:5: this key stands here a second time'],
    ['an alias of nothing', GOOD.replace('[office]', '*offices'), '10:18: the alias *offices has no anchor before it'],
    ['an unknown tag', GOOD.replace('[office]', '!list [office]'), '10:18: Unresolved tag: !list'],
  ])('%s is a mistake', (_, text, expected) => {
    expect(problemsIn(text)).toEqual([expected]);
  });

  it.each([
    ['an open bracket', GOOD.replace('[office]', '[office')],
    ['a tab for indentation', GOOD.replace('    vault:', '\tvault:')],
    ['an open quote', GOOD.replace('"s3://acme-vault"', '"s3://acme-vault')],
    ['two documents', `${GOOD}---\n${GOOD}`],
    ['an unknown escape', GOOD.replace('"s3://acme-vault"', '"s3:\\q"')],
  ])('%s is named with line and column', (_, text) => {
    for (const problem of problemsIn(text)) expect(problem).toMatch(/^\d+:\d+: ./);
  });

  it.each([
    ['an empty file', ''],
    ['a list', '- a\n'],
    ['a text', 'hello\n'],
  ])('%s is no plan file', (_, text) => {
    expect(problemsIn(text)).toEqual([
      expect.stringMatching(/^1:1: the plan file is (empty|a list|text) where a mapping is expected$/),
    ]);
  });

  it('is named together with all others, in the order of the file', () => {
    const problems = problemsIn(
      GOOD.replace('region:', 'regoin:').replace('vault: primary', 'vault: x').replace('- s3:', '- s4:'),
    );
    // Where the shape is wrong already, what the parts say of one another is not looked at.
    expect(problems.map((problem) => problem.split(':').slice(0, 2).join(':'))).toEqual(['2:38', '7:9']);
  });

  it('is shown ten times at most, with how many more there are', () => {
    const text = GOOD.replace(
      '[office]',
      `[${Array.from({ length: 14 }, (_, index) => `nowhere-${index}`).join(', ')}]`,
    );
    const problems = problemsIn(text);
    expect(problems).toHaveLength(11);
    expect(problems.at(-1)).toBe(' and 4 more');
  });
});

describe('a plan file that would exhaust the machine', () => {
  it('is refused by its size', () => {
    expect(problemsIn(`# ${'x'.repeat(100_000)}\n`)).toEqual([' has 100003 bytes; a plan file has at most 100000']);
  });

  it('is refused for aliases that stand for aliases', () => {
    const levels = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
    for (let level = 1; level < 9; level += 1) {
      const [name, before] = [String.fromCharCode(97 + level), String.fromCharCode(96 + level)];
      levels.push(`${name}: &${name} [${Array(10).fill(`*${before}`).join(', ')}]`);
    }
    expect(problemsIn(`${levels.join('\n')}\n`)).toEqual([
      ': its aliases stand for more than 100 repetitions; write them out'.replace(/^:/, ''),
    ]);
  });

  it('is refused, and not followed for ever, when an alias stands within what it names', () => {
    expect(problemsIn('vaults: &all { primary: *all }\nplans: {}\n').length).toBeGreaterThan(0);
  });

  it('gives no key a way into the prototypes', () => {
    const config = parsePlanFile(
      GOOD.replace('  office:', '  __proto__: { url: "file:///x" }\n  office:'),
      'holdfast.yml',
    );
    expect(Object.getPrototypeOf(config.vaults)).toBe(Object.prototype);
  });
});
