/** Functions on ministack, whose Lambda keeps code, layers, versions and aliases, and tells all of it again; moto gives no code. */

import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import {
  AddPermissionCommand,
  CreateAliasCommand,
  CreateEventSourceMappingCommand,
  CreateFunctionCommand,
  CreateFunctionUrlConfigCommand,
  DeleteLayerVersionCommand,
  GetFunctionCommand,
  GetPolicyCommand,
  InvokeCommand,
  LambdaClient,
  ListAliasesCommand,
  ListEventSourceMappingsCommand,
  PublishLayerVersionCommand,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  PutFunctionEventInvokeConfigCommand,
  PutFunctionRecursionConfigCommand,
  PutProvisionedConcurrencyConfigCommand,
  PutRuntimeManagementConfigCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionActiveV2,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { piecesOf } from '../../functions/core/content.ts';
import type { EntryKey, ListedEntry, PresentEntry } from '../../functions/core/entry.ts';
import { keyFromText } from '../../functions/core/entry.ts';
import { NotFoundError } from '../../functions/core/errors.ts';
import { parseUri } from '../../functions/core/uri.ts';
import { eachOf } from '../../functions/operations/each-of.ts';
import { lambdaSource } from '../../functions/sources/lambda.ts';
import { awsCli, startMinistack } from '../deployed/ministack.ts';
import { zipOf } from '../fakes/zip.ts';
import { awsEnv } from './judge.ts';
import type { Emulator } from './services.ts';

const ROLE = 'arn:aws:iam::000000000000:role/worker';
const SECRET = 'p1anted-va1ue-of-the-environment';
const QUEUE = 'arn:aws:sqs:us-east-1:000000000000:orders';
const handler = (word: string) => zipOf({ 'index.js': `exports.handler = async () => '${word} ' + process.env.WORD;` });

let emulator: Emulator;
let client: LambdaClient;

beforeAll(async () => {
  emulator = await startMinistack();
  const env = awsEnv(emulator.endpoint);
  client = new LambdaClient({
    endpoint: emulator.endpoint,
    region: env.AWS_REGION ?? 'us-east-1',
    credentials: { accessKeyId: env.AWS_ACCESS_KEY_ID ?? '', secretAccessKey: env.AWS_SECRET_ACCESS_KEY ?? '' },
  });
  const trust = {
    Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
  };
  const aws = awsCli(emulator.endpoint);
  const document = JSON.stringify({ Version: '2012-10-17', ...trust });
  await aws('iam', 'create-role', '--role-name', 'worker', '--assume-role-policy-document', document);
  await aws('sqs', 'create-queue', '--queue-name', 'orders');
  await makeShop();
});
afterAll(() => emulator?.stop());

const sourceOf = (text: string) => {
  const uri = parseUri(text);
  if (uri.scheme !== 'lambda') throw new Error(text);
  return lambdaSource(client, uri);
};
const updated = (FunctionName: string) =>
  waitUntilFunctionUpdatedV2({ client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, { FunctionName });

let layer = '';

/** A function with everything on it: layer, environment, two versions and a third `$LATEST`, aliases, concurrency, event source, URL, tags. */
async function makeShop(): Promise<void> {
  const FunctionName = 'shop-orders';
  const published = await client.send(
    new PublishLayerVersionCommand({
      LayerName: 'tools',
      Description: 'Tools of the shop',
      CompatibleRuntimes: ['nodejs22.x'],
      Content: { ZipFile: zipOf({ 'nodejs/tool.js': 'module.exports = 1;' }) },
    }),
  );
  layer = published.LayerVersionArn ?? '';
  await client.send(
    new CreateFunctionCommand({
      FunctionName,
      Role: ROLE,
      Runtime: 'nodejs22.x',
      Handler: 'index.handler',
      Description: 'first',
      MemorySize: 256,
      Timeout: 20,
      Environment: { Variables: { WORD: SECRET } },
      Layers: [layer],
      Tags: { team: 'orders' },
      Code: { ZipFile: handler('one') },
    }),
  );
  await waitUntilFunctionActiveV2({ client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, { FunctionName });
  await client.send(new PublishVersionCommand({ FunctionName }));
  await client.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile: handler('two') }));
  await updated(FunctionName);
  await client.send(new UpdateFunctionConfigurationCommand({ FunctionName, Description: 'second' }));
  await updated(FunctionName);
  await client.send(new PublishVersionCommand({ FunctionName }));
  await client.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile: handler('three') }));
  await updated(FunctionName);
  const RoutingConfig = { AdditionalVersionWeights: { '2': 0.25 } };
  await client.send(new CreateAliasCommand({ FunctionName, Name: 'live', FunctionVersion: '1', RoutingConfig }));
  await client.send(new CreateAliasCommand({ FunctionName, Name: 'next', FunctionVersion: '$LATEST' }));
  await client.send(new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: 7 }));
  await client.send(
    new PutProvisionedConcurrencyConfigCommand({ FunctionName, Qualifier: 'live', ProvisionedConcurrentExecutions: 2 }),
  );
  await client.send(
    new PutFunctionEventInvokeConfigCommand({
      FunctionName,
      MaximumRetryAttempts: 1,
      MaximumEventAgeInSeconds: 300,
      DestinationConfig: { OnFailure: { Destination: QUEUE } },
    }),
  );
  await client.send(
    new CreateFunctionUrlConfigCommand({
      FunctionName,
      AuthType: 'AWS_IAM',
      Cors: { AllowOrigins: ['https://a.example'] },
    }),
  );
  const invoke = { Action: 'lambda:InvokeFunction', Principal: 's3.amazonaws.com' };
  await client.send(
    new AddPermissionCommand({ FunctionName, StatementId: 'bucket', ...invoke, SourceArn: 'arn:aws:s3:::uploads' }),
  );
  await client.send(new AddPermissionCommand({ FunctionName, StatementId: 'of-live', Qualifier: 'live', ...invoke }));
  await client.send(new PutFunctionRecursionConfigCommand({ FunctionName, RecursiveLoop: 'Allow' }));
  await client.send(new PutRuntimeManagementConfigCommand({ FunctionName, UpdateRuntimeOn: 'FunctionUpdate' }));
  await client.send(
    new CreateEventSourceMappingCommand({ FunctionName: `${FunctionName}:live`, EventSourceArn: QUEUE, BatchSize: 5 }),
  );
}

