import { Buffer } from 'node:buffer';
import {
  GetFunctionCommand,
  GetFunctionRecursionConfigCommand,
  GetLayerVersionByArnCommand,
  ListFunctionsCommand,
  ListVersionsByFunctionCommand,
} from '@aws-sdk/client-lambda';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EntryKey, keyFromText } from '../../functions/core/entry.ts';
import {
  AccessDeniedError,
  ConflictError,
  IntegrityError,
  InvalidInputError,
  messageOf,
  NotFoundError,
  TransientError,
} from '../../functions/core/errors.ts';
import type { OpenedEntry } from '../../functions/core/ports.ts';
import { parseUri } from '../../functions/core/uri.ts';
import { readArchive } from '../../functions/sources/lambda/archive.ts';
import type { FunctionDocument } from '../../functions/sources/lambda/document.ts';
import { lambdaSource } from '../../functions/sources/lambda.ts';
import { inPieces } from '../contracts/source.ts';
import { awsError } from '../fakes/aws.ts';
import {
  arnOf,
  type FakeFunction,
  type FakeLambda,
  fakeFunction,
  fakeLambda,
  LAYER,
  versionOf,
} from '../fakes/lambda-function.ts';

const SECRET = 'p1anted-va1ue-of-the-environment';
const QUEUE = 'arn:aws:sqs:eu-west-1:111122223333:orders';
const IMAGE = '111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop@sha256:5e7f';

let lambda: FakeLambda;
beforeEach(async () => {
  lambda = await fakeLambda();
});
afterEach(() => lambda.stop());

const sourceOf = (text: string) => {
  const uri = parseUri(text);
  if (uri.scheme !== 'lambda') throw new Error(text);
  return lambdaSource(lambda.client, uri, async () => undefined);
};

function add(name: string, zip?: Buffer): FakeFunction {
  const added = fakeFunction(name, zip);
  lambda.functions.set(name, added);
  return added;
}

async function keysOf(uri: string, range = {}): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const page of sourceOf(uri).list(range)) keys.push(...page.map(({ key }) => key));
  return keys;
}

const open = (uri: string, key = ''): Promise<OpenedEntry> =>
  sourceOf(uri).open({ key: keyFromText(key), fingerprint: undefined, sizeBytes: undefined });

type Open = Extract<OpenedEntry, { state: 'open' }>;
async function opened(name: string): Promise<Open> {
  const found = await open(`lambda://${name}`);
  if (found.state !== 'open') throw new Error(JSON.stringify(found));
  return found;
}

async function drained(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const bytes of content) parts.push(bytes);
  return Buffer.concat(parts);
}

const contentOf = async (name: string): Promise<Buffer> => drained(inPieces((await opened(name)).content));

async function readBack(name: string) {
  const all = async (document: FunctionDocument) =>
    new Set([
      'code.zip',
      ...document.versions.map((_, at) => `versions/${at + 1}/code.zip`),
      'layers/tools/111122223333-3.zip',
    ]);
  return await readArchive(inPieces((await opened(name)).content), name, all);
}

