import { describe, expect, it } from 'vitest';
import { vaultBucketResources, vaultBuckets } from '../../functions/runtime/deploy/vault-buckets.ts';
import {
  otherRegions,
  regionOfTemplateFile,
  vaultStackName,
  vaultTemplateFile,
  vaultTemplates,
} from '../../functions/runtime/deploy/vault-stacks.ts';
import { onePlan } from './plans.ts';

const MAIN = { region: 'eu-west-1', prefix: 'holdfast-test' };
const VAULTS = `
  main: { url: "s3://the-vault" }
  far: { url: "s3://the-far-vault", region: us-east-1, lock: { mode: compliance, days: 30 } }
  farther: { url: "s3://the-farther-vault/deep", region: us-east-1 }
  remote: { url: "s3://the-remote-vault", region: ap-southeast-2 }`;

const bucketsOf = (vaults = VAULTS, existing: readonly string[] = []) =>
  vaultBuckets(onePlan({ vaults }), { region: MAIN.region, existing });

describe('the vaults of other regions', () => {
  it('get one template for each region, with their buckets and policies', () => {
    const templates = vaultTemplates(bucketsOf(), MAIN);
    expect([...templates.keys()]).toEqual(['us-east-1', 'ap-southeast-2']);
    expect(templates.get('us-east-1')?.Resources).toEqual(
      vaultBucketResources(bucketsOf().filter(({ region }) => region === 'us-east-1')),
    );
    expect(Object.values(templates.get('us-east-1')?.Resources ?? {}).map(({ Type }) => Type)).toEqual([
      'AWS::S3::Bucket',
      'AWS::S3::BucketPolicy',
      'AWS::S3::Bucket',
      'AWS::S3::BucketPolicy',
    ]);
  });

  it('outlive their stacks, policies too', () => {
    for (const { Resources } of vaultTemplates(bucketsOf(), MAIN).values())
      for (const resource of Object.values(Resources))
        expect(resource).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
  });

  it('that are there already are not made again, and a region of such alone gets no template', () => {
    const templates = vaultTemplates(bucketsOf(VAULTS, ['far', 'remote']), MAIN);
    expect([...templates.keys()]).toEqual(['us-east-1']);
    expect(JSON.stringify(templates.get('us-east-1'))).not.toContain('the-far-vault');
  });

  it('are looked for in their regions whoever made them, when all is removed', () => {
    expect(otherRegions(bucketsOf(VAULTS, ['remote']), MAIN.region)).toEqual(['us-east-1', 'ap-southeast-2']);
  });

  it('are none where all are in the region of the main stack', () => {
    expect(vaultTemplates(bucketsOf('  main: { url: "s3://the-vault" }'), MAIN).size).toBe(0);
  });
});

describe('a template file', () => {
  it('names its region, and tells it', () => {
    expect(vaultTemplateFile('us-east-1')).toBe('cloudformation-template-vaults-us-east-1.json');
    expect(regionOfTemplateFile(vaultTemplateFile('us-gov-east-1'))).toBe('us-gov-east-1');
  });

  it.each(['cloudformation-template-update-stack.json', 'cloudformation-template-vaults-a.json.bak', 'verify.zip'])(
    'is not %s',
    (file) => {
      expect(regionOfTemplateFile(file)).toBeUndefined();
    },
  );
});

describe('the name of the stacks', () => {
  it('follows that of the main stack', () => {
    expect(vaultStackName('holdfast-prod')).toBe('holdfast-prod-vaults');
  });

  it.each(['holdfast-prod-vaults', 'holdfast-vaults'])('cannot be that of a main stack, such as %s', (prefix) => {
    expect(() => vaultStackName(prefix)).toThrow(/choose a stage that does not end in "vaults"/);
  });
});
