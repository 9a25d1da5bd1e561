/** What a function may do to secrets in Secrets Manager, as sources and as targets. */
import type { Json } from '../../core/entry.ts';
import type { SecretsManagerUri } from '../../core/uri.ts';
import type { Statement } from './cloudformation.ts';
import { allow, allowOnAll, ownArn, useKmsThrough } from './grant.ts';

type Place = Pick<SecretsManagerUri, 'prefix'>;

const READ = ['secretsmanager:DescribeSecret', 'secretsmanager:GetSecretValue', 'secretsmanager:GetResourcePolicy'];
const WRITE = [
  'secretsmanager:CreateSecret',
  'secretsmanager:PutSecretValue',
  'secretsmanager:UpdateSecret',
  'secretsmanager:UpdateSecretVersionStage',
  'secretsmanager:DeleteSecret',
  'secretsmanager:RestoreSecret',
  'secretsmanager:TagResource',
  'secretsmanager:UntagResource',
];

// Not lambda:InvokeFunction and not iam:PassRole, which switching a rotation on takes too: the restore says that it is off.
const WRITE_SETTINGS = [
  'secretsmanager:CancelRotateSecret',
  'secretsmanager:DeleteResourcePolicy',
  'secretsmanager:PutResourcePolicy',
  'secretsmanager:ReplicateSecretToRegions',
  'secretsmanager:RotateSecret',
];

/** Names, tags and dates of all secrets, and no values: ListSecrets knows no resources (Service Authorization Reference). */
export const listSecrets: readonly Statement[] = [allowOnAll(['secretsmanager:ListSecrets'])];

/** Secrets with their values. */
export const readSecrets = (places: readonly Place[]): readonly Statement[] => [
  ...listSecrets,
  allow(READ, places.map(secretsArn)),
  useKms(['kms:Decrypt'], places.map(secretsArn)),
];

/** Writes secrets and reads them back; `settings` also sets who else gets them: policies, rotation, replicas. */
export const writeSecrets = (
  places: readonly Place[],
  options: { readonly settings: boolean },
): readonly Statement[] => [
  ...listSecrets,
  allow([...READ, ...WRITE, ...(options.settings ? WRITE_SETTINGS : [])], places.map(secretsArn)),
  // With a key that is new to the secret Secrets Manager first tries whether it may be used, in a context of its own.
  useKms(['kms:Decrypt', 'kms:GenerateDataKey'], [...places.map(secretsArn), 'RequestToValidateKeyAccess']),
];

/** Secrets Manager gives the secret's ARN as encryption context (Secrets Manager user guide, "Secret encryption and decryption"). */
const useKms = (actions: readonly string[], values: readonly Json[]): Statement =>
  useKmsThrough('secretsmanager', actions, { name: 'SecretARN', values });

/** A secret's ARN ends in its name, `-` and six characters of chance. */
const secretsArn = ({ prefix }: Place): Json => ownArn('secretsmanager', `secret:${prefix}*`);
