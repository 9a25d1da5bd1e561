import { Buffer } from 'node:buffer';
import {
  AddPermissionCommand,
  CreateAliasCommand,
  CreateEventSourceMappingCommand,
  CreateFunctionCommand,
  CreateFunctionUrlConfigCommand,
  DeleteEventSourceMappingCommand,
  DeleteFunctionCommand,
  GetFunctionCommand,
  ListEventSourceMappingsCommand,
  PublishLayerVersionCommand,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  UpdateAliasCommand,
  UpdateEventSourceMappingCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { piecesOf } from '../../../functions/core/content.ts';
import { type EntryKey, keyFromText, type PresentEntry } from '../../../functions/core/entry.ts';
import {
  AccessDeniedError,
  IntegrityError,
  InvalidInputError,
  messageOf,
  TransientError,
} from '../../../functions/core/errors.ts';
import { sha256Hex } from '../../../functions/core/ids.ts';
import { parseUri } from '../../../functions/core/uri.ts';
import { lambdaSource } from '../../../functions/sources/lambda.ts';
import { awsError } from '../../fakes/aws.ts';
import {
  arnOf,
  type FakeFunction,
  type FakeLambda,
  fakeFunction,
  fakeLambda,
  LAYER,
  versionOf,
} from '../../fakes/lambda-function.ts';

const SECRET = 'p1anted-va1ue-of-the-environment';
const QUEUE = 'arn:aws:sqs:eu-west-1:111122223333:orders';
const NOW = Buffer.from('the code of now');
const THEN = Buffer.from('the code of then');

let lambda: FakeLambda;
let onSleep: () => void;
beforeEach(async () => {
  lambda = await fakeLambda();
  onSleep = () => undefined;
});
afterEach(() => lambda.stop());

const sourceOf = (text: string) => {
  const uri = parseUri(text);
  if (uri.scheme !== 'lambda') throw new Error(text);
  return lambdaSource(lambda.client, uri, async () => {
    onSleep();
  });
};

/** A function with a published version of other code, and an alias on it. */
function addShop(change: (shop: FakeFunction) => void = () => undefined): FakeFunction {
  const shop = fakeFunction('shop', NOW);
  shop.configuration = versionOf('shop', NOW, { Environment: { Variables: { TOKEN: SECRET } } });
  shop.versions = [versionOf('shop', THEN, { Version: '4', FunctionArn: arnOf('shop:4') })];
  shop.zips.set('4', THEN);
  shop.aliases = [{ Name: 'live', FunctionVersion: '4', AliasArn: arnOf('shop:live') }];
  change(shop);
  lambda.functions.set('shop', shop);
  return shop;
}

interface Kept {
  readonly entry: PresentEntry;
  readonly content: Buffer;
}

async function backUp(name = 'shop'): Promise<Kept> {
  const opened = await sourceOf(`lambda://${name}`).open({
    key: '' as EntryKey,
    fingerprint: undefined,
    sizeBytes: undefined,
  });
  if (opened.state !== 'open') throw new Error(JSON.stringify(opened));
  const parts: Uint8Array[] = [];
  for await (const bytes of piecesOf(opened.content)) parts.push(bytes);
  const content = Buffer.concat(parts);
  const { fingerprint, attributes, sizeBytes } = opened;
  const entry = { key: '' as EntryKey, state: 'present', fingerprint, attributes, sizeBytes, extents: [] } as const;
  return { content, entry: { ...entry, sha256: sha256Hex(content) } };
}

async function* pieces(content: Buffer) {
  for (let at = 0; at < content.length; at += 1_000) yield content.subarray(at, at + 1_000);
}

const restore = ({ entry, content }: Kept, name = 'shop') => sourceOf(`lambda://${name}`).write(entry, pieces(content));

/** Backs the shop up, and takes it away. */
async function backUpAndRemove(change?: (shop: FakeFunction) => void): Promise<Kept> {
  addShop(change);
  const kept = await backUp();
  lambda.functions.delete('shop');
  return kept;
}

/** Answers what a restore of the shop asks for besides. */
function takeEverything(): void {
  let number = 0;
  lambda.mock.on(PublishVersionCommand).callsFake(async () => {
    number += 1;
    const shop = lambda.functions.get('shop');
    const Version = String(number);
    if (shop !== undefined) shop.versions.push({ ...shop.configuration, Version });
    return { Version };
  });
  lambda.mock.on(CreateAliasCommand).resolves({});
  lambda.mock.on(UpdateAliasCommand).resolves({});
}

const inputsOf = (command: Parameters<FakeLambda['mock']['commandCalls']>[0]) =>
  lambda.mock.commandCalls(command).map(({ args }) => args[0].input);

describe('a function that is not there', () => {
  it('is made with its versions, oldest first, then as it was, with its aliases on the numbers that those have now', async () => {
    const kept = await backUpAndRemove();
    takeEverything();
    expect(await restore(kept)).toEqual([]);
    expect(lambda.changes()).toEqual([
      'CreateFunctionCommand',
      'UpdateFunctionCodeCommand',
      'UpdateFunctionConfigurationCommand',
      'PublishVersionCommand',
      'UpdateFunctionCodeCommand',
      'UpdateFunctionConfigurationCommand',
      'CreateAliasCommand',
    ]);
    expect(inputsOf(UpdateFunctionCodeCommand)).toMatchObject([{ ZipFile: THEN }, { ZipFile: NOW }]);
    expect(inputsOf(CreateAliasCommand)).toMatchObject([{ Name: 'live', FunctionVersion: '1' }]);
    expect(inputsOf(CreateFunctionCommand)).toMatchObject([
      { FunctionName: 'shop', Code: { ZipFile: NOW }, Environment: { Variables: { TOKEN: SECRET } } },
    ]);
  });

  it('says which version has another number now', async () => {
    const kept = await backUpAndRemove();
    takeEverything();
    lambda.mock.on(PublishVersionCommand).callsFake(async () => {
      lambda.functions.get('shop')?.versions.push(versionOf('shop', THEN, { Version: '9' }));
      return { Version: '9' };
    });
    expect(await restore(kept)).toEqual(['version 1 of those in the snapshot (it has the number 9 now)']);
    expect(inputsOf(CreateAliasCommand)).toMatchObject([{ FunctionVersion: '9' }]);
  });

  it('is made of its image where it is one', async () => {
    const image = '111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop@sha256:5e7f';
    const kept = await backUpAndRemove((shop) => {
      shop.versions = [];
      shop.aliases = [];
      Object.assign(shop.configuration, {
        PackageType: 'Image',
        ImageConfigResponse: { ImageConfig: { Command: ['run'] } },
      });
      shop.code = { ImageUri: image, ResolvedImageUri: image };
    });
    expect(await restore(kept)).toEqual([]);
    expect(inputsOf(CreateFunctionCommand)).toMatchObject([
      { PackageType: 'Image', Code: { ImageUri: image }, ImageConfig: { Command: ['run'] } },
    ]);
  });

  it('is waited for until Lambda has made it', async () => {
    const kept = await backUpAndRemove((shop) => {
      shop.versions = [];
      shop.aliases = [];
    });
    const states = [{ State: 'Active', LastUpdateStatus: 'InProgress' }, { LastUpdateStatus: 'Successful' }];
    lambda.mock.on(CreateFunctionCommand).callsFake(async () => {
      const made = fakeFunction('shop', NOW);
      Object.assign(made.configuration, { State: 'Pending' });
      lambda.functions.set('shop', made);
      onSleep = () => Object.assign(made.configuration, states.shift());
      return made.configuration;
    });
    await restore(kept);
    expect(states).toEqual([]);
  });

  it('is named with the reason when Lambda cannot make it', async () => {
    const kept = await backUpAndRemove();
    lambda.mock.on(CreateFunctionCommand).callsFake(async () => {
      const shop = fakeFunction('shop', NOW);
      Object.assign(shop.configuration, { State: 'Failed', StateReason: 'no such subnet' });
      lambda.functions.set('shop', shop);
      return shop.configuration;
    });
    await expect(restore(kept)).rejects.toThrow(/no such subnet/);
  });
});

describe('a function that is there', () => {
  it('is not touched when it is as it was', async () => {
    addShop();
    expect(await restore(await backUp())).toEqual([]);
    expect(lambda.changes()).toEqual([]);
  });

  it('gets back its code alone where only that is another', async () => {
    const shop = addShop();
    const kept = await backUp();
    Object.assign(
      shop.configuration,
      versionOf('shop', Buffer.from('broken'), { Environment: { Variables: { TOKEN: SECRET } } }),
    );
    expect(await restore(kept)).toEqual([]);
    expect(lambda.changes()).toEqual(['UpdateFunctionCodeCommand']);
    expect(inputsOf(UpdateFunctionCodeCommand)).toMatchObject([{ ZipFile: NOW, Architectures: ['arm64'] }]);
  });

  it('loses what it did not have', async () => {
    const shop = addShop();
    const kept = await backUp();
    Object.assign(shop.configuration, {
      Description: 'new',
      DeadLetterConfig: { TargetArn: QUEUE },
      VpcConfig: { SubnetIds: ['subnet-1'], SecurityGroupIds: ['sg-1'] },
      LoggingConfig: { LogFormat: 'Text', LogGroup: 'elsewhere' },
    });
    expect(await restore(kept)).toEqual([]);
    expect(inputsOf(UpdateFunctionConfigurationCommand)).toMatchObject([
      {
        Description: '',
        DeadLetterConfig: { TargetArn: '' },
        VpcConfig: { SubnetIds: [], SecurityGroupIds: [] },
        LoggingConfig: { LogGroup: '/aws/lambda/shop' },
        Environment: { Variables: { TOKEN: SECRET } },
      },
    ]);
  });

  it('names its role only where it has another, since that is to pass the role on', async () => {
    const shop = addShop();
    const kept = await backUp();
    const { Role } = shop.configuration;
    Object.assign(shop.configuration, { Timeout: 1 });
    expect(await restore(kept)).toEqual([]);
    Object.assign(shop.configuration, { Role: 'arn:aws:iam::111122223333:role/other' });
    expect(await restore(kept)).toEqual([]);
    expect(inputsOf(UpdateFunctionConfigurationCommand).map((asked) => asked.Role)).toEqual([undefined, Role]);
  });

  it('is not asked for what no image has where it is one', async () => {
    const image = '111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop@sha256:5e7f';
    const shop = addShop((each) => {
      each.versions = [];
      each.aliases = [];
      const { Runtime: _, Handler: __, ...configuration } = each.configuration;
      each.configuration = { ...configuration, PackageType: 'Image' };
      each.code = { ImageUri: image, ResolvedImageUri: image };
    });
    const kept = await backUp();
    Object.assign(shop.configuration, { Timeout: 1 });
    expect(await restore(kept)).toEqual([]);
    const [asked] = inputsOf(UpdateFunctionConfigurationCommand);
    expect(asked).toMatchObject({ Timeout: 20, ImageConfig: { Command: [] } });
    for (const name of ['Layers', 'SnapStart', 'Runtime', 'Handler']) expect(asked).not.toHaveProperty(name);
  });

  it('keeps what is of its own and not in the snapshot, and that is named', async () => {
    const shop = addShop();
    const kept = await backUp();
    shop.aliases.push({ Name: 'new', FunctionVersion: '4' });
    expect(await restore(kept)).toEqual(['alias new (it is not in the snapshot, and is left as it is)']);
    expect(lambda.changes()).toEqual([]);
  });

  it('gets a version published only where something points to it', async () => {
    const shop = addShop((each) =>
      each.versions.push(versionOf('shop', Buffer.from('5'), { Version: '5', FunctionArn: arnOf('shop:5') })),
    );
    shop.zips.set('5', Buffer.from('5'));
    const kept = await backUp();
    shop.versions = [versionOf('shop', NOW, { Version: '6', FunctionArn: arnOf('shop:6') })];
    shop.aliases = [{ Name: 'live', FunctionVersion: '6', AliasArn: arnOf('shop:live') }];
    takeEverything();
    expect(await restore(kept)).toContain('version 2 of those in the snapshot (nothing points to it)');
    expect(inputsOf(PublishVersionCommand)).toHaveLength(1);
    expect(inputsOf(UpdateAliasCommand)).toMatchObject([{ Name: 'live', FunctionVersion: '1' }]);
  });
});

describe('a function that Lambda could not bring about', () => {
  const mends = () =>
    lambda.mock.on(UpdateFunctionConfigurationCommand).callsFake(async ({ FunctionName, Layers: _, ...rest }) => {
      const { configuration } = lambda.functions.get(FunctionName) ?? fakeFunction('shop');
      return Object.assign(configuration, rest, { State: 'Active', LastUpdateStatus: 'Successful' });
    });

  it.each([
    ['since it was made', { State: 'Failed', StateReason: 'no such subnet' }],
    ['since its last change', { LastUpdateStatus: 'Failed', LastUpdateStatusReason: 'no such subnet' }],
  ] as const)('%s is mended by the restore', async (_, failed) => {
    const shop = addShop();
    const kept = await backUp();
    Object.assign(shop.configuration, versionOf('shop', Buffer.from('broken'), { Timeout: 1, ...failed }));
    mends();
    expect(await restore(kept)).toEqual([]);
    expect(lambda.changes()).toEqual(['UpdateFunctionCodeCommand', 'UpdateFunctionConfigurationCommand']);
    expect(shop.configuration).toMatchObject({ Timeout: 20, State: 'Active' });
  });

  it('is asked for anew where it is as it was and yet broken, and never taken for restored', async () => {
    const shop = addShop();
    const kept = await backUp();
    Object.assign(shop.configuration, { LastUpdateStatus: 'Failed', LastUpdateStatusReason: 'no such key' });
    await expect(restore(kept)).rejects.toThrow(/could not change it \(no such key\)/);
    mends();
    expect(await restore(kept)).toEqual([]);
  });

  it('in one of its versions is named for that, and the function itself is as it was', async () => {
    const kept = await backUpAndRemove();
    takeEverything();
    lambda.mock.on(PublishVersionCommand).callsFake(async () => {
      const shop = lambda.functions.get('shop') ?? fakeFunction('shop');
      shop.versions.push({ ...shop.configuration, Version: '1', State: 'Failed', StateReason: 'no snapshot' });
      return { Version: '1' };
    });
    expect(await restore(kept)).toEqual([
      expect.stringMatching(/^version 1 of those in the snapshot \(.*no snapshot/),
      'alias live (its version is not here)',
    ]);
    expect(lambda.functions.get('shop')?.zips.get('$LATEST')).toEqual(NOW);
  });
});

describe('what hangs on a function', () => {
  const bare = (shop: FakeFunction) => {
    shop.versions = [];
    shop.aliases = [];
  };
  const consuming = (shop: FakeFunction) => {
    bare(shop);
    shop.eventSources = [
      { UUID: 'u1', FunctionArn: arnOf('shop'), EventSourceArn: QUEUE, BatchSize: 5, State: 'Enabled' },
      { UUID: 'u2', FunctionArn: arnOf('shop'), EventSourceArn: `${QUEUE}-2`, BatchSize: 5, State: 'Disabled' },
    ];
  };

  it('consumes as it did under its own name', async () => {
    const kept = await backUpAndRemove(consuming);
    lambda.mock.on(CreateEventSourceMappingCommand).resolves({});
    expect(await restore(kept)).toEqual([]);
    expect(inputsOf(CreateEventSourceMappingCommand)).toMatchObject([
      { FunctionName: arnOf('shop'), EventSourceArn: QUEUE, Enabled: true },
      { FunctionName: arnOf('shop'), EventSourceArn: `${QUEUE}-2`, Enabled: false },
    ]);
  });

  it('does not begin to consume under another name, and says so', async () => {
    addShop(consuming);
    lambda.mock.on(CreateEventSourceMappingCommand).resolves({});
    expect(await restore(await backUp(), 'copy')).toEqual([
      `event source ${QUEUE} (it is off; turn it on when copy is to consume it)`,
      `event source ${QUEUE}-2 (it is off; turn it on when copy is to consume it)`,
    ]);
    expect(inputsOf(CreateEventSourceMappingCommand)).toMatchObject([
      { FunctionName: arnOf('copy'), Enabled: false },
      { FunctionName: arnOf('copy'), Enabled: false },
    ]);
  });

  it('gets an event source that is there otherwise changed, not doubled', async () => {
    const shop = addShop(consuming);
    const kept = await backUp();
    Object.assign(shop.eventSources[0] ?? {}, { BatchSize: 6, State: 'Disabled' });
    lambda.mock.on(UpdateEventSourceMappingCommand).resolves({});
    expect(await restore(kept)).toEqual([]);
    expect(inputsOf(UpdateEventSourceMappingCommand)).toEqual([
      { UUID: 'u1', FunctionName: arnOf('shop'), BatchSize: 5, Enabled: true },
    ]);
  });

  it('loses what an event source has besides, and what cannot be taken away is named', async () => {
    const shop = addShop(consuming);
    const kept = await backUp();
    Object.assign(shop.eventSources[0] ?? {}, {
      FilterCriteria: { Filters: [{ Pattern: '{}' }] },
      KMSKeyArn: 'arn:key',
      ScalingConfig: { MaximumConcurrency: 2 },
      DestinationConfig: { OnFailure: { Destination: QUEUE } },
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      MetricsConfig: { Metrics: ['EventCount'] },
      SourceAccessConfigurations: [{ Type: 'BASIC_AUTH', URI: 'arn:secret' }],
      ProvisionedPollerConfig: { MinimumPollers: 2 },
    });
    lambda.mock.on(UpdateEventSourceMappingCommand).resolves({});
    expect(await restore(kept)).toEqual([
      `ProvisionedPollerConfig of event source ${QUEUE} (it is not in the snapshot, and is left as it is)`,
    ]);
    expect(inputsOf(UpdateEventSourceMappingCommand)).toEqual([
      {
        ...{ UUID: 'u1', FunctionName: arnOf('shop'), BatchSize: 5, Enabled: true, KMSKeyArn: '' },
        ...{ FilterCriteria: {}, ScalingConfig: {}, DestinationConfig: {}, MetricsConfig: { Metrics: [] } },
        ...{ FunctionResponseTypes: [], SourceAccessConfigurations: [] },
      },
    ]);
  });

  it('takes up an event source that waits for its name since the function was deleted', async () => {
    const kept = await backUpAndRemove(consuming);
    lambda.mock.on(CreateFunctionCommand).callsFake(async () => {
      const made = fakeFunction('shop', NOW);
      const waiting = { FunctionArn: arnOf('shop'), EventSourceArn: QUEUE, BatchSize: 5, State: 'Enabled' };
      made.eventSources = [{ UUID: 'u1', ...waiting }];
      lambda.functions.set('shop', made);
      return made.configuration;
    });
    lambda.mock.on(CreateEventSourceMappingCommand).resolves({});
    await restore(kept);
    expect(inputsOf(CreateEventSourceMappingCommand)).toMatchObject([{ EventSourceArn: `${QUEUE}-2` }]);
  });

  it('begins to read a stream at the time at which it did', async () => {
    const time = new Date('2026-02-03T04:05:06.000Z');
    const kept = await backUpAndRemove((shop) => {
      bare(shop);
      const start = { StartingPosition: 'AT_TIMESTAMP', StartingPositionTimestamp: time } as const;
      shop.eventSources = [
        { UUID: 'u1', FunctionArn: arnOf('shop'), EventSourceArn: QUEUE, State: 'Enabled', ...start },
      ];
    });
    lambda.mock.on(CreateEventSourceMappingCommand).resolves({});
    await restore(kept);
    expect(inputsOf(CreateEventSourceMappingCommand)).toMatchObject([{ StartingPositionTimestamp: time }]);
  });

  it('is named by what Lambda refuses, and the rest is set', async () => {
    const kept = await backUpAndRemove((shop) => {
      consuming(shop);
      shop.reservedConcurrency = 900;
      shop.urls = [
        { FunctionUrl: 'x', FunctionArn: arnOf('shop'), AuthType: 'NONE', CreationTime: '', LastModifiedTime: '' },
      ];
    });
    lambda.mock
      .on(PutFunctionConcurrencyCommand)
      .rejects(awsError('InvalidParameterValueException', 400, 'below the minimum'));
    lambda.mock.on(CreateEventSourceMappingCommand).rejects(awsError('ResourceNotFoundException', 404));
    lambda.mock.on(CreateFunctionUrlConfigCommand).resolves({ FunctionUrl: 'https://new' });
    expect(await restore(kept)).toEqual([
      'reserved concurrency (InvalidParameterValueException)',
      'function URL of $LATEST (it is https://new now)',
      `event source ${QUEUE} (ResourceNotFoundException)`,
      `event source ${QUEUE}-2 (ResourceNotFoundException)`,
    ]);
  });

  it('is not taken for refused when the service fails', async () => {
    const kept = await backUpAndRemove((shop) => {
      bare(shop);
      shop.reservedConcurrency = 9;
    });
    lambda.mock.on(PutFunctionConcurrencyCommand).rejects(awsError('ServiceException', 500));
    await expect(restore(kept)).rejects.toThrow(TransientError);
  });

  it('is permitted to those who were, and one statement that no request can say is named', async () => {
    const said = { Effect: 'Allow', Action: 'lambda:InvokeFunction', Resource: arnOf('shop') };
    const Condition = {
      ArnLike: { 'AWS:SourceArn': 'arn:aws:s3:::uploads' },
      StringEquals: { 'AWS:SourceAccount': '1' },
    };
    const Statement = [
      { Sid: 'bucket', Principal: { Service: 's3.amazonaws.com' }, ...said, Condition },
      { Sid: 'denied', Principal: '*', ...said, Effect: 'Deny' },
      { Sid: 'user', Principal: { AWS: 'arn:aws:iam::444455556666:root' }, ...said },
    ];
    const kept = await backUpAndRemove((shop) => {
      bare(shop);
      shop.policies.set('$LATEST', { policy: JSON.stringify({ Statement }), revisionId: 'p' });
    });
    lambda.mock.on(AddPermissionCommand).resolves({});
    expect(await restore(kept)).toEqual(['permission denied of $LATEST (StatementNotSupported)']);
    const common = { FunctionName: 'shop', Action: 'lambda:InvokeFunction' };
    expect(inputsOf(AddPermissionCommand)).toMatchObject([
      {
        ...common,
        StatementId: 'bucket',
        Principal: 's3.amazonaws.com',
        SourceArn: 'arn:aws:s3:::uploads',
        SourceAccount: '1',
      },
      { ...common, StatementId: 'user', Principal: 'arn:aws:iam::444455556666:root' },
    ]);
  });
});

describe('layers', () => {
  const withLayer = (shop: FakeFunction) => {
    shop.versions = [];
    shop.aliases = [];
    shop.configuration.Layers = [{ Arn: LAYER }];
    lambda.layers.set(LAYER, Buffer.from('tools'));
  };
  const NEW = LAYER.replace(/3$/, '7');

  it('that are there are used', async () => {
    const kept = await backUpAndRemove(withLayer);
    expect(await restore(kept)).toEqual([]);
    expect(inputsOf(CreateFunctionCommand)).toMatchObject([{ Layers: [LAYER] }]);
  });

  it('that are gone are published again, and named', async () => {
    const kept = await backUpAndRemove(withLayer);
    lambda.layers.clear();
    lambda.mock.on(PublishLayerVersionCommand).resolves({ LayerVersionArn: NEW });
    expect(await restore(kept)).toEqual([`layer ${LAYER} (it is ${NEW} now)`]);
    expect(inputsOf(PublishLayerVersionCommand)).toMatchObject([
      { LayerName: 'tools', Content: { ZipFile: Buffer.from('tools') } },
    ]);
    expect(inputsOf(CreateFunctionCommand)).toMatchObject([{ Layers: [NEW] }]);
  });

  it('that are gone are not published twice', async () => {
    const kept = await backUpAndRemove(withLayer);
    lambda.layers.clear();
    lambda.layers.set(NEW, Buffer.from('tools'));
    expect(await restore(kept)).toEqual([`layer ${LAYER} (it is ${NEW} now)`]);
    expect(lambda.changes()).toEqual(['CreateFunctionCommand']);
  });

  it('that are gone are published once for all functions that use them', async () => {
    const kept = await backUpAndRemove(withLayer);
    lambda.layers.clear();
    lambda.mock.on(PublishLayerVersionCommand).resolves({ LayerVersionArn: NEW });
    const target = sourceOf('lambda://copy-*');
    const copies = ['a', 'b'].map((key) =>
      target.write({ ...kept.entry, key: keyFromText(key) }, pieces(kept.content)),
    );
    await Promise.all(copies);
    expect(inputsOf(PublishLayerVersionCommand)).toHaveLength(1);
  });

  it('that are gone and were not copied are left out, and named', async () => {
    addShop(withLayer);
    lambda.layers.clear();
    const kept = await backUp();
    lambda.functions.clear();
    expect(await restore(kept)).toEqual([`layer ${LAYER} (it is gone, and was not copied)`]);
    expect(inputsOf(CreateFunctionCommand)[0]).not.toHaveProperty('Layers');
  });
});

describe('a restore that cannot be', () => {
  it('changes nothing when the content breaks before its end', async () => {
    const kept = await backUpAndRemove();
    const broken = async function* () {
      yield kept.content.subarray(0, -1);
      throw new IntegrityError('the vault is damaged');
    };
    await expect(sourceOf('lambda://shop').write(kept.entry, broken())).rejects.toThrow('the vault is damaged');
    expect(lambda.changes()).toEqual([]);
  });

  it('changes nothing when the entry is no function', async () => {
    const kept = await backUpAndRemove();
    const entry = { ...kept.entry, attributes: { type: 'object' } };
    await expect(restore({ ...kept, entry })).rejects.toThrow(InvalidInputError);
    await expect(restore({ ...kept, content: Buffer.from('no archive') })).rejects.toThrow(InvalidInputError);
    expect(lambda.changes()).toEqual([]);
  });

  it('changes nothing when the code is larger than a request may be, and says how to go on', async () => {
    const kept = await backUpAndRemove((shop) => {
      shop.versions = [];
      shop.aliases = [];
      const large = Buffer.alloc(50 * 1024 * 1024 + 1);
      shop.configuration = versionOf('shop', large);
      shop.zips.set('$LATEST', large);
    });
    await expect(restore(kept)).rejects.toThrow(
      /^function shop: code\.zip has 52428801 bytes.*holdfast cat.*through S3$/,
    );
    expect(lambda.changes()).toEqual([]);
  });

  it('is of the version alone whose code is too large, and that is named', async () => {
    const large = Buffer.alloc(50 * 1024 * 1024 + 1);
    const kept = await backUpAndRemove((shop) => {
      shop.aliases = [];
      shop.versions = [versionOf('shop', large, { Version: '4', FunctionArn: arnOf('shop:4') })];
      shop.zips.set('4', large);
    });
    expect(await restore(kept)).toEqual(['version 1 of those in the snapshot (its code is too large to upload)']);
    expect(lambda.changes()).toEqual(['CreateFunctionCommand']);
  });

  it('tells no value of the environment that Lambda repeats in its refusal', async () => {
    const kept = await backUpAndRemove();
    const said = `Value '{TOKEN=${SECRET}}' at 'environment.variables' failed to satisfy constraint`;
    lambda.mock.on(CreateFunctionCommand).rejects(awsError('InvalidParameterValueException', 400, said));
    const failure = await restore(kept).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(InvalidInputError);
    expect(messageOf(failure)).toContain('InvalidParameterValueException');
    for (let error: unknown = failure; error instanceof Error; error = error.cause) {
      expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toContain(SECRET);
    }
  });

  it("is the function's own when Lambda refuses it, and harms no other", async () => {
    const kept = await backUpAndRemove();
    lambda.mock
      .on(CreateFunctionCommand)
      .rejects(awsError('InvalidParameterValueException', 400, 'The role cannot be assumed'));
    const failure = await restore(kept).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(InvalidInputError);
    expect(failure).toMatchObject({ context: {}, message: expect.stringContaining('The role cannot be assumed') });
  });

  it.each([
    ['AccessDeniedException', 403, AccessDeniedError],
    ['TooManyRequestsException', 429, TransientError],
  ])('is what it means when Lambda answers %s', async (name, status, kind) => {
    const kept = await backUpAndRemove();
    lambda.mock.on(CreateFunctionCommand).rejects(awsError(name, status));
    await expect(restore(kept)).rejects.toThrow(kind);
  });
});

describe('a function that is removed', () => {
  it('goes with its event sources, which Lambda would keep for whoever gets its name', async () => {
    addShop((shop) => {
      shop.eventSources = [{ UUID: 'u1', FunctionArn: arnOf('shop:live'), EventSourceArn: QUEUE, State: 'Enabled' }];
    });
    lambda.mock.on(DeleteFunctionCommand).resolves({});
    lambda.mock.on(DeleteEventSourceMappingCommand).resolves({});
    await sourceOf('lambda://*').remove(keyFromText('shop'));
    expect(lambda.changes()).toEqual(['DeleteFunctionCommand', 'DeleteEventSourceMappingCommand']);
  });

  it('keeps its event sources, and how far they have read, when Lambda does not let it go', async () => {
    addShop((shop) => {
      shop.eventSources = [{ UUID: 'u1', FunctionArn: arnOf('shop:live'), EventSourceArn: QUEUE, State: 'Enabled' }];
    });
    lambda.mock.on(DeleteFunctionCommand).rejects(awsError('AccessDeniedException', 403));
    await expect(sourceOf('lambda://*').remove(keyFromText('shop'))).rejects.toThrow(AccessDeniedError);
    expect(lambda.changes()).toEqual(['DeleteFunctionCommand']);
  });

  it('takes its event sources with it when it was removed without them', async () => {
    const waiting = { UUID: 'u1', FunctionArn: arnOf('shop'), EventSourceArn: QUEUE, State: 'Enabled' };
    lambda.mock.on(ListEventSourceMappingsCommand).resolves({ EventSourceMappings: [waiting] });
    lambda.mock.on(DeleteEventSourceMappingCommand).resolves({});
    await sourceOf('lambda://*').remove(keyFromText('shop'));
    expect(inputsOf(DeleteEventSourceMappingCommand)).toEqual([{ UUID: 'u1' }]);
  });

  it('may be gone already', async () => {
    await sourceOf('lambda://*').remove(keyFromText('shop'));
    expect(lambda.changes()).toEqual([]);
  });

  it('is not taken for gone when the service fails', async () => {
    lambda.mock.on(GetFunctionCommand).rejects(awsError('ServiceException', 500));
    await expect(sourceOf('lambda://*').remove(keyFromText('shop'))).rejects.toThrow(TransientError);
  });
});