/** A function with everything that C3 of the field cases names, and the rest that is captured. */
function addShop(): FakeFunction {
  const zip = Buffer.from('the code of now');
  const shop = add('shop', zip);
  lambda.layers.set(LAYER, Buffer.from('tools'));
  shop.configuration = versionOf('shop', zip, {
    Environment: { Variables: { TOKEN: SECRET } },
    Layers: [{ Arn: LAYER, CodeSize: 5 }],
    DeadLetterConfig: { TargetArn: QUEUE },
    VpcConfig: { VpcId: 'vpc-1', SubnetIds: ['subnet-2', 'subnet-1'], SecurityGroupIds: ['sg-1'] },
  });
  const older = Buffer.from('the code of then');
  const version = (Version: string, bytes: Buffer) =>
    versionOf('shop', bytes, { Version, FunctionArn: arnOf(`shop:${Version}`), RevisionId: `revision-of-${Version}` });
  shop.versions = [version('10', older), version('2', zip), version('9', older)];
  shop.zips.set('10', older).set('2', zip).set('9', older);
  shop.tags = { team: 'orders', 'aws:cloudformation:stack-name': 'shop' };
  shop.reservedConcurrency = 7;
  const RoutingConfig = { AdditionalVersionWeights: { '9': 0.25 } };
  shop.aliases = [
    { AliasArn: arnOf('shop:next'), Name: 'next', FunctionVersion: '$LATEST', RevisionId: 'a' },
    {
      AliasArn: arnOf('shop:live'),
      Name: 'live',
      FunctionVersion: '10',
      RevisionId: 'b',
      Description: 'calls',
      RoutingConfig,
    },
  ];
  shop.provisioned = [
    { FunctionArn: arnOf('shop:live'), RequestedProvisionedConcurrentExecutions: 2, Status: 'READY' },
  ];
  shop.eventSources = [
    { UUID: 'uuid-1', FunctionArn: arnOf('shop:live'), EventSourceArn: QUEUE, BatchSize: 5, State: 'Enabled' },
    { UUID: 'uuid-2', FunctionArn: arnOf('shop'), EventSourceArn: `${QUEUE}-2`, BatchSize: 5, State: 'Disabled' },
  ];
  shop.eventInvoke = [
    {
      FunctionArn: arnOf('shop:$LATEST'),
      MaximumRetryAttempts: 1,
      DestinationConfig: { OnSuccess: {}, OnFailure: {} },
    },
  ];
  shop.urls = [
    {
      FunctionUrl: 'https://x',
      FunctionArn: arnOf('shop'),
      AuthType: 'NONE',
      CreationTime: 'then',
      LastModifiedTime: 'then',
    },
  ];
  const statement = {
    Sid: 'any',
    Effect: 'Allow',
    Principal: '*',
    Action: 'lambda:InvokeFunction',
    Resource: arnOf('shop'),
  };
  shop.policies.set('$LATEST', { policy: JSON.stringify({ Statement: [statement] }), revisionId: 'policy-1' });
  shop.updateRuntimeOn = 'FunctionUpdate';
  shop.recursiveLoop = 'Allow';
  return shop;
}

describe('the listing of functions', () => {
  it('has every function of every page whose name begins so, keyed by the rest, in byte order', async () => {
    for (const name of ['shop-b', 'other', 'shop-', 'shop-B', 'shop_x', 'shop-a']) add(name);
    expect(await keysOf('lambda://shop-*')).toEqual(['', 'B', 'a', 'b']);
    expect(await keysOf('lambda://*')).toEqual(['other', 'shop-', 'shop-B', 'shop-a', 'shop-b', 'shop_x']);
  });

  it('has the one function under the empty key', async () => {
    for (const name of ['shop', 'shop-b']) add(name);
    expect(await keysOf('lambda://shop')).toEqual(['']);
  });

  it('keeps to its range', async () => {
    for (const name of ['a', 'b', 'c', 'd']) add(name);
    expect(await keysOf('lambda://*', { after: 'a', upTo: 'c' })).toEqual(['b', 'c']);
    expect(await keysOf('lambda://a', { after: '' })).toEqual([]);
  });

  it('tells a function that is not there from a beginning of names that no function has', async () => {
    await expect(keysOf('lambda://shop')).rejects.toThrow(NotFoundError);
    expect(await keysOf('lambda://shop*')).toEqual([]);
  });

  it.each([
    ['AccessDeniedException', 403, AccessDeniedError],
    ['TooManyRequestsException', 429, TransientError],
    ['ServiceException', 500, TransientError],
  ])('does not take %s for an empty one', async (name, status, kind) => {
    lambda.mock.on(ListFunctionsCommand).rejects(awsError(name, status));
    await expect(keysOf('lambda://shop*')).rejects.toThrow(kind);
  });
});

