/** CloudFormation, as far as the framework does not ask it: what a stack holds, and small stacks deployed and deleted as a whole. */
import { setTimeout } from 'node:timers/promises';
import {
  type CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeEventsCommand,
  DescribeStackResourceCommand,
  DescribeStacksCommand,
  paginateDescribeStackEvents,
  type Stack,
  type StackEvent,
  UpdateStackCommand,
} from '@aws-sdk/client-cloudformation';
import { ConflictError, InvalidInputError, messageOf } from '../../core/errors.ts';
import { asking } from './aws-account.ts';

/** A stack's name and where it is. */
export interface StackPlace {
  readonly client: CloudFormationClient;
  readonly name: string;
  readonly region: string;
}

/** Between two looks at a stack that is changing. */
const PAUSE_MILLIS = 3000;
type Pause = () => Promise<unknown>;
const pauseBetweenLooks: Pause = () => setTimeout(PAUSE_MILLIS);

/** Whether the stack has a resource of this logical id now that is this thing: not one that it gave up or never got. */
export async function holdsResource(
  { client, name, region }: StackPlace,
  { logicalId, physicalId }: { readonly logicalId: string; readonly physicalId: string },
): Promise<boolean> {
  const answer = await unlessMissing(`stack ${name} in ${region}: looking for ${physicalId}`, () =>
    client.send(new DescribeStackResourceCommand({ StackName: name, LogicalResourceId: logicalId })),
  );
  const { PhysicalResourceId, ResourceStatus = '' } = answer?.StackResourceDetail ?? {};
  // A stack that rolled back, or that a resource was taken out of, still tells what it let go of, and what it kept (DELETE_SKIPPED).
  const letGo = ['CREATE_FAILED', 'DELETE_COMPLETE', 'DELETE_SKIPPED'].includes(ResourceStatus);
  return PhysicalResourceId === physicalId && !letGo;
}

/**
 * Makes the stack as the template says, and waits for it. A first creation that fails leaves no stack behind.
 * @throws ConflictError when the stack is in a state in which it cannot be changed, InvalidInputError naming the resource that failed.
 */
export async function deployStack(
  place: StackPlace,
  template: string,
  pause: Pause = pauseBetweenLooks,
): Promise<'created' | 'updated' | 'unchanged'> {
  const { client, name, region } = place;
  const found = await findStack(place, name);
  if (found === undefined) {
    const { StackId = name } = await asking(`stack ${name} in ${region}: creating it`, () =>
      client.send(new CreateStackCommand({ StackName: name, TemplateBody: template, OnFailure: 'DELETE' })),
    );
    await settled(place, { id: StackId, action: 'CREATE' }, pause);
    return 'created';
  }
  assertUpdatable(place, found.StackStatus ?? '');
  const updated = await asking(`stack ${name} in ${region}: updating it`, () =>
    client.send(new UpdateStackCommand({ StackName: name, TemplateBody: template })).catch((error: unknown) => {
      if (isValidationError(error, /No updates are to be performed/)) return undefined;
      throw error;
    }),
  );
  if (updated === undefined) return 'unchanged';
  await settled(place, { id: updated.StackId ?? name, action: 'UPDATE' }, pause);
  return 'updated';
}

/** Deletes the stack and waits until it is gone; what its template retains is kept. @throws InvalidInputError, ConflictError */
export async function deleteStack(place: StackPlace, pause: Pause = pauseBetweenLooks): Promise<'deleted' | 'absent'> {
  const { client, name, region } = place;
  const found = await findStack(place, name);
  if (found === undefined) return 'absent';
  if (found.StackStatus !== 'REVIEW_IN_PROGRESS') assertAtRest(place, found.StackStatus ?? '');
  await asking(`stack ${name} in ${region}: deleting it`, () =>
    client.send(new DeleteStackCommand({ StackName: name })),
  );
  await settled(place, { id: found.StackId ?? name, action: 'DELETE' }, pause);
  return 'deleted';
}

type Operation = { readonly id: string; readonly action: 'CREATE' | 'UPDATE' | 'DELETE' };

/** Waits until the stack is at rest. @throws InvalidInputError when that is not where the action leads. */
async function settled(place: StackPlace, operation: Operation, pause: Pause): Promise<void> {
  for (;;) {
    const stack = await findStack(place, operation.id);
    // A deleted stack is told of by its id for 90 days; where it is not, it is gone as well.
    const status = stack?.StackStatus ?? 'DELETE_COMPLETE';
    if (status === `${operation.action}_COMPLETE`) return;
    if (!status.endsWith('_IN_PROGRESS')) throw await failure(place, operation, stack);
    await pause();
  }
}

