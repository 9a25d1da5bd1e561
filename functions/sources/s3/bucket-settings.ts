/** The table of a bucket's settings: how each is read, and set again. */
import {
  GetBucketAccelerateConfigurationCommand,
  GetBucketCorsCommand,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketLoggingCommand,
  GetBucketNotificationConfigurationCommand,
  GetBucketOwnershipControlsCommand,
  GetBucketPolicyCommand,
  GetBucketReplicationCommand,
  GetBucketRequestPaymentCommand,
  GetBucketTaggingCommand,
  GetBucketVersioningCommand,
  GetBucketWebsiteCommand,
  GetObjectLockConfigurationCommand,
  GetPublicAccessBlockCommand,
  PutBucketAccelerateConfigurationCommand,
  PutBucketCorsCommand,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketLoggingCommand,
  PutBucketNotificationConfigurationCommand,
  PutBucketOwnershipControlsCommand,
  PutBucketPolicyCommand,
  PutBucketReplicationCommand,
  PutBucketRequestPaymentCommand,
  PutBucketTaggingCommand,
  PutBucketVersioningCommand,
  PutBucketWebsiteCommand,
  PutObjectLockConfigurationCommand,
  PutPublicAccessBlockCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { Json } from '../../core/entry.ts';

export interface BucketSetting {
  readonly get: (client: S3Client, Bucket: string) => Promise<{ readonly $metadata: unknown }>;
  /** The code by which S3 says that the setting is not there; undefined where it answers with nothing instead. */
  readonly absent: string | undefined;
  /** @param from The bucket that the value was captured from. */
  readonly put: (client: S3Client, Bucket: string, value: Json, from: string) => Promise<unknown>;
  /** What of the value no request can set, in words. */
  readonly beyondReach: ((value: Json) => string | undefined) | undefined;
}

/** By name, in the order in which they are set: what others need comes first, and last the policy, which may shut us out. */
export const BUCKET_SETTINGS: ReadonlyMap<string, BucketSetting> = new Map([
  [
    'versioning',
    setting({
      get: (client, Bucket) => client.send(new GetBucketVersioningCommand({ Bucket })),
      put: (client, Bucket, { Status }) =>
        client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } })),
      beyondReach: ({ MFADelete }) =>
        MFADelete === 'Enabled' ? 'MFA delete takes the root account and its device; set it by hand' : undefined,
    }),
  ],
  [
    'objectLock',
    setting({
      absent: 'ObjectLockConfigurationNotFoundError',
      get: (client, Bucket) => client.send(new GetObjectLockConfigurationCommand({ Bucket })),
      put: (client, Bucket, { ObjectLockConfiguration }) =>
        client.send(new PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration })),
    }),
  ],
  [
    'ownershipControls',
    setting({
      absent: 'OwnershipControlsNotFoundError',
      get: (client, Bucket) => client.send(new GetBucketOwnershipControlsCommand({ Bucket })),
      put: (client, Bucket, { OwnershipControls }) =>
        client.send(new PutBucketOwnershipControlsCommand({ Bucket, OwnershipControls })),
    }),
  ],
  [
    'publicAccessBlock',
    setting({
      absent: 'NoSuchPublicAccessBlockConfiguration',
      get: (client, Bucket) => client.send(new GetPublicAccessBlockCommand({ Bucket })),
      put: (client, Bucket, { PublicAccessBlockConfiguration }) =>
        client.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration })),
    }),
  ],
  [
    'encryption',
    setting({
      absent: 'ServerSideEncryptionConfigurationNotFoundError',
      get: (client, Bucket) => client.send(new GetBucketEncryptionCommand({ Bucket })),
      put: (client, Bucket, { ServerSideEncryptionConfiguration }) =>
        client.send(new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration })),
    }),
  ],
  [
    'cors',
    setting({
      absent: 'NoSuchCORSConfiguration',
      get: (client, Bucket) => client.send(new GetBucketCorsCommand({ Bucket })),
      put: (client, Bucket, { CORSRules }) =>
        client.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules } })),
    }),
  ],
  [
    'lifecycle',
    setting({
      absent: 'NoSuchLifecycleConfiguration',
      get: (client, Bucket) => client.send(new GetBucketLifecycleConfigurationCommand({ Bucket })),
      put: (client, Bucket, { Rules, TransitionDefaultMinimumObjectSize }) =>
        client.send(
          new PutBucketLifecycleConfigurationCommand({
            Bucket,
            LifecycleConfiguration: { Rules },
            TransitionDefaultMinimumObjectSize,
          }),
        ),
    }),
  ],
  [
    'tags',
    setting({
      absent: 'NoSuchTagSet',
      get: (client, Bucket) => client.send(new GetBucketTaggingCommand({ Bucket })),
      put: (client, Bucket, { TagSet }) => client.send(new PutBucketTaggingCommand({ Bucket, Tagging: { TagSet } })),
    }),
  ],
  [
    'website',
    setting({
      absent: 'NoSuchWebsiteConfiguration',
      get: (client, Bucket) => client.send(new GetBucketWebsiteCommand({ Bucket })),
      put: (client, Bucket, { $metadata: _, ...WebsiteConfiguration }) =>
        client.send(new PutBucketWebsiteCommand({ Bucket, WebsiteConfiguration })),
    }),
  ],
  [
    'logging',
    setting({
      get: (client, Bucket) => client.send(new GetBucketLoggingCommand({ Bucket })),
      put: (client, Bucket, { LoggingEnabled }) =>
        client.send(new PutBucketLoggingCommand({ Bucket, BucketLoggingStatus: { LoggingEnabled } })),
    }),
  ],
  [
    'acceleration',
    setting({
      get: (client, Bucket) => client.send(new GetBucketAccelerateConfigurationCommand({ Bucket })),
      put: (client, Bucket, { Status }) =>
        client.send(new PutBucketAccelerateConfigurationCommand({ Bucket, AccelerateConfiguration: { Status } })),
    }),
  ],
  [
    'requestPayment',
    setting({
      get: (client, Bucket) => client.send(new GetBucketRequestPaymentCommand({ Bucket })),
      put: (client, Bucket, { Payer }) =>
        client.send(new PutBucketRequestPaymentCommand({ Bucket, RequestPaymentConfiguration: { Payer } })),
    }),
  ],
  [
    'notifications',
    setting({
      get: (client, Bucket) => client.send(new GetBucketNotificationConfigurationCommand({ Bucket })),
      put: (client, Bucket, { $metadata: _, ...NotificationConfiguration }) =>
        client.send(new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration })),
    }),
  ],
  [
    'replication',
    setting({
      absent: 'ReplicationConfigurationNotFoundError',
      get: (client, Bucket) => client.send(new GetBucketReplicationCommand({ Bucket })),
      put: (client, Bucket, { ReplicationConfiguration }) =>
        client.send(new PutBucketReplicationCommand({ Bucket, ReplicationConfiguration })),
    }),
  ],
  [
    'policy',
    setting({
      absent: 'NoSuchBucketPolicy',
      get: (client, Bucket) => client.send(new GetBucketPolicyCommand({ Bucket })),
      put: (client, Bucket, { Policy }, from) =>
        client.send(new PutBucketPolicyCommand({ Bucket, Policy: policyFor(Policy ?? '', Bucket, from) })),
    }),
  ],
]);

