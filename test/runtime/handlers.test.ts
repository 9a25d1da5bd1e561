import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { handler as commitSnapshot } from '../../functions/commit-snapshot.ts';
import { InvalidInputError } from '../../functions/core/errors.ts';
import { handler as finishRun } from '../../functions/finish-run.ts';
import { handler as recordFailure } from '../../functions/record-failure.ts';
import { handler as replicate } from '../../functions/replicate.ts';
import { handler as restore } from '../../functions/restore.ts';
import { handler as startRun } from '../../functions/start-run.ts';
import { handler as takeInventory } from '../../functions/take-inventory.ts';
import { handler as takeSnapshot } from '../../functions/take-snapshot.ts';
import { handler as verify } from '../../functions/verify.ts';
import { SUBSTITUTIONS } from '../statemachines/substitutions.ts';

const handlers = {
  'commit-snapshot': commitSnapshot,
  'finish-run': finishRun,
  'record-failure': recordFailure,
  replicate,
  restore,
  'start-run': startRun,
  'take-inventory': takeInventory,
  'take-snapshot': takeSnapshot,
  verify,
};

/** One field of its input that each cannot do without. */
const NEEDED: Readonly<Record<keyof typeof handlers, string>> = {
  'commit-snapshot': 'inventory',
  'finish-run': 'runId',
  'record-failure': 'error',
  replicate: 'to',
  restore: 'to',
  'start-run': 'scheduledAt',
  'take-inventory': 'snapshotId',
  'take-snapshot': 'shard',
  verify: 'recoveryPointId',
};

const folder = new URL('../../functions/', import.meta.url);
const files = readdirSync(folder).filter((file) => file.endsWith('.ts'));

beforeEach(() => {
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
});

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the Lambda functions', () => {
  it('are the files directly in functions/', () => {
    expect(files.map((file) => file.slice(0, -'.ts'.length)).sort()).toEqual(Object.keys(handlers).sort());
  });

  it('are those that the state machines call', () => {
    const called = Object.values(SUBSTITUTIONS)
      .flat()
      .flatMap((name) => /^(\w+)FunctionArn$/.exec(name)?.[1] ?? [])
      .map((pascal) => pascal.replace(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase());
    expect([...new Set(called)].sort()).toEqual(Object.keys(handlers).sort());
  });

  it.each(files)('%s is wiring only', (file) => {
    const text = readFileSync(new URL(file, folder), 'utf8');
    expect(text).toMatch(
      /^\/\*\* Lambda function: .+ \*\/\n(import .+;\n)+\nexport const handler = lambda\([\w,\s]+\);\n$/,
    );
  });

  it.each(Object.entries(handlers))('%s refuses an input without what it needs', async (name, handler) => {
    const context = {
      functionName: name,
      functionVersion: '1',
      invokedFunctionArn: 'arn',
      memoryLimitInMB: '128',
      awsRequestId: 'r',
      getRemainingTimeInMillis: () => 60_000,
    };
    const handling = handler({}, context);
    await expect(handling).rejects.toThrow(InvalidInputError);
    await expect(handling).rejects.toThrow(`${name} cannot take this input`);
    await expect(handling).rejects.toThrow(`${NEEDED[name as keyof typeof handlers]} is missing`);
  });
});
