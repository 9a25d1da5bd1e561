/** Reads what a table is besides its items: see `dynamodb-definition.ts`. */
import type { ApplicationAutoScalingClient } from '@aws-sdk/client-application-auto-scaling';
import {
  DescribeContinuousBackupsCommand,
  DescribeContributorInsightsCommand,
  DescribeKinesisStreamingDestinationCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  GetResourcePolicyCommand,
  ListTagsOfResourceCommand,
  type TableDescription,
  type Tag,
} from '@aws-sdk/client-dynamodb';
import type { Attributes, Json } from '../../core/entry.ts';
import { readAutoScaling } from './auto-scaling.ts';
import { definitionOf } from './describe.ts';
import { describeTable, isRefusal, refusalOf, translateTableError } from './requests.ts';

export interface TableClients {
  readonly dynamoDb: DynamoDBClient;
  readonly autoScaling: ApplicationAutoScalingClient;
}

/**
 * Every setting of the table, also `tableId` and `createdAt`, which tell a table that was made anew. `notCaptured` has a line for each
 * setting that may not be read, or that this place does not know.
 * @throws NotFoundError for a missing table; AccessDeniedError when it cannot even be described; TransientError
 */
export async function readTableSettings(
  clients: TableClients,
  table: string,
): Promise<{ readonly settings: Attributes; readonly notCaptured: readonly string[] }> {
  const described = await describeTable(clients.dynamoDb, table);
  const settings: { [name: string]: unknown } = { ...definitionOf(described) };
  const notCaptured: string[] = (described.VectorIndexes ?? []).map(
    ({ IndexName }) => `vectorIndexes: ${IndexName} is a vector index, which is not captured`,
  );
  for (const [name, read] of partsOf(clients, table, described)) {
    try {
      settings[name] = await read();
    } catch (error) {
      if (!isRefusal(error)) throw translateTableError(error, table, `reading the table's ${name}`);
      notCaptured.push(`${name}: ${refusalOf(error)}`);
    }
  }
  return { settings: asJson(settings), notCaptured };
}

// Through JSON, so that dates are text and what is undefined is absent.
const asJson = (settings: object): { readonly [name: string]: Json } => JSON.parse(JSON.stringify(settings));

/** What the description of a table leaves out, each with a request of its own. */
function partsOf(
  { dynamoDb, autoScaling }: TableClients,
  table: string,
  { TableArn, GlobalSecondaryIndexes = [] }: TableDescription,
): readonly (readonly [name: string, read: () => Promise<unknown>])[] {
  const indexes = GlobalSecondaryIndexes.flatMap(({ IndexName }) => IndexName ?? []).sort();
  return [
    ['timeToLive', () => readTimeToLive(dynamoDb, table)],
    ['tags', () => readTags(dynamoDb, TableArn)],
    ['pointInTimeRecovery', () => readPointInTimeRecovery(dynamoDb, table)],
    ['contributorInsights', () => readInsights(dynamoDb, table, indexes)],
    ['kinesisDestinations', () => readKinesisDestinations(dynamoDb, table)],
    ['autoScaling', () => readAutoScaling(autoScaling, table, indexes)],
    ['resourcePolicy', () => readPolicy(dynamoDb, TableArn)],
  ];
}

async function readTimeToLive(client: DynamoDBClient, TableName: string) {
  const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName }));
  const { TimeToLiveStatus, AttributeName } = TimeToLiveDescription ?? {};
  return TimeToLiveStatus === 'ENABLED' || TimeToLiveStatus === 'ENABLING' ? AttributeName : null;
}

async function readTags(client: DynamoDBClient, ResourceArn: string | undefined): Promise<readonly Tag[]> {
  const tags: Tag[] = [];
  let NextToken: string | undefined;
  do {
    const page = await client.send(
      new ListTagsOfResourceCommand({ ResourceArn, ...(NextToken === undefined ? {} : { NextToken }) }),
    );
    tags.push(...(page.Tags ?? []));
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  // Tags of AWS's own (aws:cloudformation:stack-name) belong to whoever made this table, and no request can set them.
  return tags.filter(({ Key = '' }) => !Key.startsWith('aws:')).sort((a, b) => compare(a.Key ?? '', b.Key ?? ''));
}

async function readPointInTimeRecovery(client: DynamoDBClient, TableName: string) {
  const { ContinuousBackupsDescription } = await client.send(new DescribeContinuousBackupsCommand({ TableName }));
  const { PointInTimeRecoveryStatus, RecoveryPeriodInDays } =
    ContinuousBackupsDescription?.PointInTimeRecoveryDescription ?? {};
  return PointInTimeRecoveryStatus === 'ENABLED' ? { RecoveryPeriodInDays } : null;
}

async function readInsights(client: DynamoDBClient, TableName: string, indexes: readonly string[]) {
  const found: unknown[] = [];
  for (const IndexName of [undefined, ...indexes]) {
    const of = IndexName === undefined ? {} : { IndexName };
    const { ContributorInsightsStatus, ContributorInsightsMode: Mode } = await client.send(
      new DescribeContributorInsightsCommand({ TableName, ...of }),
    );
    if (ContributorInsightsStatus === 'ENABLED' || ContributorInsightsStatus === 'ENABLING')
      found.push({ ...of, Mode });
  }
  return found;
}

async function readKinesisDestinations(client: DynamoDBClient, TableName: string) {
  const { KinesisDataStreamDestinations = [] } = await client.send(
    new DescribeKinesisStreamingDestinationCommand({ TableName }),
  );
  return KinesisDataStreamDestinations.filter(({ DestinationStatus }) =>
    ['ACTIVE', 'ENABLING', 'UPDATING'].includes(DestinationStatus ?? ''),
  )
    .map(({ StreamArn, ApproximateCreationDateTimePrecision: Precision }) => ({ StreamArn, Precision }))
    .sort((a, b) => compare(a.StreamArn ?? '', b.StreamArn ?? ''));
}

async function readPolicy(client: DynamoDBClient, ResourceArn: string | undefined): Promise<unknown> {
  try {
    const { Policy } = await client.send(new GetResourcePolicyCommand({ ResourceArn }));
    return Policy === undefined || Policy === '' ? null : JSON.parse(Policy);
  } catch (error) {
    if (error instanceof Error && error.name === 'PolicyNotFoundException') return null;
    throw error;
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
