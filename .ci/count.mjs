// Sums what vitest counted in all suites. The last line on stdout is `N passed, N failed`; the exit code says whether all is well.
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

const complaints = [];
let passed = 0;
let failed = 0;
for (const file of process.argv.slice(2)) {
  const suite = basename(file, '.json');
  if (!existsSync(file)) {
    complaints.push(`the ${suite} suite left no results`);
    continue;
  }
  const result = JSON.parse(readFileSync(file, 'utf8'));
  passed += result.numPassedTests;
  failed += result.numFailedTests;
  // A file that cannot be loaded, or whose hooks fail, may count no failed test of its own.
  for (const { name, status, assertionResults } of result.testResults) {
    if (status !== 'failed' || assertionResults.some((test) => test.status === 'failed')) continue;
    failed += 1;
    complaints.push(`${name} failed as a whole`);
  }
  const skipped = result.numPendingTests + result.numTodoTests;
  // Only the unit suite may leave out what this machine cannot do.
  if (suite !== 'unit' && skipped > 0) complaints.push(`the ${suite} suite skipped ${skipped} tests`);
  if (!result.success) complaints.push(`the ${suite} suite did not succeed`);
  if (result.numPassedTests === 0) complaints.push(`no test of the ${suite} suite passed`);
}
for (const complaint of complaints) console.error(complaint);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = complaints.length > 0 || failed > 0 ? 1 : 0;
