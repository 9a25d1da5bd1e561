import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { formatUri } from '../../functions/core/uri.ts';
import type { Resources } from '../../functions/runtime/deploy/cloudformation.ts';
import { deployedPlan, sourcesOf } from '../../functions/runtime/deploy/deployed-plan.ts';
import { deployment } from '../../functions/runtime/deploy/deployment.ts';
import { EXAMPLE, readPlanSource } from '../../functions/runtime/deploy/plan-source.ts';
import { allStatementsOf } from './package.ts';
import { onePlan, planFile, STACK } from './plans.ts';

const HYBRID = `
# a comment
vaults:
  main: { url: "s3://the-vault" }
  office: { url: "file:///mnt/backup" }
plans:
  app: { sources: ["s3://the-source/"], vault: main, replicateTo: [office] }
  disk: { sources: ["file:///home"], vault: main }
  home: { sources: ["s3://other-source/"], vault: office }
`;

describe('what an account can run', () => {
  it('is plans of places in AWS, replicated into buckets', () => {
    const { config } = deployedPlan(planFile(HYBRID));
    expect(Object.keys(config.plans)).toEqual(['app']);
    expect(config.plans.app?.replicateTo).toEqual([]);
    expect(Object.keys(config.vaults)).toEqual(['main']);
  });

  it('keeps every vault in S3, whether a plan uses it or not', () => {
    const { config } = deployedPlan(
      onePlan({
        vaults: `
  main: { url: "s3://the-vault" }
  old: { url: "s3://the-old-vault", region: us-east-1 }
  office: { url: "file:///mnt/backup" }`,
      }),
    );
    expect(Object.keys(config.vaults)).toEqual(['main', 'old']);
  });

  it('what is left out is named, with the command that does it', () => {
    expect(deployedPlan(planFile(HYBRID)).notices).toEqual([
      expect.stringMatching(/vault "office".*holdfast replicate app --to office/),
      expect.stringMatching(/plan "disk".*file:\/\/\/home.*holdfast run disk/),
      expect.stringMatching(/plan "home".*"office".*holdfast run home/),
    ]);
  });

  it('a plan that mixes directories with buckets is refused', () => {
    const mixed = planFile(`
vaults: { main: { url: "s3://the-vault" } }
plans: { app: { sources: ["s3://the-source/", "file:///home"], vault: main } }`);
    expect(() => deployedPlan(mixed)).toThrow(/mixes file:\/\/\/home with sources in AWS/);
  });

  it.each(['s3://the-source/', 'dynamodb://orders', 'ssm:///acme/', 'secretsmanager://acme/', 'lambda://acme-*'])(
    'a plan that mixes a directory with %s is refused',
    (source) => {
      const mixed = planFile(`
vaults: { main: { url: "s3://the-vault" } }
plans: { app: { sources: ["file:///home", "${source}"], vault: main } }`);
      expect(() => deployedPlan(mixed)).toThrow(/mixes file:\/\/\/home with sources in AWS/);
    },
  );

  it('is sources of every kind that is in AWS', () => {
    const sources = ['s3://b3t/a/', 'dynamodb://orders', 'ssm:///acme/', 'secretsmanager://acme/', 'lambda://acme-*'];
    const { config, notices } = deployedPlan(
      planFile(`
vaults: { main: { url: "s3://the-vault" } }
plans: { app: { sources: ${JSON.stringify(sources)}, vault: main } }`),
    );
    expect(sourcesOf(config).map(formatUri)).toEqual(sources);
    expect(notices).toEqual([]);
  });

  it('a file without a plan for the account is refused', () => {
    expect(() => deployedPlan(onePlan({ source: 'file:///home' }))).toThrow(/nothing to deploy.*file:\/\/\/home/);
  });

  it.each([
    ['a source', 's3://the-vault/elsewhere/', ''],
    ['a sandbox', 's3://the-source/', 'verify: { sandbox: "s3://the-vault/elsewhere/" }'],
    ['an export', { uri: 'dynamodb://orders', engine: 'export', exportTo: 's3://the-vault/elsewhere/' }, ''],
  ])('%s in the bucket of a vault is refused', (_, source, more) => {
    const vaults = '  main: { url: "s3://the-vault/vault/" }';
    expect(() => deployedPlan(onePlan({ source, more, vaults }))).toThrow(/in the bucket of vault "main"/);
  });
});

