import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InvalidInputError } from '../../functions/core/errors.ts';
import { awsAccount } from '../../functions/runtime/deploy/aws-account.ts';
import { findExistingBuckets, lackingLock } from '../../functions/runtime/deploy/existing-buckets.ts';
import { vaultBucketId, vaultBuckets } from '../../functions/runtime/deploy/vault-buckets.ts';
import { awsError, type FakeAws, type FakeBucket, fakeAws, NO_PUBLIC } from '../fakes/aws.ts';
import { onePlan } from './plans.ts';

let aws: FakeAws;
beforeEach(() => {
  aws = fakeAws();
});
afterEach(() => aws.restore());

const MAIN = { stack: 'holdfast-test', region: 'eu-west-1' };
const VAULTS = `
  main: { url: "s3://the-vault/a" }
  beside: { url: "s3://the-vault/b" }
  far: { url: "s3://the-far-vault", region: us-east-1 }`;
const PROTECTED: FakeBucket = { region: 'eu-west-1', versioning: 'Enabled', block: NO_PUBLIC };

function find(vaults = VAULTS, existing: readonly string[] = []) {
  const buckets = vaultBuckets(onePlan({ vaults }), { region: MAIN.region, existing });
  return findExistingBuckets(buckets, awsAccount(aws.provider), MAIN);
}

function held(stack: string, bucket: string, status = 'CREATE_COMPLETE') {
  aws.stacks.set(stack, {
    statuses: ['UPDATE_COMPLETE'],
    resources: new Map([[vaultBucketId(bucket), { physicalId: bucket, status }]]),
    template: '',
  });
}

describe('a bucket', () => {
  it('that is not there is to be made', async () => {
    expect(await find()).toEqual({ vaults: [], notices: [], warnings: [] });
  });

  it('that is there is used by all its vaults, and told', async () => {
    aws.buckets.set('the-vault', PROTECTED);
    aws.buckets.set('the-far-vault', { ...PROTECTED, region: 'us-east-1' });
    expect(await find()).toEqual({
      vaults: ['main', 'beside', 'far'],
      notices: [
        'vaults "main", "beside": bucket the-vault is there already and is used as it is',
        'vault "far": bucket the-far-vault is there already and is used as it is',
      ],
      warnings: [],
    });
  });

  it.each([
    ['the main stack', 'eu-west-1/holdfast-test', 'the-vault', 'eu-west-1'],
    ['the stack of vaults in its region', 'us-east-1/holdfast-test-vaults', 'the-far-vault', 'us-east-1'],
  ])('that %s made stays a resource of it', async (_, stack, bucket, region) => {
    aws.buckets.set(bucket, { ...PROTECTED, region });
    held(stack, bucket);
    expect((await find()).vaults).toEqual([]);
  });

  it.each([
    ['another stage', 'eu-west-1/holdfast-other'],
    ['a stack of that name in another region', 'us-east-1/holdfast-test'],
  ])('that %s made is used as it is', async (_, stack) => {
    aws.buckets.set('the-vault', PROTECTED);
    held(stack, 'the-vault');
    expect((await find()).vaults).toEqual(['main', 'beside']);
  });

  it.each(['DELETE_SKIPPED', 'DELETE_COMPLETE', 'CREATE_FAILED'])(
    'that a rollback of its own stack left behind (%s) is used as it is',
    async (status) => {
      aws.buckets.set('the-vault', PROTECTED);
      held('eu-west-1/holdfast-test', 'the-vault', status);
      expect((await find()).vaults).toEqual(['main', 'beside']);
    },
  );

  it('that is named as there already is not asked for', async () => {
    await find(VAULTS, ['main', 'far']);
    expect(aws.asked).toEqual([]);
  });
});

describe('a bucket that cannot be used', () => {
  it('belongs to another account, even when it is open to this one', async () => {
    aws.buckets.set('the-far-vault', { ...PROTECTED, region: 'us-east-1', owner: '999988887777' });
    const refused = find();
    await expect(refused).rejects.toThrow(InvalidInputError);
    await expect(refused).rejects.toThrow(
      /^vault "far": bucket the-far-vault is there, but belongs to another account.*give the vault another bucket, or.*--param="existingVaults=far"$/,
    );
  });

  it('is in another region', async () => {
    aws.buckets.set('the-far-vault', { ...PROTECTED, region: 'ap-southeast-2' });
    const refused = find();
    await expect(refused).rejects.toThrow(InvalidInputError);
    await expect(refused).rejects.toThrow(
      'vault "far": bucket the-far-vault is in ap-southeast-2, not in us-east-1; write region: ap-southeast-2 for the vault in the plan file, or give it another bucket',
    );
  });

  it('is in another region, as an answer of that region says', async () => {
    aws.failing.set('HeadBucket', awsError('400', 400, '400', { 'x-amz-bucket-region': 'us-west-2' }));
    await expect(find()).rejects.toThrow(/bucket the-vault is in us-west-2, not in eu-west-1/);
  });

  it.each([
    ['the main stack', 'eu-west-1/holdfast-test', 'the-vault', /deploy once with --param="existingVaults=main,beside"/],
    [
      'a stack of vaults',
      'us-east-1/holdfast-test-vaults',
      'the-far-vault',
      /aws cloudformation delete-stack --stack-name holdfast-test-vaults --region us-east-1/,
    ],
  ])('is gone, though %s counts on it', async (_, stack, bucket, mend) => {
    held(stack, bucket);
    await expect(find()).rejects.toThrow(mend);
  });
});

