/**
 * A secret's attributes: all that it is besides its values. All are optional but `type: 'secret'`: `description`, `kmsKeyId` (absent: the default key),
 * `tags`, `rotation: { enabled, of?, lambdaArn?, rules?, externalMetadata?, externalRoleArn? }` (`of` is the secret's name), `replicaRegions: [{ region, kmsKeyId? }]`, `policy` (its JSON),
 * `owningService` (a secret that another service manages), `externalType` (one that a partner holds).
 */
import type { DescribeSecretResponse } from '@aws-sdk/client-secrets-manager';
import * as z from 'zod';
import type { Attributes, Json } from '../../core/entry.ts';
import { jsonOf, present, tagsOf, tagsSchema } from '../config-attributes.ts';

const rotationSchema = z.object({
  enabled: z.boolean(),
  of: z.string().optional(),
  lambdaArn: z.string().optional(),
  rules: z
    .object({
      automaticallyAfterDays: z.number().optional(),
      duration: z.string().optional(),
      scheduleExpression: z.string().optional(),
    })
    .optional(),
  externalMetadata: tagsSchema.optional(),
  externalRoleArn: z.string().optional(),
});
export type Rotation = z.infer<typeof rotationSchema>;

const replicaSchema = z.object({ region: z.string(), kmsKeyId: z.string().optional() });
export type ReplicaRegion = z.infer<typeof replicaSchema>;

export const secretAttributesSchema = z.object({
  type: z.literal('secret'),
  description: z.string().optional(),
  kmsKeyId: z.string().optional(),
  tags: tagsSchema.optional(),
  rotation: rotationSchema.optional(),
  replicaRegions: z.array(replicaSchema).optional(),
  policy: z.json().optional(),
  owningService: z.string().optional(),
  externalType: z.string().optional(),
});
export type SecretAttributes = z.infer<typeof secretAttributesSchema>;

const DEFAULT_KEY = 'alias/aws/secretsmanager';

export function secretAttributesOf(described: DescribeSecretResponse, policy: string | undefined): Attributes {
  const replicas = (described.ReplicationStatus ?? [])
    .map(({ Region = '', KmsKeyId }) => present({ region: Region, kmsKeyId: ownKey(KmsKeyId) }))
    .sort((a, b) => (String(a.region) < String(b.region) ? -1 : 1));
  return present({
    type: 'secret',
    description: described.Description || undefined,
    kmsKeyId: ownKey(described.KmsKeyId),
    tags: tagsOf(described.Tags),
    rotation: rotationOf(described),
    replicaRegions: replicas.length === 0 ? undefined : replicas,
    policy: policy === undefined ? undefined : jsonOf(policy),
    owningService: described.OwningService || undefined,
    externalType: described.Type || undefined,
  });
}

const ownKey = (id: string | undefined): string | undefined => (id === '' || id === DEFAULT_KEY ? undefined : id);

function rotationOf(described: DescribeSecretResponse): Json | undefined {
  const { AutomaticallyAfterDays, Duration, ScheduleExpression } = described.RotationRules ?? {};
  const rules = present({
    // Beside an expression the days are calculated from it after every rotation (RotationRulesType).
    automaticallyAfterDays: ScheduleExpression === undefined ? AutomaticallyAfterDays : undefined,
    duration: Duration,
    scheduleExpression: ScheduleExpression,
  });
  const rotation = present({
    lambdaArn: described.RotationLambdaARN || undefined,
    rules: Object.keys(rules).length === 0 ? undefined : rules,
    externalMetadata: tagsOf(described.ExternalSecretRotationMetadata),
    externalRoleArn: described.ExternalSecretRotationRoleArn || undefined,
  });
  const enabled = described.RotationEnabled === true;
  return enabled || Object.keys(rotation).length > 0
    ? present({ enabled, of: described.Name, ...rotation })
    : undefined;
}
