/** Parameters and secrets as sources and targets on moto. What the sources read and write is judged by raw requests of the SDK. */
import { randomBytes } from 'node:crypto';
import { CreateFunctionCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  CreateSecretCommand,
  type CreateSecretCommandInput,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetResourcePolicyCommand,
  GetSecretValueCommand,
  PutResourcePolicyCommand,
  PutSecretValueCommand,
  RotateSecretCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import {
  AddTagsToResourceCommand,
  DescribeParametersCommand,
  GetParameterCommand,
  GetParameterHistoryCommand,
  LabelParameterVersionCommand,
  ListTagsForResourceCommand,
  PutParameterCommand,
  type PutParameterCommandInput,
  SSMClient,
} from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Attributes,
  displayKey,
  inRange,
  keyFromText,
  type ListedEntry,
  type PresentEntry,
} from '../../functions/core/entry.ts';
import { IntegrityError, InvalidInputError, TransientError } from '../../functions/core/errors.ts';
import { sha256Hex } from '../../functions/core/ids.ts';
import type { ListedTarget } from '../../functions/core/ports.ts';
import { deleteSecretNow, secretsManagerSource } from '../../functions/sources/secrets-manager.ts';
import { ssmSource } from '../../functions/sources/ssm.ts';
import { listAll, pieces, readEntry } from '../contracts/source.ts';
import { type Emulator, emulatorEnv, startMoto } from './services.ts';

let moto: Emulator;
let ssm: SSMClient;
let secrets: SecretsManagerClient;
let lambda: LambdaClient;
let places = 0;
/** After so many requests every other one fails. */
let requestsLeft = Number.POSITIVE_INFINITY;
const cutOff =
  <Args, Answer>(next: (args: Args) => Promise<Answer>) =>
  async (args: Args): Promise<Answer> => {
    requestsLeft -= 1;
    if (requestsLeft < 0) throw Object.assign(new Error('cut off'), { name: 'TimeoutError' });
    return next(args);
  };
beforeAll(async () => {
  moto = await startMoto();
  const options = {
    endpoint: moto.endpoint,
    region: emulatorEnv.AWS_REGION,
    credentials: { accessKeyId: emulatorEnv.AWS_ACCESS_KEY_ID, secretAccessKey: emulatorEnv.AWS_SECRET_ACCESS_KEY },
  };
  ssm = new SSMClient(options);
  secrets = new SecretsManagerClient(options);
  ssm.middlewareStack.add(cutOff, { step: 'initialize' });
  secrets.middlewareStack.add(cutOff, { step: 'initialize' });
  lambda = new LambdaClient(options);
});
afterAll(async () => {
  for (const client of [ssm, secrets, lambda]) client.destroy();
  await moto.stop();
});

const newPrefix = () => `/place-${++places}/`;
const ssmAt = (prefix: string) => ssmSource(ssm, { scheme: 'ssm', prefix });
const secretsAt = (prefix: string) => secretsManagerSource(secrets, { scheme: 'secretsmanager', prefix });
const putRaw = (Name: string, more: Partial<PutParameterCommandInput> = {}) =>
  ssm.send(new PutParameterCommand({ Name, Value: `value of ${Name}`, Type: 'String', ...more }));
const createRaw = (Name: string, more: Partial<CreateSecretCommandInput> = {}) =>
  secrets.send(new CreateSecretCommand({ Name, SecretString: `value of ${Name}`, ...more }));

async function entryOf(source: ListedTarget, line: ListedEntry) {
  const { content, attributes, fingerprint, sizeBytes } = await readEntry(source, line);
  const entry: PresentEntry = {
    key: line.key,
    state: 'present',
    fingerprint,
    attributes,
    sha256: sha256Hex(content),
    sizeBytes,
    extents: [],
  };
  return { entry, content };
}

/** Reads every entry of one place and writes it into another, as a backup and a restore would; returns what was not held. */
async function copy(source: ListedTarget, target: ListedTarget): Promise<string[]> {
  const notHeld: string[] = [];
  for (const line of await listAll(source)) {
    const { entry, content } = await entryOf(source, line);
    notHeld.push(...(await target.write(entry, pieces(content))));
  }
  return notHeld;
}

