/** The buckets of the vaults, each in the vault's own region, and what the plan asks of them. */
import type { Json } from '../../core/entry.ts';
import { InvalidInputError } from '../../core/errors.ts';
import type { HoldfastConfig, VaultConfig } from '../../core/plan.ts';
import { bucketArn, logicalId, objectsArn, type Resource, type Resources, ref } from './cloudformation.ts';
import { vaultPlace } from './deployed-plan.ts';

/** Deleted blobs stay behind a delete marker for so long, whoever deleted them. */
const NONCURRENT_DAYS = 30;
const UNFINISHED_UPLOAD_DAYS = 7;

/** A bucket that holds a vault, or several vaults side by side. */
export interface VaultBucket {
  readonly bucket: string;
  /** Names in the plan file, at least one. */
  readonly vaults: readonly [string, ...string[]];
  readonly region: string;
  readonly lock: VaultConfig['lock'];
  /** It is there already and is used as it is: no stack makes it. */
  readonly existing: boolean;
}

/**
 * Each bucket once, in the plan file's order. A bucket is there already when any of its vaults is named in `existing`.
 * @throws InvalidInputError when `existing` names an unknown vault, or two vaults want one bucket differently.
 */
export function vaultBuckets(
  config: HoldfastConfig,
  { region: stackRegion, existing }: { readonly region: string; readonly existing: readonly string[] },
): readonly VaultBucket[] {
  for (const name of existing)
    if (!Object.hasOwn(config.vaults, name))
      throw new InvalidInputError(
        `existingVaults names "${name}"; the deployed vaults are ${Object.keys(config.vaults).join(', ')}`,
      );
  const buckets = new Map<string, VaultBucket>();
  for (const [vault, { region = stackRegion, lock }] of Object.entries(config.vaults)) {
    const { bucket } = vaultPlace(config, vault);
    const own: VaultBucket = { bucket, vaults: [vault], region, lock, existing: existing.includes(vault) };
    const other = buckets.get(bucket);
    buckets.set(bucket, other === undefined ? own : shared(other, own));
  }
  return [...buckets.values()];
}

function shared(first: VaultBucket, second: VaultBucket): VaultBucket {
  const both = `vaults "${first.vaults[0]}" and "${second.vaults[0]}" share bucket ${first.bucket} but not their`;
  if (first.region !== second.region)
    throw new InvalidInputError(`${both} region (${first.region}, ${second.region}); a bucket is in one region`);
  if (JSON.stringify(first.lock) !== JSON.stringify(second.lock))
    throw new InvalidInputError(`${both} lock; a bucket has one lock`);
  return {
    ...first,
    vaults: [...first.vaults, ...second.vaults],
    existing: first.existing || second.existing,
  };
}

/** The logical id of a bucket, in whichever stack makes it. */
export const vaultBucketId = (bucket: string): string => logicalId('VaultBucket', bucket);

/** Bucket and policy for each that is not there already. */
export function vaultBucketResources(buckets: readonly VaultBucket[]): Resources {
  return Object.fromEntries(
    buckets
      .filter(({ existing }) => !existing)
      .flatMap((wanted): [string, Resource][] => [
        [
          vaultBucketId(wanted.bucket),
          {
            Type: 'AWS::S3::Bucket',
            DeletionPolicy: 'Retain',
            UpdateReplacePolicy: 'Retain',
            Properties: bucketProperties(wanted),
          },
        ],
        [
          logicalId('VaultBucketPolicy', wanted.bucket),
          {
            Type: 'AWS::S3::BucketPolicy',
            // Without Retain the bucket would outlive its own protection.
            DeletionPolicy: 'Retain',
            UpdateReplacePolicy: 'Retain',
            Properties: { Bucket: ref(vaultBucketId(wanted.bucket)), PolicyDocument: tlsOnly(wanted.bucket) },
          },
        ],
      ]),
  );
}

function bucketProperties({ bucket, lock }: VaultBucket): { readonly [name: string]: Json } {
  return {
    BucketName: bucket,
    VersioningConfiguration: { Status: 'Enabled' },
    // Blobs are sealed before they leave the function, so that S3's own key is enough at rest and costs no request to KMS.
    BucketEncryption: {
      ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
    },
    PublicAccessBlockConfiguration: {
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    },
    OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
    LifecycleConfiguration: {
      Rules: [
        {
          Id: 'what-was-deleted',
          Status: 'Enabled',
          NoncurrentVersionExpiration: { NoncurrentDays: NONCURRENT_DAYS },
          ExpiredObjectDeleteMarker: true,
        },
        {
          Id: 'what-was-never-finished',
          Status: 'Enabled',
          AbortIncompleteMultipartUpload: { DaysAfterInitiation: UNFINISHED_UPLOAD_DAYS },
        },
      ],
    },
    ...(lock === undefined
      ? {}
      : {
          ObjectLockEnabled: true,
          ObjectLockConfiguration: {
            ObjectLockEnabled: 'Enabled',
            Rule: { DefaultRetention: { Mode: lock.mode.toUpperCase(), Days: lock.days } },
          },
        }),
  };
}

function tlsOnly(bucket: string): Json {
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'TlsOnly',
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:*',
        Resource: [bucketArn(bucket), objectsArn({ bucket, prefix: '' })],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ],
  };
}
