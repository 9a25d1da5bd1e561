/** The ports of a Lambda function, from its environment and the plan file in its package. */
import { readFile } from 'node:fs/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { dynamoCatalogue } from '../catalogue/catalogue.ts';
import { translateAwsError } from '../core/aws-errors.ts';
import { InvalidInputError, NotFoundError } from '../core/errors.ts';
import type { Secret } from '../core/keyring.ts';
import type { Ports } from '../core/ports.ts';
import { s3BlobStore } from '../stores/s3.ts';
import { CLIENT_DEFAULTS, s3Clients } from './clients.ts';
import { type Environment, readLambdaConfig } from './config.ts';
import { eventBridgePublisher } from './event-bridge.ts';
import { parseKeyFile } from './key-file.ts';
import { parsePlanFile } from './plan-file.ts';
import { powertoolsMetrics } from './powertools-metrics.ts';
import { oncePerKey, wirePorts } from './wiring.ts';

/** @throws InvalidInputError for an environment or a plan file that is not as it should be. */
export async function lambdaPorts(environment: Environment): Promise<Ports> {
  const settings = readLambdaConfig(environment);
  const config = parsePlanFile(await readFile(settings.planFile, 'utf8'), settings.planFile);
  const s3 = s3Clients(environment);
  const ssm = new SSMClient(CLIENT_DEFAULTS);
  const secret = oncePerKey((parameter) => readSecret(ssm, parameter));
  return wirePorts({
    config,
    catalogue: dynamoCatalogue(new DynamoDBClient(CLIENT_DEFAULTS), settings.catalogueTable),
    work: s3BlobStore(s3(), { bucket: settings.workBucket, prefix: '' }),
    secret: async () => {
      if (settings.keyParameter === undefined)
        throw new InvalidInputError(
          'this function opens a vault, but HOLDFAST_KEY_PARAMETER is not set; deploy it again',
        );
      return secret(settings.keyParameter);
    },
    events: eventBridgePublisher(new EventBridgeClient(CLIENT_DEFAULTS), settings.eventBus),
    metrics: powertoolsMetrics(settings.stage),
    s3,
    runsIn: 'lambda',
    sandboxes: [`s3://${settings.workBucket}/sandbox/`],
  });
}

/** The key file's text in an SSM parameter. @throws NotFoundError, AccessDeniedError, TransientError, InvalidInputError (no key file) */
export async function readSecret(client: SSMClient, parameter: string): Promise<Secret> {
  try {
    const { Parameter } = await client.send(new GetParameterCommand({ Name: parameter, WithDecryption: true }));
    return { type: 'keyfile', bytes: parseKeyFile(Parameter?.Value ?? '') };
  } catch (error) {
    if (error instanceof Error && error.name === 'ParameterNotFound')
      throw new NotFoundError(
        `the parameter ${parameter} is not there; put the key file's text into it, as a SecureString`,
        { cause: error },
      );
    if (error instanceof InvalidInputError)
      throw new InvalidInputError(
        `the parameter ${parameter} holds no key: ${error.message}; put the key's text there`,
        {
          cause: error,
        },
      );
    throw translateAwsError(error, `parameter ${parameter}: reading the key`);
  }
}
