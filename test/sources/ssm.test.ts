import {
  AddTagsToResourceCommand,
  DeleteParameterCommand,
  DescribeParametersCommand,
  GetParameterCommand,
  GetParameterHistoryCommand,
  LabelParameterVersionCommand,
  ListTagsForResourceCommand,
  type ParameterHistory,
  PutParameterCommand,
  RemoveTagsFromResourceCommand,
  SSMClient,
  UnlabelParameterVersionCommand,
} from '@aws-sdk/client-ssm';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Attributes, keyFromText, type PresentEntry } from '../../functions/core/entry.ts';
import {
  AccessDeniedError,
  ConflictError,
  IntegrityError,
  InvalidInputError,
  messageOf,
  TransientError,
} from '../../functions/core/errors.ts';
import { SANDBOX_LEAVES_OUT } from '../../functions/sources/ssm/sandbox.ts';
import { ssmSource } from '../../functions/sources/ssm.ts';
import { listAll, readEntry } from '../contracts/source.ts';

const ssm = mockClient(SSMClient);
let onSleep = () => {};
const source = () =>
  ssmSource(new SSMClient({ region: 'eu-west-1' }), { scheme: 'ssm', prefix: '/acme/' }, async () => onSleep());
const MODIFIED = new Date('2026-01-02T03:04:05.678Z');
const LISTED = { key: keyFromText('db'), fingerprint: undefined, sizeBytes: undefined };
const refusal = (name: string, message = 'no') =>
  Object.assign(new Error(message), {
    name,
    $metadata: { httpStatusCode: name === 'InternalServerError' ? 500 : 400 },
  });

/** SSM as it holds /acme/db in one version. */
function holds(more: Partial<ParameterHistory> = {}, tags: readonly { Key: string; Value: string }[] = []) {
  const latest = {
    ...{ Name: '/acme/db', Type: 'String' as const, Value: 'v', Version: 3, LastModifiedDate: MODIFIED },
    ...{ Tier: 'Standard' as const, DataType: 'text', Labels: [], Policies: [], LastModifiedUser: 'arn:someone' },
    ...more,
  };
  ssm.on(GetParameterCommand).resolves({ Parameter: latest });
  ssm.on(GetParameterHistoryCommand).resolves({ Parameters: [latest] });
  ssm.on(ListTagsForResourceCommand).resolves({ TagList: [...tags] });
}
function holdsNothing() {
  ssm.on(GetParameterCommand).rejects(refusal('ParameterNotFound'));
  ssm.on(GetParameterHistoryCommand).rejects(refusal('ParameterNotFound'));
  ssm.on(ListTagsForResourceCommand).rejects(refusal('InvalidResourceId'));
}

const attributesOf = (more: Attributes = {}): Attributes => ({
  ...{ type: 'parameter', parameterType: 'String', tier: 'Standard' },
  ...more,
});
const write = (more: Attributes = {}, value: string | Buffer = 'v', key = 'db') => {
  const bytes = Buffer.from(value);
  const entry: PresentEntry = {
    ...{ key: keyFromText(key), state: 'present', fingerprint: '', attributes: attributesOf(more) },
    ...{ sha256: '', sizeBytes: bytes.length, extents: [] },
  };
  return source().write(
    entry,
    (async function* () {
      yield bytes;
    })(),
  );
};
const putInputs = () => ssm.commandCalls(PutParameterCommand).map(({ args }) => args[0].input);

beforeEach(() => {
  onSleep = () => {};
  ssm.reset();
  ssm.on(PutParameterCommand).resolves({ Version: 4 });
  ssm.on(LabelParameterVersionCommand).resolves({ InvalidLabels: [] });
  ssm.on(UnlabelParameterVersionCommand).resolves({});
  ssm.on(AddTagsToResourceCommand).resolves({});
  ssm.on(RemoveTagsFromResourceCommand).resolves({});
});

