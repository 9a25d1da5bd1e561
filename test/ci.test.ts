import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-count-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Result {
  readonly passed: number;
  readonly failed?: number;
  readonly skipped?: number;
  /** Files whose tests could not even be counted. */
  readonly broken?: number;
}

/** What vitest's JSON reporter writes, as far as it is read. */
function vitestResult({ passed, failed = 0, skipped = 0, broken = 0 }: Result): string {
  const ofTests = {
    name: 'a.test.ts',
    status: failed > 0 ? 'failed' : 'passed',
    assertionResults: [{ status: failed > 0 ? 'failed' : 'passed' }],
  };
  const ofBroken = Array.from({ length: broken }, () => ({
    name: 'b.test.ts',
    status: 'failed',
    assertionResults: [],
  }));
  return JSON.stringify({
    success: failed === 0 && broken === 0,
    numPassedTests: passed,
    numFailedTests: failed,
    numPendingTests: skipped,
    numTodoTests: 0,
    testResults: [ofTests, ...ofBroken],
  });
}

const SUITES = ['unit', 'emulated', 'deployed'] as const;

function count(suites: Partial<Record<(typeof SUITES)[number], Result>>) {
  for (const [name, result] of Object.entries(suites))
    writeFileSync(join(folder, `${name}.json`), vitestResult(result));
  const script = resolve(import.meta.dirname, '../.ci/count.mjs');
  const files = SUITES.map((name) => join(folder, `${name}.json`));
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...files], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

const GOOD = { unit: { passed: 10, skipped: 2 }, emulated: { passed: 5 }, deployed: { passed: 1 } } as const;
const NEEDS_ALL = ['emulated', 'deployed'] as const;

describe('the count of the suites', () => {
  it('is the sum, on one line', () => {
    expect(count(GOOD)).toEqual({ status: 0, stdout: '16 passed, 0 failed\n', stderr: '' });
  });

  it('fails when a test failed', () => {
    const counted = count({ ...GOOD, unit: { passed: 10, failed: 3 }, deployed: { passed: 1, failed: 1 } });
    expect(counted).toMatchObject({ status: 1, stdout: '16 passed, 4 failed\n' });
  });

  it('counts a file that could not be run as failed', () => {
    const counted = count({ ...GOOD, unit: { passed: 10, broken: 1 } });
    expect(counted).toMatchObject({
      status: 1,
      stdout: '16 passed, 1 failed\n',
      stderr: expect.stringContaining('b.test.ts'),
    });
  });

  it.each(NEEDS_ALL)('fails when the %s suite skipped a test', (suite) => {
    const counted = count({ ...GOOD, [suite]: { passed: 5, skipped: 1 } });
    expect(counted).toMatchObject({ status: 1, stderr: expect.stringContaining(`${suite} suite skipped 1`) });
  });

  it.each(SUITES)('fails when the %s suite left no results', (missing) => {
    const { [missing]: _none, ...others } = GOOD;
    expect(count(others)).toMatchObject({ status: 1, stderr: expect.stringContaining(missing) });
  });

  it.each(SUITES)('fails when nothing of the %s suite was run', (suite) => {
    expect(count({ ...GOOD, [suite]: { passed: 0 } })).toMatchObject({ status: 1 });
  });
});
