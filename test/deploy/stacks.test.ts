import { CloudFormationClient, CreateStackCommand, type StackEvent } from '@aws-sdk/client-cloudformation';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConflictError, InvalidInputError } from '../../functions/core/errors.ts';
import { deleteStack, deployStack, holdsResource } from '../../functions/runtime/deploy/stacks.ts';
import { awsError, type FakeAws, fakeAws } from '../fakes/aws.ts';

let aws: FakeAws;
let pauses: number;
beforeEach(() => {
  aws = fakeAws();
  pauses = 0;
});
afterEach(() => aws.restore());

const NAME = 'holdfast-test-vaults';
const KEY = `us-east-1/${NAME}`;
const TEMPLATE = JSON.stringify({
  Resources: { VaultBucket1: { Type: 'AWS::S3::Bucket', Properties: { BucketName: 'the-vault' } } },
});

const place = () => ({ client: new CloudFormationClient({ region: 'us-east-1' }), name: NAME, region: 'us-east-1' });
const pause = async () => {
  pauses += 1;
};
const deploy = (template = TEMPLATE) => deployStack(place(), template, pause);

/** A stack that stands, in this state. */
function standing(...statuses: string[]) {
  aws.stacks.set(KEY, { statuses, resources: new Map(), template: '' });
}

/** The stack's own event, or one of a resource's; CloudFormation tells the newest first. */
function event(status: string, more: Partial<StackEvent> = {}): StackEvent {
  return {
    EventId: status,
    StackId: NAME,
    StackName: NAME,
    PhysicalResourceId: NAME,
    ResourceType: 'AWS::CloudFormation::Stack',
    LogicalResourceId: NAME,
    Timestamp: new Date(0),
    ...more,
    ResourceStatus: status as NonNullable<StackEvent['ResourceStatus']>,
  };
}
const ofBucket = (status: string, reason: string, PhysicalResourceId = 'the-vault') =>
  event(status, {
    PhysicalResourceId,
    LogicalResourceId: 'VaultBucket1',
    ResourceType: 'AWS::S3::Bucket',
    ResourceStatusReason: reason,
  });

describe('deploying a stack', () => {
  it('creates it where there is none, and waits', async () => {
    aws.endings.push(['CREATE_IN_PROGRESS', 'CREATE_IN_PROGRESS', 'CREATE_COMPLETE']);
    expect(await deploy()).toBe('created');
    expect(pauses).toBe(2);
    expect(aws.stacks.get(KEY)?.template).toBe(TEMPLATE);
  });

  it('leaves no stack behind when its creation fails, so that the next deployment creates it anew', async () => {
    await deploy();
    expect(aws.cloudFormation.commandCalls(CreateStackCommand)[0]?.args[0].input.OnFailure).toBe('DELETE');
  });

  it.each(['CREATE_COMPLETE', 'UPDATE_COMPLETE', 'UPDATE_ROLLBACK_COMPLETE', 'IMPORT_COMPLETE'])(
    'updates it from %s',
    async (status) => {
      standing(status);
      aws.endings.push(['UPDATE_IN_PROGRESS', 'UPDATE_COMPLETE_CLEANUP_IN_PROGRESS', 'UPDATE_COMPLETE']);
      expect(await deploy()).toBe('updated');
    },
  );

  it('takes it for done when nothing is to be changed', async () => {
    await deploy();
    expect(await deploy()).toBe('unchanged');
    expect(pauses).toBe(0);
  });

  it.each(['CREATE_IN_PROGRESS', 'UPDATE_IN_PROGRESS', 'ROLLBACK_IN_PROGRESS', 'DELETE_IN_PROGRESS'])(
    'stops at one in %s, with a word on waiting',
    async (status) => {
      standing(status);
      const refused = deploy();
      await expect(refused).rejects.toThrow(ConflictError);
      await expect(refused).rejects.toThrow(
        `stack ${NAME} in us-east-1 is in ${status}: something else is changing it`,
      );
      expect(aws.asked).not.toContain('UpdateStack us-east-1');
    },
  );

  it.each([
    ['ROLLBACK_COMPLETE', 'delete-stack'],
    ['ROLLBACK_FAILED', 'delete-stack'],
    ['DELETE_FAILED', 'delete-stack'],
    ['REVIEW_IN_PROGRESS', 'delete-stack'],
    ['UPDATE_ROLLBACK_FAILED', 'continue-update-rollback'],
  ])('stops at one in %s, with the command %s', async (status, command) => {
    standing(status);
    await expect(deploy()).rejects.toThrow(
      `in us-east-1 is in ${status} and takes no update; its buckets are kept when you run aws cloudformation ${command} --stack-name ${NAME} --region us-east-1`,
    );
    expect(aws.asked).not.toContain('UpdateStack us-east-1');
  });

  it('that AWS refuses is told in its words', async () => {
    aws.failing.set('CreateStack', awsError('LimitExceededException', 400, 'Limit on stacks'));
    await expect(deploy()).rejects.toThrow(/^stack holdfast-test-vaults in us-east-1: creating it: .*Limit on stacks/);
    aws.failing.set('CreateStack', awsError('ValidationError', 400, 'Template format error'));
    await expect(deploy()).rejects.toThrow(
      new InvalidInputError(`stack ${NAME} in us-east-1: creating it: AWS refuses it (Template format error)`),
    );
  });

  it('lets an error pass that is none of AWS', async () => {
    const missing = Object.assign(new Error('credentials not found'), { code: 'AWS_CREDENTIALS_NOT_FOUND' });
    aws.failing.set('DescribeStacks', missing);
    await expect(deploy()).rejects.toBe(missing);
  });
});

