import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const sourcesIn = (folder: string): readonly { readonly file: string; readonly text: string }[] =>
  globSync(`${folder}/**/*.{ts,mjs}`, { cwd: root })
    .sort()
    .map((file) => ({ file: file.split(sep).join('/'), text: readFileSync(join(root, file), 'utf8') }));

const functions = sourcesIn('functions');
const tests = sourcesIn('test');

/** From which folders of `functions/` a folder may import; `.` is `functions/` itself. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  '.': ['runtime', 'operations', 'core'],
  local: ['local', 'runtime', 'operations', 'core'],
  runtime: ['runtime', 'sources', 'stores', 'catalogue', 'core'],
  operations: ['operations', 'core'],
  sources: ['sources', 'core'],
  stores: ['stores', 'core'],
  catalogue: ['catalogue', 'core'],
  core: ['core'],
};

/** Which packages and modules of Node a folder may import; a folder that is not named here is free. */
const PACKAGES: Readonly<Record<string, RegExp>> = {
  '.': /^$/,
  core: /^(node:crypto|node:zlib|zod)$/,
  operations: /^(node:crypto|node:worker_threads|node:zlib|zod)$/,
  sources:
    /^(node:.*|zod|tar-stream|@aws-sdk\/checksums\/crc|@aws-sdk\/client-(s3|dynamodb|application-auto-scaling|lambda|ssm|secrets-manager))$/,
  stores: /^(node:.*|zod|@aws-sdk\/client-s3)$/,
  catalogue: /^(node:.*|zod|classic-level|@aws-sdk\/client-dynamodb)$/,
};

const folderOf = (file: string): string => {
  const parts = file.split('/').slice(1, -1);
  return parts[0] ?? '.';
};

/** What a module imports: static, re-exported, dynamic and type-only imports alike. */
function importsOf(text: string): readonly string[] {
  const code = text.replace(/^\s*(\/\*\*?|\*|\/\/).*$/gm, '');
  return [...code.matchAll(/(?:\bfrom\s+|\bimport\s*\(\s*|^\s*import\s+)['"]([^'"]+)['"]/gm)].flatMap(
    (match) => match[1] ?? [],
  );
}

describe('imports', () => {
  const arrows = functions.flatMap(({ file, text }) => importsOf(text).map((target) => ({ file, target })));

  it('are found at all', () => {
    expect(arrows.length).toBeGreaterThan(100);
    expect(
      importsOf("import 'a';\nimport b from 'b';\nexport { c } from 'c';\nawait import('d');\n// from 'e'"),
    ).toEqual(['a', 'b', 'c', 'd']);
  });

  it.each(Object.keys(ARROWS))('of %s go one way', (folder) => {
    const wrong = arrows
      .filter(({ file, target }) => folderOf(file) === folder && target.startsWith('.'))
      .filter(({ file, target }) => {
        const reached = relative('functions', join(dirname(file), target)).split(sep);
        return !ARROWS[folder]?.includes(reached.length === 1 ? '.' : (reached[0] ?? ''));
      })
      .map(({ file, target }) => `${file} imports ${target}`);
    expect(wrong).toEqual([]);
  });

  it.each(Object.keys(PACKAGES))('of %s name no package but its own', (folder) => {
    const wrong = arrows
      .filter(({ file, target }) => folderOf(file) === folder && !target.startsWith('.'))
      .filter(({ target }) => PACKAGES[folder]?.test(target) !== true)
      .map(({ file, target }) => `${file} imports ${target}`);
    expect(wrong).toEqual([]);
  });

  it('come from folders that the rule knows', () => {
    expect([...new Set(functions.map(({ file }) => folderOf(file)))].filter((folder) => !(folder in ARROWS))).toEqual(
      [],
    );
  });

  it('name files with their ending, as Node needs it', () => {
    const wrong = arrows.filter(({ target }) => target.startsWith('.') && !/\.(ts|mjs|json)$/.test(target));
    expect(wrong).toEqual([]);
  });
});

describe('core and operations', () => {
  const pure = functions.filter(({ file }) => /^functions\/(core|operations)\//.test(file));
  const RANDOM =
    /\bimport\s*\{[^}]*\b(random\w+|generateKeyPair\w*|generateKey\w*|getRandomValues|webcrypto)\b[^}]*\}\s*from\s*'node:crypto'/;

  it.each([
    ['the wall clock', /\bDate\.now\b|\bnew Date\(\s*\)|\bDate\(\s*\)|\bperformance\.now\b|\bprocess\.hrtime\b/],
    ['randomness', /\bMath\.random\b|\bcrypto\.(random|getRandom)/],
    ['the environment', /\bprocess\.(env|argv|cwd)\b/],
    ['randomness of node:crypto', RANDOM],
  ])('read nothing of %s', (_, pattern) => {
    expect(pure.length).toBeGreaterThan(10);
    expect(pure.filter(({ text }) => pattern.test(text)).map(({ file }) => file)).toEqual([]);
  });

  it('are watched by patterns that see what they are for', () => {
    expect(RANDOM.test("import { createHash, randomBytes } from 'node:crypto';")).toBe(true);
    expect(RANDOM.test("import { createHash } from 'node:crypto';")).toBe(false);
  });
});

describe('clients of AWS', () => {
  /** What follows executions and stacks for a person, or deploys, and the embedded catalogue: no part of a run's cost. */
  const uncounted = ['deployed-machines.ts', 'aws-account.ts', 'embedded-catalogue.ts'];

  it('are all watched by the meter, but for those that no run uses', () => {
    const made = functions.flatMap(({ file, text }) =>
      [...text.matchAll(/([\w.(]*)\s*new \w+Client\(/g)].map(([, before = '']) => ({ file, before })),
    );
    expect(made.length).toBeGreaterThan(8);
    const unwatched = made.filter(
      ({ file, before }) => !before.endsWith('eter.watch(') && !uncounted.some((name) => file.endsWith(name)),
    );
    expect(unwatched).toEqual([]);
  });
});

describe('the tree', () => {
  it('has no default export, but where a tool asks for one', () => {
    const found = [...functions, ...tests].filter(({ text }) => /^export default\b|\bas default\b/m.test(text));
    expect(found.map(({ file }) => file)).toEqual([]);
  });

  it('has no file that is too long to read', () => {
    const long = functions.filter(({ text }) => text.split('\n').length > 301);
    expect(long.map(({ file }) => file)).toEqual([]);
  });

  it('has no folder for what has no name', () => {
    const folders = new Set([...functions, ...tests].flatMap(({ file }) => file.split('/').slice(0, -1)));
    for (const name of ['utils', 'util', 'common', 'helpers', 'types', 'shared', 'misc', 'lib'])
      expect(folders).not.toContain(name);
  });

  it('names files in kebab-case', () => {
    const wrong = functions.filter(
      ({ file }) => !/^[a-z0-9]+(-[a-z0-9]+)*\.(ts|mjs)$/.test(file.split('/').at(-1) ?? ''),
    );
    expect(wrong.map(({ file }) => file)).toEqual([]);
  });
});
