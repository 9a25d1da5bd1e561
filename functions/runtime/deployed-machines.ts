/** The state machines of a deployed stack, started and followed from outside the account's Lambda functions. */
import { randomUUID } from 'node:crypto';
import {
  DescribeExecutionCommand,
  ListStateMachinesCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import * as z from 'zod';
import { translateAwsError } from '../core/aws-errors.ts';
import { InvalidInputError, NotFoundError } from '../core/errors.ts';
import { CLIENT_DEFAULTS } from './clients.ts';

/** How an execution ended; as the local engine tells it. */
export type ExecutionResult =
  | { readonly status: 'SUCCEEDED'; readonly output: unknown }
  | { readonly status: 'FAILED'; readonly error: string; readonly cause: string };

export interface DeployedMachines {
  /**
   * Starts an execution and waits for its end. `betweenLooks` is awaited before each look; what it throws ends the wait and not the
   * execution.
   */
  run(machine: string, input: object, betweenLooks: () => Promise<void>): Promise<ExecutionResult>;
  close(): void;
}

/** @param stage of the stack `holdfast-<stage>`; may be left out where the account and region have one only. */
export function openDeployedMachines(stage: string | undefined): DeployedMachines {
  const client = new SFNClient(CLIENT_DEFAULTS);
  return { ...deployedMachines(client, stage), close: () => client.destroy() };
}

/** The machines behind a client that is there. */
export function deployedMachines(client: SFNClient, stage: string | undefined): Pick<DeployedMachines, 'run'> {
  return {
    async run(machine, input, betweenLooks) {
      const stateMachineArn = await during('finding the state machine', () => findMachine(client, machine, stage));
      const executionArn = await during(`starting ${stateMachineArn}`, async () => {
        // Named, so that a request that the client repeats because its answer was lost finds the execution that it began.
        const named = { stateMachineArn, name: `cli-${randomUUID()}`, input: JSON.stringify(input) };
        const started = await client.send(new StartExecutionCommand(named));
        return z.string().parse(started.executionArn);
      });
      for (;;) {
        await betweenLooks();
        const ended = await during(`looking at ${executionArn}`, () => look(client, executionArn));
        if (ended !== undefined) return ended;
      }
    },
  };
}

async function during<T>(what: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw translateAwsError(error, `Step Functions: ${what}`);
  }
}

async function findMachine(client: SFNClient, machine: string, stage: string | undefined): Promise<string> {
  const found = new Map<string, string>();
  let nextToken: string | undefined;
  do {
    const page = await client.send(new ListStateMachinesCommand({ maxResults: 1000, nextToken }));
    for (const { name = '', stateMachineArn } of page.stateMachines ?? []) {
      const [, of] = /^holdfast-(.+)-[a-z]+$/.exec(name) ?? [];
      if (of !== undefined && name === `holdfast-${of}-${machine}` && stateMachineArn !== undefined)
        found.set(of, stateMachineArn);
    }
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  const stages = [...found.keys()].sort();
  const chosen = stage ?? (stages.length === 1 ? stages[0] : undefined);
  const arn = chosen === undefined ? undefined : found.get(chosen);
  if (arn !== undefined) return arn;
  if (stages.length === 0)
    throw new NotFoundError(
      `there is no state machine holdfast-${stage ?? '<stage>'}-${machine} in this account and region; check AWS_REGION, or deploy with npx serverless deploy`,
    );
  throw new InvalidInputError(
    `${stage === undefined ? 'several stages are deployed' : `stage "${stage}" is not deployed`}; set HOLDFAST_STAGE to one of ${stages.join(', ')}`,
  );
}

async function look(client: SFNClient, executionArn: string): Promise<ExecutionResult | undefined> {
  const { status, output, error, cause } = await client.send(new DescribeExecutionCommand({ executionArn }));
  if (status === 'RUNNING' || status === 'PENDING_REDRIVE') return undefined;
  if (status === 'SUCCEEDED') return { status, output: JSON.parse(output ?? 'null') };
  if (status === 'TIMED_OUT')
    return { status: 'FAILED', error: error ?? 'States.Timeout', cause: cause ?? `${executionArn} ran out of time` };
  if (status === 'ABORTED')
    return { status: 'FAILED', error: error ?? 'States.Aborted', cause: cause ?? `${executionArn} was stopped` };
  return { status: 'FAILED', error: error ?? 'Error', cause: sentenceIn(cause ?? '') };
}

/** What a Lambda function throws arrives as JSON with the stack in it; the sentence is for a person. */
const lambdaCause = z.object({ errorMessage: z.string(), errorType: z.string() });

function sentenceIn(cause: string): string {
  if (!cause.startsWith('{')) return cause;
  try {
    const parsed = lambdaCause.safeParse(JSON.parse(cause));
    return parsed.success ? parsed.data.errorMessage : cause;
  } catch {
    return cause; // Cut short by Step Functions at 32,768 characters: the text as it is says more than nothing.
  }
}
