/** Sources and targets in AWS, with clients that are made at their first use and shared by the process. */
import { ApplicationAutoScalingClient } from '@aws-sdk/client-application-auto-scaling';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SSMClient } from '@aws-sdk/client-ssm';
import type { ReadOptions, Target, WriteOptions } from '../core/ports.ts';
import type { FileUri, PlaceUri } from '../core/uri.ts';
import { deleteTable } from '../sources/dynamodb/create.ts';
import { dynamoDbSource } from '../sources/dynamodb.ts';
import { lambdaSource } from '../sources/lambda.ts';
import { s3Source } from '../sources/s3.ts';
import { deleteSecretNow, secretsManagerSource } from '../sources/secrets-manager.ts';
import { ssmSource } from '../sources/ssm.ts';
import { CLIENT_DEFAULTS } from './clients.ts';
import { ownMeter } from './meter.ts';
import { ownS3Clients } from './s3-clients.ts';
import type { SandboxRemoval } from './sandboxes.ts';

const once = <Client>(make: () => Client): (() => Client) => {
  let made: Client | undefined;
  return () => {
    made ??= make();
    return made;
  };
};

// Parameter Store takes some 40 requests a second and Secrets Manager some hundred: better to slow down than to be refused.
const SLOW_SERVICE = { ...CLIENT_DEFAULTS, retryMode: 'adaptive' };
const ssm = once(() => ownMeter.watch(new SSMClient(SLOW_SERVICE)));
const secretsManager = once(() => ownMeter.watch(new SecretsManagerClient(SLOW_SERVICE)));
const lambda = once(() => ownMeter.watch(new LambdaClient(CLIENT_DEFAULTS)));
const tables = once(() => ({
  dynamoDb: ownMeter.watch(new DynamoDBClient(CLIENT_DEFAULTS)),
  autoScaling: ownMeter.watch(new ApplicationAutoScalingClient(CLIENT_DEFAULTS)),
}));

export function openAwsPlace(uri: Exclude<PlaceUri, FileUri>, options: ReadOptions & WriteOptions = {}): Target {
  switch (uri.scheme) {
    case 's3':
      return s3Source(ownS3Clients(), uri);
    case 'dynamodb':
      return dynamoDbSource({ ...tables(), s3: ownS3Clients() }, uri, options);
    case 'ssm':
      return ssmSource(ssm(), uri);
    case 'secretsmanager':
      return secretsManagerSource(secretsManager(), uri);
    case 'lambda':
      return lambdaSource(lambda(), uri);
  }
}

/** How what a sandbox holds is removed where removing its entries one by one is not enough. */
export const removeFromAws: SandboxRemoval = {
  table: (name) => deleteTable(tables(), name),
  secret: (name) => deleteSecretNow(secretsManager(), name),
};
