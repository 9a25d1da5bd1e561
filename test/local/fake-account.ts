/**
 * An AWS account with a deployed stack, on a loopback port: SSM, Step Functions and DynamoDB as far as `holdfast --aws` speaks to them. The
 * machines are the real ones, run by the local engine over a world in memory; the catalogue is a table of its own.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { dynamoCatalogue } from '../../functions/catalogue/dynamo-catalogue.ts';
import { catalogueTableDefinition } from '../../functions/catalogue/keys.ts';
import { createDescriptor, serializeDescriptor } from '../../functions/core/descriptor.ts';
import { type MachineName, type MachineResult, runMachine } from '../../functions/local/engine.ts';
import { localTasks } from '../../functions/local/tasks.ts';
import { makeWorld, NO_HURRY, type WorldOptions } from '../fakes/world.ts';

const dynalite: (options: { readonly createTableMs: number }) => Server = createRequire(import.meta.url)('dynalite');

const TABLE = 'holdfast-prod-CatalogueTable-1ABC';
const STATES = 'arn:aws:states:eu-west-1:123456789012';
const MACHINES: readonly MachineName[] = ['backup', 'verify', 'restore', 'replicate'];

export interface Started {
  readonly machine: MachineName;
  readonly executionArn: string;
  readonly input: Readonly<Record<string, unknown>>;
}

interface FakeExecution extends Started {
  ended: MachineResult | undefined;
}

export type FakeAccount = Awaited<ReturnType<typeof openAccount>>;

/** @param options of the world that the stack protects; the stage is `prod`. */
export async function openAccount(options: WorldOptions) {
  const database = dynalite({ createTableMs: 0 });
  const executions: FakeExecution[] = [];
  /** What machines answer instead of running; `never` ends. */
  const scripted = new Map<MachineName, MachineResult | 'never'>();
  /** Errors that actions answer, by name; the errors are those of the services. */
  const refused = new Map<string, string>();
  const calls: string[] = [];
  const stages = ['prod'];

  const server = createServer((request, response) => {
    const [service = '', action = ''] = String(request.headers['x-amz-target'] ?? '').split('.');
    calls.push(action);
    const refusal = refused.get(action);
    if (service === '') answerAsS3(request, response);
    else if (refusal !== undefined) answer(response, 400, { __type: refusal, message: `refused: ${action}` });
    else if (service.startsWith('DynamoDB')) database.emit('request', request, response);
    else void answerTo(action, request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const endpoint = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const env = {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'testing',
    AWS_SECRET_ACCESS_KEY: 'testing',
  };
  const client = new DynamoDBClient({
    endpoint,
    region: env.AWS_REGION,
    credentials: { accessKeyId: 'testing', secretAccessKey: 'testing' },
  });
  await client.send(new CreateTableCommand(catalogueTableDefinition(TABLE)));
  const world = makeWorld(options);
  const { leases, runs, recoveryPoints, proofs, contentIndex } = dynamoCatalogue(client, TABLE);
  const clock = { now: () => new Date() };
  const ports = { ...world.ports, leases, runs, recoveryPoints, proofs, contentIndex, clock };
  const tasks = localTasks(ports, { before: () => {}, deadline: () => NO_HURRY, failed: () => {} });

  async function run(execution: FakeExecution): Promise<void> {
    const script = scripted.get(execution.machine);
    if (script === 'never') return;
    const readWork = (key: string) => ports.work.get(key);
    execution.ended =
      script ?? (await runMachine(execution.machine, execution.input, { tasks, readWork, retryDelayMillis: 0 }));
  }

  async function answerTo(action: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = JSON.parse(await text(request));
    const execution = executions.find(({ executionArn }) => executionArn === asked.executionArn);
    switch (action) {
      case 'GetParameter': {
        const stage = stages.find((one) => asked.Name === `/holdfast/${one}/catalogue`);
        if (stage === undefined) answer(response, 400, { __type: 'ParameterNotFound' });
        else answer(response, 200, { Parameter: { Name: asked.Name, Type: 'String', Value: TABLE } });
        return;
      }
      case 'ListStateMachines': {
        const names = stages.flatMap((stage) => MACHINES.map((machine) => `holdfast-${stage}-${machine}`));
        const stateMachines = names.map((name) => ({ name, stateMachineArn: `${STATES}:stateMachine:${name}` }));
        answer(response, 200, { stateMachines });
        return;
      }
      case 'StartExecution': {
        const machine = MACHINES.find((name) => asked.stateMachineArn.endsWith(`-${name}`)) ?? 'backup';
        const executionArn = `${STATES}:execution:holdfast-prod-${machine}:${asked.name}`;
        const started = { machine, executionArn, input: JSON.parse(asked.input), ended: undefined };
        executions.push(started);
        void run(started);
        answer(response, 200, { executionArn, startDate: 0 });
        return;
      }
      case 'DescribeExecution':
        answer(response, 200, described(execution?.ended));
        return;
      case 'GetExecutionHistory':
        answer(response, 200, {
          events: [{ type: 'TaskStateEntered', stateEnteredEventDetails: { name: 'Replicate' } }],
        });
        return;
      default:
        answer(response, 400, { __type: 'UnknownOperationException' });
    }
  }

  return {
    env,
    world: { ...world, ports },
    started: executions as readonly Started[],
    scripted,
    refused,
    /** The actions that were asked for, in order. */
    calls,
    stages,
    async close() {
      client.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const { descriptor } = createDescriptor({
  createdAt: '2026-01-01T00:00:00.000Z',
  slots: [{ secret: { type: 'passphrase', passphrase: 'of the stack' }, kind: 'read' }],
  randomBytes,
});

/** Of the vaults no more can be read from outside than what no key is needed for. */
function answerAsS3(request: IncomingMessage, response: ServerResponse): void {
  if (request.url?.startsWith('/acme-vault/holdfast.json')) response.end(serializeDescriptor(descriptor));
  else response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>');
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(body));
}

function described(ended: MachineResult | undefined): object {
  if (ended === undefined) return { status: 'RUNNING' };
  if (ended.status === 'SUCCEEDED') return { status: 'SUCCEEDED', output: JSON.stringify(ended.output ?? null) };
  return { status: 'FAILED', error: ended.error, cause: ended.cause };
}
