/** What a function may do to tables in DynamoDB, as sources, as targets, and as sandboxes. */
import type { DynamoDbUri, S3Uri } from '../../core/uri.ts';
import { arn, bucketArn, objectsArn, ref, type Statement } from './cloudformation.ts';
import { allow, allowOnAll, ownArn, useKmsThrough } from './grant.ts';
import { LIST, useKmsThroughS3, workObjects } from './s3-grants.ts';

type Table = Pick<DynamoDbUri, 'table'>;

const READ_SETTINGS = [
  'dynamodb:DescribeTable',
  'dynamodb:DescribeTimeToLive',
  'dynamodb:DescribeContinuousBackups',
  'dynamodb:DescribeContributorInsights',
  'dynamodb:DescribeKinesisStreamingDestination',
  'dynamodb:GetResourcePolicy',
  'dynamodb:ListTagsOfResource',
];
const READ_SCALING = [
  'application-autoscaling:DescribeScalableTargets',
  'application-autoscaling:DescribeScalingPolicies',
  'application-autoscaling:DescribeScheduledActions',
];
/** Making a table takes TagResource for its tags. */
const MAKE_AND_FILL = ['dynamodb:CreateTable', 'dynamodb:TagResource', 'dynamodb:BatchWriteItem'];
// Not DeleteTable: a restore never drops a table.
const WRITE_SETTINGS = [
  'dynamodb:DeleteResourcePolicy',
  'dynamodb:DisableKinesisStreamingDestination',
  'dynamodb:EnableKinesisStreamingDestination',
  'dynamodb:PutResourcePolicy',
  'dynamodb:UntagResource',
  'dynamodb:UpdateContinuousBackups',
  'dynamodb:UpdateContributorInsights',
  'dynamodb:UpdateKinesisStreamingDestination',
  'dynamodb:UpdateTable',
  'dynamodb:UpdateTimeToLive',
];
const WRITE_SCALING = [
  'application-autoscaling:RegisterScalableTarget',
  'application-autoscaling:PutScalingPolicy',
  'application-autoscaling:PutScheduledAction',
  'application-autoscaling:DeregisterScalableTarget',
  'application-autoscaling:DeleteScalingPolicy',
  'application-autoscaling:DeleteScheduledAction',
];
const SCALER = 'dynamodb.application-autoscaling.amazonaws.com';

/** Everything of a table is read by its inventory, which stages what it reads; the workers on shards read that. */
export const readTables = (tables: readonly Table[]): readonly Statement[] => [
  allow(['dynamodb:Scan', ...READ_SETTINGS], tables.map(tableArn)),
  // Insights are kept for each index too.
  allow(['dynamodb:DescribeContributorInsights'], tables.map(indexesArn)),
  // Application Auto Scaling knows no resources for what it describes (Service Authorization Reference).
  allowOnAll(READ_SCALING),
  useKms(['kms:Decrypt'], tables),
];

/** A table that DynamoDB exports, and where: undefined is the work bucket. */
export interface ExportedTable extends Table {
  readonly exportTo: S3Uri | undefined;
}

/** DynamoDB writes with the caller's rights (DynamoDB developer guide, "Requesting a table export"). */
const WRITE_EXPORT = ['s3:PutObject', 's3:PutObjectAcl', 's3:AbortMultipartUpload'];

/** Has tables exported and reads the exports. */
export function exportTables(tables: readonly ExportedTable[]): readonly Statement[] {
  const places = tables.flatMap(({ exportTo }) => exportTo ?? []);
  const objects = [
    ...places.map(objectsArn),
    ...(tables.some(({ exportTo }) => exportTo === undefined) ? [workObjects('exports/')] : []),
  ];
  return [
    allow(['dynamodb:ExportTableToPointInTime'], tables.map(tableArn)),
    allow(
      ['dynamodb:DescribeExport'],
      tables.map(({ table }) => ownArn('dynamodb', `table/${table}/export/*`)),
    ),
    allow([...WRITE_EXPORT, 's3:GetObject'], objects),
    ...(places.length === 0
      ? []
      : [
          allow(
            LIST,
            places.map(({ bucket }) => bucketArn(bucket)),
          ),
          useKmsThroughS3(['kms:Decrypt', 'kms:GenerateDataKey'], places),
        ]),
  ];
}

/** Restores items and settings into tables, makes the ones that are missing, and reads them back. */
export const writeTables = (tables: readonly Table[]): readonly Statement[] => [
  allow(
    ['dynamodb:Scan', 'dynamodb:GetItem', ...READ_SETTINGS, ...MAKE_AND_FILL, ...WRITE_SETTINGS],
    tables.map(tableArn),
  ),
  allow(['dynamodb:DescribeContributorInsights', 'dynamodb:UpdateContributorInsights'], tables.map(indexesArn)),
  // Application Auto Scaling knows no resources for what it describes (Service Authorization Reference).
  allowOnAll(READ_SCALING),
  // Its targets have ids of its own, which tell nothing of the table: the namespace is as narrow as it gets.
  allow(WRITE_SCALING, [ownArn('application-autoscaling', 'scalable-target/*')], {
    StringEquals: { 'application-autoscaling:service-namespace': 'dynamodb' },
  }),
  // The role by which it scales tables is AWS's own, and is made with the first target of an account.
  allow(
    ['iam:CreateServiceLinkedRole'],
    [
      arn(
        'iam::',
        ref('AWS::AccountId'),
        `:role/aws-service-role/${SCALER}/AWSServiceRoleForApplicationAutoScaling_DynamoDBTable`,
      ),
    ],
    { StringEquals: { 'iam:AWSServiceName': SCALER } },
  ),
  useKms(['kms:Decrypt'], tables),
  makeTablesUnderKms,
];

/** A table that is made, filled, read back and deleted again. */
export const useSandboxTables = (tables: readonly Table[]): readonly Statement[] => [
  allow(
    ['dynamodb:DescribeTable', 'dynamodb:Scan', 'dynamodb:GetItem', ...MAKE_AND_FILL, 'dynamodb:DeleteTable'],
    tables.map(tableArn),
  ),
];

/**
 * DynamoDB makes grants for itself when it makes a table under a key of the customer's; the table is no part of those requests (DynamoDB
 * developer guide, "Authorizing use of your customer managed key").
 */
const makeTablesUnderKms: Statement = allow(
  ['kms:CreateGrant', 'kms:DescribeKey'],
  [arn('kms:*:', ref('AWS::AccountId'), ':key/*')],
  { StringLike: { 'kms:ViaService': 'dynamodb.*.amazonaws.com' } },
);

/** DynamoDB gives the table's name as encryption context (DynamoDB developer guide, "DynamoDB encryption context"). */
const useKms = (actions: readonly string[], tables: readonly Table[]): Statement =>
  useKmsThrough('dynamodb', actions, { name: 'aws:dynamodb:tableName', values: tables.map(({ table }) => table) });

const tableArn = ({ table }: Table) => ownArn('dynamodb', `table/${table}`);
const indexesArn = ({ table }: Table) => ownArn('dynamodb', `table/${table}/index/*`);