/** All that SSM says of the latest version, but for what differs between two copies. */
async function rawParameter(Name: string) {
  const { Parameter } = await ssm.send(new GetParameterCommand({ Name, WithDecryption: true }));
  const { Parameters: described = [] } = await ssm.send(
    new DescribeParametersCommand({ ParameterFilters: [{ Key: 'Name', Values: [Name] }] }),
  );
  const { Parameters: history = [] } = await ssm.send(new GetParameterHistoryCommand({ Name }));
  const { TagList = [] } = await ssm.send(
    new ListTagsForResourceCommand({ ResourceType: 'Parameter', ResourceId: Name }),
  );
  const [only, ...others] = described;
  expect(others).toEqual([]);
  const { Name: _, ARN, Version, LastModifiedDate, Policies = [], ...rest } = only ?? {};
  return {
    ...rest,
    policies: Policies.map(({ PolicyText = '', PolicyType }) => [PolicyType, JSON.parse(PolicyText)]).sort(),
    Value: Parameter?.Value,
    Labels: history.at(-1)?.Labels?.sort(),
    TagList: TagList.sort((a, b) => ((a.Key ?? '') < (b.Key ?? '') ? -1 : 1)),
  };
}

async function rawSecret(SecretId: string) {
  const described = await secrets.send(new DescribeSecretCommand({ SecretId }));
  const { ResourcePolicy } = await secrets.send(new GetResourcePolicyCommand({ SecretId }));
  const values: Record<string, unknown> = {};
  for (const VersionId of Object.keys(described.VersionIdsToStages ?? {}).sort()) {
    const { SecretString, SecretBinary, VersionStages } = await secrets.send(
      new GetSecretValueCommand({ SecretId, VersionId }),
    );
    values[VersionId] = {
      SecretString,
      SecretBinary: SecretBinary && Buffer.from(SecretBinary),
      VersionStages: VersionStages?.sort(),
    };
  }
  const { Description, KmsKeyId, RotationEnabled, RotationLambdaARN, RotationRules, Tags, ReplicationStatus } =
    described;
  return {
    ...{ Description, KmsKeyId, RotationEnabled, RotationLambdaARN, RotationRules },
    tags: Tags?.map(({ Key, Value }) => [Key, Value]).sort(),
    replicas: ReplicationStatus?.map(({ Region, KmsKeyId: key }) => [Region, key]),
    policy: ResourcePolicy === undefined ? undefined : JSON.parse(ResourcePolicy),
    values,
  };
}

const VERSIONS = ['10000000', '20000000', '30000000'].map((part) => `${part}-0000-4000-8000-000000000000`);
const [ONE = '', TWO = '', THREE = ''] = VERSIONS;

/** A secret with three labelled versions, the middle one current. */
async function createVersions(Name: string, more: Partial<CreateSecretCommandInput> = {}) {
  await createRaw(Name, { ClientRequestToken: ONE, ...more });
  await secrets.send(
    new PutSecretValueCommand({ SecretId: Name, ClientRequestToken: TWO, SecretString: 'the second' }),
  );
  await secrets.send(
    new PutSecretValueCommand({
      ...{ SecretId: Name, ClientRequestToken: THREE, SecretBinary: Buffer.from([0, 255, 128, 10]) },
      VersionStages: ['of-our-own', 'blue'],
    }),
  );
}

/** A function with a role, which is made by a plain request: no client of IAM is among the dependencies. */
async function createFunction(FunctionName: string): Promise<string> {
  const role = new URLSearchParams({ Action: 'CreateRole', RoleName: 'any', AssumeRolePolicyDocument: '{}' });
  const signed =
    'AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0';
  const { ok } = await fetch(moto.endpoint, { method: 'POST', body: role, headers: { authorization: signed } });
  expect(ok).toBe(true);
  const { FunctionArn = '' } = await lambda.send(
    new CreateFunctionCommand({
      ...{ FunctionName, Runtime: 'nodejs22.x', Handler: 'index.handler' },
      Role: 'arn:aws:iam::123456789012:role/any',
      Code: { ZipFile: Buffer.from('UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==', 'base64') },
    }),
  );
  return FunctionArn;
}