describe('a function that is opened', () => {
  it('comes with all that is set on it, its code, that of its versions once each, and its layers', async () => {
    addShop();
    const { document, files } = await readBack('shop');
    expect([...files].map(([file, bytes]) => [file, bytes.toString()])).toEqual([
      ['code.zip', 'the code of now'],
      ['versions/2/code.zip', 'the code of then'],
      ['layers/tools/111122223333-3.zip', 'tools'],
    ]);
    expect(document.versions.map(({ code }) => ('file' in code ? code.file : ''))).toEqual([
      'code.zip',
      'versions/2/code.zip',
      'versions/2/code.zip',
    ]);
    expect(document.latest.settings).toMatchObject({
      Environment: { Variables: { TOKEN: SECRET } },
      Layers: [LAYER],
      DeadLetterConfig: { TargetArn: QUEUE },
      VpcConfig: { SubnetIds: ['subnet-1', 'subnet-2'], SecurityGroupIds: ['sg-1'] },
      Architectures: ['arm64'],
      LoggingConfig: { LogFormat: 'Text' },
    });
    expect(document.layers).toMatchObject([{ arn: LAYER, Description: 'tools' }]);
    expect(document.aliases).toEqual([
      { name: 'live', version: '3', description: 'calls', weights: { 2: 0.25 } },
      { name: 'next', version: '$LATEST' },
    ]);
    expect(document).toMatchObject({
      reservedConcurrency: 7,
      provisionedConcurrency: [{ qualifier: 'live', executions: 2 }],
      eventSources: [
        { qualifier: '$LATEST', request: { EventSourceArn: `${QUEUE}-2`, BatchSize: 5 } },
        { qualifier: 'live', request: { EventSourceArn: QUEUE, BatchSize: 5 } },
      ],
      eventInvoke: [{ qualifier: '$LATEST', request: { MaximumRetryAttempts: 1 } }],
      urls: [{ qualifier: '$LATEST', request: { AuthType: 'NONE' } }],
      permissions: [
        { qualifier: '$LATEST', statement: { Sid: 'any', Principal: '*', Action: 'lambda:InvokeFunction' } },
      ],
      tags: { team: 'orders' },
      runtimeManagement: { UpdateRuntimeOn: 'FunctionUpdate' },
      recursiveLoop: 'Allow',
    });
  });

  it('speaks nowhere of its own name, its revisions and its times, so that a copy has the same content', async () => {
    const shop = addShop();
    const before = await contentOf('shop');
    const copy = structuredClone(shop);
    const text = JSON.stringify(copy)
      .replaceAll(':function:shop', ':function:copy')
      .replaceAll('lambda/shop', 'lambda/copy')
      .replaceAll('Name":"shop"', 'Name":"copy"');
    lambda.functions.set('copy', {
      ...JSON.parse(
        text.replaceAll('revision-', 'other-').replaceAll('2026-01-01', '2026-02-02').replaceAll('uuid-', 'id-'),
      ),
      zips: copy.zips,
      policies: new Map([
        ['$LATEST', { policy: shop.policies.get('$LATEST')?.policy.replaceAll('shop', 'copy') ?? '', revisionId: 'p' }],
      ]),
    });
    const made = lambda.functions.get('copy');
    if (made !== undefined)
      Object.assign(made.configuration, {
        FunctionName: 'copy',
        State: 'Inactive',
        VpcConfig: { ...made.configuration.VpcConfig, VpcId: 'vpc-2' },
      });
    expect((await contentOf('copy')).toString('latin1')).toBe(before.toString('latin1'));
  });

  it('has a size that is known before its content is read, and downloads nothing until then', async () => {
    addShop();
    const { sizeBytes } = await opened('shop');
    expect(lambda.asked).toEqual([]);
    expect((await contentOf('shop')).length).toBe(sizeBytes);
    expect(lambda.asked).toEqual(['shop@$LATEST', 'shop@9', LAYER]);
  });

  it('is told gone when it is, also while it is read', async () => {
    expect(await open('lambda://shop')).toEqual({ state: 'gone' });
    addShop();
    lambda.mock.on(ListVersionsByFunctionCommand).rejects(awsError('ResourceNotFoundException', 404));
    expect(await open('lambda://shop')).toEqual({ state: 'gone' });
  });

  it('is named when a part of it may not be read', async () => {
    addShop();
    lambda.mock
      .on(GetFunctionRecursionConfigCommand)
      .rejects(awsError('AccessDeniedException', 403, 'not lambda:GetFunctionRecursionConfig'));
    expect(await open('lambda://shop')).toEqual({
      state: 'unprotected',
      denied: true,
      reason: 'access denied (not lambda:GetFunctionRecursionConfig)',
    });
  });

  const error = { ErrorCode: 'AccessDeniedException', Message: 'no' };
  it.each<[string, (shop: FakeFunction) => void]>([
    ['environment', (shop) => Object.assign(shop.configuration, { Environment: { Error: error } })],
    ['tags', (shop) => Object.assign(shop, { tagsError: error })],
    ['code', (shop) => Object.assign(shop, { code: { Error: error } })],
  ])('is not taken for one without what Lambda leaves out of its answer: %s', async (_, change) => {
    change(addShop());
    expect(await open('lambda://shop')).toMatchObject({ state: 'unprotected', denied: true });
  });

  it('does not take a service that fails for a part that is not there', async () => {
    addShop();
    lambda.mock.on(GetFunctionRecursionConfigCommand).rejects(awsError('ServiceException', 500));
    await expect(open('lambda://shop')).rejects.toThrow(TransientError);
  });

  it('cannot have a key that no function can', async () => {
    await expect(open('lambda://shop-*', 'a/b')).rejects.toThrow(InvalidInputError);
    await expect(open('lambda://shop-*', 'a'.repeat(60))).rejects.toThrow(InvalidInputError);
    await expect(open('lambda://shop', 'a')).rejects.toThrow(/restore to lambda:\/\/shop\*$/);
  });
});

