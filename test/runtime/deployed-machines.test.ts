import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import {
  DescribeExecutionCommand,
  ExecutionAlreadyExists,
  ExecutionDoesNotExist,
  GetExecutionHistoryCommand,
  type HistoryEvent,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { mockClient } from 'aws-sdk-client-mock';
import { describe, expect, it } from 'vitest';
import { AccessDeniedError, TransientError } from '../../functions/core/errors.ts';
import { deployedMachines } from '../../functions/runtime/deployed-machines.ts';

const MACHINE = 'arn:aws:states:eu-west-1:123456789012:stateMachine:holdfast-prod-backup';
const EXECUTION = 'arn:aws:states:eu-west-1:123456789012:execution:holdfast-prod-backup:1';
const FOLLOW = `see what becomes of it by: aws stepfunctions describe-execution --execution-arn ${EXECUTION}`;

const stack = { machineArn: async (machine: string) => MACHINE.replace('backup', machine) };

function setUp() {
  const client = new SFNClient({ region: 'eu-west-1' });
  const mock = mockClient(client);
  mock.on(StartExecutionCommand).resolves({ executionArn: EXECUTION, startDate: new Date(0) });
  return { mock, machines: deployedMachines(client, stack) };
}

const awsError = (name: string, message = 'no') => Object.assign(new Error(message), { name, $metadata: {} });
const input = { plan: 'web-app', kind: 'full' };
const noWait = { beforeLook: async () => {} };

describe('an execution', () => {
  it('is started on the machine with the input', async () => {
    const { mock, machines } = setUp();
    expect(await machines.start('backup', input)).toBe(EXECUTION);
    expect(mock.commandCalls(StartExecutionCommand).map((call) => call.args[0].input)).toEqual([
      { stateMachineArn: MACHINE, name: expect.stringMatching(/^[\w-]{1,80}$/), input: JSON.stringify(input) },
    ]);
  });

  it('is started under one name when the answer is lost and the client asks again, and else under another', async () => {
    const started: string[] = [];
    const server = createServer(async (request, response) => {
      if (started.push(await text(request)) === 1) return response.destroy();
      return response.end(JSON.stringify({ executionArn: EXECUTION, startDate: 0 }));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const client = new SFNClient({
      region: 'eu-west-1',
      endpoint: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
      credentials: { accessKeyId: 'testing', secretAccessKey: 'testing' },
    });
    try {
      for (let run = 0; run < 2; run += 1) await deployedMachines(client, stack).start('backup', input);
    } finally {
      client.destroy();
      server.closeAllConnections();
      server.close();
    }
    expect(started).toHaveLength(3);
    expect(started[1]).toBe(started[0]);
    expect(started[2]).not.toBe(started[0]);
  });

  it('that ended before its start was repeated is the one that was begun', async () => {
    const { mock, machines } = setUp();
    mock.on(StartExecutionCommand).rejects(new ExecutionAlreadyExists({ $metadata: {}, message: '' }));
    const arn = await machines.start('backup', input);
    const [start] = mock.commandCalls(StartExecutionCommand);
    expect(arn).toBe(`${EXECUTION.slice(0, -1)}${start?.args[0].input.name}`);
  });

  it('that may not be started is a refusal', async () => {
    const { mock, machines } = setUp();
    mock.on(StartExecutionCommand).rejects(awsError('AccessDeniedException'));
    await expect(machines.start('backup', input)).rejects.toThrow(AccessDeniedError);
  });

  it('is followed to its end', async () => {
    const { mock, machines } = setUp();
    mock
      .on(DescribeExecutionCommand, { executionArn: EXECUTION })
      .resolvesOnce({ status: 'RUNNING' })
      .resolvesOnce({ status: 'PENDING_REDRIVE' })
      .resolves({ status: 'SUCCEEDED', output: '{"status":"succeeded"}' });
    const looks: number[] = [];
    const ended = await machines.follow(EXECUTION, { beforeLook: async (look) => void looks.push(look) });
    expect(ended).toEqual({ status: 'SUCCEEDED', output: { status: 'succeeded' } });
    expect(looks).toEqual([0, 1, 2]);
    expect(mock.commandCalls(GetExecutionHistoryCommand)).toHaveLength(0);
  });

  it.each([
    ['FAILED', { error: 'RunPartial', cause: '{"runId":"x"}' }, { error: 'RunPartial', cause: '{"runId":"x"}' }],
    [
      'FAILED',
      { error: 'InvalidInputError', cause: '{"errorType":"InvalidInputError","errorMessage":"no plan","trace":[]}' },
      { error: 'InvalidInputError', cause: 'no plan' },
    ],
    [
      'FAILED',
      { error: 'States.TaskFailed', cause: '{"ExecutionArn":"x","Error":"NotFoundError","Cause":"no bucket"}' },
      { error: 'NotFoundError', cause: 'no bucket' },
    ],
    ['TIMED_OUT', {}, { error: 'States.Timeout', cause: `${EXECUTION} ran out of time` }],
    ['ABORTED', {}, { error: 'States.Aborted', cause: `${EXECUTION} was stopped` }],
    ['ABORTED', { error: 'Mine', cause: 'enough' }, { error: 'Mine', cause: 'enough' }],
  ] as const)('that ended %s with %o has failed', async (status, told, wanted) => {
    const { mock, machines } = setUp();
    mock.on(DescribeExecutionCommand).resolves({ status, ...told });
    expect(await machines.follow(EXECUTION, noWait)).toEqual({ status: 'FAILED', ...wanted });
  });

  it('goes on when its caller stops waiting', async () => {
    const { mock, machines } = setUp();
    const stop = new Error('stop');
    await expect(machines.follow(EXECUTION, { beforeLook: () => Promise.reject(stop) })).rejects.toBe(stop);
    expect(mock.calls()).toHaveLength(0);
  });
});

describe('a look at an execution', () => {
  it.each([
    ['is throttled', () => awsError('ThrottlingException')],
    ['is cut off', () => Object.assign(new Error('reset'), { code: 'ECONNRESET' })],
    ['comes too early', () => new ExecutionDoesNotExist({ $metadata: {}, message: '' })],
  ])('that %s is repeated', async (_, error) => {
    const { mock, machines } = setUp();
    mock
      .on(DescribeExecutionCommand)
      .rejectsOnce(error())
      .rejectsOnce(error())
      .resolves({ status: 'SUCCEEDED', output: '1' });
    expect(await machines.follow(EXECUTION, noWait)).toEqual({ status: 'SUCCEEDED', output: 1 });
  });

  it('is repeated when the end is known before the output', async () => {
    const { mock, machines } = setUp();
    mock
      .on(DescribeExecutionCommand)
      .resolvesOnce({ status: 'SUCCEEDED' })
      .resolves({ status: 'SUCCEEDED', output: '1' });
    expect(await machines.follow(EXECUTION, noWait)).toEqual({ status: 'SUCCEEDED', output: 1 });
  });

  it('that fails again and again ends the wait, and says that the execution goes on', async () => {
    const { mock, machines } = setUp();
    mock.on(DescribeExecutionCommand).rejects(awsError('ThrottlingException', 'Rate exceeded'));
    const failure: unknown = await machines.follow(EXECUTION, noWait).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TransientError);
    expect(failure).toHaveProperty('message', expect.stringContaining(FOLLOW));
    expect(mock.commandCalls(DescribeExecutionCommand)).toHaveLength(60);
  });

  it('that fails now and then never ends the wait', async () => {
    const { mock, machines } = setUp();
    let looks = 0;
    mock.on(DescribeExecutionCommand).callsFake(() => {
      looks += 1;
      if (looks === 500) return { status: 'SUCCEEDED', output: '1' };
      if (looks % 50 > 0) throw awsError('ThrottlingException');
      return { status: 'RUNNING' };
    });
    expect(await machines.follow(EXECUTION, noWait)).toEqual({ status: 'SUCCEEDED', output: 1 });
  });

  it.each(['ExpiredTokenException', 'AccessDeniedException', 'CredentialsProviderError'])(
    'that is refused by %s ends the wait at once, and says that the execution goes on',
    async (name) => {
      const { mock, machines } = setUp();
      mock.on(DescribeExecutionCommand).resolvesOnce({ status: 'RUNNING' }).rejects(awsError(name));
      const failure: unknown = await machines.follow(EXECUTION, noWait).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(AccessDeniedError);
      expect(failure).toHaveProperty(
        'message',
        expect.stringContaining(`the execution goes on in the account; ${FOLLOW}`),
      );
      expect(mock.commandCalls(DescribeExecutionCommand)).toHaveLength(2);
    },
  );

  it('that fails by a bug looks like one', async () => {
    const { mock, machines } = setUp();
    const bug = new TypeError('x is not a function');
    mock.on(DescribeExecutionCommand).rejects(bug);
    await expect(machines.follow(EXECUTION, noWait)).rejects.toBe(bug);
  });
});

describe('what an execution does', () => {
  const entered = (name: string): HistoryEvent => ({
    id: 1,
    timestamp: new Date(0),
    type: 'TaskStateEntered',
    stateEnteredEventDetails: { name },
  });
  const scheduled: HistoryEvent = { id: 2, timestamp: new Date(0), type: 'TaskScheduled' };

  /** Follows an execution through so many looks at which it is running. */
  async function followed(
    mock: ReturnType<typeof setUp>['mock'],
    machines: ReturnType<typeof setUp>['machines'],
    looks: number,
  ) {
    const running = mock.on(DescribeExecutionCommand);
    for (let look = 0; look < looks; look += 1) running.resolvesOnce({ status: 'RUNNING' });
    running.resolves({ status: 'SUCCEEDED', output: '1' });
    const states: (string | undefined)[] = [];
    const ended = await machines.follow(EXECUTION, { ...noWait, running: async (state) => void states.push(state) });
    expect(ended.status).toBe('SUCCEEDED');
    return states;
  }

  it('is the newest state that it entered, asked for without its data and without the older events', async () => {
    const { mock, machines } = setUp();
    mock
      .on(GetExecutionHistoryCommand)
      .resolvesOnce({ events: [scheduled, entered('CommitSnapshot'), entered('TakeInventory')], nextToken: 'more' })
      .resolvesOnce({ events: [scheduled, scheduled] })
      .resolves({ events: [entered('FinishRun')] });
    expect(await followed(mock, machines, 3)).toEqual(['CommitSnapshot', 'CommitSnapshot', 'FinishRun']);
    const asked = mock.commandCalls(GetExecutionHistoryCommand).map((call) => call.args[0].input);
    expect(asked).toHaveLength(3);
    for (const one of asked)
      expect(one).toEqual({ executionArn: EXECUTION, reverseOrder: true, maxResults: 25, includeExecutionData: false });
  });

  it('is not known where the history is refused, which ends no wait and is asked for once', async () => {
    const { mock, machines } = setUp();
    mock.on(GetExecutionHistoryCommand).rejects(awsError('AccessDeniedException'));
    expect(await followed(mock, machines, 3)).toEqual([undefined, undefined, undefined]);
    expect(mock.commandCalls(GetExecutionHistoryCommand)).toHaveLength(1);
  });

  it('is what it was when the history is throttled, and asked for again', async () => {
    const { mock, machines } = setUp();
    mock
      .on(GetExecutionHistoryCommand)
      .resolvesOnce({ events: [entered('Shards')] })
      .rejectsOnce(awsError('ThrottlingException'))
      .resolves({ events: [entered('Verify')] });
    expect(await followed(mock, machines, 3)).toEqual(['Shards', 'Shards', 'Verify']);
  });
});
