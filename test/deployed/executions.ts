/** Executions of state machines, seen from outside. */
import { setTimeout as after } from 'node:timers/promises';
import { z } from 'zod';
import type { Aws } from './ministack.ts';

const executionSchema = z.looseObject({
  executionArn: z.string(),
  status: z.string(),
  startDate: z.coerce.number(),
  stopDate: z.coerce.number().optional(),
  input: z.string().optional(),
  output: z.string().optional(),
  error: z.string().optional(),
  cause: z.string().optional(),
});
export type Execution = z.output<typeof executionSchema>;

const listed = z.object({ executions: z.array(z.looseObject({ executionArn: z.string(), status: z.string() })) });
const started = z.looseObject({ executionArn: z.string() });

const LOOK_MILLIS = 500;

export async function describeExecution(aws: Aws, executionArn: string): Promise<Execution> {
  return executionSchema.parse(await aws('stepfunctions', 'describe-execution', '--execution-arn', executionArn));
}

/** Starts an execution and follows it to its end. @throws Error when it has not ended after `limitSeconds` */
export async function execute(aws: Aws, machineArn: string, input: object, limitSeconds = 120): Promise<Execution> {
  const { executionArn } = started.parse(
    await aws('stepfunctions', 'start-execution', '--state-machine-arn', machineArn, '--input', JSON.stringify(input)),
  );
  return await eventually(`${executionArn} ends`, limitSeconds, async () => {
    const execution = await describeExecution(aws, executionArn);
    return execution.status === 'RUNNING' ? undefined : execution;
  });
}

/** The executions of a machine that are over, in the order in which they began. */
export async function endedExecutions(aws: Aws, machineArn: string): Promise<readonly Execution[]> {
  const { executions } = listed.parse(await aws('stepfunctions', 'list-executions', '--state-machine-arn', machineArn));
  const ended = executions.filter(({ status }) => status !== 'RUNNING');
  const all = await Promise.all(ended.map(({ executionArn }) => describeExecution(aws, executionArn)));
  return all.sort((one, other) => one.startDate - other.startDate);
}

/** Looks until there is something to see. @throws Error naming `what` after `limitSeconds` */
export async function eventually<T>(
  what: string,
  limitSeconds: number,
  look: () => Promise<T | undefined>,
): Promise<T> {
  const end = performance.now() + limitSeconds * 1000;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (performance.now() > end) throw new Error(`not within ${limitSeconds} s: ${what}`);
    await after(LOOK_MILLIS);
  }
}
