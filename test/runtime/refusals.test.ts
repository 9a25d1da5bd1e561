/** What AWS answers when something is refused, missing or elsewhere, as the clients take it: asked once, and named. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { translateAwsError } from '../../functions/core/aws-errors.ts';
import { AccessDeniedError, InvalidInputError, NotFoundError, TransientError } from '../../functions/core/errors.ts';
import { CLIENT_DEFAULTS } from '../../functions/runtime/clients.ts';
import { type Answer, type LoopbackServer, startLoopback } from '../fakes/loopback-server.ts';

let server: LoopbackServer;
let requests: IncomingMessage[];
let answer: Answer;

beforeEach(async () => {
  requests = [];
  server = await startLoopback((request, response) => {
    requests.push(request);
    request.resume().on('end', () => answer(request, response));
  });
});
afterEach(() => server.stop());

function settings() {
  return {
    ...CLIENT_DEFAULTS,
    endpoint: server.endpoint,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  };
}

const s3 = () => new S3Client({ ...settings(), forcePathStyle: true, followRegionRedirects: true });
const object = { Bucket: 'acme-vault', Key: 'holdfast.json' };

const inXml =
  (status: number, code: string, more = ''): Answer =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/xml' });
    response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>said S3</Message>${more}</Error>`);
  };
const inJson =
  (status: number, code: string): Answer =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify({ __type: `com.amazonaws.service#${code}`, message: 'said the service' }));
  };

async function failureOf(sending: Promise<unknown>): Promise<unknown> {
  try {
    await sending;
  } catch (error) {
    return translateAwsError(error, 'a test');
  }
  throw new Error('nothing failed');
}

describe('a refusal by S3', () => {
  it.each([
    [403, 'AccessDenied', AccessDeniedError],
    [403, 'InvalidAccessKeyId', AccessDeniedError],
    [403, 'SignatureDoesNotMatch', AccessDeniedError],
    [400, 'ExpiredToken', AccessDeniedError],
    [400, 'InvalidToken', AccessDeniedError],
    [403, 'RequestTimeTooSkewed', AccessDeniedError],
    [403, 'OptInRequired', AccessDeniedError],
    [400, 'KMS.DisabledException', AccessDeniedError],
    [404, 'NoSuchBucket', NotFoundError],
    [301, 'PermanentRedirect', InvalidInputError],
    [400, 'AuthorizationHeaderMalformed', InvalidInputError],
    [400, 'IllegalLocationConstraintException', InvalidInputError],
  ])('%i %s is named, and asked for once', async (status, code, expected) => {
    answer = inXml(status, code);
    expect(await failureOf(s3().send(new GetObjectCommand(object)))).toBeInstanceOf(expected);
    expect(requests).toHaveLength(1);
  });

  it('without a body is named, and asked for once', async () => {
    answer = (_, response) => response.writeHead(403).end();
    expect(await failureOf(s3().send(new HeadObjectCommand(object)))).toBeInstanceOf(AccessDeniedError);
    expect(requests).toHaveLength(1);
  });
});

describe('a refusal by another service', () => {
  const services = {
    DynamoDB: () =>
      new DynamoDBClient(settings()).send(new GetItemCommand({ TableName: 't', Key: { pk: { S: 'x' } } })),
    SSM: () => new SSMClient(settings()).send(new GetParameterCommand({ Name: '/key' })),
    EventBridge: () => new EventBridgeClient(settings()).send(new PutEventsCommand({ Entries: [{ Source: 'x' }] })),
  } as const;

  const refusals = [
    ['AccessDeniedException', AccessDeniedError],
    ['UnrecognizedClientException', AccessDeniedError],
    ['InvalidSignatureException', AccessDeniedError],
    ['ExpiredTokenException', AccessDeniedError],
    ['OptInRequired', AccessDeniedError],
    ['ResourceNotFoundException', NotFoundError],
  ] as const;

  it.each(
    Object.entries(services).flatMap(([service, send]) =>
      refusals.map(([code, expected]) => ({ service, send, code, expected })),
    ),
  )('$service $code is named, and asked for once', async ({ send, code, expected }) => {
    answer = inJson(400, code);
    expect(await failureOf(send())).toBeInstanceOf(expected);
    expect(requests).toHaveLength(1);
  });
});

describe('a bucket in another region', () => {
  const home = 'us-west-2';
  const regionOf = ({ headers }: IncomingMessage) =>
    /Credential=\w+\/\d+\/([\w-]+)\//.exec(headers.authorization ?? '')?.[1];
  const atHome = (request: IncomingMessage, response: ServerResponse): void => {
    if (regionOf(request) !== home)
      return void response
        .writeHead(301, { 'x-amz-bucket-region': home })
        .end('<Error><Code>PermanentRedirect</Code></Error>');
    if (request.url?.includes('list-type'))
      response.end('<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>');
    else response.writeHead(200, { 'content-length': 0 }).end();
  };

  it.each([
    ['read', () => new GetObjectCommand(object)],
    ['looked up', () => new HeadObjectCommand(object)],
  ])('is %s all the same, since S3 tells the region', async (_, command) => {
    answer = atHome;
    await s3().send(command());
    expect(requests.map(regionOf)).toEqual(['eu-west-1', home]);
  });

  it('is listed all the same, by many at once', async () => {
    answer = atHome;
    const client = s3();
    const lists = Array.from({ length: 16 }, () => client.send(new ListObjectsV2Command({ Bucket: object.Bucket })));
    for (const { IsTruncated } of await Promise.all(lists)) expect(IsTruncated).toBe(false);
  });

  it('is named with the region that S3 expects, where S3 does not redirect', async () => {
    answer = inXml(400, 'AuthorizationHeaderMalformed', `<Region>${home}</Region>`);
    expect(await failureOf(s3().send(new GetObjectCommand(object)))).toMatchObject({
      name: 'InvalidInputError',
      message: expect.stringContaining('another region'),
    });
  });
});

describe('an address that swallows what is sent', () => {
  it('is given up when nothing comes', async () => {
    answer = () => {};
    const requestHandler = { ...CLIENT_DEFAULTS.requestHandler, socketTimeout: 50 };
    const client = new S3Client({ ...settings(), forcePathStyle: true, requestHandler });
    expect(await failureOf(client.send(new GetObjectCommand(object)))).toBeInstanceOf(TransientError);
    expect(requests).toHaveLength(CLIENT_DEFAULTS.maxAttempts);
  });

  it('costs half a minute when it takes no connection, and six when it takes one and is silent', () => {
    const { maxAttempts, requestHandler } = CLIENT_DEFAULTS;
    expect(maxAttempts * requestHandler.connectionTimeout).toBeLessThanOrEqual(30_000);
    expect(maxAttempts * requestHandler.socketTimeout).toBeLessThanOrEqual(360_000);
  });
});
