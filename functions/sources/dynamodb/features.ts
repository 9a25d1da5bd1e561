/** The settings of a table that have requests of their own, and what turns those that are found into those that are wanted. */
import { isDeepStrictEqual } from 'node:util';
import {
  DeleteResourcePolicyCommand,
  DisableKinesisStreamingDestinationCommand,
  EnableKinesisStreamingDestinationCommand,
  PutResourcePolicyCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateContinuousBackupsCommand,
  UpdateContributorInsightsCommand,
  UpdateKinesisStreamingDestinationCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import type { TableSettings } from './definition.ts';
import { policyFor } from './policy.ts';
import type { TableClients } from './settings.ts';

export interface FeatureChange {
  /** The setting, as a line about it begins. */
  readonly setting: string;
  readonly make: (clients: TableClients) => Promise<unknown>;
}

/** What is wanted and what was found, of one table; a setting that was not captured is not wanted, one that could not be read may be anything. */
type Plan = (wanted: TableSettings, found: TableSettings) => readonly FeatureChange[];

/** Features of the table alone. */
export const planTableFeatures: Plan = (wanted, found) => [
  ...timeToLive(wanted, found),
  ...tags(wanted, found),
  ...pointInTimeRecovery(wanted, found),
];

/** Features that speak of indexes, or that send out what changes: last. */
export const planIndexFeatures: Plan = (wanted, found) => [
  ...contributorInsights(wanted, found),
  ...kinesisDestinations(wanted, found),
];

/** AWS refuses a second change within an hour, so that another attribute takes two restores; the refusal says so. */
const timeToLive: Plan = ({ timeToLive: wanted }, { table: TableName, timeToLive: found }) => {
  if (wanted === undefined || wanted === found) return [];
  const change = (AttributeName: string, Enabled: boolean): FeatureChange => ({
    setting: 'timeToLive',
    make: ({ dynamoDb }) =>
      dynamoDb.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification: { AttributeName, Enabled } })),
  });
  return [
    ...(typeof found === 'string' ? [change(found, false)] : []),
    ...(wanted === null ? [] : [change(wanted, true)]),
  ];
};

const tags: Plan = ({ tags: wanted }, { tableArn: ResourceArn, tags: found = [] }) => {
  if (wanted === undefined) return [];
  const Tags = wanted.filter((tag) => !found.some((other) => isDeepStrictEqual(other, tag)));
  const TagKeys = found.map(({ Key }) => Key).filter((key) => !wanted.some(({ Key }) => Key === key));
  // A table holds 50 tags: room is made first.
  return [
    ...(TagKeys.length === 0
      ? []
      : [
          {
            setting: 'tags',
            make: ({ dynamoDb }: TableClients) => dynamoDb.send(new UntagResourceCommand({ ResourceArn, TagKeys })),
          },
        ]),
    ...(Tags.length === 0
      ? []
      : [
          {
            setting: 'tags',
            make: ({ dynamoDb }: TableClients) => dynamoDb.send(new TagResourceCommand({ ResourceArn, Tags })),
          },
        ]),
  ];
};

/** Never switched off, and its period never shortened, by which the table would lose its history. */
const pointInTimeRecovery: Plan = (
  { pointInTimeRecovery: wanted },
  { table: TableName, pointInTimeRecovery: found },
) =>
  wanted === undefined || wanted === null || isDeepStrictEqual(wanted, found) || isLonger(found, wanted)
    ? []
    : [
        {
          setting: 'pointInTimeRecovery',
          make: ({ dynamoDb }) =>
            dynamoDb.send(
              new UpdateContinuousBackupsCommand({
                TableName,
                PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true, ...wanted },
              }),
            ),
        },
      ];

type Recovery = TableSettings['pointInTimeRecovery'];

/** Whether what is there reaches further back than what is wanted; off reaches nowhere. */
export const isLonger = (found: Recovery, wanted: Recovery): boolean => daysOf(found) > daysOf(wanted);

/** A period that is not told is the longest (DynamoDB developer guide, "Point-in-time recovery"). */
const daysOf = (recovery: Recovery): number =>
  recovery === undefined || recovery === null ? 0 : (recovery.RecoveryPeriodInDays ?? 35);