describe('a deployment', () => {
  it('never lets a restore write to a vault', () => {
    expect(() => deployment(onePlan(), { ...STACK, restoreTargets: ['s3://the-vault/'] })).toThrow(
      /a restore never writes to a vault/,
    );
  });

  const bucketNames = (resources: Resources) =>
    Object.values(resources)
      .filter((resource) => resource.Type === 'AWS::S3::Bucket')
      .map((resource) => resource.Properties.BucketName);

  it('makes the buckets of its own region in the main stack, and the others in stacks of their own', () => {
    const vaults = '\n  main: { url: "s3://the-vault" }\n  far: { url: "s3://the-far-vault", region: us-east-1 }';
    const { Resources, vaultStacks } = deployment(onePlan({ vaults }), STACK);
    expect(bucketNames(Resources)).toEqual(['the-vault']);
    expect(vaultStacks.name).toBe('holdfast-test-vaults');
    expect([...vaultStacks.templates].map(([region, template]) => [region, bucketNames(template.Resources)])).toEqual([
      ['us-east-1', ['the-far-vault']],
    ]);
  });

  it('of two stages shares no name of a stack', () => {
    const vaults = '  main: { url: "s3://the-vault", region: us-east-1 }';
    const names = ['test', 'prod'].map(
      (stage) => deployment(onePlan({ vaults }), { ...STACK, stage }).vaultStacks.name,
    );
    expect(new Set(names).size).toBe(2);
    expect(() => deployment(onePlan({ vaults }), { ...STACK, stage: 'test-vaults' })).toThrow(/choose a stage/);
  });

  describe('after a change of the plan file', () => {
    const file = (vaults: readonly string[], plans: readonly string[]) =>
      deployment(
        deployedPlan(
          planFile(
            `vaults:\n${vaults.map((name) => `  ${name}: { url: "s3://vault-${name}" }\n`).join('')}plans:\n${plans
              .map((name) => `  ${name}: { sources: ["s3://source-${name}/"], vault: ${name} }\n`)
              .join('')}`,
          ),
        ).config,
        STACK,
      ).Resources;
    const before = file(['one', 'two'], ['one', 'two']);

    it('without a plan, its bucket stays a resource, just as it was', () => {
      const after = file(['one', 'two'], ['one']);
      const [id, bucket] =
        Object.entries(before).find(([, { Properties }]) => Properties.BucketName === 'vault-two') ?? [];
      expect(bucket?.Type).toBe('AWS::S3::Bucket');
      expect(after[id ?? '']).toEqual(bucket);
      expect(bucketNames(after)).toEqual(['vault-one', 'vault-two']);
    });

    it.each(['VerifyRole', 'RestoreRole'])('without a plan, %s still reads its recovery points', (role) => {
      const reads = allStatementsOf(file(['one', 'two'], ['one']), role);
      expect(reads.filter(({ Action }) => Action.includes('s3:GetObject')).flatMap(({ on }) => on)).toContain(
        'arn:<AWS::Partition>:s3:::vault-two/*',
      );
    });

    it('without a plan, nothing more is written to its vault', () => {
      const after = file(['one', 'two'], ['one']);
      const writers = Object.keys(after)
        .filter((id) => after[id]?.Type === 'AWS::IAM::Role')
        .filter((id) =>
          allStatementsOf(after, id).some(
            ({ Action, on }) => Action.includes('s3:PutObject') && on.some((arn) => arn.includes('vault-two')),
          ),
        );
      expect(writers).toEqual([]);
    });

    it('without its vault either, the bucket leaves the stack, which had promised to keep it', () => {
      const gone = Object.entries(before).filter(([id]) => !(id in file(['one'], ['one'])));
      const buckets = gone.filter(([, { Type }]) => /^AWS::S3::/.test(Type));
      expect(buckets.map(([, { Type }]) => Type)).toEqual(['AWS::S3::Bucket', 'AWS::S3::BucketPolicy']);
      for (const [, resource] of buckets)
        expect(resource).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
    });
  });

  it('subscribes each address once', () => {
    const config = planFile(`
vaults: { main: { url: "s3://the-vault" } }
plans:
  one: { sources: ["s3://one/"], vault: main, notify: [a@example.com, b@example.com] }
  two: { sources: ["s3://two/"], vault: main, notify: [a@example.com] }`);
    const endpoints = Object.values(deployment(config, STACK).Resources)
      .filter((resource) => resource.Type === 'AWS::SNS::Subscription')
      .map((resource) => resource.Properties.Endpoint);
    expect(endpoints).toEqual(['a@example.com', 'b@example.com']);
  });
});

describe('where the plan comes from', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-plan-'));
    mkdirSync(join(folder, 'test/fixtures'), { recursive: true });
    writeFileSync(join(folder, EXAMPLE), planText('example'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const planText = (name: string) => `
vaults: { main: { url: "s3://the-vault" } }
plans: { ${name}: { sources: ["s3://the-source/"], vault: main } } # ${name}
`;
  const read = async (setting: string, deploying = false) => {
    const source = await readPlanSource({ projectFolder: folder, setting, deploying });
    return Object.keys(source.config.plans);
  };

  it('the file that is named comes first', async () => {
    writeFileSync(join(folder, 'holdfast.yml'), planText('own'));
    writeFileSync(join(folder, 'named.yml'), planText('named'));
    expect(await read('named.yml')).toEqual(['named']);
  });

  it('then holdfast.yml', async () => {
    writeFileSync(join(folder, 'holdfast.yml'), planText('own'));
    expect(await read('')).toEqual(['own']);
  });

  it('then the example, to package only', async () => {
    expect(await read('')).toEqual(['example']);
    await expect(read('', true)).rejects.toThrow(/the example protects nothing of yours/);
  });

  it('a named file that is missing is an error, not the example', async () => {
    await expect(read('mising.yml')).rejects.toThrow(/no plan file .*mising\.yml/);
  });

  it('the functions get the file as it stands', async () => {
    const source = await readPlanSource({ projectFolder: folder, setting: EXAMPLE, deploying: false });
    expect(source.text).toBe(planText('example'));
  });

  it('the functions get no plan that they cannot run', async () => {
    writeFileSync(join(folder, 'holdfast.yml'), HYBRID);
    const { text } = await readPlanSource({ projectFolder: folder, setting: '', deploying: true });
    expect(parse(text)).toMatchObject({
      plans: { app: { sources: ['s3://the-source/'], vault: 'main', replicateTo: [] } },
    });
    expect(Object.keys(planFile(text).plans)).toEqual(['app']);
  });
});