interface Kept {
  readonly entry: PresentEntry;
  readonly content: Buffer;
}

async function backUp(uri: string): Promise<readonly Kept[]> {
  const source = sourceOf(uri);
  const kept: Kept[] = [];
  for await (const listed of eachOf(source.list({}))) {
    if ('unprotected' in listed) throw new Error(listed.unprotected);
    kept.push(await keep(uri, listed));
  }
  return kept;
}

async function keep(uri: string, listed: Pick<ListedEntry, 'key'>): Promise<Kept> {
  const opened = await sourceOf(uri).open({ key: listed.key, fingerprint: undefined, sizeBytes: undefined });
  if (opened.state !== 'open') throw new Error(JSON.stringify(opened));
  const parts: Uint8Array[] = [];
  for await (const bytes of piecesOf(opened.content)) parts.push(bytes);
  const content = Buffer.concat(parts);
  expect(content.length).toBe(opened.sizeBytes);
  const { fingerprint, attributes, sizeBytes } = opened;
  const sha256 = createHash('sha256').update(content).digest('hex');
  return {
    content,
    entry: { key: listed.key, state: 'present', fingerprint, attributes, sha256, sizeBytes, extents: [] },
  };
}

async function* pieces(content: Buffer) {
  for (let at = 0; at < content.length; at += 1000) yield content.subarray(at, at + 1000);
}

async function restore(uri: string, { entry, content }: Kept): Promise<readonly string[]> {
  return await sourceOf(uri).write(entry, pieces(content));
}

const only = <T>(items: readonly T[]): T => {
  const [item, ...others] = items;
  if (item === undefined || others.length > 0) throw new Error(`${items.length} items`);
  return item;
};

const answerOf = async (FunctionName: string, Qualifier?: string) => {
  const { Payload } = await client.send(new InvokeCommand({ FunctionName, ...(Qualifier ? { Qualifier } : {}) }));
  return JSON.parse(Buffer.from(Payload ?? []).toString());
};

