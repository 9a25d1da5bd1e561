import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let project: string;

/** A project that locks `lib` 1.0.0, a package for another platform, and an npm that writes down its arguments. */
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'holdfast-install-'));
  mkdirSync(join(project, 'functions/local'), { recursive: true });
  copyFileSync(
    resolve(import.meta.dirname, '../../functions/local/install.mjs'),
    join(project, 'functions/local/install.mjs'),
  );
  const packages = {
    '': {},
    'node_modules/lib': { version: '1.0.0' },
    'node_modules/mac': { version: '2.0.0', optional: true },
  };
  writeFileSync(join(project, 'package-lock.json'), JSON.stringify({ packages }));
  npmThat('');
});
afterEach(() => rmSync(project, { recursive: true, force: true }));

function npmThat(does: string): void {
  writeFileSync(
    join(project, 'npm.cjs'),
    `require('node:fs').writeFileSync(${JSON.stringify(join(project, 'called'))}, process.argv.slice(2).join(' ')); console.log('npm speaks'); ${does}`,
  );
}

function installed(packages: object): void {
  mkdirSync(join(project, 'node_modules/.bin'), { recursive: true });
  writeFileSync(join(project, 'node_modules/.package-lock.json'), JSON.stringify({ packages }));
}

/** The `node` package's binary, as far as it is asked for its version. */
function nodePackage(script: string): void {
  const own = join(project, 'node_modules/.bin/node');
  writeFileSync(own, `#!/bin/sh\n${script}\n`);
  chmodSync(own, 0o755);
}

function run() {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(project, 'functions/local/install.mjs')], {
    encoding: 'utf8',
    env: { ...process.env, npm_execpath: join(project, 'npm.cjs') },
  });
  const called = join(project, 'called');
  return { status, stdout, stderr, npm: existsSync(called) ? readFileSync(called, 'utf8') : undefined };
}

describe('installing', () => {
  it('happens on a clean clone, with what tests need, and says nothing on stdout', () => {
    expect(run()).toMatchObject({ status: 0, stdout: '', npm: expect.stringMatching(/^ci --include=dev/) });
  });

  it('does not happen when what is locked is there, other platforms aside', () => {
    installed({ 'node_modules/lib': { version: '1.0.0' } });
    expect(run()).toEqual({ status: 0, stdout: '', stderr: '', npm: undefined });
  });

  it('happens again when another version is there', () => {
    installed({ 'node_modules/lib': { version: '0.9.0' } });
    expect(run().npm).toMatch(/^ci/);
  });

  it('happens again when a package is missing', () => {
    installed({});
    expect(run().npm).toMatch(/^ci/);
  });

  it('that fails ends with a sentence and exit code 1', () => {
    npmThat('process.exit(7)');
    expect(run()).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/could not install its packages \(npm ci ended with 7/),
    });
  });
});

describe('the Node that runs the scripts', () => {
  beforeEach(() => installed({ 'node_modules/lib': { version: '1.0.0' } }));

  it.each(['v22.18.0', 'v24.21.0', 'v100.0.0'])('%s serves', (version) => {
    nodePackage(`echo ${version}`);
    expect(run()).toMatchObject({ status: 0, stderr: '' });
  });

  it.each(['v20.20.2', 'v22.17.9'])('%s is too old, and the sentence says what to do', (version) => {
    nodePackage(`echo ${version}`);
    expect(run()).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(
        new RegExp(`needs Node.js 22.18 or later and this machine has ${version.slice(1)}; install`),
      ),
    });
  });

  it('that does not run is named', () => {
    nodePackage('exit 1');
    expect(run()).toMatchObject({ status: 1, stderr: expect.stringMatching(/does not run on this machine/) });
  });
});

describe("npm's scripts", () => {
  // A shell that has found `node` once does not look for it again, so that what follows the installation in the same line runs on the
  // machine's Node, whatever was installed.
  it('start nothing that an older Node cannot read', () => {
    const root = resolve(import.meta.dirname, '../..');
    const { scripts }: { scripts: Record<string, string> } = JSON.parse(
      readFileSync(join(root, 'package.json'), 'utf8'),
    );
    const started = Object.values(scripts).flatMap((script) =>
      [...script.matchAll(/\bnode (\S+)/g)].map((match) => match[1] ?? ''),
    );
    expect(started).toEqual(expect.arrayContaining(['functions/local/demo.mjs', 'functions/local/holdfast.mjs']));
    for (const file of started) {
      expect(file).toMatch(/\.mjs$/);
      const imports = readFileSync(join(root, file), 'utf8').matchAll(/^import .* from '(.*)';$/gm);
      for (const [, imported = ''] of imports) expect(imported, file).toMatch(/^node:|\.mjs$/);
    }
  });
});