/** A row of the table; its value is what `get` answers. */
function setting<Value extends { readonly $metadata: unknown }>(row: {
  readonly absent?: string;
  readonly get: (client: S3Client, Bucket: string) => Promise<Value>;
  readonly put: (client: S3Client, Bucket: string, value: Value, from: string) => Promise<unknown>;
  readonly beyondReach?: (value: Value) => string | undefined;
}): BucketSetting {
  const { absent, get, put, beyondReach } = row;
  return {
    absent,
    get,
    put: (client, bucket, value, from) => put(client, bucket, asAnswered(value), from),
    beyondReach: beyondReach === undefined ? undefined : (value) => beyondReach(asAnswered(value)),
  };
}

/** The value as `get` answered it: what was captured is this reader's own, sealed in the vault, and S3 judges what it is given. */
function asAnswered<Value>(value: Json): Value {
  // Lifecycle rules have dates, all under this name.
  return JSON.parse(JSON.stringify(value), (name, part) =>
    name === 'Date' && typeof part === 'string' ? new Date(part) : part,
  );
}

/** The policy, speaking of this bucket where it spoke of the one that it was captured from: S3 takes no policy about another. */
function policyFor(policy: string, bucket: string, from: string): string {
  if (bucket === from) return policy;
  return JSON.stringify(
    JSON.parse(policy, (_, part) => {
      const arn = typeof part === 'string' ? /^(arn:[^:]*:s3:::)([^/]+)(\/.*)?$/s.exec(part) : null;
      return arn !== null && arn[2] === from ? `${arn[1]}${bucket}${arn[3] ?? ''}` : part;
    }),
  );
}
