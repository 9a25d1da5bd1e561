import { describe, expect, it } from 'vitest';
import { firstError } from '../../functions/core/caught-error.ts';

const EXECUTION = 'arn:aws:states:eu-west-1:123456789012:execution:holdfast-prod-verify:1';
/** As `startExecution.sync:2` hands on the execution that it waited for. */
const nested = (rest: object) => JSON.stringify({ ExecutionArn: EXECUTION, Name: '1', Input: '{}', ...rest });

describe('what failed first', () => {
  it.each([
    ['a text', { Error: 'IntegrityError', Cause: 'pack is short' }, ['IntegrityError', 'pack is short']],
    [
      'the sentence of a Lambda function',
      {
        Error: 'InvalidInputError',
        Cause: '{"errorType":"InvalidInputError","errorMessage":"no plan","trace":["at x"]}',
      },
      ['InvalidInputError', 'no plan'],
    ],
    [
      'the error of a nested execution',
      { Error: 'States.TaskFailed', Cause: nested({ Status: 'FAILED', Error: 'VerificationFailed', Cause: 'pack p' }) },
      ['VerificationFailed', 'pack p'],
    ],
    [
      'the sentence of a Lambda function within a nested execution',
      {
        Error: 'States.TaskFailed',
        Cause: nested({
          Status: 'FAILED',
          Error: 'AccessDeniedError',
          Cause: '{"errorType":"AccessDeniedError","errorMessage":"no key","trace":[]}',
        }),
      },
      ['AccessDeniedError', 'no key'],
    ],
    [
      'that a nested execution ran out of time',
      { Error: 'States.TaskFailed', Cause: nested({ Status: 'TIMED_OUT' }) },
      ['States.Timeout', `${EXECUTION} ran out of time`],
    ],
    [
      'that a nested execution was stopped',
      { Error: 'States.TaskFailed', Cause: nested({ Status: 'ABORTED' }) },
      ['States.Aborted', `${EXECUTION} was stopped`],
    ],
    [
      'why a nested execution was stopped',
      { Error: 'States.TaskFailed', Cause: nested({ Status: 'ABORTED', Cause: 'too dear' }) },
      ['States.Aborted', 'too dear'],
    ],
    ['a report, as it is', { Error: 'RunPartial', Cause: '{"runId":"x"}' }, ['RunPartial', '{"runId":"x"}']],
    [
      'JSON that is cut short, as it is',
      { Error: 'X', Cause: '{"errorMessage":"cut sho' },
      ['X', '{"errorMessage":"cut sho'],
    ],
    ['JSON of another kind, as it is', { Error: 'X', Cause: '{"errorMessage":1}' }, ['X', '{"errorMessage":1}']],
    [
      'the name where nothing else is told',
      { Error: 'Runtime.ExitError', Cause: '' },
      ['Runtime.ExitError', expect.stringContaining('Runtime.ExitError, of which no cause was told')],
    ],
    [
      'that a step was given up for its time',
      { Error: 'States.Timeout', Cause: '' },
      ['States.Timeout', expect.stringContaining('longer than its limit')],
    ],
  ] as const)('is %s', (_, caught, [error, reason]) => {
    expect(firstError(caught)).toEqual({ error, reason });
  });
});
