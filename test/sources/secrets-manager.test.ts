import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  type DescribeSecretCommandOutput,
  GetResourcePolicyCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  PutResourcePolicyCommand,
  PutSecretValueCommand,
  ReplicateSecretToRegionsCommand,
  RotateSecretCommand,
  SecretsManagerClient,
  TagResourceCommand,
  UpdateSecretCommand,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Attributes, keyFromText, type PresentEntry } from '../../functions/core/entry.ts';
import {
  AccessDeniedError,
  ConflictError,
  IntegrityError,
  InvalidInputError,
  TransientError,
} from '../../functions/core/errors.ts';
import { SANDBOX_LEAVES_OUT } from '../../functions/sources/secrets-manager/sandbox.ts';
import { deleteSecretNow, secretsManagerSource } from '../../functions/sources/secrets-manager.ts';
import { listAll, readEntry } from '../contracts/source.ts';

const secrets = mockClient(SecretsManagerClient);
const client = new SecretsManagerClient({ region: 'eu-west-1' });
const source = () => secretsManagerSource(client, { scheme: 'secretsmanager', prefix: 'acme/' });
const LISTED = { key: keyFromText('db'), fingerprint: undefined, sizeBytes: undefined };
const CHANGED = new Date('2026-01-02T03:04:05.678Z');
const ARN = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:acme/db-AbCdEf';
const [ONE = '', TWO = '', THREE = ''] = ['1', '2', '3'].map((digit) => digit.repeat(32));
const refusal = (name: string, message = 'no') =>
  Object.assign(new Error(message), {
    name,
    $metadata: { httpStatusCode: name === 'InternalServiceError' ? 500 : 400 },
  });
const absent = () => refusal('ResourceNotFoundException');

type Described = Partial<DescribeSecretCommandOutput>;
type Value = { SecretString: string } | { SecretBinary: Uint8Array };

/** Secrets Manager as it holds acme/db. */
function holds(described: Described = {}, values: Record<string, Value> = { [TWO]: { SecretString: 'v' } }) {
  secrets.on(DescribeSecretCommand).resolves({
    ...{ ARN, Name: 'acme/db', LastChangedDate: CHANGED, VersionIdsToStages: { [TWO]: ['AWSCURRENT'] } },
    ...described,
  });
  secrets.on(GetSecretValueCommand).rejects(absent());
  for (const [VersionId, value] of Object.entries(values))
    secrets.on(GetSecretValueCommand, { VersionId }).resolves({ VersionId, ...value });
  secrets.on(GetResourcePolicyCommand).resolves({});
}
const holdsNothing = () => secrets.on(DescribeSecretCommand).rejects(absent());

interface Version {
  readonly versionId: string;
  readonly stages: readonly string[];
  readonly string?: string;
  readonly binary?: string;
}
const CURRENT: Version = { stages: ['AWSCURRENT'], string: 'v', versionId: TWO };
const textOf = (...versions: readonly Version[]) => JSON.stringify({ versions });

function write(attributes: Attributes = {}, text = textOf(CURRENT), key = 'db') {
  const entry: PresentEntry = {
    ...{ key: keyFromText(key), state: 'present', fingerprint: '', attributes: { type: 'secret', ...attributes } },
    ...{ sha256: '', sizeBytes: text.length, extents: [] },
  };
  return source().write(
    entry,
    (async function* () {
      yield Buffer.from(text);
    })(),
  );
}

/** The requests that change something, by name, with what they ask. */
const changes = () =>
  secrets
    .calls()
    .map(({ args }) => args[0])
    .filter((command) => !/^(Describe|Get|List)/.test(command.constructor.name))
    .map((command) => [command.constructor.name.replace(/Command$/, ''), command.input] as const);
const changed = () => changes().map(([name]) => name);

beforeEach(() => {
  secrets.reset();
  secrets.onAnyCommand().resolves({});
});