describe('listing parameters', () => {
  it('pages to the end, in byte order, and takes the prefix literally where SSM does not', async () => {
    ssm
      .on(DescribeParametersCommand, { NextToken: undefined })
      .resolves({ Parameters: [{ Name: '/acme/b' }, { Name: 'acme/x' }, { Name: '/acme/a' }], NextToken: 't' });
    ssm.on(DescribeParametersCommand, { NextToken: 't' }).resolves({ Parameters: [], NextToken: 'u' });
    ssm
      .on(DescribeParametersCommand, { NextToken: 'u' })
      .resolves({ Parameters: [{ Name: '/ACME/c' }, { Name: '/acme/B' }, { Name: '/acme/a' }] });
    expect(await listAll(source())).toEqual(
      ['B', 'a', 'b'].map((name) => ({ key: keyFromText(name), fingerprint: undefined, sizeBytes: undefined })),
    );
    expect(ssm.commandCalls(DescribeParametersCommand)[0]?.args[0].input).toMatchObject({
      ParameterFilters: [{ Key: 'Name', Option: 'BeginsWith', Values: ['/acme/'] }],
    });
  });

  it.each(['', '/'])('asks for all names where the prefix "%s" is nothing to filter by', async (prefix) => {
    ssm.on(DescribeParametersCommand).resolves({ Parameters: [{ Name: '/a' }] });
    const [line] = await listAll(ssmSource(new SSMClient({ region: 'eu-west-1' }), { scheme: 'ssm', prefix }));
    expect(line?.key).toBe(keyFromText('/a'.slice(prefix.length)));
    expect(ssm.commandCalls(DescribeParametersCommand)[0]?.args[0].input).not.toHaveProperty('ParameterFilters');
  });

  it('never takes a failed page for the end', async () => {
    ssm.on(DescribeParametersCommand, { NextToken: undefined }).resolves({ Parameters: [], NextToken: 't' });
    ssm.on(DescribeParametersCommand, { NextToken: 't' }).rejects(refusal('ThrottlingException'));
    await expect(listAll(source())).rejects.toThrow(TransientError);
    ssm.on(DescribeParametersCommand, { NextToken: 't' }).resolves({});
    await expect(listAll(source())).rejects.toThrow(IntegrityError);
    ssm.on(DescribeParametersCommand, { NextToken: 't' }).rejects(refusal('AccessDeniedException'));
    await expect(listAll(source())).rejects.toThrow(AccessDeniedError);
  });
});

