/** The buckets of the vaults that are in the stack's own region: CloudFormation makes nothing in another one. */
import type { Json } from '../../core/entry.ts';
import { InvalidInputError } from '../../core/errors.ts';
import type { HoldfastConfig, VaultConfig } from '../../core/plan.ts';
import { bucketArn, logicalId, objectsArn, type Resources, ref } from './cloudformation.ts';
import { vaultPlace } from './deployed-plan.ts';

/** Deleted blobs stay behind a delete marker for so long, whoever deleted them. */
const NONCURRENT_DAYS = 30;
const UNFINISHED_UPLOAD_DAYS = 7;

/** A vault in S3 and how its bucket comes to be. */
export interface VaultBucket {
  readonly vault: string;
  readonly bucket: string;
  readonly region: string;
  readonly lock: VaultConfig['lock'];
  /** `here`: a resource of this stack; `elsewhere`: in another region; `existing`: there already, as the deployer says. */
  readonly madeBy: 'here' | 'elsewhere' | 'existing';
}

/** @throws InvalidInputError when `existing` names an unknown vault. */
export function vaultBuckets(
  config: HoldfastConfig,
  { region, existing }: { readonly region: string; readonly existing: readonly string[] },
): readonly VaultBucket[] {
  for (const name of existing)
    if (config.vaults[name] === undefined)
      throw new InvalidInputError(
        `existingVaults names "${name}"; the deployed vaults are ${Object.keys(config.vaults).join(', ')}`,
      );
  return Object.entries(config.vaults).map(([vault, { region: own = region, lock }]) => ({
    vault,
    bucket: vaultPlace(config, vault).bucket,
    region: own,
    lock,
    madeBy: existing.includes(vault) ? 'existing' : own === region ? 'here' : 'elsewhere',
  }));
}

/** Bucket and policy for each vault that is made here. @throws InvalidInputError when two vaults want one bucket locked differently. */
export function vaultBucketResources(vaults: readonly VaultBucket[]): Resources {
  const resources: Record<string, Resources[string]> = {};
  const made = new Map<string, VaultBucket>();
  for (const vault of vaults.filter((candidate) => candidate.madeBy === 'here')) {
    const other = made.get(vault.bucket);
    if (other !== undefined && JSON.stringify(other.lock) !== JSON.stringify(vault.lock))
      throw new InvalidInputError(
        `vaults "${other.vault}" and "${vault.vault}" share bucket ${vault.bucket} but not their lock; a bucket has one lock`,
      );
    made.set(vault.bucket, vault);
    const id = logicalId('VaultBucket', vault.bucket);
    resources[id] = {
      Type: 'AWS::S3::Bucket',
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: bucketProperties(vault),
    };
    resources[logicalId('VaultBucketPolicy', vault.bucket)] = {
      Type: 'AWS::S3::BucketPolicy',
      // Without Retain the bucket would outlive its own protection.
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: { Bucket: ref(id), PolicyDocument: tlsOnly(vault.bucket) },
    };
  }
  return resources;
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
