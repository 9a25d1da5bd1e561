/** CloudFormation as plain data, and the few forms that derived resources share. */
import type { Json } from '../../core/entry.ts';
import { sha256Hex } from '../../core/ids.ts';
import type { S3Uri } from '../../core/uri.ts';

export type Resource = {
  readonly Type: string;
  readonly Properties: { readonly [name: string]: Json };
  readonly DeletionPolicy?: 'Retain';
  readonly UpdateReplacePolicy?: 'Retain';
};

/** Resources by logical id. */
export type Resources = { readonly [logicalId: string]: Resource };

/** An IAM policy's statement that allows; nothing here needs a Deny but bucket policies. */
export type Statement = {
  readonly Effect: 'Allow';
  readonly Action: readonly string[];
  readonly Resource: readonly Json[];
  readonly Condition?: { readonly [operator: string]: { readonly [key: string]: Json } };
};

/** A policy of such statements. */
export const policyOf = (statements: readonly Statement[]): Json => ({ Version: '2012-10-17', Statement: statements });

/**
 * A logical id of 16 hex digits after its kind: the same names give the same id for ever, so that an update never replaces what did not
 * change, and different names never meet (user text is neither unique nor allowed once it is cut down to letters and digits).
 */
export function logicalId(kind: string, ...names: readonly string[]): string {
  return `${kind}${sha256Hex(JSON.stringify(names)).slice(0, 16)}`;
}

export const ref = (id: string): Json => ({ Ref: id });
export const getAtt = (id: string, attribute: string): Json => ({ 'Fn::GetAtt': [id, attribute] });

/** An ARN in the stack's own partition; `rest` is what follows `arn:aws:`, of texts and of `Ref`s. */
export function arn(...rest: readonly Json[]): Json {
  return { 'Fn::Join': ['', ['arn:', ref('AWS::Partition'), ':', ...rest]] };
}

export const bucketArn = (bucket: string): Json => arn(`s3:::${bucket}`);

/** Every object under a place's prefix. */
export const objectsArn = (place: Pick<S3Uri, 'bucket' | 'prefix'>): Json =>
  arn(`s3:::${place.bucket}/${literalInPolicy(place.prefix)}*`);

/**
 * `*`, `?` and `$` stand for themselves only as `${*}` and so on (IAM user guide, "IAM policy elements: Variables and tags"); an
 * inline policy holds no character beyond U+00FF (IAM API reference, PutRolePolicy), so that one is matched by `*`.
 */
function literalInPolicy(text: string): string {
  return text.replace(/[*?$]/g, (c) => `\${${c}}`).replace(/[^\x20-\xff]+/g, '*');
}