describe('parameters', () => {
  const policies = [
    { Type: 'Expiration', Version: '1.0', Attributes: { Timestamp: '2099-12-02T21:34:33.000Z' } },
    { Type: 'NoChangeNotification', Version: '1.0', Attributes: { After: '20', Unit: 'Days' } },
  ];
  const kinds: readonly (readonly [string, Partial<PutParameterCommandInput>])[] = [
    ['string', { Value: ' a value, with spaces \n and ü \u{1f600} ' }],
    ['deep/er/list', { Type: 'StringList', Value: 'a,b,,c' }],
    ['secure', { Type: 'SecureString', Value: 'with the default key' }],
    ['secure-own', { Type: 'SecureString', Value: 'with a key of its own', KeyId: 'alias/own' }],
    ['advanced', { Tier: 'Advanced', Value: 'x'.repeat(8000), Policies: JSON.stringify(policies) }],
    ['described', { Description: 'what it is for', AllowedPattern: '^\\d+$', Value: '7' }],
    ['image', { DataType: 'aws:ec2:image', Value: 'ami-12345678' }],
  ];

  it('come back under another prefix with type, key, tier, description, pattern, data type, policies, labels and tags', async () => {
    const [from, to] = [newPrefix(), newPrefix()];
    for (const [name, input] of kinds) {
      await putRaw(from + name, { ...input, Value: '1' });
      await putRaw(from + name, { ...input, Overwrite: true });
      const at = { ResourceType: 'Parameter', ResourceId: from + name } as const;
      await ssm.send(
        new AddTagsToResourceCommand({
          ...at,
          Tags: [
            { Key: 'b', Value: '' },
            { Key: 'a', Value: 'of ü' },
          ],
        }),
      );
      await ssm.send(new LabelParameterVersionCommand({ Name: from + name, Labels: ['live', 'v1.0'] }));
    }
    expect(await copy(ssmAt(from), ssmAt(to))).toEqual([]);
    for (const [name] of kinds) expect(await rawParameter(to + name), name).toEqual(await rawParameter(from + name));
  });

  it('that are equal are not written again', async () => {
    const prefix = newPrefix();
    for (const [name, input] of kinds) await putRaw(prefix + name, input);
    const place = ssmAt(prefix);
    expect(await copy(place, place)).toEqual([]);
    for (const [name] of kinds) {
      const { Parameter } = await ssm.send(new GetParameterCommand({ Name: prefix + name }));
      expect(Parameter?.Version, name).toBe(1);
    }
  });
});

it('parameters take the place of what is there, with nothing of it left', async () => {
  const [from, to] = [newPrefix(), newPrefix()];
  await putRaw(`${from}p`, { Type: 'SecureString', Tags: [{ Key: 'k', Value: 'right' }] });
  await ssm.send(new LabelParameterVersionCommand({ Name: `${from}p`, Labels: ['live', 'blue'] }));
  await putRaw(`${to}p`, {
    ...{ Type: 'SecureString', KeyId: 'alias/own', Description: 'wrong', AllowedPattern: '.*', Tier: 'Advanced' },
    Policies: JSON.stringify([
      { Type: 'NoChangeNotification', Version: '1.0', Attributes: { After: '20', Unit: 'Days' } },
    ]),
    Tags: [
      { Key: 'k', Value: 'wrong' },
      { Key: 'extra', Value: 'e' },
    ],
  });
  await ssm.send(new LabelParameterVersionCommand({ Name: `${to}p`, Labels: ['live', 'green'] }));
  expect(await copy(ssmAt(from), ssmAt(to))).toEqual(['tier']);
  expect(await rawParameter(`${to}p`)).toEqual({ ...(await rawParameter(`${from}p`)), Tier: 'Advanced' });
  // Labels of the same version are brought in line without a new one.
  await ssm.send(new LabelParameterVersionCommand({ Name: `${to}p`, Labels: ['green'] }));
  expect(await copy(ssmAt(from), ssmAt(to))).toEqual(['tier']);
  expect(await rawParameter(`${to}p`)).toEqual({ ...(await rawParameter(`${from}p`)), Tier: 'Advanced' });
  expect((await ssm.send(new GetParameterCommand({ Name: `${to}p` }))).Parameter?.Version).toBe(2);
});

