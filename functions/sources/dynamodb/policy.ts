/** A table's resource policy, made to speak of another table. */
import type { Json } from '../../core/entry.ts';

type Policy = { readonly [name: string]: Json };

/**
 * The policy with the ARN of the table that it is set on in place of the one that it was captured from (also in the ARNs of indexes), since
 * DynamoDB takes no policy about another. `foreign` holds what else of DynamoDB it names: that stays as it is.
 */
export function policyFor(
  policy: Policy,
  toArn: string,
  fromArn: string,
): { readonly policy: Policy; readonly foreign: readonly string[] } {
  const foreign = new Set<string>();
  const isOf = (arn: string, text: string): boolean => text === arn || text.startsWith(`${arn}/`);
  const rewritten: Policy = JSON.parse(JSON.stringify(policy), (_, part) => {
    if (typeof part !== 'string') return part;
    if (isOf(fromArn, part)) return `${toArn}${part.slice(fromArn.length)}`;
    if (/^arn:[^:]*:dynamodb:/.test(part) && !isOf(toArn, part)) foreign.add(part);
    return part;
  });
  return { policy: rewritten, foreign: [...foreign] };
}
