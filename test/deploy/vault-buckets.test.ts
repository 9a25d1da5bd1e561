import { describe, expect, it } from 'vitest';
import { vaultBucketResources, vaultBuckets } from '../../functions/runtime/deploy/vault-buckets.ts';
import { onePlan } from './plans.ts';

const HERE = { region: 'eu-west-1', existing: [] };

function bucketsOf(vaults: string, options: Parameters<typeof vaultBuckets>[1] = HERE) {
  const resources = Object.values(vaultBucketResources(vaultBuckets(onePlan({ vaults }), options)));
  return resources.filter((resource) => resource.Type === 'AWS::S3::Bucket');
}

function policiesOf(vaults: string) {
  const resources = Object.values(vaultBucketResources(vaultBuckets(onePlan({ vaults }), HERE)));
  return resources.filter((resource) => resource.Type === 'AWS::S3::BucketPolicy');
}

describe('a vault in the region of the stack', () => {
  const [bucket] = bucketsOf('  main: { url: "s3://the-vault/deep" }');

  it('gets the bucket that the plan names', () => {
    expect(bucket?.Properties.BucketName).toBe('the-vault');
  });

  it('outlives the stack', () => {
    expect(bucket).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
  });

  it('is private, versioned and encrypted', () => {
    expect(bucket?.Properties).toMatchObject({
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
      VersioningConfiguration: { Status: 'Enabled' },
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
      },
    });
  });

  it('expires what was deleted or never finished, and no blob that is there', () => {
    const rules = bucket?.Properties.LifecycleConfiguration;
    expect(JSON.stringify(rules)).toContain('NoncurrentVersionExpiration');
    expect(JSON.stringify(rules)).toContain('AbortIncompleteMultipartUpload');
    expect(JSON.stringify(rules)).not.toMatch(/"(ExpirationInDays|ExpirationDate|Transitions?)"/);
  });

  it('refuses every request without TLS', () => {
    expect(policiesOf('  main: { url: "s3://the-vault" }').map(({ Properties }) => Properties.PolicyDocument)).toEqual([
      expect.objectContaining({
        Statement: [
          expect.objectContaining({
            Effect: 'Deny',
            Principal: '*',
            Action: 's3:*',
            Condition: { Bool: { 'aws:SecureTransport': 'false' } },
          }),
        ],
      }),
    ]);
  });

  it('keeps its policy when the stack goes', () => {
    expect(policiesOf('  main: { url: "s3://the-vault" }')).toEqual([
      expect.objectContaining({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' }),
    ]);
  });
});

describe('a lock', () => {
  it.each([
    ['compliance', 'COMPLIANCE'],
    ['governance', 'GOVERNANCE'],
  ])('%s becomes the retention of every new blob', (mode, Mode) => {
    const [bucket] = bucketsOf(`  main: { url: "s3://the-vault", lock: { mode: ${mode}, days: 30 } }`);
    expect(bucket?.Properties).toMatchObject({
      ObjectLockEnabled: true,
      ObjectLockConfiguration: {
        ObjectLockEnabled: 'Enabled',
        Rule: { DefaultRetention: { Mode, Days: 30 } },
      },
    });
  });

  it('is not there where the plan asks for none', () => {
    const [bucket] = bucketsOf('  main: { url: "s3://the-vault" }');
    expect(Object.keys(bucket?.Properties ?? {}).filter((name) => name.startsWith('ObjectLock'))).toEqual([]);
  });

  it('of two vaults in one bucket must be the same', () => {
    const vaults = `
  main: { url: "s3://the-vault/a", lock: { mode: compliance, days: 30 } }
  other: { url: "s3://the-vault/b" }`;
    expect(() => bucketsOf(vaults)).toThrow(/"main" and "other" share bucket the-vault but not their lock/);
  });
});

describe('which bucket is made', () => {
  it('two vaults in one bucket get one bucket', () => {
    expect(bucketsOf('\n  main: { url: "s3://the-vault/a" }\n  other: { url: "s3://the-vault/b" }')).toHaveLength(1);
  });

  it('a vault that names the region of the stack is made here', () => {
    expect(bucketsOf('  main: { url: "s3://the-vault", region: eu-west-1 }')).toHaveLength(1);
  });

  it('a bucket is in one region', () => {
    const vaults = '\n  main: { url: "s3://the-vault/a" }\n  other: { url: "s3://the-vault/b", region: us-east-1 }';
    expect(() => bucketsOf(vaults)).toThrow(/share bucket the-vault but not their region \(eu-west-1, us-east-1\)/);
  });

  it('a vault that is there already is not', () => {
    expect(bucketsOf('  main: { url: "s3://the-vault" }', { region: 'eu-west-1', existing: ['main'] })).toEqual([]);
  });

  it('a bucket is there already for all its vaults', () => {
    const vaults = '\n  main: { url: "s3://the-vault/a" }\n  other: { url: "s3://the-vault/b" }';
    expect(bucketsOf(vaults, { region: 'eu-west-1', existing: ['other'] })).toEqual([]);
  });

  it('an unknown vault cannot be there already', () => {
    expect(() => bucketsOf('  main: { url: "s3://the-vault" }', { region: 'eu-west-1', existing: ['mian'] })).toThrow(
      /existingVaults names "mian"/,
    );
  });
});
