/** An AWS account with buckets and stacks in several regions, behind the SDK's clients: what a deployment asks of it before the framework does. */
import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeEventsCommand,
  DescribeStackEventsCommand,
  DescribeStackResourceCommand,
  DescribeStacksCommand,
  type OperationEvent,
  type StackEvent,
  UpdateStackCommand,
} from '@aws-sdk/client-cloudformation';
import {
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  GetPublicAccessBlockCommand,
  HeadBucketCommand,
  type ObjectLockConfiguration,
  type PublicAccessBlockConfiguration,
  S3Client,
} from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { z } from 'zod';
import type { AwsProvider } from '../../functions/runtime/deploy/aws-account.ts';

export const ACCOUNT = '111122223333';

export interface FakeBucket {
  readonly region: string;
  readonly owner?: string;
  readonly versioning?: 'Enabled' | 'Suspended';
  readonly lock?: ObjectLockConfiguration;
  readonly block?: PublicAccessBlockConfiguration;
}

export interface FakeStack {
  /** What it is asked for tells these one after the other, and the last for ever. */
  statuses: string[];
  /** By logical id. */
  readonly resources: Map<string, { readonly physicalId: string; readonly status: string }>;
  template: string;
}

export const NO_PUBLIC: PublicAccessBlockConfiguration = {
  BlockPublicAcls: true,
  BlockPublicPolicy: true,
  IgnorePublicAcls: true,
  RestrictPublicBuckets: true,
};

export type FakeAws = ReturnType<typeof fakeAws>;

/** An error as the SDK throws it. */
export function awsError(name: string, status: number, message = name, headers: Record<string, string> = {}): Error {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status }, $response: { headers } });
}

const templateSchema = z.object({
  Resources: z.record(z.string(), z.object({ Type: z.string(), Properties: z.looseObject({}) })),
});

