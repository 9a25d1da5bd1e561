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
  GetObjectLegalHoldCommand,
  GetObjectLockConfigurationCommand,
  GetObjectRetentionCommand,
  GetObjectTaggingCommand,
  GetPublicAccessBlockCommand,
  ListObjectsV2Command,
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
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { NotFoundError, TransientError } from '../../../functions/core/errors.ts';
import { s3Source } from '../../../functions/sources/s3.ts';

const s3 = mockClient(S3Client);
const source = (bucket = 'bucket') =>
  s3Source(new S3Client({ region: 'us-east-1' }), { scheme: 's3', bucket, prefix: 'p/' });
const refusal = (name: string, status = 404, message = 'no') =>
  new S3ServiceException({ name, message, $fault: 'client', $metadata: { httpStatusCode: status } });

/** A bucket as S3 makes it: nothing is set. */
beforeEach(() => {
  s3.reset();
  s3.onAnyCommand().resolves({ $metadata: {} });
  s3.on(ListObjectsV2Command).resolves({ IsTruncated: false });
  s3.on(GetObjectLockConfigurationCommand).rejects(refusal('ObjectLockConfigurationNotFoundError'));
  s3.on(GetBucketOwnershipControlsCommand).rejects(refusal('OwnershipControlsNotFoundError'));
  s3.on(GetPublicAccessBlockCommand).rejects(refusal('NoSuchPublicAccessBlockConfiguration'));
  s3.on(GetBucketEncryptionCommand).rejects(refusal('ServerSideEncryptionConfigurationNotFoundError'));
  s3.on(GetBucketCorsCommand).rejects(refusal('NoSuchCORSConfiguration'));
  s3.on(GetBucketLifecycleConfigurationCommand).rejects(refusal('NoSuchLifecycleConfiguration'));
  s3.on(GetBucketTaggingCommand).rejects(refusal('NoSuchTagSet'));
  s3.on(GetBucketWebsiteCommand).rejects(refusal('NoSuchWebsiteConfiguration'));
  s3.on(GetBucketReplicationCommand).rejects(refusal('ReplicationConfigurationNotFoundError'));
  s3.on(GetBucketPolicyCommand).rejects(refusal('NoSuchBucketPolicy'));
});

const POLICY = JSON.stringify({
  Statement: [
    {
      Effect: 'Allow',
      Principal: '*',
      Action: 's3:GetObject',
      Resource: ['arn:aws:s3:::bucket', 'arn:aws:s3:::bucket/*', 'arn:aws:s3:::bucket-2/*'],
    },
  ],
});

/** A value of every setting, answered as S3 answers it. */
function setAll(): void {
  s3.on(GetBucketVersioningCommand).resolves({ $metadata: {}, Status: 'Enabled', MFADelete: 'Enabled' });
  s3.on(GetObjectLockConfigurationCommand).resolves({
    $metadata: {},
    ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled' },
  });
  s3.on(GetBucketOwnershipControlsCommand).resolves({
    $metadata: {},
    OwnershipControls: { Rules: [{ ObjectOwnership: 'ObjectWriter' }] },
  });
  s3.on(GetPublicAccessBlockCommand).resolves({
    $metadata: {},
    PublicAccessBlockConfiguration: { BlockPublicAcls: true },
  });
  s3.on(GetBucketEncryptionCommand).resolves({
    $metadata: {},
    ServerSideEncryptionConfiguration: { Rules: [{ BucketKeyEnabled: true }] },
  });
  s3.on(GetBucketCorsCommand).resolves({
    $metadata: {},
    CORSRules: [{ AllowedMethods: ['GET'], AllowedOrigins: ['*'] }],
  });
  s3.on(GetBucketLifecycleConfigurationCommand).resolves({
    $metadata: {},
    Rules: [{ ID: 'r', Status: 'Enabled', Expiration: { Date: new Date('2030-01-01T00:00:00Z') } }],
    TransitionDefaultMinimumObjectSize: 'varies_by_storage_class',
  });
  s3.on(GetBucketTaggingCommand).resolves({ $metadata: {}, TagSet: [{ Key: 'Date', Value: '2030-01-01' }] });
  s3.on(GetBucketWebsiteCommand).resolves({ $metadata: {}, IndexDocument: { Suffix: 'index.html' } });
  s3.on(GetBucketLoggingCommand).resolves({
    $metadata: {},
    LoggingEnabled: { TargetBucket: 'logs', TargetPrefix: '' },
  });
  s3.on(GetBucketAccelerateConfigurationCommand).resolves({ $metadata: {}, Status: 'Enabled' });
  s3.on(GetBucketRequestPaymentCommand).resolves({ $metadata: {}, Payer: 'Requester' });
  s3.on(GetBucketNotificationConfigurationCommand).resolves({ $metadata: {}, EventBridgeConfiguration: {} });
  s3.on(GetBucketReplicationCommand).resolves({
    $metadata: {},
    ReplicationConfiguration: { Role: 'arn:aws:iam::1:role/r', Rules: [] },
  });
  s3.on(GetBucketPolicyCommand).resolves({ $metadata: {}, Policy: POLICY });
}

