import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { ERROR_NAMES } from '../../functions/core/errors.ts';
import { MAX_ROUNDS } from '../../functions/operations/divide-left.ts';
import { allStates, machineNames, machineText, nextOf, type Retrier, readMachine, scopesOf } from './definitions.ts';
import { SUBSTITUTIONS } from './substitutions.ts';

// The package brings no types.
const validate: (
  definition: object,
  options: { checkPaths: boolean; checkArn: boolean },
) => { readonly isValid: boolean; readonly errorsText?: (separator: string) => string } = createRequire(
  import.meta.url,
)('asl-validator');

/** What invoking a Lambda function may meet in passing (Step Functions guide, "Handle transient Lambda service exceptions"). */
const PASSING_OF_LAMBDA = [
  'Lambda.ClientExecutionTimeoutException',
  'Lambda.ServiceException',
  'Lambda.AWSLambdaException',
  'Lambda.SdkClientException',
  'Lambda.TooManyRequestsException',
];

const THROTTLED = 'Lambda.TooManyRequestsException';
/** The longest that a Lambda function runs. */
const LAMBDA_SECONDS = 900;

/** Error names that AWS itself raises and that mean "it may go well next time" for work that is safe to repeat. */
const RETRIED_OF_AWS = [
  ...PASSING_OF_LAMBDA,
  'Lambda.Unknown',
  'Sandbox.Timedout',
  'States.Timeout',
  'States.ItemReaderFailed',
  'StepFunctions.ExecutionLimitExceeded',
  'StepFunctions.AWSStepFunctionsException',
  'StepFunctions.SdkClientException',
];

/**
 * Error names under which AWS also tells that the machine's own role may not do something, or that something is gone: the messages of all
 * other refusals are the functions' own. A minute must be enough for them.
 */
const PERHAPS_REFUSED = [
  'Lambda.AWSLambdaException',
  'Lambda.Unknown',
  'StepFunctions.AWSStepFunctionsException',
  'States.ItemReaderFailed',
];

/** What no waiting changes, as the functions and AWS name it. */
const LASTING = [
  ...ERROR_NAMES.filter((error) => error !== 'TransientError'),
  'Error',
  'TypeError',
  'States.Permissions',
  'States.Runtime',
  'States.TaskFailed',
  'States.ExceedToleratedFailureThreshold',
  'Lambda.AccessDeniedException',
  'Lambda.ResourceNotFoundException',
  'Lambda.KMSAccessDeniedException',
  'Runtime.ImportModuleError',
  'StepFunctions.StateMachineDoesNotExistException',
];

/** The sum of a retrier's waits, before jitter makes them shorter. */
const longestWait = ({ IntervalSeconds, BackoffRate, MaxDelaySeconds, MaxAttempts }: Retrier): number =>
  Array.from({ length: MaxAttempts }, (_, n) => Math.min(MaxDelaySeconds, IntervalSeconds * BackoffRate ** n)).reduce(
    (sum, wait) => sum + wait,
  );

const isLambdaTask = (resource: string | undefined) => resource?.endsWith('FunctionArn}') === true;
const tasks = allStates.filter(({ state }) => state.Type === 'Task');
const lambdaTasks = tasks.filter(({ state }) => isLambdaTask(state.Resource));

describe.each(machineNames)('the machine %s', (name) => {
  it('is valid Amazon States Language with its substitutions in place', () => {
    const text = machineText(name).replace(/\$\{(\w+)\}/g, 'arn:aws:lambda:eu-west-1:123456789012:function:$1');
    const result = validate(JSON.parse(text), { checkPaths: true, checkArn: true });
    expect(result.errorsText?.('\n') ?? '').toBe('');
    expect(result.isValid).toBe(true);
  });

  it('needs the substitutions of the closed list and no others', () => {
    const found = [...machineText(name).matchAll(/\$\{([^}]*)\}/g)].map((match) => match[1]);
    expect([...new Set(found)].sort()).toEqual(
      Object.entries(SUBSTITUTIONS).find(([machine]) => machine === name)?.[1],
    );
  });

  it('speaks JSONPath only', () => {
    const text = machineText(name);
    for (const field of ['QueryLanguage', '"Arguments"', '"Assign"', '"Output"', '"Condition"', '{%'])
      expect(text).not.toContain(field);
  });

  it('ends by itself some day', () => {
    expect(readMachine(name).TimeoutSeconds).toBeGreaterThan(0);
  });

  it('has every state once, so that the local engine can tell them apart', () => {
    const names = scopesOf(name).flatMap(({ scope }) => Object.keys(scope.States));
    expect(names).toEqual([...new Set(names)]);
  });

  it.each(scopesOf(name))('$where leads only to states that are there, and to each of them', ({ scope }) => {
    const reached = new Set<string>();
    const toVisit = [scope.StartAt];
    for (let state = toVisit.pop(); state !== undefined; state = toVisit.pop()) {
      if (reached.has(state)) continue;
      reached.add(state);
      const definition = scope.States[state];
      expect(definition, `there is no state ${state}`).toBeDefined();
      if (definition !== undefined) toVisit.push(...nextOf(definition));
    }
    expect([...reached].sort()).toEqual(Object.keys(scope.States).sort());
  });
});

