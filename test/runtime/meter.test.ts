import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  BatchWriteItemCommand,
  DescribeExportCommand,
  DescribeTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { LambdaClient, ListFunctionsCommand } from '@aws-sdk/client-lambda';
import {
  AbortMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetBucketPolicyCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { afterEach, describe, expect, it } from 'vitest';
import type { Usage } from '../../functions/core/usage.ts';
import { meterIn } from '../../functions/runtime/meter.ts';
import { regionOfHost } from '../../functions/runtime/request-usage.ts';
import { type LoopbackServer, startLoopback } from '../fakes/loopback-server.ts';

interface Reply {
  readonly status?: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

let server: LoopbackServer | undefined;
afterEach(() => server?.stop());

/** A service that gives these answers in turn, the last one ever after; the settings of a client that asks it. */
async function serviceOf(...replies: readonly Reply[]) {
  const bodies: string[] = [];
  let answered = 0;
  server = await startLoopback((request: IncomingMessage, response: ServerResponse) => {
    let text = '';
    request.on('data', (piece: Buffer) => {
      text += piece.toString();
    });
    request.on('end', () => {
      bodies.push(text);
      const reply = replies[Math.min(answered, replies.length - 1)] ?? {};
      answered += 1;
      const body = reply.body ?? '';
      const length = request.method === 'HEAD' ? '500' : String(Buffer.byteLength(body));
      response.writeHead(reply.status ?? 200, { 'content-length': length, ...reply.headers }).end(body);
    });
  });
  const settings = {
    endpoint: server.endpoint,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    maxAttempts: 3,
    forcePathStyle: true,
  };
  return { settings, bodies };
}

const object = { Bucket: 'bucket', Key: 'key' };
const withoutBytes = ({ sentBytes: _, receivedBytes: __, ...rest }: Usage): Usage => rest;

describe('the meter', () => {
  it.each([
    ['PutObject', new PutObjectCommand({ ...object, Body: 'x' }), { s3Writes: 1 }],
    ['CopyObject', new CopyObjectCommand({ ...object, CopySource: 'a/b' }), { s3Writes: 1 }],
    ['ListObjectsV2', new ListObjectsV2Command({ Bucket: 'bucket' }), { s3Writes: 1 }],
    ['CreateMultipartUpload', new CreateMultipartUploadCommand(object), { s3Writes: 1 }],
    ['GetObject', new GetObjectCommand(object), { s3Reads: 1 }],
    ['HeadObject', new HeadObjectCommand(object), { s3Reads: 1 }],
    ['GetBucketPolicy', new GetBucketPolicyCommand({ Bucket: 'bucket' }), { s3Reads: 1 }],
    ['DeleteObject', new DeleteObjectCommand(object), { s3Deletes: 1 }],
    ['AbortMultipartUpload', new AbortMultipartUploadCommand({ ...object, UploadId: 'u' }), { s3Deletes: 1 }],
  ] as const)('counts %s as S3 prices it', async (_, command, usage) => {
    const { settings } = await serviceOf({ body: '<Answer/>' });
    const meter = meterIn({});
    // The commands differ in their types only.
    await meter.watch(new S3Client(settings)).send(command as GetObjectCommand);
    expect(withoutBytes(meter.take())).toEqual(usage);
    expect(meter.take()).toEqual({});
  });

  it('counts a refusal, and no attempt that the service could not take', async () => {
    const meter = meterIn({});
    const { settings } = await serviceOf({ status: 503 }, { status: 500 }, { status: 404 });
    const sending = meter.watch(new S3Client(settings)).send(new HeadObjectCommand(object));
    await expect(sending).rejects.toThrow();
    expect(withoutBytes(meter.take())).toEqual({ s3Reads: 1 });
  });

  it('counts an attempt whose answer never came', async () => {
    const meter = meterIn({});
    const { settings } = await serviceOf({});
    await server?.stop();
    const client = meter.watch(new S3Client({ ...settings, maxAttempts: 2 }));
    await expect(client.send(new GetObjectCommand(object))).rejects.toThrow();
    expect(withoutBytes(meter.take())).toEqual({ s3Reads: 2 });
  });

  it('counts bodies, and none of the one that an answer to HEAD only tells of', async () => {
    const meter = meterIn({});
    const { settings } = await serviceOf({ body: '12345' });
    const client = meter.watch(new S3Client(settings));
    await client.send(new PutObjectCommand({ ...object, Body: 'abc' }));
    await client.send(new HeadObjectCommand(object));
    expect(meter.take()).toMatchObject({ sentBytes: 3, receivedBytes: 5 });
  });

  it.each([
    [{}, undefined],
    [{ 'x-amz-server-side-encryption': 'AES256' }, undefined],
    [{ 'x-amz-server-side-encryption': 'aws:kms' }, 1],
    [
      { 'x-amz-server-side-encryption': 'aws:kms', 'x-amz-server-side-encryption-bucket-key-enabled': 'true' },
      undefined,
    ],
  ])('takes the key of an object from its answer: %j', async (headers, keyRequests) => {
    const meter = meterIn({});
    const { settings } = await serviceOf({ headers });
    await meter.watch(new S3Client(settings)).send(new GetObjectCommand(object));
    expect(meter.take().keyRequests).toBe(keyRequests);
  });

  it('has DynamoDB tell its units, and counts those of reads and of writes', async () => {
    const meter = meterIn({});
    const { settings, bodies } = await serviceOf(
      { body: '{"ConsumedCapacity":{"TableName":"t","CapacityUnits":0.5}}' },
      { body: '{"ConsumedCapacity":[{"TableName":"t","CapacityUnits":3},{"TableName":"u","CapacityUnits":4}]}' },
      { body: '{"Table":{}}' },
    );
    const client = meter.watch(new DynamoDBClient(settings));
    await client.send(new GetItemCommand({ TableName: 't', Key: { pk: { S: 'a' } } }));
    await client.send(
      new BatchWriteItemCommand({ RequestItems: { t: [{ DeleteRequest: { Key: { pk: { S: 'a' } } } }] } }),
    );
    await client.send(new DescribeTableCommand({ TableName: 't' }));
    expect(withoutBytes(meter.take())).toEqual({ tableReadUnits: 0.5, tableWriteUnits: 7, otherRequests: 1 });
    expect(bodies.map((body) => JSON.parse(body).ReturnConsumedCapacity)).toEqual(['TOTAL', 'TOTAL', undefined]);
  });

  it('counts a write whose condition did not hold', async () => {
    const meter = meterIn({});
    const { settings } = await serviceOf({ status: 400, body: '{"__type":"x#ConditionalCheckFailedException"}' });
    const put = new PutItemCommand({ TableName: 't', Item: {}, ConditionExpression: 'attribute_not_exists(pk)' });
    await expect(meter.watch(new DynamoDBClient(settings)).send(put)).rejects.toThrow();
    expect(withoutBytes(meter.take())).toEqual({ tableWriteUnits: 1 });
  });

  it('counts an export once, when it is complete', async () => {
    const meter = meterIn({});
    const told = (status: string) => ({
      body: JSON.stringify({ ExportDescription: { ExportArn: 'arn', ExportStatus: status, BilledSizeBytes: 1000 } }),
    });
    const { settings } = await serviceOf(told('IN_PROGRESS'), told('COMPLETED'));
    const client = meter.watch(new DynamoDBClient(settings));
    for (let n = 0; n < 3; n += 1) await client.send(new DescribeExportCommand({ ExportArn: 'arn' }));
    expect(meter.take()).toMatchObject({ exportedBytes: 1000, otherRequests: 3 });
  });

  it('counts events that the bus took, and not the request', async () => {
    const meter = meterIn({});
    const { settings } = await serviceOf({ body: '{"FailedEntryCount":1,"Entries":[{},{},{}]}' });
    await meter.watch(new EventBridgeClient(settings)).send(new PutEventsCommand({ Entries: [{}, {}, {}] }));
    expect(withoutBytes(meter.take())).toEqual({ events: 2 });
  });

  it('counts parameters, those that KMS opens twice, secrets and functions', async () => {
    const meter = meterIn({});
    const { settings } = await serviceOf({ body: '{"Parameter":{"Type":"SecureString","Value":"x"}}' });
    await meter.watch(new SSMClient(settings)).send(new GetParameterCommand({ Name: 'p', WithDecryption: true }));
    await meter.watch(new SecretsManagerClient(settings)).send(new GetSecretValueCommand({ SecretId: 's' }));
    await meter.watch(new LambdaClient(settings)).send(new ListFunctionsCommand({}));
    expect(withoutBytes(meter.take())).toEqual({
      parameterRequests: 1,
      keyRequests: 1,
      secretRequests: 1,
      otherRequests: 1,
    });
  });
});

describe('the region of a host', () => {
  it.each([
    ['s3.eu-west-1.amazonaws.com', 'eu-west-1'],
    ['my.bucket.s3.us-gov-west-1.amazonaws.com', 'us-gov-west-1'],
    ['bucket.s3.dualstack.ap-southeast-2.amazonaws.com', 'ap-southeast-2'],
    ['s3.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
    ['s3.amazonaws.com', undefined],
    ['127.0.0.1', undefined],
    ['s3.eu-west-1.amazonaws.com.example.org', undefined],
  ])('of %s is %s', (host, region) => {
    expect(regionOfHost(host)).toBe(region);
  });
});

/** A request that is answered without a network. */
async function transferred(environment: Readonly<Record<string, string>>): Promise<Usage> {
  const meter = meterIn(environment);
  const client = meter.watch(
    new S3Client({
      region: 'eu-west-1',
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      requestHandler: {
        handle: async () => ({
          response: { statusCode: 200, headers: { 'content-length': '70' }, body: undefined },
        }),
      },
    }),
  );
  await client.send(new PutObjectCommand({ ...object, Body: '0123456789' }));
  return meter.take();
}

describe('what goes to and fro', () => {
  it('costs nothing within a region, both ways between two, and out of AWS', async () => {
    const at = (AWS_REGION: string) => ({ AWS_LAMBDA_FUNCTION_NAME: 'f', AWS_REGION });
    const bytes = { s3Writes: 1, sentBytes: 10, receivedBytes: 70 };
    expect(await transferred(at('eu-west-1'))).toEqual(bytes);
    expect(await transferred(at('us-east-1'))).toEqual({ ...bytes, interRegionBytes: 80 });
    expect(await transferred({ AWS_REGION: 'eu-west-1' })).toEqual({ ...bytes, leavingBytes: 70 });
  });
});