describe('the settings of a bucket', () => {
  it('are its name where nothing is set', async () => {
    expect(await source().settings()).toEqual({ settings: { bucket: 'bucket' }, notCaptured: [] });
  });

  it('are all captured, as plain JSON', async () => {
    setAll();
    const { settings, notCaptured } = await source().settings();
    expect(notCaptured).toEqual([]);
    expect(Object.keys(settings).toSorted()).toEqual([
      'acceleration',
      'bucket',
      'cors',
      'encryption',
      'lifecycle',
      'logging',
      'notifications',
      'objectLock',
      'ownershipControls',
      'policy',
      'publicAccessBlock',
      'replication',
      'requestPayment',
      'tags',
      'versioning',
      'website',
    ]);
    expect(JSON.parse(JSON.stringify(settings))).toEqual(settings);
    expect(settings.versioning).toEqual({ Status: 'Enabled', MFADelete: 'Enabled' });
    expect(settings.lifecycle).toMatchObject({ Rules: [{ Expiration: { Date: '2030-01-01T00:00:00.000Z' } }] });
    expect(settings.notifications).toEqual({ EventBridgeConfiguration: {} });
  });

  it.each(['AccessDenied', 'NotImplemented', 'MethodNotAllowed'])('are named when they answer %s', async (code) => {
    setAll();
    s3.on(GetBucketPolicyCommand).rejects(refusal(code, 403, 'the words'));
    s3.on(GetBucketOwnershipControlsCommand).rejects(refusal(code, 403, 'the words'));
    const { settings, notCaptured } = await source().settings();
    expect(notCaptured).toEqual([
      `ownershipControls: ${code} (the words); the ACLs of objects are not captured either`,
      `policy: ${code} (the words)`,
    ]);
    expect(settings).not.toHaveProperty('policy');
    expect(settings).toHaveProperty('cors');
  });

  it('are not "not there" when reading them fails', async () => {
    s3.on(GetBucketCorsCommand).rejects(refusal('SlowDown', 503));
    await expect(source().settings()).rejects.toThrow(TransientError);
    s3.on(GetBucketVersioningCommand).rejects(refusal('NoSuchBucket'));
    await expect(source().settings()).rejects.toThrow(NotFoundError);
  });

  it('name what S3 leaves out of every object without a word', async () => {
    s3.on(GetObjectLockConfigurationCommand).resolves({
      $metadata: {},
      ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled' },
    });
    s3.on(ListObjectsV2Command).resolves({
      Contents: [{ Key: 'p/k', ETag: 'e', Size: 0, LastModified: new Date(0) }],
      IsTruncated: false,
    });
    s3.on(GetObjectTaggingCommand).rejects(refusal('AccessDenied', 403, 's3:GetObjectTagging'));
    s3.on(GetObjectRetentionCommand).rejects(refusal('AccessDenied', 403, 's3:GetObjectRetention'));
    s3.on(GetObjectLegalHoldCommand).rejects(refusal('NoSuchObjectLockConfiguration'));
    expect((await source().settings()).notCaptured).toEqual([
      'tags of objects: AccessDenied (s3:GetObjectTagging)',
      'retention of objects: AccessDenied (s3:GetObjectRetention)',
    ]);
    expect(s3.commandCalls(GetObjectTaggingCommand)[0]?.args[0].input).toEqual({ Bucket: 'bucket', Key: 'p/k' });
  });
});