describe('every state', () => {
  it.each(allStates)('$where/$name says what it is for', ({ state }) => {
    expect(state.Comment?.length).toBeGreaterThan(10);
  });
});

describe('every Task', () => {
  it.each(tasks)('$where/$name has a limit of its own', ({ state }) => {
    expect(state.TimeoutSeconds).toBeGreaterThan(0);
  });

  it.each(tasks)('$where/$name catches whatever is left', ({ state }) => {
    expect(state.Catch?.at(-1)?.ErrorEquals).toEqual(['States.ALL']);
  });

  it.each(lambdaTasks)('$where/$name retries TransientError', ({ state }) => {
    expect(state.Retry?.flatMap((retrier) => retrier.ErrorEquals)).toContain('TransientError');
  });

  it.each(lambdaTasks)('$where/$name retries what Lambda itself may meet in passing', ({ state }) => {
    expect(state.Retry?.flatMap((retrier) => retrier.ErrorEquals)).toEqual(expect.arrayContaining(PASSING_OF_LAMBDA));
  });

  it.each(lambdaTasks)('$where/$name waits out an account whose concurrent executions are all in use', ({ state }) => {
    const throttled = (state.Retry ?? []).filter((retrier) => retrier.ErrorEquals.includes(THROTTLED));
    expect(throttled.map((retrier) => retrier.ErrorEquals)).toEqual([[THROTTLED]]);
    // With full jitter a wait is half of the longest on average; by then every call that was running is over.
    for (const retrier of throttled) expect(longestWait(retrier) / 2).toBeGreaterThan(LAMBDA_SECONDS);
  });

  it.each(lambdaTasks.filter(({ where }) => where.endsWith('/Shards')))(
    '$where/$name waits in the queue of a hundred shards for ten executions, each of fifteen minutes',
    ({ state }) => {
      const throttled = (state.Retry ?? []).filter((retrier) => retrier.ErrorEquals.includes(THROTTLED));
      for (const retrier of throttled) expect(longestWait(retrier) / 2).toBeGreaterThan((100 / 10) * LAMBDA_SECONDS);
    },
  );

  it.each(lambdaTasks)('$where/$name outlasts the fifteen minutes of a Lambda function', ({ state }) => {
    expect(state.TimeoutSeconds).toBeGreaterThan(LAMBDA_SECONDS);
  });

  it('is a Lambda function, or the verification that a run waits for', () => {
    const others = tasks.filter((task) => !lambdaTasks.includes(task)).map(({ state }) => state.Resource);
    expect(others).toEqual(['arn:aws:states:::states:startExecution.sync:2']);
  });
});

describe('every Retry', () => {
  const retriers = allStates.flatMap(({ where, name, state }) =>
    (state.Retry ?? []).map((retrier, index) => ({ where, name, index, retrier })),
  );

  it.each(retriers)('$where/$name ($index) backs off with full jitter and an end', ({ retrier }) => {
    expect(retrier.JitterStrategy).toBe('FULL');
    expect(retrier.BackoffRate).toBeGreaterThan(1);
    expect(retrier.MaxAttempts).toBeGreaterThan(0);
    if (!retrier.ErrorEquals.includes(THROTTLED)) expect(retrier.MaxAttempts).toBeLessThanOrEqual(10);
    expect(retrier.MaxDelaySeconds).toBeLessThanOrEqual(300);
  });

  it.each(retriers)('$where/$name ($index) retries nothing but what may pass', ({ retrier }) => {
    for (const error of retrier.ErrorEquals) expect(['TransientError', ...RETRIED_OF_AWS]).toContain(error);
  });

  it.each(retriers)('$where/$name ($index) retries nothing that lasts, by name or by wildcard', ({ retrier }) => {
    expect(retrier.ErrorEquals.filter((error) => ['States.ALL', ...LASTING].includes(error))).toEqual([]);
  });

  it.each(retriers.filter(({ retrier }) => retrier.ErrorEquals.some((error) => PERHAPS_REFUSED.includes(error))))(
    '$where/$name ($index) waits less than a minute in all for what may be a refusal',
    ({ retrier }) => {
      expect(longestWait(retrier)).toBeLessThan(60);
    },
  );
});