const contributorInsights: Plan = (
  { contributorInsights: wanted },
  { table: TableName, contributorInsights: found = [] },
) => {
  if (wanted === undefined) return [];
  const gone = found.filter(({ IndexName }) => !wanted.some((one) => one.IndexName === IndexName));
  const changed = wanted.filter((one) => !found.some((other) => isDeepStrictEqual(one, other)));
  const change = (
    { IndexName, Mode }: (typeof wanted)[number],
    ContributorInsightsAction: 'ENABLE' | 'DISABLE',
  ): FeatureChange => ({
    setting: IndexName === undefined ? 'contributorInsights' : `contributorInsights of ${IndexName}`,
    make: ({ dynamoDb }) =>
      dynamoDb.send(
        new UpdateContributorInsightsCommand({
          TableName,
          ContributorInsightsAction,
          ...(IndexName === undefined ? {} : { IndexName }),
          ...(Mode === undefined || ContributorInsightsAction === 'DISABLE' ? {} : { ContributorInsightsMode: Mode }),
        }),
      ),
  });
  return [...gone.map((one) => change(one, 'DISABLE')), ...changed.map((one) => change(one, 'ENABLE'))];
};

/** Of a copy none is touched: its changes would come to those who read the stream as changes of the table that it is a copy of. */
const kinesisDestinations: Plan = (
  { tableArn: from, kinesisDestinations: wanted },
  { table: TableName, tableArn, kinesisDestinations: found = [] },
) => {
  if (wanted === undefined || from !== tableArn) return [];
  const change = (
    StreamArn: string,
    send: (clients: TableClients, of: { TableName: string; StreamArn: string }) => Promise<unknown>,
  ): FeatureChange => ({
    setting: `kinesisDestinations ${StreamArn}`,
    make: (clients) => send(clients, { TableName, StreamArn }),
  });
  const gone = found.filter(({ StreamArn }) => !wanted.some((one) => one.StreamArn === StreamArn));
  return [
    // A table sends to two streams at most: room is made first.
    ...gone.map(({ StreamArn }) =>
      change(StreamArn, ({ dynamoDb }, of) => dynamoDb.send(new DisableKinesisStreamingDestinationCommand(of))),
    ),
    ...wanted.flatMap(({ StreamArn, Precision }) => {
      const now = found.find((one) => one.StreamArn === StreamArn);
      const precision = Precision === undefined ? {} : { ApproximateCreationDateTimePrecision: Precision };
      if (now?.Precision === Precision && now !== undefined) return [];
      return [
        change(StreamArn, ({ dynamoDb }, of) =>
          now === undefined
            ? dynamoDb.send(
                new EnableKinesisStreamingDestinationCommand({
                  ...of,
                  ...(Precision === undefined ? {} : { EnableKinesisStreamingConfiguration: precision }),
                }),
              )
            : dynamoDb.send(
                new UpdateKinesisStreamingDestinationCommand({ ...of, UpdateKinesisStreamingConfiguration: precision }),
              ),
        ),
      ];
    }),
  ];
};

/** The policy comes last of all, since it may shut us out; `lines` say what it names that is no part of this table. */
export function planPolicy(
  wanted: TableSettings,
  found: TableSettings,
): { readonly changes: readonly FeatureChange[]; readonly lines: readonly string[] } {
  const ResourceArn = found.tableArn;
  const change = (make: FeatureChange['make']) => [{ setting: 'resourcePolicy', make }];
  if (wanted.resourcePolicy === undefined) return { changes: [], lines: [] };
  if (wanted.resourcePolicy === null)
    return {
      changes:
        (found.resourcePolicy ?? null) === null
          ? []
          : change(({ dynamoDb }) => dynamoDb.send(new DeleteResourcePolicyCommand({ ResourceArn }))),
      lines: [],
    };
  const { policy, foreign } = policyFor(wanted.resourcePolicy, ResourceArn, wanted.tableArn);
  return {
    changes: isDeepStrictEqual(policy, found.resourcePolicy)
      ? []
      : change(({ dynamoDb }) =>
          dynamoDb.send(new PutResourcePolicyCommand({ ResourceArn, Policy: JSON.stringify(policy) })),
        ),
    lines: foreign.map(
      (arn) => `resourcePolicy: it names ${arn}, which is no part of this table; correct it where it should be`,
    ),
  };
}
