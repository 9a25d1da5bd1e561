import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import {
  DescribeExecutionCommand,
  ListStateMachinesCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { mockClient } from 'aws-sdk-client-mock';
import { describe, expect, it } from 'vitest';
import { AccessDeniedError, InvalidInputError, NotFoundError } from '../../functions/core/errors.ts';
import { deployedMachines } from '../../functions/runtime/deployed-machines.ts';

const arnOf = (name: string) => `arn:aws:states:eu-west-1:123456789012:stateMachine:${name}`;
const EXECUTION = 'arn:aws:states:eu-west-1:123456789012:execution:holdfast-prod-backup:1';

const listed = (...names: string[]) =>
  names.map((name) => ({ name, stateMachineArn: arnOf(name), type: 'STANDARD' as const, creationDate: new Date(0) }));

function setUp(stage?: string) {
  const client = new SFNClient({ region: 'eu-west-1' });
  const mock = mockClient(client);
  mock
    .on(ListStateMachinesCommand, { maxResults: 1000 })
    .resolves({ stateMachines: listed('other'), nextToken: 'more' });
  mock
    .on(ListStateMachinesCommand, { maxResults: 1000, nextToken: 'more' })
    .resolves({ stateMachines: listed('holdfast-prod-backup', 'holdfast-prod-verify') });
  mock.on(StartExecutionCommand).resolves({ executionArn: EXECUTION, startDate: new Date(0) });
  return { mock, machines: deployedMachines(client, stage) };
}

const LISTED_ON_THE_WIRE = [
  { name: 'holdfast-prod-backup', stateMachineArn: arnOf('holdfast-prod-backup'), type: 'STANDARD', creationDate: 0 },
];

const noWait = async () => {};
const input = { plan: 'web-app', kind: 'full' };

describe('a state machine in the account', () => {
  it('is found on whatever page it stands, started with the input and followed to its end', async () => {
    const { mock, machines } = setUp();
    mock
      .on(DescribeExecutionCommand)
      .resolvesOnce({ status: 'RUNNING' })
      .resolvesOnce({ status: 'RUNNING' })
      .resolves({ status: 'SUCCEEDED', output: '{"status":"succeeded"}' });
    let looks = 0;
    const ended = await machines.run('backup', input, async () => {
      looks += 1;
    });
    expect(ended).toEqual({ status: 'SUCCEEDED', output: { status: 'succeeded' } });
    expect(looks).toBe(3);
    const [start] = mock.commandCalls(StartExecutionCommand);
    expect(start?.args[0].input).toEqual({
      stateMachineArn: arnOf('holdfast-prod-backup'),
      name: expect.stringMatching(/^[\w-]{1,80}$/),
      input: JSON.stringify(input),
    });
  });

  it('is started under one name when the answer is lost and the client asks again, and else under another', async () => {
    const started: string[] = [];
    const server = createServer(async (request, response) => {
      const body = await text(request);
      const target = String(request.headers['x-amz-target']).split('.')[1];
      if (target === 'StartExecution' && started.push(body) === 1) return response.destroy();
      if (target === 'ListStateMachines') return response.end(JSON.stringify({ stateMachines: LISTED_ON_THE_WIRE }));
      if (target === 'StartExecution') return response.end(JSON.stringify({ executionArn: EXECUTION, startDate: 0 }));
      return response.end(JSON.stringify({ status: 'SUCCEEDED', output: '{}' }));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const client = new SFNClient({
      region: 'eu-west-1',
      endpoint: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
      credentials: { accessKeyId: 'testing', secretAccessKey: 'testing' },
    });
    try {
      const machines = deployedMachines(client, 'prod');
      for (let run = 0; run < 2; run += 1) await machines.run('backup', input, noWait);
    } finally {
      client.destroy();
      server.closeAllConnections();
      server.close();
    }
    expect(started).toHaveLength(3);
    expect(started[1]).toBe(started[0]);
    expect(started[2]).not.toBe(started[0]);
  });

  it.each([
    ['FAILED', { error: 'RunPartial', cause: '{"runId":"x"}' }, { error: 'RunPartial', cause: '{"runId":"x"}' }],
    [
      'FAILED',
      {
        error: 'InvalidInputError',
        cause: '{"errorType":"InvalidInputError","errorMessage":"no plan","trace":["at x"]}',
      },
      { error: 'InvalidInputError', cause: 'no plan' },
    ],
    ['FAILED', { error: 'X', cause: '{"errorMessage":"cut sho' }, { error: 'X', cause: '{"errorMessage":"cut sho' }],
    ['TIMED_OUT', {}, { error: 'States.Timeout', cause: `${EXECUTION} ran out of time` }],
    ['ABORTED', {}, { error: 'States.Aborted', cause: `${EXECUTION} was stopped` }],
  ] as const)('that ended %s with %o has failed', async (status, told, wanted) => {
    const { mock, machines } = setUp();
    mock.on(DescribeExecutionCommand).resolves({ status, ...told });
    expect(await machines.run('backup', input, noWait)).toEqual({ status: 'FAILED', ...wanted });
  });

  it('goes on when its caller stops waiting', async () => {
    const { mock, machines } = setUp();
    const stop = new Error('stop');
    await expect(machines.run('backup', input, () => Promise.reject(stop))).rejects.toBe(stop);
    expect(mock.commandCalls(StartExecutionCommand)).toHaveLength(1);
  });

  it('is not guessed where several stages are deployed', async () => {
    const { mock, machines } = setUp();
    mock
      .on(ListStateMachinesCommand)
      .resolves({ stateMachines: listed('holdfast-prod-backup', 'holdfast-dev-eu-backup') });
    const failure = await machines.run('backup', input, noWait).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(InvalidInputError);
    expect(failure).toHaveProperty('message', expect.stringContaining('HOLDFAST_STAGE to one of dev-eu, prod'));
    expect(mock.commandCalls(StartExecutionCommand)).toHaveLength(0);
  });

  it('is that of the stage that is named', async () => {
    const { mock, machines } = setUp('dev-eu');
    mock
      .on(ListStateMachinesCommand)
      .resolves({ stateMachines: listed('holdfast-prod-backup', 'holdfast-dev-eu-backup') });
    mock.on(DescribeExecutionCommand).resolves({ status: 'SUCCEEDED', output: '{}' });
    await machines.run('backup', input, noWait);
    const [start] = mock.commandCalls(StartExecutionCommand);
    expect(start?.args[0].input.stateMachineArn).toBe(arnOf('holdfast-dev-eu-backup'));
  });

  it('is asked for by deploying where there is none', async () => {
    const { machines } = setUp();
    await expect(machines.run('drill', input, noWait)).rejects.toThrow(NotFoundError);
  });

  it('that may not be started is a refusal', async () => {
    const { mock, machines } = setUp();
    mock.on(StartExecutionCommand).rejects(Object.assign(new Error('no'), { name: 'AccessDeniedException' }));
    await expect(machines.run('backup', input, noWait)).rejects.toThrow(AccessDeniedError);
  });
});