describe('setting the settings of a bucket', () => {
  it('gives back all that was captured', async () => {
    setAll();
    const { settings } = await source().settings();
    s3.resetHistory();
    expect(await source().applySettings(settings)).toEqual([
      'versioning: MFA delete takes the root account and its device; set it by hand',
    ]);
    const Bucket = 'bucket';
    expect(s3.calls().map(({ args }) => [args[0].constructor, args[0].input])).toEqual([
      [PutBucketVersioningCommand, { Bucket, VersioningConfiguration: { Status: 'Enabled' } }],
      [PutObjectLockConfigurationCommand, { Bucket, ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled' } }],
      [
        PutBucketOwnershipControlsCommand,
        { Bucket, OwnershipControls: { Rules: [{ ObjectOwnership: 'ObjectWriter' }] } },
      ],
      [PutPublicAccessBlockCommand, { Bucket, PublicAccessBlockConfiguration: { BlockPublicAcls: true } }],
      [
        PutBucketEncryptionCommand,
        { Bucket, ServerSideEncryptionConfiguration: { Rules: [{ BucketKeyEnabled: true }] } },
      ],
      [
        PutBucketCorsCommand,
        { Bucket, CORSConfiguration: { CORSRules: [{ AllowedMethods: ['GET'], AllowedOrigins: ['*'] }] } },
      ],
      [
        PutBucketLifecycleConfigurationCommand,
        {
          Bucket,
          LifecycleConfiguration: {
            Rules: [{ ID: 'r', Status: 'Enabled', Expiration: { Date: new Date('2030-01-01T00:00:00Z') } }],
          },
          TransitionDefaultMinimumObjectSize: 'varies_by_storage_class',
        },
      ],
      [PutBucketTaggingCommand, { Bucket, Tagging: { TagSet: [{ Key: 'Date', Value: '2030-01-01' }] } }],
      [PutBucketWebsiteCommand, { Bucket, WebsiteConfiguration: { IndexDocument: { Suffix: 'index.html' } } }],
      [
        PutBucketLoggingCommand,
        { Bucket, BucketLoggingStatus: { LoggingEnabled: { TargetBucket: 'logs', TargetPrefix: '' } } },
      ],
      [PutBucketAccelerateConfigurationCommand, { Bucket, AccelerateConfiguration: { Status: 'Enabled' } }],
      [PutBucketRequestPaymentCommand, { Bucket, RequestPaymentConfiguration: { Payer: 'Requester' } }],
      [
        PutBucketNotificationConfigurationCommand,
        { Bucket, NotificationConfiguration: { EventBridgeConfiguration: {} } },
      ],
      [PutBucketReplicationCommand, { Bucket, ReplicationConfiguration: { Role: 'arn:aws:iam::1:role/r', Rules: [] } }],
      [PutBucketPolicyCommand, { Bucket, Policy: POLICY }],
    ]);
  });

  it('makes a policy speak of the bucket that it is set on, and of no other', async () => {
    await source('copy').applySettings({ bucket: 'bucket', policy: { Policy: POLICY } });
    const { Policy = '' } = s3.commandCalls(PutBucketPolicyCommand)[0]?.args[0].input ?? {};
    expect(JSON.parse(Policy)).toMatchObject({
      Statement: [
        { Action: 's3:GetObject', Resource: ['arn:aws:s3:::copy', 'arn:aws:s3:::copy/*', 'arn:aws:s3:::bucket-2/*'] },
      ],
    });
  });

  it('has a line for each that could not be set, and sets the others', async () => {
    s3.on(PutBucketReplicationCommand).rejects(refusal('InvalidRequest', 400, 'Destination bucket must exist.'));
    const lines = await source().applySettings({
      versioning: { Status: 'Enabled' },
      replication: { ReplicationConfiguration: {} },
      policy: { Policy: POLICY },
      tableName: 'orders',
    });
    expect(lines).toEqual(['tableName: a bucket has no such setting', 'replication: Destination bucket must exist.']);
    expect(s3.commandCalls(PutBucketPolicyCommand).length).toBe(1);
  });

  it('fails where there is no bucket, and for a throttle', async () => {
    s3.on(PutBucketVersioningCommand).rejectsOnce(refusal('NoSuchBucket')).rejects(refusal('SlowDown', 503));
    const settings = { versioning: { Status: 'Enabled' } };
    await expect(source().applySettings(settings)).rejects.toThrow(NotFoundError);
    await expect(source().applySettings(settings)).rejects.toThrow(TransientError);
  });
});