describe('the fingerprint of a function', () => {
  it.each<[string, (shop: FakeFunction) => void]>([
    ['its configuration', ({ configuration }) => Object.assign(configuration, { RevisionId: 'revision-2' })],
    ['a version', (shop) => shop.versions.pop()],
    ['a tag', (shop) => Object.assign(shop.tags, { team: 'other' })],
    ['reserved concurrency', (shop) => Object.assign(shop, { reservedConcurrency: 8 })],
    ['an alias', (shop) => Object.assign(shop.aliases[0] ?? {}, { FunctionVersion: '2' })],
    ['provisioned concurrency', (shop) => shop.provisioned.pop()],
    ['an event source', (shop) => Object.assign(shop.eventSources[0] ?? {}, { BatchSize: 6 })],
    ['whether an event source is on', (shop) => Object.assign(shop.eventSources[0] ?? {}, { State: 'Disabled' })],
    ['asynchronous invocation', (shop) => Object.assign(shop.eventInvoke[0] ?? {}, { MaximumRetryAttempts: 0 })],
    ['a URL', (shop) => Object.assign(shop.urls[0] ?? {}, { AuthType: 'AWS_IAM' })],
    ['a policy', (shop) => shop.policies.set('$LATEST', { policy: '{"Statement":[]}', revisionId: 'policy-2' })],
    ['code signing', (shop) => Object.assign(shop, { codeSigningConfigArn: 'arn:aws:lambda:csc' })],
    ['runtime management', (shop) => Object.assign(shop, { updateRuntimeOn: 'Auto' })],
    ['recursion', (shop) => Object.assign(shop, { recursiveLoop: 'Terminate' })],
    ['a layer that is gone', () => lambda.layers.clear()],
  ])('tells a change of %s', async (_, change) => {
    const shop = addShop();
    const { fingerprint } = await opened('shop');
    change(shop);
    expect((await opened('shop')).fingerprint).not.toBe(fingerprint);
  });

  it('stays while nothing changes but states and times', async () => {
    const shop = addShop();
    const { fingerprint } = await opened('shop');
    Object.assign(shop.configuration, { State: 'Inactive', LastModified: 'now', LastUpdateStatus: 'InProgress' });
    Object.assign(shop.eventSources[0] ?? {}, { LastProcessingResult: 'OK', LastModified: new Date() });
    expect((await opened('shop')).fingerprint).toBe(fingerprint);
  });

  it('does not depend on a value of the environment, so that none can be guessed by it', async () => {
    const shop = addShop();
    const { fingerprint } = await opened('shop');
    Object.assign(shop.configuration, { Environment: { Variables: { TOKEN: 'guess' } } });
    expect((await opened('shop')).fingerprint).toBe(fingerprint);
  });
});