describe('secrets', () => {
  const POLICY = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Deny', Principal: '*', Action: 'secretsmanager:DeleteSecret', Resource: '*' }],
  });

  it('come back under another prefix with all labelled versions, bytes, description, key, tags, policy and replicas', async () => {
    const [from, to] = [newPrefix(), newPrefix()];
    await createRaw(`${from}plain`);
    await createRaw(`${from}empty`, { SecretString: undefined });
    await createVersions(`${from}full`, {
      ...{ Description: 'what it is for ü', KmsKeyId: 'alias/own' },
      Tags: [
        { Key: 'b', Value: '' },
        { Key: 'a', Value: 'of ü' },
      ],
    });
    await createRaw(`${from}replicated`, { AddReplicaRegions: [{ Region: 'eu-west-1' }] });
    await secrets.send(new PutResourcePolicyCommand({ SecretId: `${from}full`, ResourcePolicy: POLICY }));
    expect(await copy(secretsAt(from), secretsAt(to))).toEqual([]);
    for (const name of ['plain', 'empty', 'full', 'replicated'])
      expect(await rawSecret(to + name), name).toEqual(await rawSecret(from + name));
    expect(await rawSecret(`${to}full`)).toMatchObject({
      values: {
        [ONE]: { VersionStages: ['AWSPREVIOUS'] },
        [TWO]: { SecretString: 'the second', VersionStages: ['AWSCURRENT'] },
        [THREE]: { SecretBinary: Buffer.from([0, 255, 128, 10]), VersionStages: ['blue', 'of-our-own'] },
      },
    });
  });

  it('come back with their rotation, which does not rotate them, but under another name without it', async () => {
    const [from, to] = [newPrefix(), newPrefix()];
    const RotationLambdaARN = await createFunction('rotates');
    await createRaw(`${from}rotated`);
    await secrets.send(
      new RotateSecretCommand({
        ...{ SecretId: `${from}rotated`, RotationLambdaARN, RotateImmediately: false },
        RotationRules: { AutomaticallyAfterDays: 30 },
      }),
    );
    const before = await rawSecret(`${from}rotated`);
    const [line] = await listAll(secretsAt(from));
    if (line === undefined) throw new Error('it is not listed');
    const { entry, content } = await entryOf(secretsAt(from), line);
    expect(await secretsAt(to).write(entry, pieces(content))).toEqual(['rotation']);
    expect(await rawSecret(`${to}rotated`)).not.toMatchObject({ RotationEnabled: true });
    await secrets.send(new DeleteSecretCommand({ SecretId: `${from}rotated`, ForceDeleteWithoutRecovery: true }));
    expect(await secretsAt(from).write(entry, pieces(content))).toEqual([]);
    expect(await rawSecret(`${from}rotated`)).toEqual(before);
    expect(before).toMatchObject({ RotationEnabled: true, RotationLambdaARN });
  });

  it('come back without a rotation whose function is not there, which is named', async () => {
    const [from, to] = [newPrefix(), newPrefix()];
    await createRaw(`${from}s`);
    const [line] = await listAll(secretsAt(from));
    if (line === undefined) throw new Error('it is not listed');
    const { entry, content } = await entryOf(secretsAt(from), line);
    const rotation = {
      enabled: true,
      lambdaArn: 'arn:aws:lambda:us-east-1:123456789012:function:no-such',
      rules: { automaticallyAfterDays: 30 },
    };
    const rotated = { ...entry, attributes: { ...entry.attributes, rotation } };
    expect(await secretsAt(to).write(rotated, pieces(content))).toEqual(['rotation']);
    expect(Object.values((await rawSecret(`${to}s`)).values)).toHaveLength(1);
  });

  it('that are equal are not written again', async () => {
    const prefix = newPrefix();
    await createVersions(`${prefix}full`, { Description: 'd', Tags: [{ Key: 'k', Value: 'v' }] });
    const before = await rawSecret(`${prefix}full`);
    const place = secretsAt(prefix);
    const [line] = await listAll(place);
    if (line === undefined) throw new Error('it is not listed');
    const { fingerprint } = await readEntry(place, line);
    expect(await copy(place, place)).toEqual([]);
    expect((await readEntry(place, line)).fingerprint).toBe(fingerprint);
    expect(await rawSecret(`${prefix}full`)).toEqual(before);
  });

  it('take the place of what is there, whatever its versions are', async () => {
    const [from, to] = [newPrefix(), newPrefix()];
    await createVersions(`${from}s`, { Description: 'right', Tags: [{ Key: 'k', Value: 'right' }] });
    await createRaw(`${to}s`, {
      ...{ ClientRequestToken: '40000000-0000-4000-8000-000000000000', Description: 'wrong', KmsKeyId: 'alias/own' },
      Tags: [
        { Key: 'k', Value: 'wrong' },
        { Key: 'extra', Value: 'e' },
      ],
    });
    await secrets.send(
      new PutSecretValueCommand({ SecretId: `${to}s`, SecretString: 'other', VersionStages: ['blue', 'green'] }),
    );
    await secrets.send(new PutResourcePolicyCommand({ SecretId: `${to}s`, ResourcePolicy: POLICY }));
    expect(await copy(secretsAt(from), secretsAt(to))).toEqual([]);
    const [line] = await listAll(secretsAt(to));
    const [wanted] = await listAll(secretsAt(from));
    const [is, was] = [await readEntry(secretsAt(to), line), await readEntry(secretsAt(from), wanted)];
    expect(is.content.toString()).toBe(was.content.toString());
    expect(secretsAt(to).attributesDiffer(was.attributes, is.attributes)).toBeUndefined();
  });

  it('take a new version id where theirs is taken by another value, which is named', async () => {
    const [from, to] = [newPrefix(), newPrefix()];
    await createRaw(`${from}s`, { ClientRequestToken: ONE, SecretString: 'right' });
    await createRaw(`${to}s`, { ClientRequestToken: ONE, SecretString: 'wrong' });
    expect(await copy(secretsAt(from), secretsAt(to))).toEqual(['versionIds']);
    const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: `${to}s` }));
    expect(SecretString).toBe('right');
    // The next one finds the value under the id that it was given, and makes no more versions.
    const versions = async () =>
      Object.keys((await secrets.send(new DescribeSecretCommand({ SecretId: `${to}s` }))).VersionIdsToStages ?? {});
    const before = await versions();
    expect(await copy(secretsAt(from), secretsAt(to))).toEqual(['versionIds']);
    expect(await versions()).toEqual(before);
  });

  it('that wait to be deleted are no entries, and are called back by a restore', async () => {
    const [from, to] = [newPrefix(), newPrefix()];
    await createRaw(`${from}s`);
    const target = secretsAt(to);
    await copy(secretsAt(from), target);
    const [line] = await listAll(target);
    if (line === undefined) throw new Error('it is not listed');
    await target.remove(line.key);
    const { DeletedDate } = await secrets.send(new DescribeSecretCommand({ SecretId: `${to}s` }));
    expect(DeletedDate).toBeInstanceOf(Date);
    expect(await listAll(target)).toEqual([]);
    expect(await target.open(line)).toEqual({ state: 'gone' });
    expect(await copy(secretsAt(from), target)).toEqual([]);
    expect(await rawSecret(`${to}s`)).toEqual(await rawSecret(`${from}s`));
  });

  it('of a sandbox are deleted beyond recall, and no others', async () => {
    await createRaw('holdfast-sandbox/1/s');
    await deleteSecretNow(secrets, 'holdfast-sandbox/1/s');
    await deleteSecretNow(secrets, 'holdfast-sandbox/1/s');
    await expect(secrets.send(new DescribeSecretCommand({ SecretId: 'holdfast-sandbox/1/s' }))).rejects.toThrow();
    for (const name of ['real', 'my-holdfast-sandbox/1/s'])
      await expect(deleteSecretNow(secrets, name)).rejects.toThrow(InvalidInputError);
    await createRaw('waiting-1');
    await secrets.send(new DeleteSecretCommand({ SecretId: 'waiting-1' }));
    await secretsAt('').remove(keyFromText('waiting-1'));
  });
});