describe('functions on ministack', () => {
  it('are backed up into the same bytes while nothing changes', async () => {
    const first = only(await backUp('lambda://shop-*'));
    const second = only(await backUp('lambda://shop-*'));
    expect(second.entry).toEqual(first.entry);
    expect(first.entry.key).toBe(keyFromText('orders'));
    expect(first.content.includes(SECRET)).toBe(true);
    expect(JSON.stringify({ ...first.entry, content: '' })).not.toContain(SECRET);
  });

  it('come back whole after they were deleted, with their aliases on the versions that they were on', async () => {
    const before = only(await backUp('lambda://shop-*'));
    await sourceOf('lambda://shop-*').remove(before.entry.key);
    expect(await backUp('lambda://shop-*')).toEqual([]);
    const said = await restore('lambda://shop-*', before);
    expect(said).toEqual([expect.stringMatching(/^function URL of \$LATEST \(it is http.* now\)$/)]);
    const after = only(await backUp('lambda://shop-*'));
    expect(after.content.toString('latin1')).toBe(before.content.toString('latin1'));
    expect(after.entry.attributes).toEqual(before.entry.attributes);
    expect(await answerOf('shop-orders')).toBe(`three ${SECRET}`);
    expect(await answerOf('shop-orders', '1')).toBe(`one ${SECRET}`);
    const { Aliases } = await client.send(new ListAliasesCommand({ FunctionName: 'shop-orders' }));
    expect(Aliases?.map(({ Name, FunctionVersion }) => [Name, FunctionVersion])).toEqual([
      ['live', '1'],
      ['next', '$LATEST'],
    ]);
  });

  it('are not touched when they are already as they were', async () => {
    const before = only(await backUp('lambda://shop-*'));
    expect(await restore('lambda://shop-*', before)).toEqual([]);
    expect(only(await backUp('lambda://shop-*')).entry.fingerprint).toBe(before.entry.fingerprint);
  });

  it('are put back as they were after a deployment that went wrong', async () => {
    const before = only(await backUp('lambda://shop-orders'));
    const FunctionName = 'shop-orders';
    await client.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile: handler('broken') }));
    await updated(FunctionName);
    await client.send(
      new UpdateFunctionConfigurationCommand({
        FunctionName,
        Environment: { Variables: {} },
        Layers: [],
        MemorySize: 128,
      }),
    );
    await updated(FunctionName);
    expect(await restore('lambda://shop-orders', before)).toEqual([]);
    expect(only(await backUp('lambda://shop-orders')).entry.sha256).toBe(before.entry.sha256);
  });

  it('restore under another name beside the first, with event sources that are off', async () => {
    const before = only(await backUp('lambda://shop-*'));
    const said = await restore('lambda://copy-of-*', before);
    expect(said).toEqual([
      expect.stringContaining('function URL of $LATEST'),
      `event source ${QUEUE} (it is off; turn it on when copy-of-orders is to consume it)`,
    ]);
    const copy = only(await backUp('lambda://copy-of-*'));
    expect(copy.entry.sha256).toBe(before.entry.sha256);
    expect(
      sourceOf('lambda://copy-of-*').attributesDiffer(before.entry.attributes, copy.entry.attributes),
    ).toBeUndefined();
    const { EventSourceMappings } = await client.send(
      new ListEventSourceMappingsCommand({ FunctionName: 'copy-of-orders:live' }),
    );
    expect(EventSourceMappings?.map(({ State }) => State)).toEqual(['Disabled']);
    const { Policy = '' } = await client.send(new GetPolicyCommand({ FunctionName: 'copy-of-orders' }));
    expect(Policy).toContain(':function:copy-of-orders');
    expect(Policy).not.toContain('shop-orders');
  });

  it('bring their layers along where those are gone', async () => {
    const before = only(await backUp('lambda://shop-*'));
    await client.send(new DeleteLayerVersionCommand({ LayerName: 'tools', VersionNumber: 1 }));
    const said = await restore('lambda://without-layer-*', before);
    const now = /layer \S+ \(it is (\S+) now\)/.exec(said.join('\n'))?.[1];
    const { Configuration } = await client.send(new GetFunctionCommand({ FunctionName: 'without-layer-orders' }));
    expect(now).not.toBe(layer);
    expect(Configuration?.Layers?.map(({ Arn }) => Arn)).toEqual([now]);
    expect(await restore('lambda://without-layer-again-*', before)).toContain(`layer ${layer} (it is ${now} now)`);
  });

  it('are not found when they are not there', async () => {
    await expect(backUp('lambda://nobody')).rejects.toThrow(NotFoundError);
    expect(await backUp('lambda://nobody*')).toEqual([]);
    await sourceOf('lambda://nobody').remove('' as EntryKey);
  });
});
