/**
 * No value of a parameter or a secret stands in anything but content. Services that quote what they are sent or what they hold, answers that are broken off
 * or no JSON: whatever goes wrong at whichever request, nothing that is told holds a value, its hash or another writing of it.
 */

import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SSMClient } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { piecesOf } from '../../functions/core/content.ts';
import { type Attributes, keyFromText, type PresentEntry } from '../../functions/core/entry.ts';
import type { ListedTarget } from '../../functions/core/ports.ts';
import { secretsManagerSource } from '../../functions/sources/secrets-manager.ts';
import { ssmSource } from '../../functions/sources/ssm.ts';
import { type LoopbackServer, startLoopback } from '../fakes/loopback-server.ts';

type Failure = (response: ServerResponse) => void;
type Answers = Readonly<Record<string, () => object>>;

/** Values that no text holds by chance, one of them with what JSON escapes. */
const VALUES = [`${randomBytes(12).toString('hex')}"\\\n\u00fc`, randomBytes(24).toString('base64')];
const [VALUE = '', OTHER = ''] = VALUES;
const ID = 'a'.repeat(32);

/** The value as it is and as it may be written, or what tells it by a guess. */
const TRACES = VALUES.flatMap((value) => {
  const bytes = Buffer.from(value);
  const hashes = ['md5', 'sha1', 'sha256', 'sha512'].map((name) => createHash(name).update(bytes).digest());
  const core = value.slice(0, 16);
  return [
    ...[core, encodeURIComponent(core), core.toUpperCase(), Buffer.from(core).toString('hex')],
    ...[bytes, ...hashes].flatMap((one) => [one.toString('hex'), one.toString('base64'), one.toString('base64url')]),
    bytes.toString('base64').slice(0, 16),
  ];
});

function expectNoTrace(told: unknown, where: string): void {
  const text = inspect(told, { depth: 20, showHidden: true, maxStringLength: null, maxArrayLength: null });
  for (const trace of TRACES) expect(text.includes(trace), `${where}: ${trace} of a value is told`).toBe(false);
}

const quoting =
  (name: string, status = 400): Failure =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(JSON.stringify({ __type: name, message: `Value '${VALUE}' at 'value' (${OTHER}) is wrong` }));
  };

/** A service that says no by names that quote, in a hundred ways; and answers that are none. Access errors and those of KMS never quote. */
const FAILURES: Readonly<Record<string, Failure>> = {
  ...Object.fromEntries(
    [
      ...['ValidationException', 'InvalidParameterException', 'InvalidRequestException', 'ParameterNotFound'],
      ...['ResourceNotFoundException', 'ResourceExistsException', 'ParameterAlreadyExists', 'ThrottlingException'],
      ...['ParameterPatternMismatchException', 'InvalidAllowedPatternException', 'MalformedPolicyDocumentException'],
      ...['HierarchyTypeMismatchException', 'LimitExceededException', 'DecryptionFailure', 'EncryptionFailure'],
      ...['InvalidPolicyAttributeException', 'UnrecognizedClientException', 'SomethingNewException', 'TooManyUpdates'],
    ].map((name) => [name, quoting(name)]),
  ),
  'a failing service': quoting('InternalServerError', 500),
  'a gateway': quoting('', 503),
  'an answer that is no JSON': (response) => response.end(`${JSON.stringify(VALUE)} ${OTHER}`),
  'an answer that stops': (response) => response.end(`{"Parameter":{"Value":${JSON.stringify(VALUE)},`),
  'an answer of other types': (response) =>
    response.end(
      JSON.stringify({ Parameter: VALUE, Parameters: VALUE, SecretString: { value: OTHER }, TagList: VALUE }),
    ),
  'a connection that breaks': (response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write(JSON.stringify({ Value: VALUE }), () => response.destroy());
  },
};

let server: LoopbackServer;
let answers: Answers = {};
let failure: Failure | undefined;
let failAt = 0;
let requests = 0;
beforeAll(async () => {
  server = await startLoopback((request: IncomingMessage, response) => {
    const operation = String(request.headers['x-amz-target']).split('.')[1] ?? '';
    request.resume();
    request.on('end', () => {
      requests += 1;
      if (failure !== undefined && requests === failAt) return failure(response);
      const answer = answers[operation];
      if (answer === undefined) return quoting('UnknownOperationException')(response);
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify(answer()));
    });
  });
});
afterAll(() => server.stop());

const MODIFIED = 1767323045;
const parameter = (Value: string) => ({
  ...{ Name: '/acme/db', Type: 'SecureString', KeyId: 'alias/own', Value, Version: 1, LastModifiedDate: MODIFIED },
  ...{ Labels: ['old'], Tier: 'Standard', DataType: 'text' },
});
const ssmHolds = (Value: string): Answers => ({
  DescribeParameters: () => ({ Parameters: [{ Name: '/acme/db' }] }),
  GetParameter: () => ({ Parameter: parameter(Value) }),
  GetParameterHistory: () => ({ Parameters: [parameter(Value)] }),
  ListTagsForResource: () => ({ TagList: [{ Key: 'old', Value: '' }] }),
  PutParameter: () => ({ Version: 2 }),
  ...Object.fromEntries(
    [
      'LabelParameterVersion',
      'UnlabelParameterVersion',
      'AddTagsToResource',
      'RemoveTagsFromResource',
      'DeleteParameter',
    ].map((name) => [name, () => ({})]),
  ),
});
const secretsHold = (SecretString: string): Answers => ({
  ListSecrets: () => ({ SecretList: [{ Name: 'acme/db' }] }),
  DescribeSecret: () => ({
    ...{ Name: 'acme/db', LastChangedDate: MODIFIED, VersionIdsToStages: { [ID]: ['AWSCURRENT'] } },
    Tags: [{ Key: 'old', Value: '' }],
  }),
  GetSecretValue: () => ({ SecretString }),
  GetResourcePolicy: () => ({ ResourcePolicy: '{}' }),
  ...Object.fromEntries(
    [
      ...['PutSecretValue', 'UpdateSecretVersionStage', 'UpdateSecret', 'TagResource', 'UntagResource', 'DeleteSecret'],
      ...['DeleteResourcePolicy', 'RotateSecret', 'ReplicateSecretToRegions', 'CreateSecret'],
    ].map((name) => [name, () => ({})]),
  ),
});