describe('listing secrets', () => {
  it('pages to the end, in byte order, and takes the prefix exactly', async () => {
    secrets
      .on(ListSecretsCommand, { NextToken: undefined })
      .resolves({ SecretList: [{ Name: 'acme/b' }, { Name: 'Acme/x' }, { Name: 'acme/B' }], NextToken: 't' });
    secrets.on(ListSecretsCommand, { NextToken: 't' }).resolves({ SecretList: [], NextToken: 'u' });
    secrets
      .on(ListSecretsCommand, { NextToken: 'u' })
      .resolves({ SecretList: [{ Name: 'my/acme/c' }, { Name: 'acme/a' }, { Name: 'acme/b' }] });
    expect(await listAll(source())).toEqual(
      ['B', 'a', 'b'].map((name) => ({ key: keyFromText(name), fingerprint: undefined, sizeBytes: undefined })),
    );
    expect(secrets.commandCalls(ListSecretsCommand)[0]?.args[0].input).toMatchObject({
      Filters: [{ Key: 'name', Values: ['acme/'] }],
    });
  });

  it('asks for all without a prefix', async () => {
    secrets.on(ListSecretsCommand).resolves({ SecretList: [{ Name: 'x' }] });
    expect(await listAll(secretsManagerSource(client, { scheme: 'secretsmanager', prefix: '' }))).toHaveLength(1);
    expect(secrets.commandCalls(ListSecretsCommand)[0]?.args[0].input).not.toHaveProperty('Filters');
  });

  it('lists at once what was written here, although the service lags behind, until it is removed', async () => {
    secrets.on(ListSecretsCommand).resolves({ SecretList: [] });
    holdsNothing();
    const place = source();
    const entry: PresentEntry = {
      ...{ key: LISTED.key, state: 'present', fingerprint: '', attributes: { type: 'secret' } },
      ...{ sha256: '', sizeBytes: 0, extents: [] },
    };
    await place.write(
      entry,
      (async function* () {
        yield Buffer.from(textOf(CURRENT));
      })(),
    );
    expect((await listAll(place)).map(({ key }) => key)).toEqual([LISTED.key]);
    holds();
    await place.remove(LISTED.key);
    expect(await listAll(place)).toEqual([]);
  });

  it('never takes a failed page for the end', async () => {
    secrets.on(ListSecretsCommand, { NextToken: undefined }).resolves({ SecretList: [], NextToken: 't' });
    secrets.on(ListSecretsCommand, { NextToken: 't' }).rejects(refusal('ThrottlingException'));
    await expect(listAll(source())).rejects.toThrow(TransientError);
    secrets.on(ListSecretsCommand, { NextToken: 't' }).resolves({});
    await expect(listAll(source())).rejects.toThrow(IntegrityError);
  });
});

