/** Brings about what hangs on a function: aliases, concurrency, asynchronous invocation, URLs, permissions, tags and the rest. */
import {
  AddPermissionCommand,
  CreateAliasCommand,
  CreateFunctionUrlConfigCommand,
  DeleteFunctionCodeSigningConfigCommand,
  DeleteFunctionConcurrencyCommand,
  DeleteFunctionEventInvokeConfigCommand,
  DeleteProvisionedConcurrencyConfigCommand,
  type LambdaClient,
  PutFunctionCodeSigningConfigCommand,
  PutFunctionConcurrencyCommand,
  PutFunctionEventInvokeConfigCommand,
  PutFunctionRecursionConfigCommand,
  PutProvisionedConcurrencyConfigCommand,
  PutRuntimeManagementConfigCommand,
  RemovePermissionCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateAliasCommand,
  UpdateFunctionUrlConfigCommand,
} from '@aws-sdk/client-lambda';
import { canonicalJson } from '../../core/canonical-json.ts';
import { LATEST } from './describe.ts';
import type { FunctionDocument } from './document.ts';
import { toJson } from './documenting.ts';
import { codeOf, isAbsent, isRefusal } from './errors.ts';
import { permissionOf } from './permissions.ts';

export interface PartContext {
  readonly client: LambdaClient;
  readonly name: string;
  readonly arn: string;
}

/** Parts of one kind. */
interface Kind<T> {
  readonly key: (part: T) => string;
  /** For a person. */
  readonly name: (part: T) => string;
  readonly set: (part: T, had: T | undefined) => Promise<unknown>;
  /** Absent for what is of its own, and not to be had again in the same way once it is removed. */
  readonly remove?: (part: T) => Promise<unknown>;
}

/** @param wanted @param had With their versions' numbers here. @returns what was not set, by name. */
export async function bringParts(
  context: PartContext,
  wanted: FunctionDocument,
  had: FunctionDocument | undefined,
): Promise<readonly string[]> {
  const lines: string[] = [];
  await bringSettings(lines, context, wanted, had);
  await bringConcurrency(lines, context, wanted, had);
  await bringCallers(lines, context, wanted, had);
  return lines;
}

type Bring = (
  lines: string[],
  context: PartContext,
  wanted: FunctionDocument,
  had: FunctionDocument | undefined,
) => Promise<void>;

const one = <T>(value: T | undefined): readonly T[] => (value === undefined ? [] : [value]);

const qualified = (FunctionName: string, qualifier: string) => ({
  FunctionName,
  ...(qualifier === LATEST ? {} : { Qualifier: qualifier }),
});

const bringSettings: Bring = async (lines, { client, name: FunctionName, arn }, wanted, had) => {
  const tagsOf = (document: FunctionDocument | undefined) => Object.entries(document?.tags ?? {});
  await bring(lines, tagsOf(wanted), had === undefined ? tagsOf(wanted) : tagsOf(had), {
    key: ([tag]) => tag,
    name: ([tag]) => `tag ${tag}`,
    set: ([tag, value]) => client.send(new TagResourceCommand({ Resource: arn, Tags: { [tag]: value } })),
    remove: ([tag]) => client.send(new UntagResourceCommand({ Resource: arn, TagKeys: [tag] })),
  });
  await bring(lines, one(wanted.codeSigningConfigArn), one(had?.codeSigningConfigArn), {
    key: () => '',
    name: () => 'code signing',
    set: (CodeSigningConfigArn) =>
      client.send(new PutFunctionCodeSigningConfigCommand({ FunctionName, CodeSigningConfigArn })),
    remove: () => client.send(new DeleteFunctionCodeSigningConfigCommand({ FunctionName })),
  });
  await bring(lines, one(wanted.runtimeManagement), one(had?.runtimeManagement), {
    key: () => '',
    name: () => 'runtime management',
    set: (request) => client.send(new PutRuntimeManagementConfigCommand({ FunctionName, ...request })),
    remove: () => client.send(new PutRuntimeManagementConfigCommand({ FunctionName, UpdateRuntimeOn: 'Auto' })),
  });
  await bring(lines, one(wanted.recursiveLoop), one(had?.recursiveLoop), {
    key: () => '',
    name: () => 'recursion',
    set: (RecursiveLoop) => client.send(new PutFunctionRecursionConfigCommand({ FunctionName, RecursiveLoop })),
    remove: () => client.send(new PutFunctionRecursionConfigCommand({ FunctionName, RecursiveLoop: 'Terminate' })),
  });
};

