/** A statement of a function's resource policy as the request that adds it. Pure. */
import * as z from 'zod';
import type { Permission } from './document.ts';

const principal = z.union([
  z.literal('*'),
  z.strictObject({ Service: z.string() }).transform(({ Service }) => Service),
  z.strictObject({ AWS: z.string() }).transform(({ AWS }) => AWS),
]);

/** What AddPermission can say, in the words in which Lambda writes it into the policy (Lambda developer guide, "Resource-based policies"). */
const statementSchema = z.strictObject({
  Sid: z.string(),
  Effect: z.literal('Allow'),
  Principal: principal,
  Action: z.string(),
  Condition: z
    .strictObject({
      ArnLike: z.strictObject({ 'AWS:SourceArn': z.string() }).optional(),
      StringEquals: z
        .strictObject({
          'AWS:SourceAccount': z.string().optional(),
          'lambda:EventSourceToken': z.string().optional(),
          'lambda:FunctionUrlAuthType': z.enum(['AWS_IAM', 'NONE']).optional(),
          'aws:PrincipalOrgID': z.string().optional(),
        })
        .optional(),
      Bool: z.strictObject({ 'lambda:InvokedViaFunctionUrl': z.enum(['true', 'false']) }).optional(),
    })
    .optional(),
});

/** What no request can say is an error of the shape that a refusal by Lambda has. */
export function permissionOf(statement: { readonly Sid: string; readonly [name: string]: unknown }): Permission {
  const parsed = statementSchema.safeParse(statement);
  if (!parsed.success)
    throw Object.assign(new Error('AddPermission has no words for this statement'), {
      name: 'StatementNotSupported',
      $metadata: { httpStatusCode: 400 },
    });
  const { Sid, Action, Principal, Condition } = parsed.data;
  const equals = Condition?.StringEquals;
  const viaUrl = Condition?.Bool?.['lambda:InvokedViaFunctionUrl'];
  return {
    StatementId: Sid,
    Action,
    Principal,
    SourceArn: Condition?.ArnLike?.['AWS:SourceArn'],
    SourceAccount: equals?.['AWS:SourceAccount'],
    EventSourceToken: equals?.['lambda:EventSourceToken'],
    FunctionUrlAuthType: equals?.['lambda:FunctionUrlAuthType'],
    PrincipalOrgID: equals?.['aws:PrincipalOrgID'],
    ...(viaUrl === undefined ? {} : { InvokedViaFunctionUrl: viaUrl === 'true' }),
  };
}