describe('opening a secret', () => {
  const full: Described = {
    ...{
      Description: 'd',
      KmsKeyId: 'alias/own',
      RotationEnabled: true,
      RotationLambdaARN: 'arn:f',
      OwningService: 'rds',
    },
    RotationRules: { AutomaticallyAfterDays: 7, ScheduleExpression: 'rate(10 days)', Duration: '2h' },
    Tags: [
      { Key: 'b', Value: '2' },
      { Key: 'a', Value: '1' },
    ],
    ReplicationStatus: [
      { Region: 'us-east-1', KmsKeyId: 'alias/aws/secretsmanager', Status: 'InSync' },
      { Region: 'eu-west-2', KmsKeyId: 'alias/there', Status: 'InProgress' },
    ],
    VersionIdsToStages: { [TWO]: ['AWSCURRENT', 'AWSPENDING'], [ONE]: ['AWSPREVIOUS'], [THREE]: [] },
    ExternalSecretRotationMetadata: [{ Key: 'k', Value: 'v' }],
    ...{ ExternalSecretRotationRoleArn: 'arn:r', Type: 'Partner', PrimaryRegion: 'eu-west-1' },
  };

  it('gives every labelled version as content, and all else as attributes', async () => {
    holds(full, { [TWO]: { SecretString: 'ü"' }, [ONE]: { SecretBinary: Buffer.from([0, 255]) } });
    secrets.on(GetResourcePolicyCommand).resolves({ ResourcePolicy: '{ "Version": "2012-10-17" }' });
    const found = await readEntry(source(), LISTED);
    expect(found.content.toString()).toBe(
      `{"versions":[{"binary":"AP8=","stages":["AWSPREVIOUS"],"versionId":"${ONE}"},{"stages":["AWSCURRENT","AWSPENDING"],"string":"ü\\"","versionId":"${TWO}"}]}`,
    );
    expect(found.sizeBytes).toBe(found.content.length);
    expect(found.attributes).toEqual({
      ...{ type: 'secret', description: 'd', kmsKeyId: 'alias/own', owningService: 'rds', externalType: 'Partner' },
      tags: [
        ['a', '1'],
        ['b', '2'],
      ],
      rotation: {
        ...{
          enabled: true,
          of: 'acme/db',
          lambdaArn: 'arn:f',
          externalMetadata: [['k', 'v']],
          externalRoleArn: 'arn:r',
        },
        rules: { duration: '2h', scheduleExpression: 'rate(10 days)' },
      },
      replicaRegions: [{ region: 'eu-west-2', kmsKeyId: 'alias/there' }, { region: 'us-east-1' }],
      policy: { Version: '2012-10-17' },
    });
  });

  it('takes the plainest secret for one without attributes, and one without a value for one without versions', async () => {
    holds({ KmsKeyId: 'alias/aws/secretsmanager', Description: '', VersionIdsToStages: undefined }, {});
    const found = await readEntry(source(), LISTED);
    expect(found.attributes).toEqual({ type: 'secret' });
    expect(found.content.toString()).toBe('{"versions":[]}');
  });

  it('leaves out a version that a rotation has labelled and not filled yet', async () => {
    holds({ VersionIdsToStages: { [TWO]: ['AWSCURRENT'], [THREE]: ['AWSPENDING'] } });
    expect((await readEntry(source(), LISTED)).content.toString()).toBe(textOf(CURRENT));
  });

  it.each([
    ['the time', { LastChangedDate: new Date('2026-01-02T03:04:06Z') }],
    ['a label', { VersionIdsToStages: { [TWO]: ['AWSCURRENT', 'x'] } }],
    ['a tag', { Tags: [{ Key: 'a', Value: '1' }] }],
  ])('gives another fingerprint when %s differs, and reads again when it does so meanwhile', async (_, newer) => {
    holds();
    const { fingerprint } = await readEntry(source(), LISTED);
    expect((await readEntry(source(), LISTED)).fingerprint).toBe(fingerprint);
    const old = { ARN, LastChangedDate: CHANGED, VersionIdsToStages: { [TWO]: ['AWSCURRENT'] } };
    holds(newer);
    secrets
      .on(DescribeSecretCommand)
      .resolvesOnce(old)
      .resolves({ ...old, ...newer });
    expect((await readEntry(source(), LISTED)).fingerprint).not.toBe(fingerprint);
  });

  it('names a secret that changes each time, and one that is a replica', async () => {
    holds();
    let time = 0;
    secrets.on(DescribeSecretCommand).callsFake(() => {
      time += 1;
      return { ARN, LastChangedDate: new Date(time), VersionIdsToStages: { [TWO]: ['AWSCURRENT'] } };
    });
    const reason = expect.stringContaining('changed each of the 4 times');
    expect(await source().open(LISTED)).toEqual({ state: 'unprotected', reason });
    holds({ PrimaryRegion: 'us-east-1' });
    expect(await source().open(LISTED)).toMatchObject({
      state: 'unprotected',
      reason: expect.stringContaining('us-east-1'),
    });
  });

  it('tells one that is gone, or waits to be deleted, or cannot be', async () => {
    holdsNothing();
    expect(await source().open(LISTED)).toEqual({ state: 'gone' });
    holds({ DeletedDate: CHANGED });
    expect(await source().open(LISTED)).toEqual({ state: 'gone' });
    secrets.reset();
    expect(await source().open({ ...LISTED, key: keyFromText('a:b') })).toEqual({ state: 'gone' });
    expect(secrets.calls()).toHaveLength(0);
  });

  it.each(['AccessDeniedException', 'DecryptionFailure', 'KMS.DisabledException'])(
    'names a secret that is refused by %s as denied',
    async (name) => {
      holds();
      secrets.on(GetSecretValueCommand, { VersionId: TWO }).rejects(refusal(name, 'words'));
      expect(await source().open(LISTED)).toMatchObject({ state: 'unprotected', denied: true });
    },
  );

  it('blames no secret for bad credentials, a throttle, a failing service or a bug', async () => {
    holds();
    for (const [name, expected] of [
      ['UnrecognizedClientException', AccessDeniedError],
      ['ThrottlingException', TransientError],
      ['InternalServiceError', TransientError],
    ] as const) {
      secrets.on(GetSecretValueCommand, { VersionId: TWO }).rejects(refusal(name));
      await expect(source().open(LISTED)).rejects.toThrow(expected);
    }
    secrets.on(GetSecretValueCommand, { VersionId: TWO }).resolves({});
    await expect(source().open(LISTED)).rejects.toThrow(IntegrityError);
  });
});