interface Kind {
  readonly name: string;
  readonly holding: (value: string) => Answers;
  readonly place: () => ListedTarget;
  readonly attributes: Attributes;
  readonly content: (value: string) => string;
}

const options = () => ({
  ...{ endpoint: server.endpoint, region: 'eu-west-1', maxAttempts: 1 },
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});
const KINDS: readonly Kind[] = [
  {
    name: 'parameters',
    holding: ssmHolds,
    place: () => ssmSource(new SSMClient(options()), { scheme: 'ssm', prefix: '/acme/' }),
    attributes: {
      ...{ type: 'parameter', parameterType: 'SecureString', keyId: 'alias/own', policies: [{ Type: 'Expiration' }] },
      ...{ labels: ['live'], tags: [['a', '1']], description: 'd' },
    },
    content: (value) => value,
  },
  {
    name: 'secrets',
    holding: secretsHold,
    place: () =>
      secretsManagerSource(new SecretsManagerClient(options()), { scheme: 'secretsmanager', prefix: 'acme/' }),
    attributes: {
      ...{ type: 'secret', description: 'd', kmsKeyId: 'alias/own', tags: [['a', '1']] },
      ...{ replicaRegions: [{ region: 'eu-west-2' }], rotation: { enabled: true, lambdaArn: 'arn:f' } },
    },
    content: (value) =>
      JSON.stringify({ versions: [{ stages: ['AWSCURRENT'], string: value, versionId: 'b'.repeat(32) }] }),
  },
];

/** All that an operation tells, but the content. */
async function run(operation: () => Promise<unknown>): Promise<unknown> {
  requests = 0;
  try {
    return await operation();
  } catch (error) {
    return error;
  }
}

describe.each(KINDS)('values of $name', ({ holding, place, attributes, content }) => {
  const list = async () => {
    const lines: unknown[] = [];
    for await (const page of place().list({})) lines.push(...page);
    return lines;
  };
  const open = async () => {
    const opened = await place().open({ key: keyFromText('db'), fingerprint: undefined, sizeBytes: undefined });
    if (opened.state !== 'open') return opened;
    let bytes = 0;
    for await (const part of piecesOf(opened.content)) bytes += part.length;
    expect(bytes).toBeGreaterThan(0);
    return { fingerprint: opened.fingerprint, attributes: opened.attributes, sizeBytes: opened.sizeBytes };
  };
  const write = (value: string) => () => {
    const bytes = Buffer.from(content(value));
    const entry: PresentEntry = {
      ...{ key: keyFromText('db'), state: 'present', fingerprint: '', attributes },
      ...{ sha256: '', sizeBytes: bytes.length, extents: [] },
    };
    return place().write(
      entry,
      (async function* () {
        yield bytes;
      })(),
    );
  };
  const operations: Readonly<Record<string, () => Promise<unknown>>> = {
    list,
    open,
    write: write(OTHER),
    remove: () => place().remove(keyFromText('db')),
  };

  it.each(Object.keys(operations))(
    'are told by nothing that %s gives or throws, whichever request fails, and how',
    async (name) => {
      const operation = operations[name] ?? list;
      answers = holding(VALUE);
      failure = undefined;
      expectNoTrace(await run(operation), name);
      const usual = requests;
      expect(usual).toBeGreaterThan(0);
      for (const [how, fails] of Object.entries(FAILURES))
        for (let at = 1; at <= usual; at += 1) {
          [failure, failAt] = [fails, at];
          expectNoTrace(await run(operation), `${name} with ${how} at request ${at}`);
        }
    },
  );

  it('are told by no difference in words', () => {
    expectNoTrace(place().attributesDiffer({ ...attributes, description: VALUE }, attributes), 'attributesDiffer');
  });

  it('are told by no fingerprint: it is the same for another value of the same version', async () => {
    failure = undefined;
    answers = holding(VALUE);
    const one = await open();
    answers = holding(OTHER.slice(0, VALUE.length).padEnd(VALUE.length, 'x'));
    const other = await open();
    expect({ ...one, sizeBytes: 0 }).toEqual({ ...other, sizeBytes: 0 });
  });
});

it('traces are found where they are', () => {
  expect(() => expectNoTrace(new Error('x', { cause: { message: `is ${VALUE}` } }), '')).toThrow('is told');
  for (const trace of TRACES) expect(() => expectNoTrace({ a: [{ b: `x${trace}x` }] }, '')).toThrow('is told');
});
