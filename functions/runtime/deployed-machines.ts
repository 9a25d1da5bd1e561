/** The state machines of a deployed stack, started and followed from outside the account's Lambda functions. */
import { randomUUID } from 'node:crypto';
import {
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { SSMClient } from '@aws-sdk/client-ssm';
import * as z from 'zod';
import { translateAwsError } from '../core/aws-errors.ts';
import { firstError } from '../core/caught-error.ts';
import { AccessDeniedError, messageOf, TransientError } from '../core/errors.ts';
import { CLIENT_DEFAULTS } from './clients.ts';
import { type DeployedStack, deployedStack } from './deployed-stack.ts';

/** How an execution ended; as the local engine tells it. */
export type ExecutionResult =
  | { readonly status: 'SUCCEEDED'; readonly output: unknown }
  | { readonly status: 'FAILED'; readonly error: string; readonly cause: string };

/** What stands around each look at an execution. */
export interface Watch {
  /** Awaited before each look (0 is the first); what it throws ends the wait, and not the execution. */
  readonly beforeLook: (look: number) => Promise<void>;
  /**
   * Told, after each look at an execution that is still running, the newest state that it entered, as far as that is known. The history is
   * asked for only where this is given.
   */
  readonly running?: (state: string | undefined) => Promise<void>;
}

export interface DeployedMachines {
  /** Starts an execution and returns its ARN. @throws as `DeployedStack.machineArn`, AccessDeniedError, TransientError */
  start(machine: string, input: object): Promise<string>;
  /**
   * Waits for the end of an execution. Looks that fail for a while are repeated.
   * @throws AccessDeniedError, TransientError (too many looks failed in a row), each saying that the execution goes on
   */
  follow(executionArn: string, watch: Watch): Promise<ExecutionResult>;
}

export interface OpenStack extends Pick<DeployedStack, 'catalogueTable'>, DeployedMachines {
  close(): void;
}

/** @param stage of the stack `holdfast-<stage>`; may be left out where the account and region have one only. */
export function openDeployedStack(stage: string | undefined): OpenStack {
  const sfn = new SFNClient(CLIENT_DEFAULTS);
  const ssm = new SSMClient(CLIENT_DEFAULTS);
  const stack = deployedStack({ sfn, ssm }, stage);
  const close = () => {
    sfn.destroy();
    ssm.destroy();
  };
  return { catalogueTable: stack.catalogueTable, ...deployedMachines(sfn, stack), close };
}

/** For whoever stops waiting: that the execution does not stop, and how to see what becomes of it. */
export function goesOn(executionArn: string): string {
  return `the execution goes on in the account; see what becomes of it by: aws stepfunctions describe-execution --execution-arn ${executionArn}`;
}

/** Two minutes and more of looks, each of which the client has repeated already. */
const MAX_FAILED_LOOKS = 60;

/** The machines behind a client that is there. */
export function deployedMachines(client: SFNClient, stack: Pick<DeployedStack, 'machineArn'>): DeployedMachines {
  return {
    async start(machine, input) {
      const stateMachineArn = await stack.machineArn(machine);
      // Named, so that a request that the client repeats because its answer was lost finds the execution that it began.
      const name = `cli-${randomUUID()}`;
      try {
        const named = { stateMachineArn, name, input: JSON.stringify(input) };
        return z.string().parse((await client.send(new StartExecutionCommand(named))).executionArn);
      } catch (error) {
        // The name is nobody else's: the first request began it, and it has ended before the second.
        if (error instanceof Error && error.name === 'ExecutionAlreadyExists')
          return `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}`;
        throw translateAwsError(error, `Step Functions: starting ${stateMachineArn}`);
      }
    },
    async follow(executionArn, watch) {
      const { running } = watch;
      const newestState = newestStateOf(client, executionArn);
      let failed = 0;
      for (let number = 0; ; number += 1) {
        await watch.beforeLook(number);
        try {
          const ended = await look(client, executionArn);
          if (ended !== undefined) return ended;
          failed = 0;
        } catch (error) {
          failed += 1;
          const told = lostSight(error, executionArn);
          if (!(told instanceof TransientError) || failed === MAX_FAILED_LOOKS) throw told;
          continue;
        }
        if (running !== undefined) await running(await newestState());
      }
    },
  };
}

/** How the execution ended; undefined while it runs. */
async function look(client: SFNClient, executionArn: string): Promise<ExecutionResult | undefined> {
  const { status, output, error, cause } = await client.send(new DescribeExecutionCommand({ executionArn }));
  if (status === 'RUNNING' || status === 'PENDING_REDRIVE') return undefined;
  if (status === 'SUCCEEDED') {
    // The answer is eventually consistent (API reference, DescribeExecution): the status may come before the output.
    if (output === undefined) throw new TransientError('its output is not there yet');
    return { status, output: JSON.parse(output) };
  }
  if (status === 'TIMED_OUT')
    return { status: 'FAILED', error: error ?? 'States.Timeout', cause: cause ?? `${executionArn} ran out of time` };
  if (status === 'ABORTED')
    return { status: 'FAILED', error: error ?? 'States.Aborted', cause: cause ?? `${executionArn} was stopped` };
  const first = firstError({ Error: error ?? 'Error', Cause: cause ?? '' });
  return { status: 'FAILED', error: first.error, cause: first.reason };
}

function lostSight(error: unknown, executionArn: string): unknown {
  // Just after its start an execution may not be seen yet: DescribeExecution is eventually consistent.
  const early = error instanceof Error && error.name === 'ExecutionDoesNotExist';
  const told = early
    ? new TransientError('Step Functions does not know the execution yet; try again later')
    : translateAwsError(error, 'Step Functions: following the execution');
  const sentence = `${messageOf(told)}; ${goesOn(executionArn)}`;
  if (told instanceof TransientError) return new TransientError(sentence, { cause: error });
  return told instanceof AccessDeniedError ? new AccessDeniedError(sentence, { cause: error }) : told;
}

/** Enough that five sources at work at once leave the entering of a state among them. */
const NEWEST_EVENTS = 25;

/** Reads the state that was entered last; where that is refused or fails, what was known before: nobody's wait ends over it. */
function newestStateOf(client: SFNClient, executionArn: string): () => Promise<string | undefined> {
  const newest = { executionArn, reverseOrder: true, maxResults: NEWEST_EVENTS, includeExecutionData: false };
  let known: string | undefined;
  let refused = false;
  return async () => {
    if (refused) return known;
    try {
      const { events = [] } = await client.send(new GetExecutionHistoryCommand(newest));
      known =
        events.find((event) => event.stateEnteredEventDetails !== undefined)?.stateEnteredEventDetails?.name ?? known;
    } catch (error) {
      refused = translateAwsError(error, 'Step Functions: reading the history') instanceof AccessDeniedError;
    }
    return known;
  };
}
