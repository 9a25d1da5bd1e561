import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { 'module.exports' as HoldfastPlugin } from '../../functions/runtime/deploy/plugin.ts';
import { vaultBucketId } from '../../functions/runtime/deploy/vault-buckets.ts';
import { awsError, type FakeAws, fakeAws, NO_PUBLIC } from '../fakes/aws.ts';

let aws: FakeAws;
let project: string;
beforeEach(() => {
  aws = fakeAws();
  project = mkdtempSync(join(tmpdir(), 'holdfast-plugin-'));
  writePlan(`
  main: { url: "s3://the-vault" }
  far: { url: "s3://the-far-vault", region: us-east-1 }
  remote: { url: "s3://the-remote-vault", region: ap-southeast-2 }`);
});
afterEach(() => {
  aws.restore();
  rmSync(project, { recursive: true, force: true });
});

function writePlan(vaults: string) {
  writeFileSync(
    join(project, 'holdfast.yml'),
    `vaults:${vaults}\nplans:\n  app: { sources: ["s3://the-source/"], vault: main }\n`,
  );
}

/** What the framework calls an error for the user. */
class ServerlessError extends Error {
  readonly code: string;
  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/** The framework, as far as it goes before its own deployment, each time anew. */
function framework(
  command: string,
  options: { readonly package?: string; readonly existingVaults?: string; readonly stage?: string } = {},
) {
  const said: string[] = [];
  const plugin = new HoldfastPlugin(
    {
      serviceDir: project,
      classes: { Error: ServerlessError },
      processedInput: { commands: command.split(' ') },
      service: { getFunction: () => ({}) },
      pluginManager: { plugins: [] },
      getProvider: () => aws.provider,
    },
    options.package === undefined ? {} : { package: options.package },
    {
      log: {
        notice: (text) => void said.push(text),
        warning: (text) => void said.push(`Warning: ${text}`),
      },
    },
  );
  const properties: Readonly<Record<string, unknown>> = {
    'custom.holdfast': { config: '', existingVaults: options.existingVaults ?? '', restoreTargets: '', passRoles: '' },
    service: 'holdfast',
    'provider.region': 'eu-west-1',
  };
  const resources = async () => {
    const { value } = await plugin.configurationVariablesSources.holdfast.resolve({
      address: 'resources',
      params: null,
      resolveConfigurationProperty: async (path) => properties[path.join('.')],
      resolveVariable: async () => options.stage ?? 'test',
    });
    return z.record(z.string(), z.looseObject({})).parse(value);
  };
  const deploy = async () => {
    await resources();
    rmSync(join(project, '.serverless'), { recursive: true, force: true });
    await plugin.hooks['after:package:createDeploymentArtifacts']();
    await plugin.hooks['before:aws:deploy:deploy:createStack']();
    // From here on it is the framework's: the main stack is made.
    const made = await resources();
    const physicalId = (id: string) => (id === vaultBucketId('the-vault') ? 'the-vault' : id);
    aws.stacks.set(`eu-west-1/holdfast-${options.stage ?? 'test'}`, {
      statuses: ['UPDATE_COMPLETE'],
      resources: new Map(
        Object.keys(made).map((id) => [id, { physicalId: physicalId(id), status: 'CREATE_COMPLETE' }]),
      ),
      template: JSON.stringify(made),
    });
    if (vaultBucketId('the-vault') in made)
      aws.buckets.set('the-vault', { region: 'eu-west-1', versioning: 'Enabled', block: NO_PUBLIC });
  };
  const remove = async () => {
    await resources();
    aws.stacks.delete(`eu-west-1/holdfast-${options.stage ?? 'test'}`);
    await plugin.hooks['after:remove:remove']();
  };
  return { plugin, said, resources, deploy, remove };
}

const MAIN_BUCKET = vaultBucketId('the-vault');
const stacks = () => [...aws.stacks.keys()].sort();
const changes = () => aws.asked.filter((request) => /^(Create|Update|Delete)Stack/.test(request));

describe('what AWS is asked', () => {
  it.each(['package', 'print', 'info', 'deploy function', 'deploy list', 'remove'])(
    'nothing, to find out what %s is about',
    async (command) => {
      aws.buckets.set('the-vault', { region: 'eu-west-1' });
      expect(await framework(command).resources()).toHaveProperty(MAIN_BUCKET);
      expect(aws.asked).toEqual([]);
    },
  );

  it('nothing, where a package that was made before is deployed as it is', async () => {
    aws.buckets.set('the-vault', { region: 'eu-west-1' });
    expect(await framework('deploy', { package: 'out' }).resources()).toHaveProperty(MAIN_BUCKET);
    expect(aws.asked).toEqual([]);
  });

  it('is each bucket in its own region, by deploy', async () => {
    await framework('deploy').resources();
    expect(aws.asked.filter((request) => request.startsWith('HeadBucket'))).toEqual([
      'HeadBucket eu-west-1',
      'HeadBucket us-east-1',
      'HeadBucket ap-southeast-2',
    ]);
  });

  it('goes unanswered without credentials, which the framework says itself', async () => {
    const missing = new ServerlessError('AWS provider credentials not found', 'AWS_CREDENTIALS_NOT_FOUND');
    aws.failing.set('GetCallerIdentity', missing);
    await expect(framework('deploy').resources()).rejects.toBe(missing);
  });
});

describe('packaging', () => {
  it('leaves a template for each other region', async () => {
    const { plugin, resources } = framework('package');
    await resources();
    await plugin.hooks['after:package:createDeploymentArtifacts']();
    const folder = join(project, '.serverless');
    expect(readdirSync(folder).sort()).toEqual([
      'cloudformation-template-vaults-ap-southeast-2.json',
      'cloudformation-template-vaults-us-east-1.json',
    ]);
    const template: unknown = JSON.parse(
      readFileSync(join(folder, 'cloudformation-template-vaults-us-east-1.json'), 'utf8'),
    );
    expect(template).toMatchObject({
      Resources: { [vaultBucketId('the-far-vault')]: { Type: 'AWS::S3::Bucket', DeletionPolicy: 'Retain' } },
    });
    expect(aws.asked).toEqual([]);
  });
});

describe('deploying', () => {
  it('makes the vaults of every region, and says so', async () => {
    const { deploy, said } = framework('deploy');
    await deploy();
    expect(stacks()).toEqual([
      'ap-southeast-2/holdfast-test-vaults',
      'eu-west-1/holdfast-test',
      'us-east-1/holdfast-test-vaults',
    ]);
    expect([...aws.buckets].map(([name, { region }]) => `${name} ${region}`).sort()).toEqual([
      'the-far-vault us-east-1',
      'the-remote-vault ap-southeast-2',
      'the-vault eu-west-1',
    ]);
    expect(said.slice(-2)).toEqual([
      'stack holdfast-test-vaults in ap-southeast-2: created',
      'stack holdfast-test-vaults in us-east-1: created',
    ]);
  });

  it('twice changes nothing', async () => {
    await framework('deploy').deploy();
    const made = [...aws.stacks].map(([name, { template }]) => [name, template]);
    const again = framework('deploy');
    await again.deploy();
    expect([...aws.stacks].map(([name, { template }]) => [name, template])).toEqual(made);
    expect(again.said.slice(-2)).toEqual([
      'stack holdfast-test-vaults in ap-southeast-2: unchanged',
      'stack holdfast-test-vaults in us-east-1: unchanged',
    ]);
  });

  it('stops before the main stack when the vaults of a region fail', async () => {
    aws.endings.push(['CREATE_COMPLETE'], ['DELETE_COMPLETE']);
    const { deploy } = framework('deploy');
    const refused = deploy();
    await expect(refused).rejects.toThrow(ServerlessError);
    await expect(refused).rejects.toThrow(/^stack holdfast-test-vaults in us-east-1 could not be created/);
    expect(stacks()).not.toContain('eu-west-1/holdfast-test');
  });

  it('stops before it makes anything where a bucket is of another account', async () => {
    aws.buckets.set('the-remote-vault', { region: 'ap-southeast-2', owner: '999988887777' });
    const refused = framework('deploy').deploy();
    await expect(refused).rejects.toThrow(ServerlessError);
    await expect(refused).rejects.toThrow(/vault "remote": bucket the-remote-vault is there, but belongs to another/);
    expect(changes()).toEqual([]);
  });

  it('leaves alone what is named as existing, of whatever account', async () => {
    aws.buckets.set('the-remote-vault', { region: 'ap-southeast-2', owner: '999988887777' });
    await framework('deploy', { existingVaults: 'remote' }).deploy();
    expect(stacks()).toEqual(['eu-west-1/holdfast-test', 'us-east-1/holdfast-test-vaults']);
  });

  it('deploys the templates of a package that was made before', async () => {
    const { plugin, resources, said } = framework('deploy', { package: 'out' });
    await resources();
    mkdirSync(join(project, '.serverless'));
    const packaged = { Resources: { One: { Type: 'AWS::S3::Bucket', Properties: { BucketName: 'as-packaged' } } } };
    writeFileSync(
      join(project, '.serverless', 'cloudformation-template-vaults-us-west-2.json'),
      JSON.stringify(packaged, null, 2),
    );
    await plugin.hooks['before:aws:deploy:deploy:createStack']();
    expect(stacks()).toEqual(['us-west-2/holdfast-test-vaults']);
    expect(said.at(-1)).toBe('stack holdfast-test-vaults in us-west-2: created');
  });

  it('leaves the stack of a region alone that has lost its last vault', async () => {
    await framework('deploy').deploy();
    writePlan('\n  main: { url: "s3://the-vault" }\n  far: { url: "s3://the-far-vault", region: us-east-1 }');
    const before = aws.stacks.get('ap-southeast-2/holdfast-test-vaults')?.template;
    await framework('deploy').deploy();
    expect(aws.stacks.get('ap-southeast-2/holdfast-test-vaults')?.template).toBe(before);
  });
});

describe('after a removal', () => {
  it('the stacks of every region are gone, and the buckets are there', async () => {
    await framework('deploy').deploy();
    const { remove, said } = framework('remove');
    await remove();
    expect(stacks()).toEqual([]);
    expect([...aws.buckets.keys()].sort()).toEqual(['the-far-vault', 'the-remote-vault', 'the-vault']);
    expect(said.slice(-2)).toEqual([
      'stack holdfast-test-vaults in us-east-1: deleted; its buckets are kept',
      'stack holdfast-test-vaults in ap-southeast-2: deleted; its buckets are kept',
    ]);
  });

  it('a removal of what is not there is quiet', async () => {
    const { remove, said } = framework('remove');
    await remove();
    expect(said.filter((text) => text.includes('stack'))).toEqual([]);
  });

  it('a removal that AWS refuses says so in one sentence', async () => {
    aws.failing.set('DescribeStacks', awsError('AccessDenied', 403, 'not allowed'));
    await expect(framework('remove').remove()).rejects.toThrow(ServerlessError);
  });

  it.each(['test', 'prod'])('deploying stage %s takes the buckets over', async (stage) => {
    await framework('deploy').deploy();
    await framework('remove').remove();
    const { resources, deploy, said } = framework('deploy', { stage });
    expect(await resources()).not.toHaveProperty(MAIN_BUCKET);
    await deploy();
    expect(stacks()).toEqual([`eu-west-1/holdfast-${stage}`]);
    expect(said).toEqual(
      expect.arrayContaining(['vault "main": bucket the-vault is there already and is used as it is']),
    );
  });
});

it('a second stage beside the first uses its buckets and touches none of its stacks', async () => {
  await framework('deploy').deploy();
  const before = changes();
  await framework('deploy', { stage: 'prod' }).deploy();
  expect(changes()).toEqual(before);
  expect(stacks()).toContain('eu-west-1/holdfast-prod');
  const again = framework('deploy');
  await again.deploy();
  expect(await again.resources()).toHaveProperty(MAIN_BUCKET);
});