describe('the history of an execution', () => {
  // Step Functions quotas: 25,000 events. An attempt at a function writes three: scheduled, started, failed.
  const MAX_EVENTS = 25_000;
  const EVENTS_OF_ATTEMPT = 3;
  const eventsOf = ({ state }: (typeof allStates)[number]) =>
    EVENTS_OF_ATTEMPT * (state.Retry ?? []).reduce((sum, { MaxAttempts }) => sum + MaxAttempts, 1);
  const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);

  it('has room for every retry of every step of forty sources with a replica, which is more than a stack takes', () => {
    const inRun = lambdaTasks.filter(({ where }) => /^backup(?!.*Shards)/.test(where));
    const [once, each] = [
      inRun.filter(({ where }) => where === 'backup'),
      inRun.filter(({ where }) => where !== 'backup'),
    ];
    expect(sum(once.map(eventsOf)) + 40 * sum(each.map(eventsOf))).toBeLessThan(MAX_EVENTS);
  });

  it('has room for forty sources that are divided as often as can be', () => {
    // A round enters and leaves TakeInventory (5 events), InventoryProgress (2), AnyShards (2), Shards (4), CommitSnapshot (5) and Committed (2).
    const eventsOfRound = 20;
    // What stands before and behind the rounds of a source: its iteration, a replica, a verification.
    const eventsOfRest = 60;
    expect(40 * (MAX_ROUNDS * eventsOfRound + eventsOfRest)).toBeLessThan(MAX_EVENTS / 2);
  });

  it('has room for the calls of workers of sources that are one shard, five of which are at work at once until the run is out of time', () => {
    const { TimeoutSeconds = Number.POSITIVE_INFINITY } = readMachine('backup');
    // A call: entering, scheduled, started, succeeded, leaving; and the Choice behind it.
    const calls = 5 * (TimeoutSeconds / LAMBDA_SECONDS);
    expect(calls * 7).toBeLessThan(MAX_EVENTS / 2);
  });

  it('of a shard is not filled by waiting before the machine is out of time', () => {
    const { TimeoutSeconds = Number.POSITIVE_INFINITY } = readMachine('backup');
    const inShard = lambdaTasks
      .filter(({ where }) => where.endsWith('/Shards'))
      .flatMap(({ state }) => state.Retry ?? []);
    const throttled = inShard.filter(({ ErrorEquals }) => ErrorEquals.includes(THROTTLED));
    expect(throttled.length).toBeGreaterThan(0);
    for (const retrier of throttled) {
      const averageWait = longestWait(retrier) / 2 / retrier.MaxAttempts;
      expect((TimeoutSeconds / averageWait) * EVENTS_OF_ATTEMPT).toBeLessThan(MAX_EVENTS);
    }
  });
});

describe('every Fail', () => {
  const failing = machineNames
    .flatMap(scopesOf)
    .flatMap(({ where, scope }) =>
      Object.entries(scope.States).map(([name, state]) => ({
        where,
        name,
        state,
        states: Object.values(scope.States),
      })),
    )
    .filter(({ state }) => state.Type === 'Fail');

  it.each(failing)('$where/$name has an error and a cause', ({ state }) => {
    expect(state.Error ?? state.ErrorPath).toBeDefined();
    expect(state.Cause ?? state.CausePath).toBeDefined();
  });

  it.each(failing.filter(({ state }) => state.CausePath !== undefined))(
    '$where/$name is reached only where the text of its cause is there',
    ({ name, state, states }) => {
      const leading = states.filter((other) => nextOf(other).includes(name));
      expect(leading.length).toBeGreaterThan(0);
      for (const other of leading) {
        const makes = Object.keys(other.Parameters ?? {}).map((field) => `$.${field.replace(/\.\$$/, '')}`);
        const looked = (other.Choices ?? [])
          .filter((rule) => rule.Next === name)
          .flatMap((rule) => [rule, ...(rule.And ?? [])])
          .flatMap(({ Variable, IsPresent }) => (IsPresent === true ? [Variable] : []));
        expect([...makes, ...looked]).toContain(state.CausePath);
        expect(other.Default).not.toBe(name);
      }
    },
  );
});

it('names no error of its own that is not in errors.ts', () => {
  const named = allStates
    .flatMap(({ state }) => [...(state.Retry ?? []), ...(state.Catch ?? [])])
    .flatMap((rule) => rule.ErrorEquals);
  const own = named.filter((error) => !/^(States|Lambda|Sandbox|StepFunctions)\./.test(error));
  expect(own.length).toBeGreaterThan(0);
  for (const error of own) expect(ERROR_NAMES).toContain(error);
});

it('ends no Map iteration with more than nothing, so that outputs stay small whatever the source', () => {
  const inMaps = machineNames
    .flatMap(scopesOf)
    .filter(({ where }) => where.includes('/'))
    .flatMap(({ scope }) => Object.values(scope.States))
    .filter((state) => state.Type === 'Succeed' || state.End === true);
  expect(inMaps.length).toBe(3);
  for (const state of inMaps) expect(state).toMatchObject({ Type: 'Succeed', OutputPath: null });
});
