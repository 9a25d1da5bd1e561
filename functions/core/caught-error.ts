/**
 * A caught error is what Step Functions tells of a failure, in a `Catch` or of an execution that failed: a name and a cause. The name is
 * what failed last, and the cause may hold, in JSON, what failed first.
 */
import * as z from 'zod';

export interface CaughtError {
  readonly Error: string;
  readonly Cause: string;
}

const causeSchema = z.object({
  errorMessage: z.string().optional(),
  Error: z.string().optional(),
  Cause: z.string().optional(),
  ExecutionArn: z.string().optional(),
  Status: z.string().optional(),
});

/**
 * What failed first, with its sentence. A Lambda function's cause is JSON of `errorType` and `errorMessage` (Lambda developer guide, "Errors in
 * Node.js functions"); that of a nested execution, whose name is `States.TaskFailed`, the execution as `DescribeExecution` tells it; the local
 * engine's is the message itself.
 */
export function firstError({ Error: error, Cause: cause }: CaughtError): {
  readonly error: string;
  readonly reason: string;
} {
  const inner = parseCause(cause);
  if (inner?.errorMessage !== undefined) return { error, reason: inner.errorMessage };
  if (inner?.Error !== undefined) return firstError({ Error: inner.Error, Cause: inner.Cause ?? '' });
  // An execution that ran out of time or was stopped has no error of its own.
  if (inner?.ExecutionArn !== undefined && inner.Status === 'TIMED_OUT')
    return { error: 'States.Timeout', reason: `${inner.ExecutionArn} ran out of time` };
  if (inner?.ExecutionArn !== undefined && inner.Status === 'ABORTED')
    return { error: 'States.Aborted', reason: inner.Cause || `${inner.ExecutionArn} was stopped` };
  return { error, reason: cause === '' ? unexplained(error) : cause };
}

/** A step that is given up for its time comes with its name alone. */
function unexplained(error: string): string {
  return error === 'States.Timeout'
    ? 'a step took longer than its limit and was given up; see the log of its function'
    : `${error}, of which no cause was told; see the history of the execution`;
}

function parseCause(cause: string): z.infer<typeof causeSchema> | undefined {
  try {
    return causeSchema.safeParse(JSON.parse(cause)).data;
  } catch {
    return undefined; // No JSON, or cut short by Step Functions at 32,768 characters: then the text is the reason itself.
  }
}