describe('writing a secret', () => {
  it('makes a new one with its current value in one request, and then the others', async () => {
    holdsNothing();
    secrets
      .on(DescribeSecretCommand)
      .rejectsOnce(absent())
      .resolves({
        VersionIdsToStages: { [TWO]: ['AWSCURRENT'], [ONE]: ['holdfast-restore-1'] },
      });
    const previous = { stages: ['AWSPREVIOUS', 'x'], binary: 'AP8=', versionId: ONE };
    expect(
      await write(
        { description: 'd', kmsKeyId: 'alias/own', tags: [['a', '1']], externalType: 'P' },
        textOf(previous, CURRENT),
      ),
    ).toEqual([]);
    expect(changes()).toEqual([
      [
        'CreateSecret',
        {
          ...{ Name: 'acme/db', ClientRequestToken: TWO, SecretString: 'v', Description: 'd', KmsKeyId: 'alias/own' },
          ...{ Tags: [{ Key: 'a', Value: '1' }], Type: 'P' },
        },
      ],
      [
        'PutSecretValue',
        {
          ...{ SecretId: 'acme/db', ClientRequestToken: ONE, SecretBinary: Buffer.from([0, 255]) },
          VersionStages: ['holdfast-restore-1'],
        },
      ],
      ['UpdateSecretVersionStage', { SecretId: 'acme/db', VersionStage: 'AWSPREVIOUS', MoveToVersionId: ONE }],
      ['UpdateSecretVersionStage', { SecretId: 'acme/db', VersionStage: 'x', MoveToVersionId: ONE }],
      [
        'UpdateSecretVersionStage',
        { SecretId: 'acme/db', VersionStage: 'holdfast-restore-1', RemoveFromVersionId: ONE },
      ],
    ]);
  });

  it('takes one request for one with a current value only, or without any', async () => {
    holdsNothing();
    await write();
    expect(changed()).toEqual(['CreateSecret']);
    secrets.resetHistory();
    await write({}, textOf());
    expect(changes()).toEqual([['CreateSecret', { Name: 'acme/db' }]]);
  });

  it('changes nothing of one that is equal', async () => {
    holds({ Description: 'd', Tags: [{ Key: 'aws:x', Value: '1' }] });
    expect(await write({ description: 'd' })).toEqual([]);
    expect(changed()).toEqual([]);
  });

  it('has all values in place before AWSCURRENT moves, and the key before the values', async () => {
    holds(
      { KmsKeyId: 'alias/old', Description: 'old', VersionIdsToStages: { [ONE]: ['AWSCURRENT'] } },
      { [ONE]: { SecretString: 'old' } },
    );
    const previous = { stages: ['AWSPREVIOUS'], string: 'p', versionId: THREE };
    await write({ kmsKeyId: 'alias/new' }, textOf(CURRENT, previous));
    expect(changes().slice(0, 4)).toEqual([
      ['UpdateSecret', { SecretId: 'acme/db', Description: '', KmsKeyId: 'alias/new' }],
      [
        'PutSecretValue',
        { SecretId: 'acme/db', ClientRequestToken: TWO, SecretString: 'v', VersionStages: ['holdfast-restore-0'] },
      ],
      [
        'PutSecretValue',
        { SecretId: 'acme/db', ClientRequestToken: THREE, SecretString: 'p', VersionStages: ['holdfast-restore-1'] },
      ],
      [
        'UpdateSecretVersionStage',
        { SecretId: 'acme/db', VersionStage: 'AWSCURRENT', RemoveFromVersionId: ONE, MoveToVersionId: TWO },
      ],
    ]);
  });

  it('goes back to the default key when that is what was stored', async () => {
    holds({ KmsKeyId: 'alias/old' });
    await write();
    expect(changes()).toEqual([['UpdateSecret', { SecretId: 'acme/db', KmsKeyId: '' }]]);
  });

  it('takes a new id where its own is taken, and says so', async () => {
    holds({}, { [TWO]: { SecretString: 'other' } });
    secrets.on(PutSecretValueCommand, { ClientRequestToken: TWO }).rejects(refusal('ResourceExistsException'));
    expect(await write()).toEqual(['versionIds']);
    const [, again] = secrets.commandCalls(PutSecretValueCommand);
    expect(again?.args[0].input.ClientRequestToken).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('takes the version that has the value where its own id is taken', async () => {
    holds({ VersionIdsToStages: { [ONE]: ['AWSCURRENT'] } }, { [ONE]: { SecretString: 'v' } });
    secrets.on(PutSecretValueCommand).rejects(refusal('ResourceExistsException'));
    expect(await write()).toEqual(['versionIds']);
    expect(secrets.commandCalls(PutSecretValueCommand)).toHaveLength(1);
    expect(secrets.commandCalls(UpdateSecretVersionStageCommand)).toHaveLength(0);
  });

  it('writes over values whose key cannot be used any more', async () => {
    holds();
    secrets.on(GetSecretValueCommand).rejects(refusal('DecryptionFailure'));
    secrets.on(GetSecretValueCommand, { VersionId: TWO }).rejects(refusal('DecryptionFailure'));
    secrets.on(PutSecretValueCommand).rejectsOnce(refusal('DecryptionFailure')).resolves({});
    expect(await write()).toEqual(['versionIds']);
  });

  it('names labels that Secrets Manager does not let go, but fails when AWSCURRENT does not move', async () => {
    holds({ VersionIdsToStages: { [TWO]: ['AWSCURRENT', 'extra'] } });
    secrets.on(UpdateSecretVersionStageCommand).rejects(refusal('InvalidParameterException'));
    expect(await write()).toEqual(['stages']);
    holds({ VersionIdsToStages: { [ONE]: ['AWSCURRENT'] } }, { [ONE]: { SecretString: 'old' } });
    await expect(write()).rejects.toThrow(InvalidInputError);
  });

  it('brings tags, policy, replicas and rotation in line', async () => {
    holds({
      Tags: [
        { Key: 'old', Value: '' },
        { Key: 'a', Value: '0' },
      ],
      ReplicationStatus: [{ Region: 'us-east-1' }],
    });
    const attributes: Attributes = {
      tags: [['a', '1']],
      replicaRegions: [{ region: 'eu-west-2', kmsKeyId: 'alias/new' }, { region: 'us-east-1' }],
      policy: { Version: '2012-10-17' },
      rotation: {
        enabled: true,
        of: 'acme/db',
        lambdaArn: 'arn:f',
        rules: { scheduleExpression: 'rate(10 days)', duration: '2h' },
      },
    };
    expect(await write(attributes)).toEqual([]);
    const SecretId = 'acme/db';
    expect(changes()).toEqual([
      ['UntagResource', { SecretId, TagKeys: ['old'] }],
      ['TagResource', { SecretId, Tags: [{ Key: 'a', Value: '1' }] }],
      ['ReplicateSecretToRegions', { SecretId, AddReplicaRegions: [{ Region: 'eu-west-2', KmsKeyId: 'alias/new' }] }],
      ['PutResourcePolicy', { SecretId, ResourcePolicy: '{"Version":"2012-10-17"}' }],
      [
        'RotateSecret',
        {
          ...{ SecretId, RotateImmediately: false, RotationLambdaARN: 'arn:f' },
          RotationRules: { ScheduleExpression: 'rate(10 days)', Duration: '2h' },
        },
      ],
    ]);
  });

  it.each([
    ['was not there', undefined],
    ['had another key', [{ region: 'eu-west-2', kmsKeyId: 'alias/then' }]],
  ])('removes no replica that %s, which would be gone for its readers, and names it', async (_, replicaRegions) => {
    holds({ ReplicationStatus: [{ Region: 'eu-west-2', KmsKeyId: 'alias/now' }] });
    expect(await write(replicaRegions === undefined ? {} : { replicaRegions })).toEqual(['replicaRegions']);
    expect(changes()).toEqual([]);
  });

  it('never switches on the rotation of a secret under another name, whose password it would change, and names it', async () => {
    const rotation = { enabled: true, of: 'other/db', lambdaArn: 'arn:f' };
    for (const before of [holdsNothing, holds]) {
      before();
      secrets.resetHistory();
      expect(await write({ rotation })).toEqual(['rotation']);
      expect(changed()).not.toContain('RotateSecret');
    }
  });

  it('takes away a policy and a rotation that were not there', async () => {
    holds({ RotationEnabled: true, RotationLambdaARN: 'arn:f' });
    secrets.on(GetResourcePolicyCommand).resolves({ ResourcePolicy: '{}' });
    expect(await write()).toEqual([]);
    expect(changed()).toEqual(['DeleteResourcePolicy', 'CancelRotateSecret']);
  });

  it('never switches a rotation on that was off, and names what it cannot set without that', async () => {
    holdsNothing();
    expect(await write({ rotation: { enabled: false, lambdaArn: 'arn:f' } })).toEqual(['rotation']);
    holds({ RotationEnabled: true, RotationLambdaARN: 'arn:f' });
    secrets.resetHistory();
    expect(await write({ rotation: { enabled: false, lambdaArn: 'arn:f' } })).toEqual([]);
    expect(changed()).toEqual(['CancelRotateSecret']);
  });

  it.each([
    [
      'rotation',
      'ResourceNotFoundException',
      { enabled: true, lambdaArn: 'arn:f' },
      () => secrets.on(RotateSecretCommand),
    ],
    ['rotation', 'AccessDeniedException', { enabled: true, lambdaArn: 'arn:f' }, () => secrets.on(RotateSecretCommand)],
    [
      'replicaRegions',
      'InvalidParameterException',
      [{ region: 'x' }],
      () => secrets.on(ReplicateSecretToRegionsCommand),
    ],
    ['policy', 'MalformedPolicyDocumentException', {}, () => secrets.on(PutResourcePolicyCommand)],
    ['policy', 'PublicPolicyException', {}, () => secrets.on(PutResourcePolicyCommand)],
    ['tags', 'AccessDeniedException', [['a', '1']], () => secrets.on(TagResourceCommand)],
  ] as const)('leaves out %s when it is refused with %s, and names it', async (name, error, value, on) => {
    holds();
    on().rejects(refusal(error));
    expect(await write({ [name]: value })).toEqual([name]);
  });

  it('names replicas that fail at once, and tags that only AWS sets', async () => {
    holds();
    secrets.on(ReplicateSecretToRegionsCommand).resolves({ ReplicationStatus: [{ Region: 'x', Status: 'Failed' }] });
    expect(await write({ replicaRegions: [{ region: 'x' }], tags: [['aws:x', '1']] })).toEqual([
      'tags',
      'replicaRegions',
    ]);
  });

  it('does not take a throttle for a refusal', async () => {
    holds();
    secrets.on(TagResourceCommand).rejects(refusal('ThrottlingException'));
    await expect(write({ tags: [['a', '1']] })).rejects.toThrow(TransientError);
  });

  it.each(['EncryptionFailure', 'KMS.NotFoundException'])(
    'never takes another key when its own is refused by %s',
    async (name) => {
      holdsNothing();
      secrets.on(CreateSecretCommand).rejects(refusal(name));
      await expect(write({ kmsKeyId: 'alias/own' })).rejects.toThrow(/alias\/own cannot be used here/);
      holds();
      secrets.on(UpdateSecretCommand).rejects(refusal(name));
      await expect(write({ kmsKeyId: 'alias/own' })).rejects.toThrow(InvalidInputError);
      expect(
        secrets.commandCalls(CreateSecretCommand).every(({ args }) => args[0].input.KmsKeyId === 'alias/own'),
      ).toBe(true);
    },
  );

  it('calls back a secret that waits to be deleted', async () => {
    holds();
    const there = { ARN, LastChangedDate: CHANGED, VersionIdsToStages: { [TWO]: ['AWSCURRENT'] } };
    secrets
      .on(DescribeSecretCommand)
      .resolvesOnce({ ...there, DeletedDate: CHANGED })
      .resolves(there);
    expect(await write()).toEqual([]);
    expect(changed()).toEqual(['RestoreSecret']);
  });

  it('fails this secret alone where it is managed by another service, a replica, or has a value that it should not have', async () => {
    for (const [described, text, words] of [
      [{ OwningService: 'rds' }, textOf(CURRENT), 'managed by rds'],
      [{ PrimaryRegion: 'us-east-1' }, textOf(CURRENT), 'replica'],
      [{}, textOf(), 'has a value'],
    ] as const) {
      holds(described);
      const error: unknown = await write({}, text).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(InvalidInputError);
      expect(error).toMatchObject({ message: expect.stringContaining(words), context: {} });
    }
    expect(changed()).toEqual([]);
  });

  it('makes a secret of its own of one that another service managed, and says so', async () => {
    holdsNothing();
    expect(await write({ owningService: 'rds', later: 1 })).toEqual(['later', 'owningService']);
    holds();
    expect(await write({ owningService: 'rds' })).toEqual(['owningService']);
  });

  it.each(['LimitExceededException', 'InvalidRequestException', 'InvalidParameterException', 'ValidationException'])(
    'fails this secret alone on %s',
    async (name) => {
      holdsNothing();
      secrets.on(CreateSecretCommand).rejects(refusal(name));
      const error: unknown = await write().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(InvalidInputError);
      expect(error).toMatchObject({ context: {} });
    },
  );

  it('says when somebody else changes it at the same time', async () => {
    holdsNothing();
    secrets.on(CreateSecretCommand).rejects(refusal('ResourceExistsException'));
    await expect(write()).rejects.toThrow(ConflictError);
    holds();
    secrets.on(UpdateSecretCommand).rejects(absent());
    await expect(write({ description: 'd' })).rejects.toThrow(ConflictError);
    holds({ DeletedDate: CHANGED });
    await expect(write()).rejects.toThrow(ConflictError);
  });

  it.each([
    'hunter2',
    '{"versions":{}}',
    '{"versions":[{"versionId":"a","stages":["AWSCURRENT"]}]}',
    '{"versions":[{"versionId":"a","stages":["AWSCURRENT"],"string":"hunter2","binary":""}]}',
    '{"versions":[{"versionId":"a","stages":["AWSCURRENT"],"binary":"hunter2!"}]}',
    '{"versions":[{"versionId":"a","stages":[],"string":"hunter2"}]}',
    '{"versions":[{"versionId":"a","stages":["x"],"string":"hunter2"}]}',
    '{"versions":[{"versionId":"a","stages":["AWSCURRENT"],"string":"hunter2"},{"versionId":"b","stages":["AWSCURRENT"],"string":"b"}]}',
    '{"versions":[{"versionId":"a","stages":["AWSCURRENT"],"string":"hunter2"},{"versionId":"a","stages":["x"],"string":"b"}]}',
    `${'['.repeat(100_000)}`,
  ])('refuses content that no secret has, without a word of it, before any request (%#)', async (text) => {
    const error: unknown = await write({}, text).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidInputError);
    expect(error).not.toHaveProperty('cause');
    expect(String(error)).not.toContain('hunter2');
    expect(secrets.calls()).toHaveLength(0);
  });

  it('refuses entries of other kinds and other names, before any request', async () => {
    await expect(write({ type: 'parameter' })).rejects.toThrow(InvalidInputError);
    await expect(write({}, textOf(CURRENT), 'a:b')).rejects.toThrow(InvalidInputError);
    expect(secrets.calls()).toHaveLength(0);
  });

  it('writes without what a sandbox leaves out', async () => {
    holdsNothing();
    const all: Attributes = {
      description: 'd',
      rotation: { enabled: true },
      replicaRegions: [{ region: 'x' }],
      policy: {},
    };
    expect(
      await write(Object.fromEntries(Object.entries(all).filter(([name]) => !SANDBOX_LEAVES_OUT.includes(name)))),
    ).toEqual([]);
    expect(changed()).toEqual(['CreateSecret']);
  });
});

describe('removing a secret', () => {
  it('leaves it the default time to be called back', async () => {
    holds();
    await source().remove(LISTED.key);
    expect(changes()).toEqual([['DeleteSecret', { SecretId: 'acme/db' }]]);
  });

  it('takes for success that it is absent, vanishes meanwhile, waits already, or cannot be', async () => {
    holdsNothing();
    await source().remove(LISTED.key);
    holds({ DeletedDate: CHANGED });
    await source().remove(LISTED.key);
    await source().remove(keyFromText('a:b'));
    expect(changed()).toEqual([]);
    holds();
    secrets.on(DeleteSecretCommand).rejects(absent());
    await source().remove(LISTED.key);
  });

  it('refuses one that another service manages, or that has replicas, which would be gone at once', async () => {
    for (const described of [{ OwningService: 'rds' }, { ReplicationStatus: [{ Region: 'us-east-1' }] }]) {
      holds(described);
      await expect(source().remove(LISTED.key)).rejects.toThrow(InvalidInputError);
    }
    expect(changed()).toEqual([]);
  });

  it('deletes beyond recall in sandboxes only', async () => {
    await deleteSecretNow(client, 'holdfast-sandbox/1/db');
    expect(changes()).toEqual([
      ['DeleteSecret', { SecretId: 'holdfast-sandbox/1/db', ForceDeleteWithoutRecovery: true }],
    ]);
    secrets.on(DeleteSecretCommand).rejects(absent());
    await deleteSecretNow(client, 'holdfast-sandbox/1/db');
    secrets.on(DeleteSecretCommand).rejects(refusal('ThrottlingException'));
    await expect(deleteSecretNow(client, 'holdfast-sandbox/1/db')).rejects.toThrow(TransientError);
    secrets.resetHistory();
    for (const name of ['acme/db', 'acme/holdfast-sandbox/1', 'holdfast-sandbox-of-ours/db'])
      await expect(deleteSecretNow(client, name)).rejects.toThrow(InvalidInputError);
    expect(changed()).toEqual([]);
  });
});
