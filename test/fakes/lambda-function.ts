/** One Lambda function, and its layers, behind the SDK's client: what it is told is what stands here, and its zips come from a server on 127.0.0.1. */
import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import {
  type AliasConfiguration,
  CreateFunctionCommand,
  type EventSourceMappingConfiguration,
  type FunctionConfiguration,
  type FunctionEventInvokeConfig,
  type FunctionUrlConfig,
  GetFunctionCodeSigningConfigCommand,
  GetFunctionCommand,
  type GetFunctionCommandOutput,
  GetFunctionRecursionConfigCommand,
  GetLayerVersionByArnCommand,
  GetPolicyCommand,
  GetRuntimeManagementConfigCommand,
  LambdaClient,
  ListAliasesCommand,
  ListEventSourceMappingsCommand,
  ListFunctionEventInvokeConfigsCommand,
  ListFunctionsCommand,
  ListFunctionUrlConfigsCommand,
  ListLayerVersionsCommand,
  ListProvisionedConcurrencyConfigsCommand,
  ListVersionsByFunctionCommand,
  type ProvisionedConcurrencyConfigListItem,
  type RecursiveLoop,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  type UpdateRuntimeOn,
} from '@aws-sdk/client-lambda';
import { mockClient } from 'aws-sdk-client-mock';
import { awsError } from './aws.ts';
import { type LoopbackServer, startLoopback } from './loopback-server.ts';

export const arnOf = (name: string): string => `arn:aws:lambda:eu-west-1:111122223333:function:${name}`;
export const LAYER = 'arn:aws:lambda:eu-west-1:111122223333:layer:tools:3';

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64');

/** What a test sets is what Lambda tells. */
export interface FakeFunction {
  configuration: FunctionConfiguration;
  versions: FunctionConfiguration[];
  /** By qualifier, `$LATEST` or a number. */
  readonly zips: Map<string, Buffer>;
  code: GetFunctionCommandOutput['Code'];
  tags: Record<string, string>;
  tagsError: GetFunctionCommandOutput['TagsError'];
  reservedConcurrency: number | undefined;
  aliases: AliasConfiguration[];
  provisioned: ProvisionedConcurrencyConfigListItem[];
  eventSources: EventSourceMappingConfiguration[];
  eventInvoke: FunctionEventInvokeConfig[];
  urls: FunctionUrlConfig[];
  /** By qualifier. */
  readonly policies: Map<string, { policy: string; revisionId: string }>;
  codeSigningConfigArn: string;
  updateRuntimeOn: UpdateRuntimeOn;
  recursiveLoop: RecursiveLoop;
}

/** As Lambda tells of a version with such code. */
export function versionOf(name: string, zip: Buffer, more: FunctionConfiguration = {}): FunctionConfiguration {
  return {
    FunctionName: name,
    FunctionArn: arnOf(name),
    Version: '$LATEST',
    RevisionId: 'revision-1',
    LastModified: '2026-01-01T00:00:00.000+0000',
    Role: 'arn:aws:iam::111122223333:role/worker',
    Runtime: 'nodejs24.x',
    Handler: 'index.handler',
    Description: '',
    MemorySize: 256,
    Timeout: 20,
    PackageType: 'Zip',
    CodeSha256: sha256Of(zip),
    CodeSize: zip.length,
    Architectures: ['arm64'],
    State: 'Active',
    LastUpdateStatus: 'Successful',
    TracingConfig: { Mode: 'PassThrough' },
    LoggingConfig: { LogFormat: 'Text', LogGroup: `/aws/lambda/${name}` },
    ...more,
  };
}

export function fakeFunction(name: string, zip: Buffer = Buffer.from('zip of the code')): FakeFunction {
  return {
    configuration: versionOf(name, zip),
    versions: [],
    zips: new Map([['$LATEST', zip]]),
    code: undefined,
    tags: {},
    tagsError: undefined,
    reservedConcurrency: undefined,
    aliases: [],
    provisioned: [],
    eventSources: [],
    eventInvoke: [],
    urls: [],
    policies: new Map(),
    codeSigningConfigArn: '',
    updateRuntimeOn: 'Auto',
    recursiveLoop: 'Terminate',
  };
}

export type FakeLambda = Awaited<ReturnType<typeof fakeLambda>>;