describe('opening a parameter', () => {
  it('gives the value as content, all else as attributes, and asks to decrypt nothing but the latest version', async () => {
    holds(
      {
        ...{ Type: 'SecureString', KeyId: 'alias/own', Description: 'd', Tier: 'Advanced', AllowedPattern: '.*' },
        ...{ DataType: 'aws:ec2:image', Labels: ['z', 'a'], Value: 'ü' },
        Policies: [{ PolicyText: '{ "Type": "Expiration" }', PolicyStatus: 'Pending' }, { PolicyText: 'no JSON' }],
      },
      [
        { Key: 'b', Value: '2' },
        { Key: 'a', Value: '1' },
      ],
    );
    const found = await readEntry(source(), LISTED);
    expect(found.content).toEqual(Buffer.from('ü'));
    expect(found.sizeBytes).toBe(2);
    expect(found.attributes).toEqual({
      ...{ type: 'parameter', parameterType: 'SecureString', keyId: 'alias/own', description: 'd', tier: 'Advanced' },
      ...{ allowedPattern: '.*', dataType: 'aws:ec2:image', labels: ['a', 'z'] },
      policies: ['no JSON', { Type: 'Expiration' }],
      tags: [
        ['a', '1'],
        ['b', '2'],
      ],
    });
    expect(ssm.commandCalls(GetParameterHistoryCommand)[0]?.args[0].input).not.toHaveProperty('WithDecryption');
    expect(ssm.calls()).toHaveLength(3);
  });

  it('finds the latest version on the last page of the history', async () => {
    holds();
    const [old, latest] = [2, 3].map((Version) => ({ Version, LastModifiedDate: MODIFIED, Labels: [`v${Version}`] }));
    ssm.on(GetParameterHistoryCommand, { NextToken: undefined }).resolves({ Parameters: [old ?? {}], NextToken: 't' });
    ssm.on(GetParameterHistoryCommand, { NextToken: 't' }).resolves({ Parameters: [latest ?? {}] });
    expect((await readEntry(source(), LISTED)).attributes).toMatchObject({ labels: ['v3'] });
  });

  it.each([
    ['the version', { Version: 4 }],
    ['the time', { LastModifiedDate: new Date('2026-01-02T03:04:06Z') }],
    ['the description', { Description: 'other' }],
    ['a label', { Labels: ['x'] }],
  ])('gives another fingerprint when %s differs', async (_, more) => {
    holds();
    const { fingerprint } = await readEntry(source(), LISTED);
    expect((await readEntry(source(), LISTED)).fingerprint).toBe(fingerprint);
    holds(more);
    expect((await readEntry(source(), LISTED)).fingerprint).not.toBe(fingerprint);
  });

  it.each([{ Version: 4 }, { LastModifiedDate: new Date('2026-01-02T03:04:06Z') }])(
    'never mixes two versions: it reads again, and in the end names the parameter (%j)',
    async (newer) => {
      holds();
      const other = { Version: 3, LastModifiedDate: MODIFIED, Type: 'String' as const, ...newer };
      ssm.on(GetParameterHistoryCommand).resolves({ Parameters: [other] });
      expect(await source().open(LISTED)).toMatchObject({
        state: 'unprotected',
        reason: expect.stringContaining('changed each of the 4 times'),
      });
      expect(ssm.commandCalls(GetParameterCommand)).toHaveLength(4);
      ssm.on(GetParameterCommand).resolves({ Parameter: { Value: 'v', ...other } });
      expect(await source().open(LISTED)).toMatchObject({ state: 'open' });
    },
  );

  it('tells a parameter that is gone, before and between the requests', async () => {
    holdsNothing();
    expect(await source().open(LISTED)).toEqual({ state: 'gone' });
    holds();
    ssm.on(ListTagsForResourceCommand).rejects(refusal('InvalidResourceId'));
    expect(await source().open(LISTED)).toEqual({ state: 'gone' });
    holds();
    ssm.on(GetParameterHistoryCommand).rejects(refusal('ParameterNotFound'));
    expect(await source().open(LISTED)).toEqual({ state: 'gone' });
  });

  it('never asks for a name that SSM would read as a version or a label', async () => {
    for (const name of ['db:1', 'db:live', '', 'a b', 'ü'])
      expect(
        await ssmSource(new SSMClient({}), { scheme: 'ssm', prefix: '' }).open({ ...LISTED, key: keyFromText(name) }),
      ).toEqual({
        state: 'gone',
      });
    expect(ssm.calls()).toHaveLength(0);
  });

  it.each([
    ['AccessDeniedException', 'not authorized to perform: ssm:GetParameter'],
    ['AccessDeniedException', 'The ciphertext refers to a customer master key that you are not allowed to access.'],
    ['InvalidKeyId', 'key/1 is disabled'],
    ['KMS.DisabledException', 'key/1 is disabled'],
  ])('names a parameter that is refused by %s, with its words, as denied', async (name, words) => {
    holds();
    ssm.on(GetParameterCommand).rejects(refusal(name, words));
    expect(await source().open(LISTED)).toEqual({
      ...{ state: 'unprotected', denied: true },
      reason: expect.stringContaining(words),
    });
  });

  it('blames no parameter for bad credentials, a throttle or a failing service', async () => {
    holds();
    ssm.on(GetParameterCommand).rejects(refusal('UnrecognizedClientException'));
    await expect(source().open(LISTED)).rejects.toThrow(AccessDeniedError);
    for (const name of ['ThrottlingException', 'TooManyUpdates', 'InternalServerError']) {
      ssm.on(GetParameterHistoryCommand).rejects(refusal(name));
      holds();
      ssm.on(ListTagsForResourceCommand).rejects(refusal(name));
      await expect(source().open(LISTED)).rejects.toThrow(TransientError);
    }
  });

  it('never takes an answer without a value for a value', async () => {
    holds();
    ssm.on(GetParameterCommand).resolves({ Parameter: { Version: 3, LastModifiedDate: MODIFIED } });
    await expect(source().open(LISTED)).rejects.toThrow('without the value');
    holds();
    ssm.on(GetParameterHistoryCommand).resolves({ Parameters: [] });
    await expect(source().open(LISTED)).rejects.toThrow('empty history');
    ssm.on(GetParameterHistoryCommand).resolves({ Parameters: [{ Version: 3 }] });
    await expect(source().open(LISTED)).rejects.toThrow('without the version or time');
    await expect(source().open(LISTED)).rejects.toThrow(IntegrityError);
    holdsNothing();
    ssm.on(PutParameterCommand).resolves({});
    await expect(write()).rejects.toThrow(IntegrityError);
  });
});

