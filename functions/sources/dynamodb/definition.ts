/**
 * What a table is besides its items, as a snapshot keeps it: in DynamoDB's own words, without what belongs to one table only (ARNs, counts,
 * states), and in one order, so that two tables that are alike read alike. A setting that is off is `null` or empty; one that could not be
 * read is absent.
 */
import type {
  ScalingPolicy,
  ScheduledAction,
  StepScalingPolicyConfiguration,
  TargetTrackingScalingPolicyConfiguration,
} from '@aws-sdk/client-application-auto-scaling';
import { PolicyType, ScalableDimension } from '@aws-sdk/client-application-auto-scaling';
import {
  ApproximateCreationDateTimePrecision,
  BillingMode,
  ContributorInsightsMode,
  KeyType,
  ProjectionType,
  ScalarAttributeType,
  SSEType,
  StreamViewType,
  TableClass,
} from '@aws-sdk/client-dynamodb';
import * as z from 'zod';
import type { Attributes } from '../../core/entry.ts';
import { InvalidInputError } from '../../core/errors.ts';

const count = z.number().int().nonnegative();
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);
/** A structure that only AWS looks into; it was captured from its own answer, and it judges what it is given. */
const asAnswered = <Value extends object>() => z.custom<Value>(isObject, 'must be an object');

const Provisioned = z.object({ ReadCapacityUnits: count, WriteCapacityUnits: count });
/** An absent one is without limit. */
const OnDemand = z.object({ MaxReadRequestUnits: count.optional(), MaxWriteRequestUnits: count.optional() });
const Warm = z.object({ ReadUnitsPerSecond: count, WriteUnitsPerSecond: count });
const Throughput = z.object({
  ProvisionedThroughput: Provisioned.optional(),
  OnDemandThroughput: OnDemand.optional(),
  WarmThroughput: Warm.optional(),
});
const KeySchema = z.array(z.object({ AttributeName: z.string(), KeyType: z.enum(KeyType) })).min(1);
const LocalIndex = z.object({
  IndexName: z.string(),
  KeySchema,
  Projection: z.object({
    ProjectionType: z.enum(ProjectionType).optional(),
    NonKeyAttributes: z.array(z.string()).optional(),
  }),
});

/** What a scalable target, policy or action is about: the table, or one of its indexes. */
const Scaled = z.object({ IndexName: z.string().optional(), ScalableDimension: z.enum(ScalableDimension) });
const Suspended = z.object({
  DynamicScalingInSuspended: z.boolean().optional(),
  DynamicScalingOutSuspended: z.boolean().optional(),
  ScheduledScalingSuspended: z.boolean().optional(),
});
const AutoScaling = z.object({
  targets: z.array(Scaled.extend({ MinCapacity: count, MaxCapacity: count, SuspendedState: Suspended.optional() })),
  policies: z.array(
    Scaled.extend({
      PolicyName: z.string(),
      PolicyType: z.enum(PolicyType),
      TargetTrackingScalingPolicyConfiguration: asAnswered<TargetTrackingScalingPolicyConfiguration>().optional(),
      StepScalingPolicyConfiguration: asAnswered<StepScalingPolicyConfiguration>().optional(),
      PredictiveScalingPolicyConfiguration:
        asAnswered<NonNullable<ScalingPolicy['PredictiveScalingPolicyConfiguration']>>().optional(),
    }),
  ),
  actions: z.array(
    Scaled.extend({
      ScheduledActionName: z.string(),
      Schedule: z.string(),
      Timezone: z.string().optional(),
      StartTime: z.iso.datetime().optional(),
      EndTime: z.iso.datetime().optional(),
      ScalableTargetAction: asAnswered<NonNullable<ScheduledAction['ScalableTargetAction']>>().optional(),
    }),
  ),
});

