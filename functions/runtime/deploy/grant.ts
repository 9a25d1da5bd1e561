/** How one permission of a role is written down. */
import type { Json } from '../../core/entry.ts';
import { arn, ref, type Statement } from './cloudformation.ts';

export function allow(
  actions: readonly string[],
  resources: readonly Json[],
  condition?: NonNullable<Statement['Condition']>,
): Statement {
  return {
    Effect: 'Allow',
    Action: actions,
    Resource: distinct(resources),
    ...(condition === undefined ? {} : { Condition: condition }),
  };
}

/** What AWS offers no resource for (Service Authorization Reference); whoever calls it says so beside. */
export const allowOnAll = (actions: readonly string[]): Statement => allow(actions, ['*']);

/** A thing in the stack's own region and account: `ssm`, `parameter/acme/*`. */
export const ownArn = (service: string, thing: string): Json =>
  arn(`${service}:`, ref('AWS::Region'), ':', ref('AWS::AccountId'), `:${thing}`);

/**
 * Keys of KMS in this account, whichever they are: through one service only, and for these things only, since the service names the thing
 * in the encryption context. The keys that AWS manages need no grant.
 */
export function useKmsThrough(
  service: string,
  actions: readonly string[],
  context: { readonly name: string; readonly values: readonly Json[] },
): Statement {
  return allow(actions, [arn('kms:*:', ref('AWS::AccountId'), ':key/*')], {
    StringLike: {
      'kms:ViaService': `${service}.*.amazonaws.com`,
      [`kms:EncryptionContext:${context.name}`]: distinct(context.values),
    },
  });
}

/** Each value once. */
export function distinct(values: readonly Json[]): readonly Json[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
}