describe('the values of an environment', () => {
  it('stand in the content and nowhere else', async () => {
    const shop = addShop();
    Object.assign(shop.versions[0] ?? {}, { Environment: { Variables: { OLD: `old-${SECRET}` } } });
    const { content: _, ...rest } = await opened('shop');
    expect(JSON.stringify(rest)).not.toContain(SECRET);
    expect(JSON.stringify(await sourceOf('lambda://shop').settings())).not.toContain(SECRET);
    expect(String(await keysOf('lambda://*'))).not.toContain(SECRET);
    expect((await contentOf('shop')).includes(`old-${SECRET}`)).toBe(true);
  });
});

describe('the code of a function', () => {
  it('is refused when its bytes are not those that Lambda told', async () => {
    add('shop').zips.set('$LATEST', Buffer.from('zip of the c0de'));
    await expect(contentOf('shop')).rejects.toThrow(IntegrityError);
    await expect(contentOf('shop')).rejects.toThrow(/^function shop: code\.zip: Lambda's zip is damaged/);
  });

  it.each([
    ['fewer', 'zip'],
    ['more', 'zip of the code and more'],
  ])('is refused when it has %s bytes than Lambda told', async (_, text) => {
    add('shop').zips.set('$LATEST', Buffer.from(text));
    await expect(contentOf('shop')).rejects.toThrow(IntegrityError);
  });

  it('is read again, and not refused, when the function changed meanwhile', async () => {
    const shop = add('shop');
    const { content } = await opened('shop');
    const other = Buffer.from('other');
    shop.configuration = versionOf('shop', other);
    shop.zips.set('$LATEST', other);
    await expect(drained(inPieces(content))).rejects.toThrow(ConflictError);
    expect((await contentOf('shop')).includes('other')).toBe(true);
  });

  it('is read again when the function changed after its address was given', async () => {
    const shop = add('shop');
    const { content } = await opened('shop');
    lambda.downloads.push((response) => {
      shop.configuration = versionOf('shop', Buffer.from('other'));
      response.end('other bytes, in all');
    });
    await expect(drained(inPieces(content))).rejects.toThrow(ConflictError);
  });

  it('is resumed where the connection broke', async () => {
    add('shop', Buffer.from('0123456789'.repeat(20_000)));
    const whole = await contentOf('shop');
    lambda.asked.length = 0;
    lambda.downloads.push((response, zip) => {
      response
        .writeHead(200, { 'content-length': zip.length })
        .write(zip.subarray(0, 100_000), () => response.destroy());
    });
    expect((await contentOf('shop')).equals(whole)).toBe(true);
    expect(lambda.asked.map((path) => path.replace(/from \d+/, 'from there'))).toEqual([
      'shop@$LATEST',
      'shop@$LATEST from there',
    ]);
  });

  it('is resumed also where the server knows no ranges', async () => {
    add('shop', Buffer.from('0123456789'.repeat(20_000)));
    const whole = await contentOf('shop');
    lambda.downloads.push(
      (response, zip) =>
        response
          .writeHead(200, { 'content-length': zip.length })
          .write(zip.subarray(0, 100_000), () => response.destroy()),
      (response, zip) => response.writeHead(200).end(zip),
    );
    expect((await contentOf('shop')).equals(whole)).toBe(true);
  });

  it('is given up as transient when the connection breaks again and again, and the address is told to nobody', async () => {
    add('shop');
    for (let times = 0; times < 20; times += 1) lambda.downloads.push((response) => response.destroy());
    const failure = await contentOf('shop').catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TransientError);
    expect(messageOf(failure)).not.toContain('Signature');
    expect(lambda.asked).toHaveLength(5);
  });

  it.each([
    [403, AccessDeniedError],
    [503, TransientError],
  ])('is given up with status %i as what it means', async (status, kind) => {
    add('shop');
    for (let times = 0; times < 20; times += 1)
      lambda.downloads.push((response) => response.writeHead(status).end('<Error/>'));
    await expect(contentOf('shop')).rejects.toThrow(kind);
  });

  it('may be left before its end, and before its beginning', async () => {
    add('shop', Buffer.alloc(2_000_000));
    const left = inPieces((await opened('shop')).content)[Symbol.asyncIterator]();
    await left.next();
    await left.return?.();
    await inPieces((await opened('shop')).content)
      [Symbol.asyncIterator]()
      .return?.();
    expect(lambda.asked.length).toBeLessThan(2);
  });
});

