/** Reads everything that is set on a function, and nothing of its code. */
import {
  type AliasConfiguration,
  type EventSourceMappingConfiguration,
  type FunctionConfiguration,
  type FunctionEventInvokeConfig,
  type FunctionUrlConfig,
  GetFunctionCodeSigningConfigCommand,
  GetFunctionCommand,
  type GetFunctionCommandOutput,
  GetFunctionRecursionConfigCommand,
  GetPolicyCommand,
  GetRuntimeManagementConfigCommand,
  type GetRuntimeManagementConfigCommandOutput,
  type LambdaClient,
  type ProvisionedConcurrencyConfigListItem,
  paginateListAliases,
  paginateListEventSourceMappings,
  paginateListFunctionEventInvokeConfigs,
  paginateListFunctionUrlConfigs,
  paginateListProvisionedConcurrencyConfigs,
  paginateListVersionsByFunction,
  type RecursiveLoop,
} from '@aws-sdk/client-lambda';
import { AccessDeniedError, IntegrityError } from '../../core/errors.ts';
import { isAbsent } from './errors.ts';

/** A function as Lambda tells of it. */
export interface DescribedFunction {
  readonly name: string;
  readonly configuration: FunctionConfiguration;
  readonly code: NonNullable<GetFunctionCommandOutput['Code']>;
  readonly tags: Readonly<Record<string, string>>;
  readonly reservedConcurrency: number | undefined;
  /** Published ones, oldest first. */
  readonly versions: readonly FunctionConfiguration[];
  /** Of the versions whose package is an image, by version. */
  readonly images: ReadonlyMap<string, string>;
  readonly aliases: readonly AliasConfiguration[];
  readonly provisioned: readonly ProvisionedConcurrencyConfigListItem[];
  readonly eventSources: readonly EventSourceMappingConfiguration[];
  readonly eventInvoke: readonly FunctionEventInvokeConfig[];
  readonly urls: readonly FunctionUrlConfig[];
  /** Of `$LATEST` and of each alias, where there is one. */
  readonly policies: readonly { readonly qualifier: string; readonly policy: string; readonly revisionId: string }[];
  readonly codeSigningConfigArn: string | undefined;
  readonly runtimeManagement: GetRuntimeManagementConfigCommandOutput | undefined;
  readonly recursiveLoop: RecursiveLoop | undefined;
}

export const LATEST = '$LATEST';