describe('writing a parameter', () => {
  it('makes a new one in one request with its tags, and labels that version', async () => {
    holdsNothing();
    ssm.on(PutParameterCommand).resolves({ Version: 1 });
    expect(
      await write({
        ...{
          parameterType: 'SecureString',
          keyId: 'alias/own',
          description: 'd',
          allowedPattern: '.*',
          labels: ['live'],
        },
        ...{
          tags: [['a', '1']],
          policies: [{ Type: 'Expiration' }],
          tier: 'Advanced',
          dataType: 'aws:ssm:integration',
        },
      }),
    ).toEqual([]);
    expect(putInputs()).toEqual([
      {
        ...{
          Name: '/acme/db',
          Value: 'v',
          Type: 'SecureString',
          KeyId: 'alias/own',
          Description: 'd',
          Tier: 'Advanced',
        },
        ...{ AllowedPattern: '.*', DataType: 'aws:ssm:integration', Policies: '[{"Type":"Expiration"}]' },
        Tags: [{ Key: 'a', Value: '1' }],
      },
    ]);
    expect(ssm.commandCalls(LabelParameterVersionCommand)[0]?.args[0].input).toEqual({
      ...{ Name: '/acme/db', ParameterVersion: 1, Labels: ['live'] },
    });
    expect(ssm.commandCalls(AddTagsToResourceCommand)).toHaveLength(0);
  });

  it('replaces one that is there, and clears what it has too much', async () => {
    holds(
      {
        ...{ Description: 'old', AllowedPattern: '.*', DataType: 'aws:ec2:image', Labels: ['old'] },
        Policies: [{ PolicyText: '{"Type":"Expiration"}' }],
      },
      [
        { Key: 'old', Value: '' },
        { Key: 'a', Value: '0' },
        { Key: 'aws:cloudformation:stack-name', Value: 's' },
      ],
    );
    expect(await write({ tags: [['a', '1']], labels: ['live'] })).toEqual([]);
    expect(putInputs()).toEqual([
      {
        ...{ Name: '/acme/db', Value: 'v', Type: 'String', Tier: 'Standard', Overwrite: true },
        ...{ Description: '', AllowedPattern: '', DataType: 'text', Policies: '[{}]' },
      },
    ]);
    expect(ssm.commandCalls(RemoveTagsFromResourceCommand)[0]?.args[0].input.TagKeys).toEqual(['old']);
    expect(ssm.commandCalls(AddTagsToResourceCommand)[0]?.args[0].input.Tags).toEqual([{ Key: 'a', Value: '1' }]);
    expect(ssm.commandCalls(LabelParameterVersionCommand)[0]?.args[0].input.ParameterVersion).toBe(4);
    expect(ssm.commandCalls(UnlabelParameterVersionCommand)).toHaveLength(0);
  });

  it.each([
    ['new', holdsNothing],
    ['there', holds],
  ])(
    'waits until SSM has judged the image that a parameter names, which is %s, and only then labels it',
    async (_, before) => {
      before();
      onSleep = () => holds({ Value: 'ami-1', Version: 4, DataType: 'aws:ec2:image' });
      expect(await write({ dataType: 'aws:ec2:image', labels: ['live'] }, 'ami-1')).toEqual([]);
      const asked = ssm.calls().map(({ args }) => args[0].constructor.name);
      expect(asked.slice(asked.indexOf('PutParameterCommand'))).toEqual([
        'PutParameterCommand',
        'GetParameterCommand',
        'GetParameterCommand',
        'LabelParameterVersionCommand',
      ]);
    },
  );

  it('never takes an image that SSM did not take for restored, nor tells the value', async () => {
    holds({ DataType: 'aws:ec2:image' });
    const writing = write({ dataType: 'aws:ec2:image' }, 'ami-1');
    await expect(writing).rejects.toThrow(InvalidInputError);
    await expect(writing).rejects.not.toThrow(/ami-1/);
    expect(await write({ dataType: 'aws:ec2:image' })).toEqual([]);
  });

  it('makes no new version of one that is equal, but brings tags and labels in line', async () => {
    holds({ Labels: ['old', 'kept'] });
    expect(await write({ labels: ['kept', 'new'] })).toEqual([]);
    expect(putInputs()).toEqual([]);
    expect(ssm.commandCalls(UnlabelParameterVersionCommand)[0]?.args[0].input).toEqual({
      ...{ Name: '/acme/db', ParameterVersion: 3, Labels: ['old'] },
    });
    expect(ssm.commandCalls(LabelParameterVersionCommand)[0]?.args[0].input.Labels).toEqual(['new']);
  });

  it('writes over one whose key cannot be used any more', async () => {
    holds();
    ssm.on(GetParameterCommand).rejects(refusal('InvalidKeyId'));
    expect(await write()).toEqual([]);
    expect(putInputs()).toHaveLength(1);
  });

  it('writes over one that changed between the two reads', async () => {
    holds();
    ssm.on(GetParameterCommand).resolves({ Parameter: { Value: 'v', Version: 4, LastModifiedDate: MODIFIED } });
    await write();
    expect(putInputs()).toHaveLength(1);
  });

  describe('whose time is over', () => {
    const policyOf = (Type: string, Attributes: Attributes) => ({ Type, Version: '1.0', Attributes });
    const notice = policyOf('ExpirationNotification', { Before: '1', Unit: 'Days' });
    const unchanged = policyOf('NoChangeNotification', { After: '20', Unit: 'Days' });
    const expiring = (Timestamp: string) => [policyOf('Expiration', { Timestamp }), unchanged, notice];

    it.each(['2020-01-02T03:04:05.000Z', '2020-01-02T03:04:05+02:00'])(
      'comes back without that time, by which SSM would delete it again, and that is named: %s',
      async (time) => {
        holdsNothing();
        expect(await write({ tier: 'Advanced', policies: expiring(time) })).toEqual(['policies']);
        expect(JSON.parse(putInputs()[0]?.Policies ?? '')).toEqual([unchanged]);
      },
    );

    it('gets no new version when it is back already', async () => {
      holds({ Tier: 'Advanced', Policies: [{ PolicyText: JSON.stringify(unchanged) }] });
      const policies = expiring('2020-01-02T03:04:05.000Z');
      expect(await write({ tier: 'Advanced', policies })).toEqual(['policies']);
      expect(putInputs()).toEqual([]);
    });

    it('only later comes back with it', async () => {
      holdsNothing();
      const policies = expiring('9999-01-02T03:04:05.000Z');
      expect(await write({ tier: 'Advanced', policies })).toEqual([]);
      expect(JSON.parse(putInputs()[0]?.Policies ?? '')).toEqual(policies);
    });
  });

  it('keeps the advanced tier, which cannot be left, and says so', async () => {
    holds({ Tier: 'Advanced' });
    expect(await write({}, 'other')).toEqual(['tier']);
    expect(putInputs()[0]?.Tier).toBe('Advanced');
    expect(await write()).toEqual(['tier']);
    expect(putInputs()).toHaveLength(1);
  });

  it('takes the advanced tier for a value of more than 4 KB that says none', async () => {
    holdsNothing();
    for (const [bytes, tier] of [
      [4096, undefined],
      [4097, 'Advanced'],
    ] as const) {
      ssm.resetHistory();
      const { tier: _, ...attributes } = attributesOf();
      const entry: PresentEntry = {
        ...{
          key: LISTED.key,
          state: 'present',
          fingerprint: '',
          attributes,
          sha256: '',
          sizeBytes: bytes,
          extents: [],
        },
      };
      await source().write(
        entry,
        (async function* () {
          yield Buffer.alloc(bytes, 'x');
        })(),
      );
      expect(putInputs()[0]?.Tier).toBe(tier);
    }
  });

  it('never takes another key than the stored one: where that is refused, nothing is written', async () => {
    holdsNothing();
    for (const error of [
      refusal('InvalidKeyId', 'no such key'),
      refusal('AccessDeniedException', 'not authorized to perform: kms:Encrypt'),
    ]) {
      ssm.on(PutParameterCommand).rejects(error);
      const writing = write({ parameterType: 'SecureString', keyId: 'alias/own' });
      await expect(writing).rejects.toThrow(InvalidInputError);
      await expect(writing).rejects.toThrow(/alias\/own cannot be used here/);
    }
    expect(putInputs().every(({ KeyId }) => KeyId === 'alias/own')).toBe(true);
    ssm.on(PutParameterCommand).resolves({ Version: 1 });
    await write({ parameterType: 'SecureString' });
    expect(putInputs().at(-1)?.KeyId).toBe('alias/aws/ssm');
  });

  it.each([
    'HierarchyTypeMismatchException',
    'HierarchyLevelLimitExceededException',
    'ParameterMaxVersionLimitExceeded',
    'ParameterPatternMismatchException',
    'ParameterLimitExceeded',
    'UnsupportedParameterType',
    'ValidationException',
  ])('fails this parameter alone on %s, and deletes nothing to get its way', async (name) => {
    holds({ Type: 'SecureString', KeyId: 'alias/aws/ssm' });
    ssm.on(PutParameterCommand).rejects(refusal(name));
    const error: unknown = await write().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidInputError);
    // With the context of the service's answer the restore would take it for an error of the whole place.
    expect(error).toMatchObject({ context: {} });
    expect(messageOf(error)).toContain('/acme/db');
    expect(ssm.commandCalls(DeleteParameterCommand)).toHaveLength(0);
  });

  it.each([
    'IncompatiblePolicyException',
    'InvalidPolicyAttributeException',
    'InvalidPolicyTypeException',
    'PoliciesLimitExceededException',
  ])('leaves policies out that SSM refuses with %s, and names them', async (name) => {
    holds({ Policies: [{ PolicyText: '{"Type":"Other"}' }] });
    ssm.on(PutParameterCommand).rejectsOnce(refusal(name)).resolves({ Version: 4 });
    expect(await write({ policies: [{ Type: 'Expiration' }] })).toEqual(['policies']);
    expect(putInputs().map(({ Policies }) => Policies)).toEqual(['[{"Type":"Expiration"}]', '[{}]']);
  });

  it('names labels that SSM refuses, tags that only AWS sets, and attributes that it does not know', async () => {
    holdsNothing();
    ssm.on(LabelParameterVersionCommand).resolves({ InvalidLabels: ['1st'] });
    expect(
      await write({
        labels: ['1st'],
        tags: [
          ['aws:x', '1'],
          ['y', '2'],
        ],
        later: true,
      }),
    ).toEqual([...['later', 'tags', 'labels']]);
    expect(putInputs()[0]?.Tags).toEqual([{ Key: 'y', Value: '2' }]);
  });

  it('stops at what concerns the whole place', async () => {
    holds();
    for (const [name, expected] of [
      ['AccessDeniedException', AccessDeniedError],
      ['ThrottlingException', TransientError],
      ['TooManyUpdates', TransientError],
    ] as const) {
      ssm.on(PutParameterCommand).rejects(refusal(name));
      await expect(write({}, 'other')).rejects.toThrow(expected);
    }
  });

  it('says when somebody else changes it at the same time', async () => {
    holdsNothing();
    ssm.on(PutParameterCommand).rejects(refusal('ParameterAlreadyExists'));
    await expect(write()).rejects.toThrow(ConflictError);
    ssm.on(PutParameterCommand).resolves({ Version: 1 });
    ssm.on(LabelParameterVersionCommand).rejects(refusal('ParameterVersionNotFound'));
    await expect(write({ labels: ['live'] })).rejects.toThrow(ConflictError);
  });

  it('refuses entries of other kinds, other names and contents that are no text, before any request', async () => {
    for (const writing of [
      () => write({ type: 'secret' }),
      () => write({ parameterType: 'Number' }),
      () => write({}, 'v', 'db:1'),
      () => write({}, Buffer.from([0xff])),
    ])
      await expect(writing()).rejects.toThrow(InvalidInputError);
    expect(ssm.calls()).toHaveLength(0);
  });

  it('writes without what a sandbox leaves out', async () => {
    holdsNothing();
    const all = attributesOf({ policies: [{ Type: 'Expiration' }] });
    const rest = Object.fromEntries(Object.entries(all).filter(([name]) => !SANDBOX_LEAVES_OUT.includes(name)));
    expect(rest).not.toHaveProperty('policies');
    expect(await write(rest)).toEqual([]);
    expect(putInputs()[0]).not.toHaveProperty('Policies');
  });
});

