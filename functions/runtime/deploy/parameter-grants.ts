/** What a function may do to parameters in Parameter Store, as sources and as targets. */
import type { Json } from '../../core/entry.ts';
import type { SsmUri } from '../../core/uri.ts';
import type { Statement } from './cloudformation.ts';
import { allow, allowOnAll, ownArn, useKmsThrough } from './grant.ts';

type Place = Pick<SsmUri, 'prefix'>;

const READ = ['ssm:GetParameter', 'ssm:GetParameterHistory', 'ssm:ListTagsForResource'];
const WRITE = [
  'ssm:PutParameter',
  'ssm:DeleteParameter',
  'ssm:LabelParameterVersion',
  'ssm:UnlabelParameterVersion',
  'ssm:AddTagsToResource',
  'ssm:RemoveTagsFromResource',
];

/** Names, types and dates of all parameters, and no values: DescribeParameters knows no resources (Service Authorization Reference). */
export const listParameters: readonly Statement[] = [allowOnAll(['ssm:DescribeParameters'])];

/** Parameters with their values. */
export const readParameters = (places: readonly Place[]): readonly Statement[] => [
  ...listParameters,
  allow(READ, places.map(parametersArn)),
  useKms(['kms:Decrypt'], places),
];

/** Writes parameters and reads them back. */
export const writeParameters = (places: readonly Place[]): readonly Statement[] => [
  ...listParameters,
  allow([...READ, ...WRITE], places.map(parametersArn)),
  // A parameter of the advanced tier is sealed with a data key (Systems Manager user guide, "SecureString parameter encryption and decryption").
  useKms(['kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey'], places),
];

/** Parameter Store gives the parameter's ARN as encryption context. */
const useKms = (actions: readonly string[], places: readonly Place[]): Statement =>
  useKmsThrough('ssm', actions, { name: 'PARAMETER_ARN', values: places.map(parametersArn) });

/** The ARN of `/acme/a` is `…:parameter/acme/a`, and so is what the one of `acme/a` would be. */
const parametersArn = ({ prefix }: Place): Json => ownArn('ssm', `parameter/${prefix.replace(/^\//, '')}*`);