describe('what is not copied', () => {
  const addImage = (name: string) => {
    const image = add(name);
    image.configuration = {
      ...versionOf(name, Buffer.alloc(0)),
      PackageType: 'Image',
      CodeSha256: '5e7f',
      CodeSize: 0,
    };
    delete image.configuration.Runtime;
    image.code = { RepositoryType: 'ECR', ImageUri: `${IMAGE.split('@')[0]}:latest`, ResolvedImageUri: IMAGE };
    return image;
  };

  it('of a function that is an image is told by its digest', async () => {
    addImage('shop');
    expect((await sourceOf('lambda://*').settings()).notCaptured).toEqual([
      `function shop: its image ${IMAGE} is not copied; keep it in its registry`,
    ]);
    const { attributes } = await opened('shop');
    expect(attributes).toMatchObject({ type: 'function', packageType: 'Image', image: IMAGE });
    const { document, files } = await readBack('shop');
    expect(document.latest.code).toEqual({ imageUri: IMAGE });
    expect(files.size).toBe(0);
  });

  it.each([
    ['AccessDeniedException', 403, 'access is denied'],
    ['ResourceNotFoundException', 404, 'it was deleted'],
  ])('is told of a layer that answers %s, and the rest is safe', async (name, status, why) => {
    addShop();
    lambda.mock.on(GetLayerVersionByArnCommand).rejects(awsError(name, status));
    expect((await sourceOf('lambda://shop').settings()).notCaptured).toEqual([
      `function shop: its layer ${LAYER} is not copied (${why}); grant lambda:GetLayerVersion, or keep the layer`,
    ]);
    const { document, files } = await readBack('shop');
    expect(document.layers).toEqual([{ arn: LAYER, unreadable: why }]);
    expect([...files.keys()]).toEqual(['code.zip', 'versions/2/code.zip']);
  });

  it('is not told of a layer when the service fails', async () => {
    addShop();
    lambda.mock.on(GetLayerVersionByArnCommand).rejects(awsError('ServiceException', 500));
    await expect(sourceOf('lambda://shop').settings()).rejects.toThrow(TransientError);
  });

  it('is nothing of a plain function', async () => {
    addShop();
    expect(await sourceOf('lambda://shop').settings()).toEqual({ settings: {}, notCaptured: [] });
  });

  it('asks for a layer that many functions share once', async () => {
    for (const name of ['a', 'b', 'c']) add(name).configuration.Layers = [{ Arn: LAYER }];
    lambda.layers.set(LAYER, Buffer.from('tools'));
    const source = sourceOf('lambda://*');
    await source.settings();
    for (const name of ['a', 'b', 'c'])
      await source.open({ key: keyFromText(name), fingerprint: undefined, sizeBytes: undefined });
    expect(lambda.mock.commandCalls(GetLayerVersionByArnCommand)).toHaveLength(1);
  });
});

describe('attributes of functions', () => {
  const stored = { type: 'function', name: 'shop', codeSha256: 'a', versions: ['1'], eventSourcesEnabled: [true] };
  const differ = (found: object) => sourceOf('lambda://shop').attributesDiffer(stored, { ...stored, ...found });

  it('differ by their code, and for one function by which event sources are on', () => {
    expect(differ({})).toBeUndefined();
    expect(differ({ codeSha256: 'b' })).toBe('its codeSha256 differs');
    expect(differ({ eventSourcesEnabled: [false] })).toBe('its eventSourcesEnabled differs');
  });

  it('do not differ by what a copy cannot have as the first has it', () => {
    expect(differ({ name: 'copy', versions: ['7'], eventSourcesEnabled: [false] })).toBeUndefined();
  });
});

it('asks for a function by its whole name', async () => {
  add('shop-orders');
  await open('lambda://shop-*', 'orders' as EntryKey);
  expect(lambda.mock.commandCalls(GetFunctionCommand)[0]?.args[0].input).toEqual({ FunctionName: 'shop-orders' });
});
