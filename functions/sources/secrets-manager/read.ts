/** One secret as it is read: description, values, policy, and the description again, which tells whether all are of one state. */
import {
  DescribeSecretCommand,
  type DescribeSecretResponse,
  GetResourcePolicyCommand,
  GetSecretValueCommand,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { Attributes } from '../../core/entry.ts';
import { IntegrityError } from '../../core/errors.ts';
import { hashAttributes } from '../config-attributes.ts';
import { isKeyRefusal, nameOf, sendWithheld } from '../withheld-words.ts';
import { secretAttributesOf } from './attributes.ts';
import type { SecretValue, SecretVersion } from './content.ts';

/** By version id; only versions with a staging label are listed, and those without are to be forgotten. */
export type Stages = Readonly<Record<string, readonly string[]>>;

export interface Secret {
  readonly attributes: Attributes;
  readonly stages: Stages;
  readonly versions: readonly SecretVersion[];
  readonly fingerprint: string;
}

export type SecretFound =
  | { readonly state: 'there'; readonly secret: Secret }
  | { readonly state: 'absent' }
  /** Scheduled for deletion: nobody can read it. */
  | { readonly state: 'deleted' }
  /** A copy that follows the secret of another region. */
  | { readonly state: 'replica'; readonly primaryRegion: string }
  /** It changed while it was read. */
  | { readonly state: 'changed' };

/** `unreadableKeys: 'skip'` leaves out values whose KMS key cannot be used, for who writes over them. */
export async function readSecret(
  client: SecretsManagerClient,
  name: string,
  { unreadableKeys }: { readonly unreadableKeys: 'throw' | 'skip' },
): Promise<SecretFound> {
  const described = await describeSecret(client, name);
  if (described === undefined) return { state: 'absent' };
  if (described.DeletedDate !== undefined) return { state: 'deleted' };
  const { PrimaryRegion: primaryRegion, ARN = '' } = described;
  if (primaryRegion !== undefined && primaryRegion !== ARN.split(':')[3]) return { state: 'replica', primaryRegion };
  const versions: SecretVersion[] = [];
  for (const [versionId, stages] of Object.entries(stagesOf(described))) {
    const value = await findVersion(client, name, versionId).catch((error: unknown) => {
      if (unreadableKeys === 'skip' && isKeyRefusal(error)) return undefined;
      throw error;
    });
    if (value !== undefined) versions.push({ versionId, stages, ...value });
  }
  const policy = await unlessAbsent(() => client.send(new GetResourcePolicyCommand({ SecretId: name })));
  const attributes = secretAttributesOf(described, policy?.ResourcePolicy);
  const again = await describeSecret(client, name);
  if (again === undefined || stateOf(again) !== stateOf(described)) return { state: 'changed' };
  const stages = stagesOf(described);
  const fingerprint = canonicalJson([changedAt(described), stages, hashAttributes(attributes)]);
  return { state: 'there', secret: { attributes, stages, versions, fingerprint } };
}

export function describeSecret(
  client: SecretsManagerClient,
  name: string,
): Promise<DescribeSecretResponse | undefined> {
  return unlessAbsent(() => client.send(new DescribeSecretCommand({ SecretId: name })));
}

export function stagesOf(described: DescribeSecretResponse): Stages {
  const listed = Object.entries(described.VersionIdsToStages ?? {}).filter(([, stages]) => stages.length > 0);
  return Object.fromEntries(listed.map(([id, stages]) => [id, [...stages].sort()]));
}

/** Undefined for a version without a value, which a rotation that is under way may have labelled. */
async function findVersion(
  client: SecretsManagerClient,
  name: string,
  versionId: string,
): Promise<SecretValue | undefined> {
  const answer = await unlessAbsent(() =>
    client.send(new GetSecretValueCommand({ SecretId: name, VersionId: versionId })),
  );
  if (answer === undefined) return undefined;
  const { SecretString: string, SecretBinary: binary } = answer;
  if (string !== undefined) return { string };
  if (binary !== undefined) return { binary: Buffer.from(binary).toString('base64') };
  throw new IntegrityError(
    `secret ${name}: Secrets Manager answered without a value of version ${versionId}; run again`,
  );
}

const changedAt = ({ LastChangedDate: changed }: DescribeSecretResponse): string => changed?.toISOString() ?? '';

/** All that a change would show in. */
const stateOf = (described: DescribeSecretResponse): string =>
  canonicalJson([
    changedAt(described),
    described.DeletedDate?.toISOString() ?? '',
    stagesOf(described),
    secretAttributesOf(described, undefined),
  ]);

async function unlessAbsent<T>(send: () => Promise<T>): Promise<T | undefined> {
  try {
    return await sendWithheld(send);
  } catch (error) {
    if (nameOf(error) === 'ResourceNotFoundException') return undefined;
    throw error;
  }
}