async function failure(place: StackPlace, operation: Operation, stack: Stack | undefined): Promise<Error> {
  const { name, region } = place;
  const cause = await causeOf(place, operation).catch((error: unknown) => ({
    at: undefined,
    reason: `${stack?.StackStatusReason ?? stack?.StackStatus}; its events cannot be read: ${messageOf(error)}`,
  }));
  const at = cause?.at === undefined ? '' : ` at ${cause.at}`;
  const reason = cause?.reason ?? stack?.StackStatusReason ?? 'CloudFormation gives no reason';
  const done = { CREATE: 'created', UPDATE: 'updated', DELETE: 'deleted' }[operation.action];
  return new InvalidInputError(
    `stack ${name} in ${region} could not be ${done}: it failed${at}: ${reason.replace(/\.$/, '')}; mend that and try again`,
  );
}

interface Cause {
  /** The resource, as a person knows it; undefined for the stack itself. */
  readonly at: string | undefined;
  readonly reason: string | undefined;
}

/** The events of an action, newest first. */
async function* eventsOf({ client }: StackPlace, { id, action }: Operation): AsyncGenerator<StackEvent> {
  for await (const page of paginateDescribeStackEvents({ client }, { StackName: id }))
    for (const event of page.StackEvents ?? []) {
      if (isOfStack(event) && event.ResourceStatus === `${action}_IN_PROGRESS`) return;
      yield event;
    }
}

const isOfStack = (event: StackEvent): boolean => event.PhysicalResourceId === event.StackId;

/** What failed first is the cause; what failed after it was cancelled. Undefined where nothing tells that it failed. */
async function causeOf(place: StackPlace, operation: Operation): Promise<Cause | undefined> {
  let first: StackEvent | undefined;
  for await (const event of eventsOf(place, operation)) if (event.ResourceStatus?.endsWith('_FAILED')) first = event;
  if (first === undefined) return undefined;
  if (!isOfStack(first))
    return {
      at: `${first.ResourceType} ${first.PhysicalResourceId || first.LogicalResourceId}`,
      reason: first.ResourceStatusReason,
    };
  // A template that does not pass the validation before the deployment fails as a whole; which resource it is stands elsewhere.
  const { OperationEvents = [] } = await place.client.send(
    new DescribeEventsCommand({ StackName: operation.id, Filters: { FailedEvents: true } }),
  );
  const invalid = OperationEvents.find(({ EventType }) => EventType === 'VALIDATION_ERROR');
  return invalid === undefined
    ? { at: undefined, reason: first.ResourceStatusReason }
    : { at: `${invalid.ResourceType} ${invalid.LogicalResourceId}`, reason: invalid.ValidationStatusReason };
}

/** States in which a stack takes an update (CloudFormation user guide, "Stack status codes"); the failed ones where rollback was off. */
const UPDATABLE = [
  'CREATE_COMPLETE',
  'CREATE_FAILED',
  'UPDATE_FAILED',
  'UPDATE_COMPLETE',
  'UPDATE_ROLLBACK_COMPLETE',
  'IMPORT_COMPLETE',
  'IMPORT_ROLLBACK_COMPLETE',
];

function assertUpdatable(place: StackPlace, status: string): void {
  if (UPDATABLE.includes(status)) return;
  const { name, region } = place;
  if (status !== 'REVIEW_IN_PROGRESS') assertAtRest(place, status);
  const command = status.startsWith('UPDATE_') ? 'continue-update-rollback' : 'delete-stack';
  throw new ConflictError(
    `stack ${name} in ${region} is in ${status} and takes no update; its buckets are kept when you run aws cloudformation ${command} --stack-name ${name} --region ${region}, and then deploy again`,
  );
}

function assertAtRest({ name, region }: StackPlace, status: string): void {
  if (status.endsWith('_IN_PROGRESS'))
    throw new ConflictError(
      `stack ${name} in ${region} is in ${status}: something else is changing it; wait until that is over and try again`,
    );
}

async function findStack({ client, name, region }: StackPlace, id: string): Promise<Stack | undefined> {
  const answer = await unlessMissing(`stack ${name} in ${region}: looking at it`, () =>
    client.send(new DescribeStacksCommand({ StackName: id })),
  );
  return answer?.Stacks?.[0];
}

/** CloudFormation has no error of its own for what is not there. */
async function unlessMissing<Answer>(what: string, request: () => Promise<Answer>): Promise<Answer | undefined> {
  return asking(what, () =>
    request().catch((error: unknown) => {
      if (isValidationError(error, /does not exist/)) return undefined;
      throw error;
    }),
  );
}

const isValidationError = (error: unknown, words: RegExp): boolean =>
  error instanceof Error && error.name === 'ValidationError' && words.test(messageOf(error));
