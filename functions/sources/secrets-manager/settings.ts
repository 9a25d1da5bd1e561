/** Sets what a secret is besides its values and its key. What Secrets Manager refuses is left out and returned by name. */
import {
  CancelRotateSecretCommand,
  DeleteResourcePolicyCommand,
  PutResourcePolicyCommand,
  ReplicateSecretToRegionsCommand,
  RotateSecretCommand,
  type SecretsManagerClient,
  TagResourceCommand,
  UntagResourceCommand,
} from '@aws-sdk/client-secrets-manager';
import { canonicalJson } from '../../core/canonical-json.ts';
import { planTags, present } from '../config-attributes.ts';
import { isKeyRefusal, nameOf, sendWithheld } from '../withheld-words.ts';
import type { ReplicaRegion, Rotation, SecretAttributes } from './attributes.ts';

/** A refusal of the setting itself: a function, a region or a principal that is not there or not to be used. */
const REFUSED =
  /^(InvalidParameterException|InvalidRequestException|ResourceNotFoundException|MalformedPolicyDocumentException|PublicPolicyException|AccessDeniedException)$/;

/** `found` is what is set now; values are in place already, so that a rotation that begins finds them. */
export async function writeSettings(
  client: SecretsManagerClient,
  name: string,
  wanted: SecretAttributes,
  found: SecretAttributes,
): Promise<readonly string[]> {
  const settings = [
    { setting: 'tags', set: () => setTags(client, name, wanted, found) },
    { setting: 'replicaRegions', set: () => setReplicas(client, name, wanted.replicaRegions, found.replicaRegions) },
    { setting: 'policy', set: () => setPolicy(client, name, wanted, found) },
    { setting: 'rotation', set: () => setRotation(client, name, wanted.rotation, found.rotation) },
  ];
  const notHeld: string[] = [];
  for (const { setting, set } of settings) if (!(await heldUnlessRefused(set))) notHeld.push(setting);
  return notHeld;
}

async function heldUnlessRefused(set: () => Promise<boolean>): Promise<boolean> {
  try {
    return await sendWithheld(set);
  } catch (error) {
    if (REFUSED.test(nameOf(error)) || isKeyRefusal(error)) return false;
    throw error;
  }
}

async function setTags(
  client: SecretsManagerClient,
  SecretId: string,
  wanted: SecretAttributes,
  found: SecretAttributes,
): Promise<boolean> {
  const { add, removeKeys, notHeld } = planTags(wanted.tags, found.tags);
  // First what goes: a secret has 50 tags at most.
  if (removeKeys.length > 0) await client.send(new UntagResourceCommand({ SecretId, TagKeys: [...removeKeys] }));
  if (add.length > 0) await client.send(new TagResourceCommand({ SecretId, Tags: [...add] }));
  return !notHeld;
}

/**
 * Replicas come to be in the background; one that fails at once is told. None is removed, which would end it beyond recall for those who read it there: what is
 * not in the snapshot, or under another key, is left as it is.
 */
async function setReplicas(
  client: SecretsManagerClient,
  SecretId: string,
  wanted: readonly ReplicaRegion[] = [],
  found: readonly ReplicaRegion[] = [],
): Promise<boolean> {
  const add = wanted.filter(({ region }) => !found.some((other) => other.region === region));
  const asWanted = found.every((one) =>
    wanted.some((other) => canonicalJson(present(one)) === canonicalJson(present(other))),
  );
  if (add.length === 0) return asWanted;
  const AddReplicaRegions = add.map(({ region: Region, kmsKeyId: KmsKeyId }) => ({ Region, KmsKeyId }));
  const { ReplicationStatus = [] } = await client.send(
    new ReplicateSecretToRegionsCommand({ SecretId, AddReplicaRegions }),
  );
  return asWanted && !ReplicationStatus.some(({ Status }) => Status === 'Failed');
}

async function setPolicy(
  client: SecretsManagerClient,
  SecretId: string,
  { policy }: SecretAttributes,
  { policy: before }: SecretAttributes,
): Promise<boolean> {
  if (canonicalJson(policy ?? null) === canonicalJson(before ?? null)) return true;
  if (policy === undefined) await client.send(new DeleteResourcePolicyCommand({ SecretId }));
  else {
    const ResourcePolicy = typeof policy === 'string' ? policy : canonicalJson(policy);
    await client.send(new PutResourcePolicyCommand({ SecretId, ResourcePolicy }));
  }
  return true;
}

/**
 * Never rotates now: that would replace the value that has just come back. Of a secret under another name a rotation is not switched on: it would change the
 * password that the secret of the first name holds as well.
 */
async function setRotation(
  client: SecretsManagerClient,
  SecretId: string,
  wanted: Rotation | undefined,
  found: Rotation | undefined,
): Promise<boolean> {
  const text = (rotation: Rotation | undefined) => (rotation === undefined ? '' : canonicalJson(toJson(rotation)));
  if (text(wanted) === text(found)) return true;
  if (wanted?.enabled === true) {
    if (wanted.of !== undefined && wanted.of !== SecretId) return false;
    const { lambdaArn, rules, externalMetadata, externalRoleArn } = wanted;
    await client.send(
      new RotateSecretCommand({
        SecretId,
        RotateImmediately: false,
        RotationLambdaARN: lambdaArn,
        RotationRules: rules && {
          AutomaticallyAfterDays: rules.automaticallyAfterDays,
          Duration: rules.duration,
          ScheduleExpression: rules.scheduleExpression,
        },
        ExternalSecretRotationMetadata: externalMetadata?.map(([Key, Value]) => ({ Key, Value })),
        ExternalSecretRotationRoleArn: externalRoleArn,
      }),
    );
    return true;
  }
  if (found?.enabled === true) await client.send(new CancelRotateSecretCommand({ SecretId }));
  // A function that is remembered but switched off could be set only by switching it on.
  return wanted === undefined || text({ ...wanted, enabled: false }) === text(found && { ...found, enabled: false });
}

const toJson = ({ enabled, lambdaArn, rules, externalMetadata, externalRoleArn }: Rotation) =>
  present({ enabled, lambdaArn, rules: rules && present(rules), externalMetadata, externalRoleArn });
