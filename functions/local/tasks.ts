/** The operations under the names by which the machines call them, each input parsed by its schema, as the Lambdas do. */
import type { z } from 'zod';
import { InvalidInputError } from '../core/errors.ts';
import {
  commitSnapshotInput,
  finishRunInput,
  recordFailureInput,
  replicateInput,
  restoreInput,
  startRunInput,
  takeInventoryInput,
  takeSnapshotInput,
  verifyInput,
} from '../core/messages.ts';
import type { Deadline, Ports } from '../core/ports.ts';

export type TaskName =
  | 'start-run'
  | 'take-inventory'
  | 'take-snapshot'
  | 'commit-snapshot'
  | 'replicate'
  | 'verify'
  | 'restore'
  | 'record-failure'
  | 'finish-run';

export type Tasks = Readonly<Record<TaskName, (input: unknown) => Promise<unknown>>>;

/** What stands around every call of a task. */
export interface TaskFrame {
  /** Throws when no further task may start. */
  readonly before: () => void;
  readonly deadline: () => Deadline;
  /** Told what a task threw, since a machine reports no more than its name and message. */
  readonly failed: (error: unknown) => void;
}

type Operation<Input> = (input: Input, ports: Ports, deadline: Deadline) => Promise<unknown>;

/** The tasks over these ports; the operations of each are loaded by its first call. */
export function localTasks(ports: Ports, frame: TaskFrame): Tasks {
  const task =
    <Input>(schema: z.ZodType<Input>, load: () => Promise<Operation<Input>>) =>
    async (input: unknown): Promise<unknown> => {
      try {
        frame.before();
        const operation = await load();
        return await operation(parseMessage(schema, input), ports, frame.deadline());
      } catch (error) {
        frame.failed(error);
        throw error;
      }
    };
  return {
    'start-run': task(startRunInput, async () => (await import('../operations/start-run.ts')).startRun),
    'take-inventory': task(
      takeInventoryInput,
      async () => (await import('../operations/take-inventory.ts')).takeInventory,
    ),
    'take-snapshot': task(takeSnapshotInput, async () => (await import('../operations/take-snapshot.ts')).takeSnapshot),
    'commit-snapshot': task(
      commitSnapshotInput,
      async () => (await import('../operations/commit-snapshot.ts')).commitSnapshot,
    ),
    replicate: task(replicateInput, async () => (await import('../operations/replicate.ts')).replicate),
    verify: task(verifyInput, async () => (await import('../operations/verify.ts')).verify),
    restore: task(restoreInput, async () => (await import('../operations/restore.ts')).restore),
    'record-failure': task(
      recordFailureInput,
      async () => (await import('../operations/record-failure.ts')).recordFailure,
    ),
    'finish-run': task(finishRunInput, async () => (await import('../operations/finish-run.ts')).finishRun),
  };
}

function parseMessage<Input>(schema: z.ZodType<Input>, input: unknown): Input {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new InvalidInputError(`${issue?.path.join('.') || 'the input'}: ${issue?.message ?? 'is malformed'}`);
}
