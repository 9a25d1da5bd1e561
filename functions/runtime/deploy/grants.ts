/** What a function may do to what is Holdfast's own. Nothing here deletes in a vault. */
import type { S3Uri } from '../../core/uri.ts';
import { getAtt, objectsArn, type Statement } from './cloudformation.ts';
import { allow, allowOnAll, ownArn } from './grant.ts';
import { bucketsOf, LIST, workObjects } from './s3-grants.ts';

type Place = Pick<S3Uri, 'bucket' | 'prefix'>;

export const readVaults = (places: readonly Place[]): readonly Statement[] => [
  allow(LIST, bucketsOf(places)),
  allow(['s3:GetObject'], places.map(objectsArn)),
];

/**
 * New blobs, and nothing over an old one: the policy lets only writes through that carry `If-None-Match` (S3 user guide, "Enforce
 * conditional writes"), so that whoever steals the role can neither delete nor overwrite.
 */
export const addToVaults = (places: readonly Place[]): readonly Statement[] => [
  allow(['s3:PutObject'], places.map(objectsArn), { Null: { 's3:if-none-match': 'false' } }),
];

/** Lists by reference in the work bucket. */
export const useWork: readonly Statement[] = [
  allow(LIST, [getAtt('WorkBucket', 'Arn')]),
  allow(['s3:GetObject', 's3:PutObject'], [workObjects('')]),
];

/** Removes lists that nobody needs any more; all of them go with the week anyway. */
export const tidyWork = (folder: 'runs' | 'verifications'): readonly Statement[] => [
  allow(['s3:DeleteObject'], [workObjects(`${folder}/`)]),
];

export const useCatalogue: readonly Statement[] = [
  allow(
    [
      'dynamodb:GetItem',
      'dynamodb:BatchGetItem',
      'dynamodb:Query',
      'dynamodb:PutItem',
      'dynamodb:UpdateItem',
      'dynamodb:BatchWriteItem',
    ],
    [getAtt('CatalogueTable', 'Arn'), { 'Fn::Join': ['', [getAtt('CatalogueTable', 'Arn'), '/index/*']] }],
  ),
];

export const publishEvents: readonly Statement[] = [allow(['events:PutEvents'], [getAtt('EventBus', 'Arn')])];

/** A SecureString under the account's own key for Parameter Store, which needs no grant of its own. */
export const readKey = (stage: string, kind: 'read' | 'write'): readonly Statement[] => [
  allow(['ssm:GetParameter'], [ownArn('ssm', `parameter/holdfast/${stage}/key/${kind}`)]),
];

/** Logs into the function's own group; X-Ray knows no resources (Service Authorization Reference). */
export const writeLogsAndTraces = (logGroupId: string): readonly Statement[] => [
  allow(['logs:CreateLogStream', 'logs:PutLogEvents'], [getAtt(logGroupId, 'Arn')]),
  allowOnAll(['xray:PutTraceSegments', 'xray:PutTelemetryRecords']),
];
