/** What a policy's statements allow on a thing, as IAM would judge: by patterns, of which `*` stands for anything. */
import type { Spelled } from './package.ts';

/** The ARN as this test's stack spells it: `ssm`, `parameter/acme/a`. */
export const ownArnText = (service: string, thing: string): string =>
  `arn:<AWS::Partition>:${service}:<AWS::Region>:<AWS::AccountId>:${thing}`;

const matches = (pattern: string, text: string): boolean =>
  new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`, 's').test(text);

/** The actions that are allowed on the thing itself, sorted; those that AWS offers no resource for are not among them. */
export function actionsOn(statements: readonly Spelled[], arn: string): readonly string[] {
  const allowed = statements.filter(({ on }) => on.some((pattern) => pattern !== '*' && matches(pattern, arn)));
  return [...new Set(allowed.flatMap(({ Action }) => Action))].sort();
}

/** The actions that are allowed on everything, sorted. */
export const actionsOnAll = (statements: readonly Spelled[]): readonly string[] =>
  [...new Set(statements.filter(({ on }) => on.includes('*')).flatMap(({ Action }) => Action))].sort();