/** Cuts the restore off after each number of requests, and does it again. */
async function interrupted(
  make: () => Promise<{ readonly source: ListedTarget; readonly target: ListedTarget }>,
  check: () => Promise<void>,
): Promise<number> {
  for (let requests = 1; ; requests += 1) {
    const { source, target } = await make();
    const [line] = await listAll(source);
    if (line === undefined) throw new Error('it is not listed');
    const { entry, content } = await entryOf(source, line);
    requestsLeft = requests;
    try {
      await target.write(entry, pieces(content));
      return requests;
    } catch (error) {
      expect(error).toBeInstanceOf(TransientError);
    } finally {
      requestsLeft = Number.POSITIVE_INFINITY;
    }
    await check();
    expect(await target.write(entry, pieces(content))).toEqual([]);
    const [restored] = await listAll(target);
    const found = await readEntry(target, restored);
    expect(found.content.toString()).toBe(content.toString());
    expect(target.attributesDiffer(entry.attributes, found.attributes)).toBeUndefined();
  }
}

describe('a restore that is cut off at any request', () => {
  it.each([true, false])(
    'ends as an undisturbed one when it is done again: a parameter, over another: %s',
    async (over) => {
      let to = '';
      const requests = await interrupted(
        async () => {
          const from = newPrefix();
          to = newPrefix();
          await putRaw(`${from}p`, { Value: 'new', Description: 'new', Tags: [{ Key: 'k', Value: 'new' }] });
          await ssm.send(new LabelParameterVersionCommand({ Name: `${from}p`, Labels: ['live'] }));
          if (over) {
            await putRaw(`${to}p`, { Value: 'old', AllowedPattern: '.*', Tags: [{ Key: 'extra', Value: '' }] });
            await ssm.send(new LabelParameterVersionCommand({ Name: `${to}p`, Labels: ['live', 'old'] }));
          }
          return { source: ssmAt(from), target: ssmAt(to) };
        },
        async () => {
          if (!over) return;
          const { Parameter } = await ssm.send(new GetParameterCommand({ Name: `${to}p` }));
          expect(['old', 'new']).toContain(Parameter?.Value);
        },
      );
      expect(requests).toBeGreaterThan(over ? 6 : 2);
    },
  );

  it.each([true, false])(
    'ends as an undisturbed one when it is done again: a secret, over another: %s',
    async (over) => {
      let to = '';
      const requests = await interrupted(
        async () => {
          const from = newPrefix();
          to = newPrefix();
          await createVersions(`${from}s`, {
            Description: 'new',
            KmsKeyId: 'alias/new',
            Tags: [{ Key: 'k', Value: 'new' }],
          });
          if (over) {
            await createRaw(`${to}s`, {
              SecretString: 'older',
              Description: 'old',
              Tags: [{ Key: 'extra', Value: '' }],
            });
            await secrets.send(new PutSecretValueCommand({ SecretId: `${to}s`, SecretString: 'old' }));
          }
          return { source: secretsAt(from), target: secretsAt(to) };
        },
        async () => {
          // Readers see the old value or the new one, at any time; a new secret comes with its value.
          const known = await secrets.send(new DescribeSecretCommand({ SecretId: `${to}s` })).catch(() => undefined);
          if (known === undefined) return expect(over).toBe(false);
          const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: `${to}s` }));
          expect(over ? ['old', 'the second'] : ['the second']).toContain(SecretString);
        },
      );
      expect(requests).toBeGreaterThan(over ? 12 : 6);
    },
  );
});

