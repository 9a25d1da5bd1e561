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
import { commitSnapshot } from '../operations/commit-snapshot.ts';
import { finishRun } from '../operations/finish-run.ts';
import { recordFailure } from '../operations/record-failure.ts';
import { replicate } from '../operations/replicate.ts';
import { restore } from '../operations/restore.ts';
import { startRun } from '../operations/start-run.ts';
import { takeInventory } from '../operations/take-inventory.ts';
import { takeSnapshot } from '../operations/take-snapshot.ts';
import { verify } from '../operations/verify.ts';

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

/** The tasks over these ports. */
export function localTasks(ports: Ports, frame: TaskFrame): Tasks {
  const task =
    <Input>(schema: z.ZodType<Input>, operation: Operation<Input>) =>
    async (input: unknown): Promise<unknown> => {
      try {
        frame.before();
        return await operation(parseMessage(schema, input), ports, frame.deadline());
      } catch (error) {
        frame.failed(error);
        throw error;
      }
    };
  return {
    'start-run': task(startRunInput, startRun),
    'take-inventory': task(takeInventoryInput, takeInventory),
    'take-snapshot': task(takeSnapshotInput, takeSnapshot),
    'commit-snapshot': task(commitSnapshotInput, commitSnapshot),
    replicate: task(replicateInput, replicate),
    verify: task(verifyInput, verify),
    restore: task(restoreInput, restore),
    'record-failure': task(recordFailureInput, recordFailure),
    'finish-run': task(finishRunInput, finishRun),
  };
}

function parseMessage<Input>(schema: z.ZodType<Input>, input: unknown): Input {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new InvalidInputError(`${issue?.path.join('.') || 'the input'}: ${issue?.message ?? 'is malformed'}`);
}