const TableSettings = z.object({
  table: z.string(),
  /** By which a policy speaks of the table. */
  tableArn: z.string(),
  /** Of no other table, also not of one that is made anew under the name. */
  tableId: z.string().optional(),
  createdAt: z.iso.datetime().optional(),
  /** Of the keys of the table and of its indexes. */
  attributeDefinitions: z.array(z.object({ AttributeName: z.string(), AttributeType: z.enum(ScalarAttributeType) })),
  keySchema: KeySchema,
  capacity: Throughput.extend({ BillingMode: z.enum(BillingMode) }),
  globalIndexes: z.array(LocalIndex.extend(Throughput.shape)),
  localIndexes: z.array(LocalIndex),
  tableClass: z.enum(TableClass),
  /** Null: a key that AWS owns. */
  encryption: z.object({ SSEType: z.enum(SSEType), KMSMasterKeyArn: z.string().optional() }).nullable(),
  deletionProtection: z.boolean(),
  stream: z.enum(StreamViewType).nullable(),
  /** Regions; informational, since a restore makes no replicas. */
  replicas: z.array(z.string()),
  /** The attribute that says when an item ends. */
  timeToLive: z.string().nullable().optional(),
  tags: z.array(z.object({ Key: z.string(), Value: z.string() })).optional(),
  pointInTimeRecovery: z.object({ RecoveryPeriodInDays: count.optional() }).nullable().optional(),
  contributorInsights: z
    .array(z.object({ IndexName: z.string().optional(), Mode: z.enum(ContributorInsightsMode).optional() }))
    .optional(),
  kinesisDestinations: z
    .array(z.object({ StreamArn: z.string(), Precision: z.enum(ApproximateCreationDateTimePrecision).optional() }))
    .optional(),
  autoScaling: AutoScaling.optional(),
  /** The document itself. */
  resourcePolicy: z.record(z.string(), z.json()).nullable().optional(),
});

export type TableSettings = z.infer<typeof TableSettings>;
export type AutoScaling = z.infer<typeof AutoScaling>;
export type GlobalIndex = TableSettings['globalIndexes'][number];
export type Throughput = z.infer<typeof Throughput>;

/** @throws InvalidInputError when they do not say what the table is; `what` begins the sentence. */
export function parseTableSettings(settings: Attributes, what: string): TableSettings {
  const parsed = TableSettings.safeParse(settings);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const place = issue?.path.join('.');
  throw new InvalidInputError(
    `${what}: the snapshot does not say how to make the table (${place === undefined || place === '' ? 'settings' : place}: ${issue?.message ?? 'unknown'}); take a snapshot with dynamodb:DescribeTable granted, or create the table yourself and restore into it`,
  );
}

interface Keys {
  readonly KeySchema?:
    | readonly { readonly AttributeName: string | undefined; readonly KeyType: string | undefined }[]
    | undefined;
  readonly AttributeDefinitions?:
    | readonly {
        readonly AttributeName: string | undefined;
        readonly AttributeType: string | undefined;
      }[]
    | undefined;
}

/** The keys of a table in words: `customer (S, HASH), placedAt (N, RANGE)`. */
export function describeKeys({ KeySchema = [], AttributeDefinitions = [] }: Keys): string {
  const types = new Map(AttributeDefinitions.map((one) => [one.AttributeName, one.AttributeType]));
  return KeySchema.map((key) => `${key.AttributeName} (${types.get(key.AttributeName)}, ${key.KeyType})`).join(', ');
}

/** The definitions of the attributes that these keys use: DynamoDB takes no others. */
export function definitionsOf(
  attributeDefinitions: TableSettings['attributeDefinitions'],
  schemas: readonly { readonly KeySchema: TableSettings['keySchema'] }[],
): TableSettings['attributeDefinitions'] {
  const used = new Set(schemas.flatMap(({ KeySchema }) => KeySchema.map((key) => key.AttributeName)));
  return attributeDefinitions.filter(({ AttributeName }) => used.has(AttributeName));
}