interface Kind {
  readonly name: string;
  readonly at: (prefix: string) => ListedTarget;
  readonly attributes: (version: 1 | 2) => Attributes;
  readonly content: (value: string) => string;
}

const KINDS: readonly Kind[] = [
  {
    name: 'parameters',
    at: (prefix) => ssmAt(prefix),
    attributes: (version) => ({
      type: 'parameter',
      parameterType: 'String',
      tier: 'Standard',
      description: `v${version}`,
    }),
    content: (value) => value,
  },
  {
    name: 'secrets',
    at: (prefix) => secretsAt(prefix),
    attributes: (version) => ({ type: 'secret', description: `v${version}` }),
    content: (value) =>
      JSON.stringify({
        versions: [{ stages: ['AWSCURRENT'], string: value, versionId: sha256Hex(Buffer.from(value)).slice(0, 36) }],
      }),
  },
];

/** The laws of test/contracts/source.ts, for places whose keys are names and whose contents are small texts. */
describe.each(KINDS)('$name as a source and target', ({ at, attributes, content }) => {
  // Byte order is neither that of paths nor that of letters; a page of moto's holds ten.
  const NAMES = [
    ...['a-b', 'a.b', 'a/x', 'a/x0', 'a/y-', 'a/y/z', 'a/y0', 'a0', 'A', 'B', 'Z', '_', '0', 'b', 'c', 'c/d/e/f'],
    ...['n'.repeat(200), 'zz', 'zz/a', 'zz/b', 'zz/c', 'zz.d', 'zz-e'],
  ].sort();
  const keys = NAMES.map(keyFromText);

  const put = async (place: ListedTarget, name: string, value: string, version: 1 | 2 = 1) => {
    const bytes = Buffer.from(content(value));
    const entry: PresentEntry = {
      ...{ key: keyFromText(name), state: 'present', fingerprint: 'of another place', attributes: attributes(version) },
      ...{ sha256: sha256Hex(bytes), sizeBytes: bytes.length, extents: [] },
    };
    expect(await place.write(entry, pieces(bytes))).toEqual([]);
    return { entry, bytes };
  };
  const filled = async () => {
    const prefix = newPrefix();
    const place = at(prefix);
    for (const name of NAMES) await put(place, name, `value of ${name}`);
    return { prefix, place };
  };

  it('list what was written once, in byte order, for every range, and nothing beside the prefix', async () => {
    const { prefix } = await filled();
    await put(at(''), `${prefix.slice(0, -1)}0`, 'beside it');
    await put(at(''), `${prefix.slice(0, -1)}`, 'without the slash');
    const place = at(prefix);
    expect((await listAll(place)).map(({ key }) => displayKey(key))).toEqual(NAMES);
    const bounds = [undefined, ...['', 'a', 'a/', 'a/y', 'a0', 'm', 'zz/b', 'zzz'].map(keyFromText)];
    for (const after of bounds)
      for (const upTo of bounds) {
        const listed = (await listAll(place, { after, upTo })).map(({ key }) => key);
        expect(listed).toEqual(keys.filter((key) => inRange(key, { after, upTo })));
      }
  });

  it('list by a prefix that is no folder, literally', async () => {
    const { prefix } = await filled();
    const listed = (await listAll(at(`${prefix}zz`))).map(({ key }) => displayKey(key));
    expect(listed).toEqual(
      NAMES.filter((name) => name.startsWith('zz'))
        .map((name) => name.slice(2))
        .sort(),
    );
  });

  it('list nothing where nothing was written', async () => {
    expect(await listAll(at(newPrefix()))).toEqual([]);
  });

  it('read back content, sizes and attributes, with the same fingerprint while nothing changes', async () => {
    const place = at(newPrefix());
    const { entry, bytes } = await put(place, 'one', 'the value');
    const [line] = await listAll(place);
    expect(line).toMatchObject({ fingerprint: undefined, sizeBytes: undefined });
    const found = await readEntry(place, line);
    expect(found.content).toEqual(bytes);
    expect(found.sizeBytes).toBe(bytes.length);
    expect(place.attributesDiffer(entry.attributes, found.attributes)).toBeUndefined();
    expect((await readEntry(place, line)).fingerprint).toBe(found.fingerprint);
  });

  it('tell by the fingerprint that a value or an attribute changed', async () => {
    const place = at(newPrefix());
    await put(place, 'one', 'the first value');
    const [line] = await listAll(place);
    const first = await readEntry(place, line);
    await put(place, 'one', 'the second value');
    const second = await readEntry(place, line);
    await put(place, 'one', 'the second value', 2);
    const third = await readEntry(place, line);
    expect(new Set([first.fingerprint, second.fingerprint, third.fingerprint]).size).toBe(3);
    expect(place.attributesDiffer(first.attributes, third.attributes)).toBe('description is not as it was');
  });

  it('remove a key, again and again, and open it as gone', async () => {
    const place = at(newPrefix());
    await put(place, 'kept', 'k');
    await put(place, 'removed', 'r');
    const lines = await listAll(place);
    for (const name of ['removed', 'removed', 'never/was/there', 'no such : name', '\u{1f600}'])
      await place.remove(keyFromText(name));
    expect((await listAll(place)).map(({ key }) => displayKey(key))).toEqual(['kept']);
    const removed = lines.find(({ key }) => displayKey(key) === 'removed');
    if (removed === undefined) throw new Error('it is not listed');
    expect(await place.open(removed)).toEqual({ state: 'gone' });
    expect(await place.open({ ...removed, key: keyFromText('kept:1') })).toEqual({ state: 'gone' });
  });

  it('leave the target as it was when content turns out wrong', async () => {
    const place = at(newPrefix());
    const { entry, bytes } = await put(place, 'guarded', 'the old value');
    const wrong = async function* () {
      yield Buffer.from(content('the new value'));
      throw new IntegrityError('the content is not what was stored');
    };
    for (const name of ['guarded', 'new'])
      await expect(place.write({ ...entry, key: keyFromText(name) }, wrong())).rejects.toThrow(IntegrityError);
    const lines = await listAll(place);
    expect(lines.map(({ key }) => displayKey(key))).toEqual(['guarded']);
    expect((await readEntry(place, lines[0])).content).toEqual(bytes);
  });

  it('keep many writes at once apart', async () => {
    const place = at(newPrefix());
    const names = Array.from({ length: 20 }, (_, index) => `many/${String(index).padStart(2, '0')}`);
    await Promise.all(names.map((name) => put(place, name, `value of ${name}`)));
    const lines = await listAll(place);
    expect(lines.map(({ key }) => displayKey(key))).toEqual(names);
    for (const [index, line] of lines.entries())
      expect((await readEntry(place, line)).content.toString()).toBe(content(`value of ${names[index]}`));
  });

  it('refuse entries of another kind, and names that they cannot have, and write nothing', async () => {
    const place = at(newPrefix());
    const bytes = Buffer.from(content('x'));
    const entry: PresentEntry = {
      ...{ key: keyFromText('x'), state: 'present', fingerprint: '', attributes: { type: 'object' } },
      ...{ sha256: sha256Hex(bytes), sizeBytes: bytes.length, extents: [] },
    };
    await expect(place.write(entry, pieces(bytes))).rejects.toThrow(InvalidInputError);
    for (const name of [' ', 'a:1', 'ü', 'a\nb'])
      await expect(
        place.write({ ...entry, key: keyFromText(name), attributes: attributes(1) }, pieces(bytes)),
      ).rejects.toThrow(InvalidInputError);
    expect(await listAll(place)).toEqual([]);
  });

  it('have no settings of their own', async () => {
    const place = at(newPrefix());
    expect(await place.settings()).toEqual({ settings: {}, notCaptured: [] });
    expect(await place.applySettings({})).toEqual([]);
  });

  it('hold values that look like anything', async () => {
    const place = at(newPrefix());
    const values = ['{"a": 1}', ' x ', '\u{1f600} ü', 'a\r\nb\t', '"', '\\u0041', randomBytes(500).toString('base64')];
    for (const [index, value] of values.entries()) await put(place, `v${index}`, value);
    for (const [index, line] of (await listAll(place)).entries())
      expect((await readEntry(place, line)).content.toString()).toBe(content(values[index] ?? ''));
  });
});