describe('a stack that fails', () => {
  it('is told with its name, region, resource and first reason', async () => {
    aws.endings.push(['CREATE_IN_PROGRESS', 'ROLLBACK_IN_PROGRESS', 'DELETE_IN_PROGRESS', 'DELETE_COMPLETE']);
    aws.events.push(
      event('DELETE_COMPLETE'),
      ofBucket('DELETE_FAILED', 'later'),
      event('ROLLBACK_IN_PROGRESS'),
      event('CREATE_FAILED', { PhysicalResourceId: 'other', ResourceStatusReason: 'Resource creation cancelled' }),
      ofBucket('CREATE_FAILED', 'the-vault already exists.'),
      ofBucket('CREATE_IN_PROGRESS', ''),
      event('CREATE_IN_PROGRESS'),
    );
    await expect(deploy()).rejects.toThrow(
      new InvalidInputError(
        `stack ${NAME} in us-east-1 could not be created: it failed at AWS::S3::Bucket the-vault: the-vault already exists; mend that and try again`,
      ),
    );
  });

  it('names its resource by the logical id where it never got another', async () => {
    aws.endings.push(['DELETE_COMPLETE']);
    aws.events.push(ofBucket('CREATE_FAILED', 'denied', ''), event('CREATE_IN_PROGRESS'));
    await expect(deploy()).rejects.toThrow(/at AWS::S3::Bucket VaultBucket1: denied;/);
  });

  it('is not told with the reason of an earlier action', async () => {
    standing('CREATE_COMPLETE');
    aws.endings.push(['UPDATE_ROLLBACK_COMPLETE']);
    aws.events.push(
      ofBucket('UPDATE_FAILED', 'now'),
      event('UPDATE_IN_PROGRESS'),
      ofBucket('UPDATE_FAILED', 'last week'),
      event('UPDATE_IN_PROGRESS'),
    );
    await expect(deploy()).rejects.toThrow(/could not be updated: it failed at AWS::S3::Bucket the-vault: now;/);
  });

  it('before anything was made is told with the resource that is wrong', async () => {
    aws.endings.push(['DELETE_COMPLETE']);
    aws.events.push(
      event('CREATE_FAILED', { ResourceStatusReason: 'Validation failed with 1 error(s). Call DescribeEvents.' }),
      event('CREATE_IN_PROGRESS'),
    );
    aws.operationEvents.push(
      { EventType: 'PROVISIONING_ERROR', LogicalResourceId: NAME },
      {
        EventType: 'VALIDATION_ERROR',
        ResourceType: 'AWS::S3::Bucket',
        LogicalResourceId: 'VaultBucket1',
        ValidationStatusReason: "'the-vault' already exists",
      },
    );
    await expect(deploy()).rejects.toThrow(/failed at AWS::S3::Bucket VaultBucket1: 'the-vault' already exists; mend/);
  });

  it('is told even where its events cannot be read', async () => {
    aws.endings.push(['ROLLBACK_FAILED']);
    aws.failing.set('DescribeStackEvents', awsError('AccessDenied', 403, 'not allowed'));
    await expect(deploy()).rejects.toThrow(
      /could not be created: it failed: ROLLBACK_FAILED; its events cannot be read: not allowed; mend/,
    );
  });
});