/** Undefined when there is no such function. @throws what the client throws; AccessDeniedError when a part is left out of an answer. */
export async function findFunction(client: LambdaClient, FunctionName: string): Promise<DescribedFunction | undefined> {
  try {
    return await describe(client, FunctionName);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** Every answer that something is absent is the function's own; whatever may be absent on one that is there is asked for in its own place. */
async function describe(client: LambdaClient, FunctionName: string): Promise<DescribedFunction> {
  const {
    Configuration: configuration,
    Code: code,
    Tags,
    TagsError,
    Concurrency,
  } = await client.send(new GetFunctionCommand({ FunctionName }));
  if (configuration === undefined || code === undefined)
    throw new IntegrityError(`function ${FunctionName}: Lambda told nothing of its configuration or code; run again`);
  if (TagsError !== undefined)
    throw new AccessDeniedError(
      `function ${FunctionName}: Lambda leaves out its tags (${TagsError.ErrorCode}); grant lambda:ListTags to these credentials`,
    );
  if (code.Error !== undefined)
    throw new AccessDeniedError(
      `function ${FunctionName}: Lambda does not give its code (${code.Error.ErrorCode}); grant kms:Decrypt of the code's KMS key to these credentials`,
    );
  const isImage = configuration.PackageType === 'Image';
  const target = { client };
  const listed = { FunctionName };
  const aliases = await all(paginateListAliases(target, listed), ({ Aliases }) => Aliases);
  const qualifiers = [LATEST, ...aliases.flatMap(({ Name }) => Name ?? [])];
  const policies = await policiesOf(client, FunctionName, qualifiers);
  const eventSources = await eventSourcesOf(client, FunctionName, qualifiers);
  const versions = await versionsOf(client, FunctionName);
  return {
    name: FunctionName,
    configuration,
    code,
    tags: Tags ?? {},
    reservedConcurrency: Concurrency?.ReservedConcurrentExecutions,
    versions,
    images: await imagesOf(client, FunctionName, versions),
    aliases,
    provisioned: await all(
      paginateListProvisionedConcurrencyConfigs(target, listed),
      (page) => page.ProvisionedConcurrencyConfigs,
    ),
    eventSources,
    eventInvoke: await all(
      paginateListFunctionEventInvokeConfigs(target, listed),
      (page) => page.FunctionEventInvokeConfigs,
    ),
    urls: await all(paginateListFunctionUrlConfigs(target, listed), (page) => page.FunctionUrlConfigs),
    policies,
    // Neither is for images, whose registry and base image take their place.
    codeSigningConfigArn: isImage
      ? undefined
      : (await client.send(new GetFunctionCodeSigningConfigCommand(listed))).CodeSigningConfigArn,
    runtimeManagement: isImage ? undefined : await client.send(new GetRuntimeManagementConfigCommand(listed)),
    recursiveLoop: (await client.send(new GetFunctionRecursionConfigCommand(listed))).RecursiveLoop,
  };
}

async function versionsOf(client: LambdaClient, FunctionName: string): Promise<readonly FunctionConfiguration[]> {
  const found = await all(paginateListVersionsByFunction({ client }, { FunctionName }), ({ Versions }) => Versions);
  return found
    .filter(({ Version }) => Version !== undefined && Version !== LATEST)
    .toSorted((a, b) => Number(a.Version) - Number(b.Version));
}

/** A listing does not tell which image a version is of. */
async function imagesOf(
  client: LambdaClient,
  FunctionName: string,
  versions: readonly FunctionConfiguration[],
): Promise<ReadonlyMap<string, string>> {
  const images = new Map<string, string>();
  for (const { PackageType, Version } of versions) {
    if (PackageType !== 'Image' || Version === undefined) continue;
    const { Code } = await client.send(new GetFunctionCommand({ FunctionName, Qualifier: Version }));
    images.set(Version, Code?.ResolvedImageUri ?? Code?.ImageUri ?? '');
  }
  return images;
}

async function policiesOf(client: LambdaClient, FunctionName: string, qualifiers: readonly string[]) {
  const found: DescribedFunction['policies'][number][] = [];
  for (const qualifier of qualifiers) {
    try {
      const named = qualifier === LATEST ? {} : { Qualifier: qualifier };
      const { Policy, RevisionId } = await client.send(new GetPolicyCommand({ FunctionName, ...named }));
      if (Policy !== undefined) found.push({ qualifier, policy: Policy, revisionId: RevisionId ?? '' });
    } catch (error) {
      // No policy, or no function any more: what is asked for next tells.
      if (!isAbsent(error)) throw error;
    }
  }
  return found;
}

/** Asked for by qualifier, since a function's name alone stands for `$LATEST`. */
export async function eventSourcesOf(client: LambdaClient, name: string, qualifiers: readonly string[]) {
  const found = new Map<string, EventSourceMappingConfiguration>();
  for (const qualifier of qualifiers) {
    const FunctionName = qualifier === LATEST ? name : `${name}:${qualifier}`;
    try {
      const pages = paginateListEventSourceMappings({ client }, { FunctionName });
      for (const mapping of await all(pages, (page) => page.EventSourceMappings))
        if (mapping.UUID !== undefined && mapping.State !== 'Deleting') found.set(mapping.UUID, mapping);
    } catch (error) {
      // No such alias, or no function any more: what is asked for next tells.
      if (!isAbsent(error)) throw error;
    }
  }
  return [...found.values()];
}

/** Every item of every page. */
export async function all<Page, Item>(
  pages: AsyncIterable<Page>,
  itemsOf: (page: Page) => readonly Item[] | undefined,
): Promise<readonly Item[]> {
  const items: Item[] = [];
  for await (const page of pages) items.push(...(itemsOf(page) ?? []));
  return items;
}
