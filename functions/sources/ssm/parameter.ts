/**
 * A parameter of Parameter Store as it is read: the latest version's value, apart from everything else.
 *
 * Attributes, all optional but the first two: `type: 'parameter'`, `parameterType`, `keyId` (SecureString), `description`, `tier`, `allowedPattern`,
 * `dataType` (absent: text), `policies` (each as JSON), `labels` of the latest version, `tags`.
 */
import {
  GetParameterCommand,
  ListTagsForResourceCommand,
  type ParameterHistory,
  paginateGetParameterHistory,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import * as z from 'zod';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { Attributes, Json } from '../../core/entry.ts';
import { IntegrityError } from '../../core/errors.ts';
import { hashAttributes, jsonOf, present, tagsOf, tagsSchema } from '../config-attributes.ts';
import { nameOf, sendWithheld } from '../withheld-words.ts';

export const parameterAttributesSchema = z.object({
  type: z.literal('parameter'),
  parameterType: z.enum(['String', 'StringList', 'SecureString']),
  keyId: z.string().optional(),
  description: z.string().optional(),
  tier: z.enum(['Standard', 'Advanced', 'Intelligent-Tiering']).optional(),
  allowedPattern: z.string().optional(),
  dataType: z.string().optional(),
  policies: z.array(z.json()).optional(),
  labels: z.array(z.string()).optional(),
  tags: tagsSchema.optional(),
});
export type ParameterAttributes = z.infer<typeof parameterAttributesSchema>;

/** All of a parameter but its value. */
export interface ParameterState {
  readonly version: number;
  readonly modifiedAt: string;
  readonly attributes: Attributes;
}

export interface ParameterValue {
  readonly version: number;
  readonly modifiedAt: string;
  readonly value: string;
}

/** The value, decrypted; undefined when the parameter is absent. */
export async function findValue(client: SSMClient, name: string): Promise<ParameterValue | undefined> {
  const answer = await unlessAbsent(() => client.send(new GetParameterCommand({ Name: name, WithDecryption: true })));
  if (answer === undefined) return undefined;
  const { Value: value, Version: version, LastModifiedDate: modified } = answer.Parameter ?? {};
  if (value === undefined || version === undefined || modified === undefined)
    throw new IntegrityError(`parameter ${name}: SSM answered without the value, version or time; run again`);
  return { value, version, modifiedAt: modified.toISOString() };
}

/**
 * All but the value; undefined when the parameter is absent. The history tells everything of the latest version at once, its labels too, and asks
 * for no decryption: an old version under a key that is gone does no harm.
 */
export async function findState(client: SSMClient, name: string): Promise<ParameterState | undefined> {
  const tags = await unlessAbsent(() =>
    client.send(new ListTagsForResourceCommand({ ResourceType: 'Parameter', ResourceId: name })),
  );
  const latest = await unlessAbsent(() => readLatest(client, name));
  if (tags === undefined || latest === undefined) return undefined;
  const { Version: version, LastModifiedDate: modified } = latest;
  if (version === undefined || modified === undefined)
    throw new IntegrityError(`parameter ${name}: SSM answered without the version or time; run again`);
  return { version, modifiedAt: modified.toISOString(), attributes: attributesOf(latest, tagsOf(tags.TagList)) };
}

export function fingerprintOf({ version, modifiedAt, attributes }: ParameterState): string {
  return canonicalJson([version, modifiedAt, hashAttributes(attributes)]);
}

/** Oldest first, 100 versions at most: the latest is on the last page. */
async function readLatest(client: SSMClient, name: string): Promise<ParameterHistory> {
  let latest: ParameterHistory | undefined;
  for await (const { Parameters = [] } of paginateGetParameterHistory({ client, pageSize: 50 }, { Name: name }))
    for (const one of Parameters) if ((one.Version ?? 0) > (latest?.Version ?? 0)) latest = one;
  if (latest === undefined)
    throw new IntegrityError(`parameter ${name}: SSM answered with an empty history; run again`);
  return latest;
}

function attributesOf(latest: ParameterHistory, tags: Json | undefined): Attributes {
  const policies = (latest.Policies ?? []).map(({ PolicyText = '' }) => jsonOf(PolicyText)).sort(byText);
  const labels = [...(latest.Labels ?? [])].sort();
  return present({
    type: 'parameter',
    parameterType: latest.Type,
    keyId: latest.KeyId,
    description: latest.Description || undefined,
    tier: latest.Tier,
    allowedPattern: latest.AllowedPattern || undefined,
    dataType: latest.DataType === 'text' ? undefined : latest.DataType,
    policies: policies.length === 0 ? undefined : policies,
    labels: labels.length === 0 ? undefined : labels,
    tags,
  });
}

const byText = (a: Json, b: Json): number => (canonicalJson(a) < canonicalJson(b) ? -1 : 1);

async function unlessAbsent<T>(send: () => Promise<T>): Promise<T | undefined> {
  try {
    return await sendWithheld(send);
  } catch (error) {
    // ListTagsForResource says InvalidResourceId for a parameter that is not there.
    if (/^(ParameterNotFound|InvalidResourceId)$/.test(nameOf(error))) return undefined;
    throw error;
  }
}
