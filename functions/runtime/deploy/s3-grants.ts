/** What a function may do to sources and targets in S3. */
import type { Json } from '../../core/entry.ts';
import type { S3Uri } from '../../core/uri.ts';
import { bucketArn, getAtt, objectsArn, type Statement } from './cloudformation.ts';
import { allow, distinct, useKmsThrough } from './grant.ts';

type Place = Pick<S3Uri, 'bucket' | 'prefix'>;

/**
 * Without ListBucket S3 answers 403 where something is absent, and a 403 is not an answer. It is not narrowed to a prefix, because the
 * condition s3:prefix is never met by a request for one object, and the 403 would be back.
 */
export const LIST = ['s3:ListBucket'];

// What readers and writers of a source ask S3 for. The `Version` actions are for buckets with versions, where reads are pinned to one;
// retention and legal hold come with an object only for who may read them (S3 API reference, GetObject).
const READ_OBJECTS = [
  's3:GetObject',
  's3:GetObjectVersion',
  's3:GetObjectTagging',
  's3:GetObjectVersionTagging',
  's3:GetObjectAcl',
  's3:GetObjectVersionAcl',
  's3:GetObjectRetention',
  's3:GetObjectLegalHold',
];
const WRITE_OBJECTS = [
  's3:PutObject',
  's3:PutObjectTagging',
  's3:PutObjectAcl',
  's3:PutObjectRetention',
  's3:PutObjectLegalHold',
  's3:AbortMultipartUpload',
  's3:DeleteObject',
];
const READ_SETTINGS = [
  's3:GetAccelerateConfiguration',
  's3:GetBucketCORS',
  's3:GetBucketLogging',
  's3:GetBucketNotification',
  's3:GetBucketObjectLockConfiguration',
  's3:GetBucketOwnershipControls',
  's3:GetBucketPolicy',
  's3:GetBucketPublicAccessBlock',
  's3:GetBucketRequestPayment',
  's3:GetBucketTagging',
  's3:GetBucketVersioning',
  's3:GetBucketWebsite',
  's3:GetEncryptionConfiguration',
  's3:GetLifecycleConfiguration',
  's3:GetReplicationConfiguration',
];
// Not replication: to set it a role must be passed to S3 (iam:PassRole), and a role that may do that may do too much. The restore says so.
const WRITE_SETTINGS = [
  's3:PutAccelerateConfiguration',
  's3:PutBucketCORS',
  's3:PutBucketLogging',
  's3:PutBucketNotification',
  's3:PutBucketObjectLockConfiguration',
  's3:PutBucketOwnershipControls',
  's3:PutBucketPolicy',
  's3:PutBucketPublicAccessBlock',
  's3:PutBucketRequestPayment',
  's3:PutBucketTagging',
  's3:PutBucketVersioning',
  's3:PutBucketWebsite',
  's3:PutEncryptionConfiguration',
  's3:PutLifecycleConfiguration',
];

/** The objects of sources, with all that a restore brings back. */
export const readSources = (places: readonly Place[]): readonly Statement[] => [
  allow([...LIST, 's3:GetBucketOwnershipControls'], bucketsOf(places)),
  allow(READ_OBJECTS, places.map(objectsArn)),
  useKmsThroughS3(['kms:Decrypt'], places),
];

/** What a source's bucket is besides its objects. */
export const readSettings = (places: readonly Place[]): readonly Statement[] => [
  allow(READ_SETTINGS, bucketsOf(places)),
];

/** Restores into places and reads them back; `settings` also sets what their buckets are besides their objects. */
export const writeTargets = (
  places: readonly Place[],
  options: { readonly settings: boolean },
): readonly Statement[] => [
  allow([...LIST, 's3:GetBucketOwnershipControls', ...(options.settings ? WRITE_SETTINGS : [])], bucketsOf(places)),
  allow([...READ_OBJECTS, ...WRITE_OBJECTS], places.map(objectsArn)),
  useKmsThroughS3(['kms:Decrypt', 'kms:GenerateDataKey'], places),
];

/** Restores of verifications go below sandbox/ in the work bucket, and are removed again. */
export const useSandbox: readonly Statement[] = writeWork('sandbox/');

/** Restores into the work bucket, for who only looks. */
export const restoreIntoWork: readonly Statement[] = writeWork('');

function writeWork(prefix: string): readonly Statement[] {
  return [
    allow(['s3:GetBucketOwnershipControls'], [getAtt('WorkBucket', 'Arn')]),
    allow([...READ_OBJECTS, ...WRITE_OBJECTS], [workObjects(prefix)]),
  ];
}

/** Objects of the work bucket; `*` in the prefix stands for anything. */
export function workObjects(prefix: string): Json {
  return { 'Fn::Join': ['', [getAtt('WorkBucket', 'Arn'), `/${prefix}*`]] };
}

/**
 * Objects under SSE-KMS: S3 gives the bucket's or the object's ARN as encryption context (S3 user guide, "Using server-side encryption with
 * AWS KMS keys").
 */
export function useKmsThroughS3(actions: readonly string[], places: readonly Place[]): Statement {
  return useKmsThrough('s3', actions, {
    name: 'aws:s3:arn',
    values: [...bucketsOf(places), ...places.map(objectsArn)],
  });
}

export function bucketsOf(places: readonly Place[]): readonly Json[] {
  return distinct(places.map((place) => bucketArn(place.bucket)));
}