describe('removing a parameter', () => {
  it('deletes it, takes absence for success, and never asks for a name that is none', async () => {
    ssm.on(DeleteParameterCommand).resolvesOnce({}).rejects(refusal('ParameterNotFound'));
    await source().remove(LISTED.key);
    await source().remove(LISTED.key);
    await source().remove(keyFromText('db:1'));
    expect(ssm.commandCalls(DeleteParameterCommand).map(({ args }) => args[0].input)).toEqual([
      { Name: '/acme/db' },
      { Name: '/acme/db' },
    ]);
    ssm.on(DeleteParameterCommand).rejects(refusal('AccessDeniedException'));
    await expect(source().remove(LISTED.key)).rejects.toThrow(AccessDeniedError);
  });
});

describe('attributes of a parameter', () => {
  it.each([
    [{}, {}, undefined],
    [{ description: 'hunter2' }, { description: 'other' }, 'description is not as it was'],
    [{ description: 'hunter2' }, {}, 'description is missing'],
    [{}, { keyId: 'alias/x' }, 'keyId was added'],
    [{ tags: [['aws:x', '1']] }, {}, undefined],
    [
      {
        tags: [
          ['aws:x', '1'],
          ['a', '1'],
        ],
      },
      { tags: [['a', '1']] },
      undefined,
    ],
    [{ tags: [['a', '1']] }, { tags: [['a', '2']] }, 'tags is not as it was'],
  ])('differ by name, never by value: %j and %j', (stored, found, expected) => {
    expect(source().attributesDiffer(attributesOf(stored), attributesOf(found))).toBe(expected);
  });
});