describe('when AWS does not tell', () => {
  it('what is missing is the framework to say', async () => {
    const missing = Object.assign(new Error('credentials not found'), { code: 'AWS_CREDENTIALS_NOT_FOUND' });
    aws.failing.set('GetCallerIdentity', missing);
    await expect(find()).rejects.toBe(missing);
  });

  it.each([
    ['GetCallerIdentity', awsError('InvalidClientTokenId', 403), /the AWS account.*credentials are not accepted/],
    ['HeadBucket', awsError('503', 503), /vault.*"main".*the-vault: looking for it: the service is failing for now/],
    ['HeadBucket', awsError('400', 400), /the-vault: looking for it: AWS refuses it/],
    ['DescribeStackResource', awsError('AccessDenied', 403), /stack holdfast-test in eu-west-1: looking for the-vault/],
    ['GetBucketVersioning', awsError('503', 503), /the-vault: looking at its versioning: the service is failing/],
  ])('a bucket is not taken for absent or safe (%s: %s)', async (request, error, said) => {
    aws.buckets.set('the-vault', PROTECTED);
    aws.failing.set(request, error);
    await expect(find()).rejects.toThrow(said);
  });
});

describe('protection that a bucket lacks is told:', () => {
  const LOCKED = '  main: { url: "s3://the-vault", lock: { mode: compliance, days: 30 } }';
  const warningsFor = async (bucket: Partial<FakeBucket>, vaults = LOCKED) => {
    const lock = {
      ObjectLockEnabled: 'Enabled',
      Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 30 } },
    } as const;
    aws.buckets.set('the-vault', { ...PROTECTED, lock, ...bucket });
    return (await find(vaults)).warnings;
  };

  it('nothing, where all is there', async () => {
    expect(await warningsFor({})).toEqual([]);
  });

  it.each(['Suspended', undefined] as const)('versions (%s)', async (versioning) => {
    aws.buckets.set('the-vault', { region: 'eu-west-1', block: NO_PUBLIC, ...(versioning && { versioning }) });
    expect((await find('  main: { url: "s3://the-vault" }')).warnings).toEqual([
      'vault "main": bucket the-vault keeps no versions, so that what is deleted is gone; enable versioning',
    ]);
  });

  it('the lock of the plan file', async () => {
    aws.buckets.set('the-vault', PROTECTED);
    expect((await find(LOCKED)).warnings).toEqual([
      'vault "main": bucket the-vault locks no blob, where the plan file asks for compliance for 30 days; set Object Lock with this as its default retention',
    ]);
  });

  it('no lock, where the plan file asks for none', async () => {
    aws.buckets.set('the-vault', PROTECTED);
    expect((await find('  main: { url: "s3://the-vault" }')).warnings).toEqual([]);
    expect(aws.asked).not.toContain('GetObjectLockConfiguration eu-west-1');
  });

  it.each(Object.keys(NO_PUBLIC))('a public access block without %s', async (part) => {
    expect(await warningsFor({ block: { ...NO_PUBLIC, [part]: false } })).toEqual([
      'vault "main": bucket the-vault may be opened to the public; block public access',
    ]);
  });

  it('a public access block at all', async () => {
    aws.buckets.set('the-vault', { region: 'eu-west-1', versioning: 'Enabled' });
    expect((await find('  main: { url: "s3://the-vault" }')).warnings).toEqual([
      'vault "main": bucket the-vault may be opened to the public; block public access',
    ]);
  });

  it('what these credentials may not look at', async () => {
    aws.failing.set('GetPublicAccessBlock', awsError('AccessDenied', 403));
    expect(await warningsFor({})).toEqual([
      'vault "main": bucket the-vault may not be looked at for its public access block; look at it by hand',
    ]);
  });
});

describe('a lock', () => {
  const actual = (Mode: 'COMPLIANCE' | 'GOVERNANCE', DefaultRetention: { Days: number } | { Years: number }) =>
    ({ ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: { Mode, ...DefaultRetention } } }) as const;

  it.each([
    ['the same', 'governance', actual('GOVERNANCE', { Days: 30 })],
    ['a longer one', 'governance', actual('GOVERNANCE', { Days: 31 })],
    ['compliance for governance', 'governance', actual('COMPLIANCE', { Days: 30 })],
    ['years for days', 'compliance', actual('COMPLIANCE', { Years: 1 })],
  ] as const)('%s is as strong', (_, mode, found) => {
    expect(lackingLock({ mode, days: 30 }, found)).toBeUndefined();
  });

  it.each([
    [
      'a shorter one',
      'governance',
      actual('GOVERNANCE', { Days: 1 }),
      /by governance for 1 day, where.*governance for 30 days/,
    ],
    ['governance for compliance', 'compliance', actual('GOVERNANCE', { Days: 30 }), /by governance.*compliance/],
    ['one without default retention', 'governance', { ObjectLockEnabled: 'Enabled' }, /locks no blob/],
    ['none', 'governance', undefined, /locks no blob/],
  ] as const)('%s is weaker', (_, mode, found, said) => {
    expect(lackingLock({ mode, days: 30 }, found)).toMatch(said);
  });
});
