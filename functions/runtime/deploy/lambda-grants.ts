/** What a function may do to other functions in Lambda, as sources and as targets. */
import type { Json } from '../../core/entry.ts';
import type { LambdaUri } from '../../core/uri.ts';
import { arn, ref, type Statement } from './cloudformation.ts';
import { allow, allowOnAll, ownArn, useKmsThrough } from './grant.ts';

type Place = Pick<LambdaUri, 'name' | 'all'>;

// ListTags, because GetFunction tells tags to those only who may list them.
const READ = [
  'lambda:GetFunctionCodeSigningConfig',
  'lambda:GetFunctionRecursionConfig',
  'lambda:GetPolicy',
  'lambda:GetRuntimeManagementConfig',
  'lambda:ListAliases',
  'lambda:ListFunctionEventInvokeConfigs',
  'lambda:ListFunctionUrlConfigs',
  'lambda:ListProvisionedConcurrencyConfigs',
  'lambda:ListTags',
  'lambda:ListVersionsByFunction',
];
const WRITE = [
  'lambda:AddPermission',
  'lambda:CreateAlias',
  'lambda:CreateFunction',
  'lambda:CreateFunctionUrlConfig',
  'lambda:DeleteFunction',
  'lambda:DeleteFunctionCodeSigningConfig',
  'lambda:DeleteFunctionConcurrency',
  'lambda:DeleteFunctionEventInvokeConfig',
  'lambda:DeleteProvisionedConcurrencyConfig',
  'lambda:PublishVersion',
  'lambda:PutFunctionCodeSigningConfig',
  'lambda:PutFunctionConcurrency',
  'lambda:PutFunctionEventInvokeConfig',
  'lambda:PutFunctionRecursionConfig',
  'lambda:PutProvisionedConcurrencyConfig',
  'lambda:PutRuntimeManagementConfig',
  'lambda:RemovePermission',
  'lambda:TagResource',
  'lambda:UntagResource',
  'lambda:UpdateAlias',
  'lambda:UpdateFunctionCode',
  'lambda:UpdateFunctionConfiguration',
  'lambda:UpdateFunctionUrlConfig',
];

/** A layer has a name of its own, and is often another account's, which has to share it. */
const readLayers: Statement = allow(['lambda:GetLayerVersion'], [arn('lambda:', ref('AWS::Region'), ':*:layer:*')]);

/**
 * Finds functions, and what of them cannot be copied (images, layers that are not shared). ListFunctions knows no resources (Service
 * Authorization Reference) and tells the variables of all functions; whoever names his functions one by one does without.
 */
export const listFunctions = (places: readonly Place[], more: readonly string[] = []): readonly Statement[] => [
  ...(places.some(({ all }) => all) ? [allowOnAll(['lambda:ListFunctions'])] : []),
  allow(['lambda:GetFunction', ...more], places.flatMap(functionArns)),
  readLayers,
];

/** Functions with their code. */
export const readFunctions = (places: readonly Place[]): readonly Statement[] => [
  ...listFunctions(places, READ),
  // ListEventSourceMappings knows no resources either.
  allowOnAll(['lambda:ListEventSourceMappings']),
  useKms(['kms:Decrypt'], places),
];

export interface WriteFunctions {
  /** ARNs of roles that a restored function may be given. */
  readonly passRoles: readonly string[];
}

/**
 * Writes functions and reads them back. A role is passed to a function only where the deployer named it: who may pass any role may do
 * what any role may. Without that the restore says which function it could not make; so it does where the repository of an image does not
 * let Lambda in, whose policy is not changed here.
 */
export const writeFunctions = (places: readonly Place[], { passRoles }: WriteFunctions): readonly Statement[] => [
  ...listFunctions(places, [...READ, ...WRITE]),
  // ListLayerVersions knows no resources either.
  allowOnAll(['lambda:ListEventSourceMappings', 'lambda:ListLayerVersions']),
  // Making an event source has no resource of its own, and changing one has an id that tells nothing of its function.
  allow(['lambda:CreateEventSourceMapping'], ['*'], ofFunctions(places)),
  allow(
    ['lambda:UpdateEventSourceMapping', 'lambda:DeleteEventSourceMapping'],
    [ownArn('lambda', 'event-source-mapping:*')],
    ofFunctions(places),
  ),
  // A layer that was deleted is published anew, as a further version, which nobody uses yet.
  allow(['lambda:PublishLayerVersion'], [ownArn('lambda', 'layer:*')]),
  allow(['lambda:PutFunctionCodeSigningConfig'], [ownArn('lambda', 'code-signing-config:*')]),
  // To be put into a network, which Lambda looks up with the caller's rights (Lambda developer guide, "Giving Lambda functions access to
  // resources in an Amazon VPC"); EC2 knows no resources for it.
  allowOnAll(['ec2:DescribeSecurityGroups', 'ec2:DescribeSubnets', 'ec2:DescribeVpcs']),
  ...(passRoles.length === 0
    ? []
    : [allow(['iam:PassRole'], passRoles, { StringEquals: { 'iam:PassedToService': 'lambda.amazonaws.com' } })]),
  useKms(['kms:Decrypt', 'kms:Encrypt', 'kms:CreateGrant'], places),
];

const ofFunctions = (places: readonly Place[]) => ({
  ArnLike: { 'lambda:FunctionArn': places.flatMap(functionArns) },
});

/** Lambda gives the function's ARN as encryption context (Lambda developer guide, "Securing Lambda environment variables"). */
const useKms = (actions: readonly string[], places: readonly Place[]): Statement =>
  useKmsThrough('lambda', actions, { name: 'aws:lambda:FunctionArn', values: places.flatMap(functionArns) });

/** With those of its versions and aliases, which are set apart by a colon. */
function functionArns({ name, all }: Place): readonly Json[] {
  const own = `function:${name}`;
  return all ? [ownArn('lambda', `${own}*`)] : [ownArn('lambda', own), ownArn('lambda', `${own}:*`)];
}