const bringConcurrency: Bring = async (lines, { client, name: FunctionName }, wanted, had) => {
  await bring(lines, one(wanted.reservedConcurrency), one(had?.reservedConcurrency), {
    key: () => '',
    name: () => 'reserved concurrency',
    set: (ReservedConcurrentExecutions) =>
      client.send(new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions })),
    remove: () => client.send(new DeleteFunctionConcurrencyCommand({ FunctionName })),
  });
  await bring(lines, wanted.aliases, had?.aliases ?? [], {
    key: ({ name }) => name,
    name: ({ name }) => `alias ${name}`,
    set: ({ name, version, description, weights }, before) => {
      const request = { FunctionName, Name: name, FunctionVersion: version, Description: description ?? '' };
      const RoutingConfig = { AdditionalVersionWeights: weights ?? {} };
      if (before !== undefined) return client.send(new UpdateAliasCommand({ ...request, RoutingConfig }));
      return client.send(new CreateAliasCommand(weights === undefined ? request : { ...request, RoutingConfig }));
    },
  });
  await bring(lines, wanted.provisionedConcurrency, had?.provisionedConcurrency ?? [], {
    key: ({ qualifier }) => qualifier,
    name: ({ qualifier }) => `provisioned concurrency of ${qualifier}`,
    set: ({ qualifier, executions }) =>
      client.send(
        new PutProvisionedConcurrencyConfigCommand({
          FunctionName,
          Qualifier: qualifier,
          ProvisionedConcurrentExecutions: executions,
        }),
      ),
    remove: ({ qualifier }) =>
      client.send(new DeleteProvisionedConcurrencyConfigCommand({ FunctionName, Qualifier: qualifier })),
  });
};

/** Who may call it, and how. */
const bringCallers: Bring = async (lines, { client, name }, wanted, had) => {
  await bring(lines, wanted.eventInvoke, had?.eventInvoke ?? [], {
    key: ({ qualifier }) => qualifier,
    name: ({ qualifier }) => `asynchronous invocation of ${qualifier}`,
    set: ({ qualifier, request }) =>
      client.send(new PutFunctionEventInvokeConfigCommand({ ...qualified(name, qualifier), ...request })),
    remove: ({ qualifier }) => client.send(new DeleteFunctionEventInvokeConfigCommand(qualified(name, qualifier))),
  });
  await bring(lines, wanted.urls, had?.urls ?? [], {
    key: ({ qualifier }) => qualifier,
    name: ({ qualifier }) => `function URL of ${qualifier}`,
    set: async ({ qualifier, request }, before) => {
      if (before !== undefined)
        return client.send(new UpdateFunctionUrlConfigCommand({ ...qualified(name, qualifier), Cors: {}, ...request }));
      const { FunctionUrl } = await client.send(
        new CreateFunctionUrlConfigCommand({ ...qualified(name, qualifier), ...request }),
      );
      lines.push(`function URL of ${qualifier} (it is ${FunctionUrl} now)`);
      return FunctionUrl;
    },
  });
  const removePermission = (qualifier: string, StatementId: string) =>
    client.send(new RemovePermissionCommand({ ...qualified(name, qualifier), StatementId }));
  await bring(lines, wanted.permissions, had?.permissions ?? [], {
    key: ({ qualifier, statement }) => `${qualifier} ${statement.Sid}`,
    name: ({ qualifier, statement }) => `permission ${statement.Sid} of ${qualifier}`,
    set: async ({ qualifier, statement }, before) => {
      const permission = permissionOf(statement);
      if (before !== undefined) await removePermission(qualifier, statement.Sid);
      return client.send(new AddPermissionCommand({ ...qualified(name, qualifier), ...permission }));
    },
    remove: ({ qualifier, statement }) => removePermission(qualifier, statement.Sid),
  });
};

/** What is wanted is set where it is not there or otherwise; what is there and not wanted is removed, or named where it is to be left. */
async function bring<T>(lines: string[], wanted: readonly T[], had: readonly T[], kind: Kind<T>): Promise<void> {
  const before = new Map(had.map((part) => [kind.key(part), part]));
  for (const part of wanted) {
    const found = before.get(kind.key(part));
    before.delete(kind.key(part));
    if (found === undefined || textOf(found) !== textOf(part))
      await orNamed(lines, kind.name(part), () => kind.set(part, found));
  }
  for (const part of before.values())
    if (kind.remove === undefined) lines.push(`${kind.name(part)} (it is not in the snapshot, and is left as it is)`);
    else await orNamed(lines, kind.name(part), () => kind.remove?.(part) ?? Promise.resolve());
}

const textOf = (part: unknown): string => canonicalJson(toJson(part));

/** Does it, or adds to the lines that Lambda refuses it. @throws any other error. */
export async function orNamed(lines: string[], name: string, act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!isRefusal(error) && !isAbsent(error)) throw error;
    lines.push(`${name} (${codeOf(error)})`);
  }
}