describe('deleting a stack', () => {
  it('waits until it is gone', async () => {
    standing('CREATE_COMPLETE');
    aws.endings.push(['DELETE_IN_PROGRESS', 'DELETE_COMPLETE']);
    expect(await deleteStack(place(), pause)).toBe('deleted');
    expect(pauses).toBe(1);
  });

  it('is done where it is told no longer', async () => {
    standing('UPDATE_COMPLETE');
    expect(await deleteStack(place(), pause)).toBe('deleted');
  });

  it('is nothing where there is none', async () => {
    expect(await deleteStack(place(), pause)).toBe('absent');
    expect(aws.asked).toEqual(['DescribeStacks us-east-1']);
  });

  it.each(['ROLLBACK_COMPLETE', 'REVIEW_IN_PROGRESS'])('clears away one in %s', async (status) => {
    standing(status);
    expect(await deleteStack(place(), pause)).toBe('deleted');
  });

  it('stops at one that something else is changing', async () => {
    standing('UPDATE_IN_PROGRESS');
    await expect(deleteStack(place(), pause)).rejects.toThrow(ConflictError);
    expect(aws.asked).not.toContain('DeleteStack us-east-1');
  });

  it('that fails is told with its resource and reason', async () => {
    standing('CREATE_COMPLETE');
    aws.endings.push(['DELETE_FAILED']);
    aws.events.push(ofBucket('DELETE_FAILED', 'in use'), event('DELETE_IN_PROGRESS'));
    await expect(deleteStack(place(), pause)).rejects.toThrow(
      /could not be deleted: it failed at AWS::S3::Bucket the-vault: in use;/,
    );
  });
});

describe('what a stack holds', () => {
  const holds = (physicalId = 'the-vault') => holdsResource(place(), { logicalId: 'VaultBucket1', physicalId });
  const withBucket = (status: string) =>
    aws.stacks.set(KEY, {
      statuses: ['UPDATE_COMPLETE'],
      resources: new Map([['VaultBucket1', { physicalId: 'the-vault', status }]]),
      template: '',
    });

  it.each(['CREATE_COMPLETE', 'UPDATE_COMPLETE', 'UPDATE_FAILED', 'UPDATE_ROLLBACK_COMPLETE', 'DELETE_FAILED'])(
    'is a bucket in %s',
    async (status) => {
      withBucket(status);
      expect(await holds()).toBe(true);
    },
  );

  it.each(['CREATE_FAILED', 'DELETE_COMPLETE', 'DELETE_SKIPPED'])('is no bucket in %s', async (status) => {
    withBucket(status);
    expect(await holds()).toBe(false);
  });

  it('is no other bucket of the same logical id', async () => {
    withBucket('CREATE_COMPLETE');
    expect(await holds('another-vault')).toBe(false);
  });

  it('is nothing where there is no stack, or no such resource', async () => {
    expect(await holds()).toBe(false);
    standing('CREATE_COMPLETE');
    expect(await holds()).toBe(false);
  });

  it('is an error, and not nothing, where AWS does not tell', async () => {
    aws.failing.set('DescribeStackResource', awsError('AccessDenied', 403, 'not allowed'));
    await expect(holds()).rejects.toThrow(
      /^stack holdfast-test-vaults in us-east-1: looking for the-vault: .*not allowed/,
    );
  });
});