/** `failing` makes what it names fail with that error: `GetBucketVersioning`, `GetCallerIdentity`. */
export function fakeAws() {
  const buckets = new Map<string, FakeBucket>();
  /** By region and name: `us-east-1/holdfast-test-vaults`. */
  const stacks = new Map<string, FakeStack>();
  const failing = new Map<string, Error>();
  /** Every request: `HeadBucket us-east-1`. */
  const asked: string[] = [];
  const events: StackEvent[] = [];
  const operationEvents: OperationEvent[] = [];
  /** What the next creation or update ends in, where it is not success. */
  const endings: string[][] = [];

  const request = async (name: string, region: string | (() => Promise<string>)) => {
    const where = typeof region === 'string' ? region : await region();
    asked.push(`${name} ${where}`);
    const error = failing.get(name);
    if (error !== undefined) throw error;
    return where;
  };
  const bucketFor = (name: string | undefined, region: string): FakeBucket => {
    const found = buckets.get(name ?? '');
    if (found === undefined) throw awsError('NotFound', 404);
    if (found.region !== region) throw awsError('301', 301, '301', { 'x-amz-bucket-region': found.region });
    return found;
  };

  const s3 = mockClient(S3Client);
  s3.on(HeadBucketCommand).callsFake(async ({ Bucket, ExpectedBucketOwner }, client) => {
    const { region, owner = ACCOUNT } = bucketFor(Bucket, await request('HeadBucket', client().config.region));
    if (ExpectedBucketOwner !== owner) throw awsError('403', 403);
    return { BucketRegion: region };
  });
  s3.on(GetBucketVersioningCommand).callsFake(async ({ Bucket }, client) => ({
    Status: bucketFor(Bucket, await request('GetBucketVersioning', client().config.region)).versioning,
  }));
  s3.on(GetObjectLockConfigurationCommand).callsFake(async ({ Bucket }, client) => {
    const { lock } = bucketFor(Bucket, await request('GetObjectLockConfiguration', client().config.region));
    if (lock === undefined) throw awsError('ObjectLockConfigurationNotFoundError', 404);
    return { ObjectLockConfiguration: lock };
  });
  s3.on(GetPublicAccessBlockCommand).callsFake(async ({ Bucket }, client) => {
    const { block } = bucketFor(Bucket, await request('GetPublicAccessBlock', client().config.region));
    if (block === undefined) throw awsError('NoSuchPublicAccessBlockConfiguration', 404);
    return { PublicAccessBlockConfiguration: block };
  });

  const stackOf = (region: string, name: string | undefined): FakeStack => {
    const found = stacks.get(`${region}/${name}`);
    if (found === undefined) throw awsError('ValidationError', 400, `Stack with id ${name} does not exist`);
    return found;
  };
  const make = (region: string, name: string | undefined, template: string | undefined, action: string) => {
    const key = `${region}/${name}`;
    const stack = stacks.get(key) ?? { statuses: [], resources: new Map(), template: '' };
    stack.template = template ?? '';
    stack.statuses = endings.shift() ?? [`${action}_COMPLETE`];
    stack.resources.clear();
    for (const [id, { Type, Properties }] of Object.entries(
      templateSchema.parse(JSON.parse(stack.template)).Resources,
    )) {
      const bucket = z.string().safeParse(Properties.BucketName).data ?? id;
      stack.resources.set(id, { physicalId: bucket, status: 'CREATE_COMPLETE' });
      if (Type === 'AWS::S3::Bucket' && !buckets.has(bucket))
        buckets.set(bucket, { region, versioning: 'Enabled', block: NO_PUBLIC });
    }
    stacks.set(key, stack);
    return { StackId: name };
  };

  const cloudFormation = mockClient(CloudFormationClient);
  cloudFormation.on(DescribeStacksCommand).callsFake(async ({ StackName }, client) => {
    const { statuses } = stackOf(await request('DescribeStacks', client().config.region), StackName);
    const StackStatus = statuses.length > 1 ? statuses.shift() : statuses[0];
    return { Stacks: [{ StackName, StackId: StackName, StackStatus }] };
  });
  cloudFormation.on(DescribeStackResourceCommand).callsFake(async ({ StackName, LogicalResourceId }, client) => {
    const { resources } = stackOf(await request('DescribeStackResource', client().config.region), StackName);
    const found = resources.get(LogicalResourceId ?? '');
    if (found === undefined)
      throw awsError('ValidationError', 400, `Resource ${LogicalResourceId} does not exist for stack ${StackName}`);
    return { StackResourceDetail: { PhysicalResourceId: found.physicalId, ResourceStatus: found.status } };
  });
  cloudFormation
    .on(CreateStackCommand)
    .callsFake(async ({ StackName, TemplateBody }, client) =>
      make(await request('CreateStack', client().config.region), StackName, TemplateBody, 'CREATE'),
    );
  cloudFormation.on(UpdateStackCommand).callsFake(async ({ StackName, TemplateBody }, client) => {
    const region = await request('UpdateStack', client().config.region);
    if (stackOf(region, StackName).template === TemplateBody)
      throw awsError('ValidationError', 400, 'No updates are to be performed.');
    return make(region, StackName, TemplateBody, 'UPDATE');
  });
  cloudFormation.on(DeleteStackCommand).callsFake(async ({ StackName }, client) => {
    const region = await request('DeleteStack', client().config.region);
    const ending = endings.shift();
    if (ending === undefined) stacks.delete(`${region}/${StackName}`);
    else stackOf(region, StackName).statuses = ending;
    return {};
  });
  cloudFormation.on(DescribeStackEventsCommand).callsFake(async (_, client) => {
    await request('DescribeStackEvents', client().config.region);
    return { StackEvents: events };
  });
  cloudFormation.on(DescribeEventsCommand).callsFake(async (_, client) => {
    await request('DescribeEvents', client().config.region);
    return { OperationEvents: operationEvents };
  });

  const provider: AwsProvider = {
    getAccountId: async () => {
      await request('GetCallerIdentity', 'eu-west-1');
      return ACCOUNT;
    },
    getAwsSdkV3Config: async ({ region }) => ({
      region,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    }),
  };
  return {
    buckets,
    stacks,
    failing,
    asked,
    events,
    operationEvents,
    endings,
    provider,
    s3,
    cloudFormation,
    restore: () => {
      s3.restore();
      cloudFormation.restore();
    },
  };
}
