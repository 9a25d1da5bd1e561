import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import {
  AccessDeniedError,
  ConflictError,
  ERROR_NAMES,
  IntegrityError,
  InvalidInputError,
  LockedError,
  NotFoundError,
  TransientError,
} from '../../functions/core/errors.ts';
import { describeFailure, executionFailure, Interrupted, machineFailure } from '../../functions/local/failure.ts';

describe('the exit code and the sentence of a failure', () => {
  it.each([
    [new InvalidInputError('x'), 2],
    [new NotFoundError('x'), 1],
    [new ConflictError('x'), 1],
    [new IntegrityError('x'), 1],
    [new LockedError('x'), 1],
    [new AccessDeniedError('x'), 1],
    [new TransientError('x'), 1],
    [new Interrupted('x'), 130],
  ])('%o ends with its own message', (error, exitCode) => {
    expect(describeFailure(error)).toEqual({ sentence: 'x', exitCode, unexpected: false });
  });

  it('tells what the operating system says in words, with the path', async () => {
    const error = await readFile('/nowhere/at/all').catch((caught: unknown) => caught);
    expect(describeFailure(error)).toEqual({
      sentence: '/nowhere/at/all: it is not there (ENOENT)',
      exitCode: 1,
      unexpected: false,
    });
  });

  it('calls a bug unexpected', () => {
    expect(describeFailure(new TypeError('x is not a function'))).toEqual({
      sentence: 'unexpected error: x is not a function',
      exitCode: 1,
      unexpected: true,
    });
  });
});

describe('the error of a machine that failed', () => {
  it.each(ERROR_NAMES)('is a %s again when the machine says so', (name) => {
    const error = machineFailure({ error: name, cause: 'why' });
    expect(error.name).toBe(name);
    expect(error.message).toBe('why');
    expect(describeFailure(error).unexpected).toBe(false);
  });

  it('is what a task threw when that is the very error', () => {
    const origin = new TypeError('x is not a function');
    expect(machineFailure({ error: 'TypeError', cause: 'x is not a function' }, origin)).toBe(origin);
  });

  it('is unexpected under a name that is not known', () => {
    const error = machineFailure({ error: 'constructor', cause: 'why' });
    expect(describeFailure(error)).toMatchObject({ sentence: 'unexpected error: constructor: why', unexpected: true });
  });
});

describe('the error of an execution that failed in the account', () => {
  it.each(ERROR_NAMES)('is a %s again when the execution says so', (name) => {
    const error = executionFailure({ error: name, cause: 'why' }, 'arn:aws:states:::execution:1');
    expect([error.name, error.message]).toEqual([name, 'why']);
  });

  it.each(['States.Timeout', 'TypeError', 'Interrupted', 'constructor'])(
    'names the execution when it failed by %s, which nothing here brought about',
    (name) => {
      const error = executionFailure({ error: name, cause: 'why' }, 'arn:aws:states:::execution:1');
      expect(describeFailure(error)).toEqual({
        sentence: `execution arn:aws:states:::execution:1 failed by ${name}: why`,
        exitCode: 1,
        unexpected: false,
      });
    },
  );
});