/** An account. Reads are answered from `functions` and `layers`; of the writes only code, configuration and creation change what is read. */
export async function fakeLambda() {
  const functions = new Map<string, FakeFunction>();
  const layers = new Map<string, Buffer>();
  /** How the next downloads are answered instead, one after the other. */
  const downloads: ((response: ServerResponse, zip: Buffer, from: number) => void)[] = [];
  const asked: string[] = [];
  const server: LoopbackServer = await startLoopback((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '', 'http://x').pathname.slice(1));
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    asked.push(from === 0 ? path : `${path} from ${from}`);
    const [name = '', qualifier = ''] = path.split('@');
    const zip = layers.get(path) ?? functions.get(name)?.zips.get(qualifier) ?? Buffer.alloc(0);
    const answer = downloads.shift();
    if (answer !== undefined) return answer(response, zip, from);
    response.writeHead(from === 0 ? 200 : 206, { 'content-length': zip.length - from }).end(zip.subarray(from));
  });
  const addressOf = (path: string) => `${server.endpoint}/${encodeURIComponent(path)}?X-Amz-Signature=signed`;
  const get = (named: string | undefined): FakeFunction => {
    const found = functions.get(named?.split(':')[0] ?? '');
    if (found === undefined) throw awsError('ResourceNotFoundException', 404, `Function not found: ${named}`);
    return found;
  };

  const mock = mockClient(LambdaClient);
  mock.on(ListFunctionsCommand).callsFake(async ({ Marker }) => {
    // One a page, so that whoever does not page sees one.
    const at = Number(Marker ?? 0);
    const all = [...functions.values()].map(({ configuration }) => configuration);
    return { Functions: all.slice(at, at + 1), ...(at + 1 < all.length ? { NextMarker: String(at + 1) } : {}) };
  });
  mock.on(GetFunctionCommand).callsFake(async ({ FunctionName = '', Qualifier = '$LATEST' }) => {
    const found = get(FunctionName);
    const version = [found.configuration, ...found.versions].find((each) => each.Version === Qualifier);
    const Concurrency =
      found.reservedConcurrency === undefined
        ? {}
        : { Concurrency: { ReservedConcurrentExecutions: found.reservedConcurrency } };
    const Location = addressOf(`${FunctionName}@${Qualifier}`);
    return {
      Configuration: version,
      Code: found.code ?? { Location },
      Tags: found.tags,
      TagsError: found.tagsError,
      ...Concurrency,
    };
  });
  mock.on(ListVersionsByFunctionCommand).callsFake(async ({ FunctionName }) => {
    const { configuration, versions } = get(FunctionName);
    return { Versions: [configuration, ...versions] };
  });
  mock.on(ListAliasesCommand).callsFake(async ({ FunctionName }) => ({ Aliases: get(FunctionName).aliases }));
  mock.on(GetPolicyCommand).callsFake(async ({ FunctionName, Qualifier = '$LATEST' }) => {
    const found = get(FunctionName).policies.get(Qualifier);
    if (found === undefined)
      throw awsError('ResourceNotFoundException', 404, 'The resource you requested does not exist.');
    return { Policy: found.policy, RevisionId: found.revisionId };
  });
  mock.on(ListEventSourceMappingsCommand).callsFake(async ({ FunctionName = '' }) => ({
    EventSourceMappings: functions
      .get(FunctionName.split(':')[0] ?? '')
      ?.eventSources.filter(({ FunctionArn }) => FunctionArn?.endsWith(`:function:${FunctionName}`)),
  }));
  mock
    .on(ListProvisionedConcurrencyConfigsCommand)
    .callsFake(async ({ FunctionName }) => ({ ProvisionedConcurrencyConfigs: get(FunctionName).provisioned }));
  mock
    .on(ListFunctionEventInvokeConfigsCommand)
    .callsFake(async ({ FunctionName }) => ({ FunctionEventInvokeConfigs: get(FunctionName).eventInvoke }));
  mock
    .on(ListFunctionUrlConfigsCommand)
    .callsFake(async ({ FunctionName }) => ({ FunctionUrlConfigs: get(FunctionName).urls }));
  mock
    .on(GetFunctionCodeSigningConfigCommand)
    .callsFake(async ({ FunctionName }) => ({ CodeSigningConfigArn: get(FunctionName).codeSigningConfigArn }));
  mock
    .on(GetRuntimeManagementConfigCommand)
    .callsFake(async ({ FunctionName }) => ({ UpdateRuntimeOn: get(FunctionName).updateRuntimeOn }));
  mock
    .on(GetFunctionRecursionConfigCommand)
    .callsFake(async ({ FunctionName }) => ({ RecursiveLoop: get(FunctionName).recursiveLoop }));
  mock.on(GetLayerVersionByArnCommand).callsFake(async ({ Arn = '' }) => {
    const zip = layers.get(Arn);
    if (zip === undefined)
      throw awsError('ResourceNotFoundException', 404, 'The resource you requested does not exist.');
    return {
      LayerVersionArn: Arn,
      Description: 'tools',
      Content: { Location: addressOf(Arn), CodeSha256: sha256Of(zip), CodeSize: zip.length },
    };
  });
  mock.on(ListLayerVersionsCommand).callsFake(async ({ LayerName }) => ({
    LayerVersions: [...layers.keys()]
      .filter((arn) => arn.includes(`:layer:${LayerName}:`))
      .map((arn) => ({ LayerVersionArn: arn })),
  }));
  mock.on(CreateFunctionCommand).callsFake(async ({ FunctionName = '', Code, Layers, Tags, ...rest }) => {
    const made = fakeFunction(FunctionName, Buffer.from(Code?.ZipFile ?? []));
    Object.assign(made.configuration, rest, { Layers: Layers?.map((Arn: string) => ({ Arn })) });
    if (Code?.ImageUri !== undefined) made.code = { ImageUri: Code.ImageUri, ResolvedImageUri: Code.ImageUri };
    functions.set(FunctionName, { ...made, tags: Tags ?? {} });
    return made.configuration;
  });
  mock.on(UpdateFunctionCodeCommand).callsFake(async ({ FunctionName, ZipFile }) => {
    const { configuration, zips } = get(FunctionName);
    const zip = Buffer.from(ZipFile ?? []);
    zips.set('$LATEST', zip);
    return Object.assign(configuration, { CodeSha256: sha256Of(zip), CodeSize: zip.length });
  });
  mock.on(UpdateFunctionConfigurationCommand).callsFake(async ({ FunctionName, Layers, ...rest }) => {
    const { configuration } = get(FunctionName);
    return Object.assign(configuration, rest, { Layers: Layers?.map((Arn: string) => ({ Arn })) });
  });

  return {
    functions,
    layers,
    downloads,
    /** Every download: what of, and from which byte. */
    asked,
    mock,
    client: new LambdaClient({ region: 'eu-west-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } }),
    /** The names of the commands that change something, in order. */
    changes: () =>
      mock
        .calls()
        .map(({ args: [command] }) => command.constructor.name)
        .filter((name) => !/^(Get|List)/.test(name)),
    stop: async () => {
      mock.restore();
      await server.stop();
    },
  };
}
