/** Makes the document, the attributes and the fingerprint of a function out of what Lambda tells of it. Pure. */
import { createHash } from 'node:crypto';
import type { EventSourceMappingConfiguration, FunctionConfiguration } from '@aws-sdk/client-lambda';
import * as z from 'zod';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { Attributes, Json } from '../../core/entry.ts';
import { AccessDeniedError, IntegrityError } from '../../core/errors.ts';
import { type DescribedFunction, LATEST } from './describe.ts';
import { CODE_FILE, type FunctionDocument, type LayerDocument, type VersionDocument } from './document.ts';
import { settingsOf, withoutEmpty } from './settings.ts';

/** The document, with the layers that `$LATEST` and the versions use. */
export function documentOf(found: DescribedFunction, layers: readonly LayerDocument[]): FunctionDocument {
  const places = new Map(found.versions.map(({ Version = '' }, index) => [Version, String(index + 1)]));
  const placed = (version: string | undefined) => places.get(version ?? '') ?? version ?? LATEST;
  const qualifierOf = (arn: string | undefined) => placed(arn?.split(':')[7]);
  const { latest, versions } = versionsOf(found);
  return {
    format: 1,
    latest,
    codeKmsKeyArn: found.code.SourceKMSKeyArn,
    versions,
    layers: [...layers],
    aliases: sorted(
      found.aliases.map(({ Name = '', FunctionVersion, Description, RoutingConfig }) => {
        const weights = Object.entries(RoutingConfig?.AdditionalVersionWeights ?? {});
        return {
          name: Name,
          version: placed(FunctionVersion),
          ...(Description ? { description: Description } : {}),
          ...(weights.length === 0
            ? {}
            : { weights: Object.fromEntries(weights.map(([version, weight]) => [placed(version), weight])) }),
        };
      }),
    ),
    reservedConcurrency: found.reservedConcurrency,
    provisionedConcurrency: sorted(
      found.provisioned.map(({ FunctionArn, RequestedProvisionedConcurrentExecutions = 0 }) => ({
        qualifier: qualifierOf(FunctionArn),
        executions: RequestedProvisionedConcurrentExecutions,
      })),
    ),
    eventSources: mappingsOf(found).map(({ qualifier, request }) => ({ qualifier, request })),
    eventInvoke: sorted(
      found.eventInvoke.map(({ FunctionArn, LastModified: _, DestinationConfig, ...request }) => ({
        qualifier: qualifierOf(FunctionArn),
        request: { ...request, ...destinations(DestinationConfig) },
      })),
    ),
    urls: sorted(
      found.urls.map(({ FunctionArn, AuthType, Cors, InvokeMode }) => ({
        qualifier: qualifierOf(FunctionArn),
        request: {
          AuthType,
          ...(Cors === undefined ? {} : { Cors }),
          ...(InvokeMode === undefined ? {} : { InvokeMode }),
        },
      })),
    ),
    permissions: sorted(
      found.policies.flatMap(({ qualifier, policy }) =>
        statementsOf(policy, found.name).map((statement) => ({ qualifier: placed(qualifier), statement })),
      ),
    ),
    // AWS sets those that begin so, and nobody else can.
    tags: Object.fromEntries(Object.entries(found.tags).filter(([name]) => !name.startsWith('aws:'))),
    codeSigningConfigArn: found.codeSigningConfigArn || undefined,
    runtimeManagement: runtimeManagementOf(found),
    recursiveLoop: found.recursiveLoop === 'Allow' ? 'Allow' : undefined,
  };
}

/** Each code once: a version whose code is that of `$LATEST`, or of an older version, names its file. */
function versionsOf(found: DescribedFunction): Pick<FunctionDocument, 'latest' | 'versions'> {
  const files = new Map<string, string>();
  const documentVersion = (version: FunctionConfiguration, file: string, imageUri: string): VersionDocument => {
    const settings = settingsOf(version, `function ${found.name}`);
    if (settings.PackageType === 'Image') return { settings, code: { imageUri } };
    const { CodeSha256: sha256, CodeSize: sizeBytes } = version;
    if (sha256 === undefined || sizeBytes === undefined)
      throw new IntegrityError(`function ${found.name}: Lambda told no hash or size of its code; run again`);
    const known = files.get(sha256);
    if (known === undefined) files.set(sha256, file);
    return { settings, code: { file: known ?? file, sha256, sizeBytes } };
  };
  const { configuration, code } = found;
  const latest = documentVersion(configuration, CODE_FILE, code.ResolvedImageUri ?? code.ImageUri ?? '');
  const versions = found.versions.map((version, index) =>
    documentVersion(version, `versions/${index + 1}/${CODE_FILE}`, found.images.get(version.Version ?? '') ?? ''),
  );
  return { latest, versions };
}

export type Mapping = FunctionDocument['eventSources'][number] & { readonly enabled: boolean; readonly uuid: string };

/** The event sources with whether each is on, in the order of the document. */
export function mappingsOf(found: Pick<DescribedFunction, 'versions' | 'eventSources'>): readonly Mapping[] {
  const places = new Map(found.versions.map(({ Version = '' }, index) => [Version, String(index + 1)]));
  return sorted(
    found.eventSources.map((mapping) => {
      const version = mapping.FunctionArn?.split(':')[7] ?? LATEST;
      const qualifier = places.get(version) ?? version;
      return {
        qualifier,
        request: mappingRequest(mapping),
        uuid: mapping.UUID ?? '',
        enabled: !/^Disabl/.test(mapping.State ?? ''),
      };
    }),
    ({ qualifier, request }) => [qualifier, request],
  );
}

function mappingRequest(mapping: EventSourceMappingConfiguration): FunctionDocument['eventSources'][number]['request'] {
  const {
    UUID: _,
    EventSourceMappingArn: __,
    FunctionArn: ___,
    State: ____,
    StateTransitionReason: _____,
    ...rest
  } = mapping;
  const { LastModified: ______, LastProcessingResult: _______, FilterCriteriaError: error, ...request } = rest;
  if (error !== undefined)
    throw new AccessDeniedError(
      `event source ${mapping.EventSourceArn}: Lambda leaves out its filter (${error.ErrorCode}); grant kms:Decrypt of the filter's KMS key to these credentials`,
    );
  return withoutEmpty({ ...request, DestinationConfig: destinations(request.DestinationConfig).DestinationConfig });
}

/** Lambda tells a destination that is not there as an empty object. */
function destinations(config: EventSourceMappingConfiguration['DestinationConfig']) {
  const kept = withoutEmpty({ OnSuccess: config?.OnSuccess, OnFailure: config?.OnFailure });
  return Object.keys(kept).length === 0 ? {} : { DestinationConfig: kept };
}

const policySchema = z.object({
  Statement: z.array(z.looseObject({ Sid: z.string(), Resource: z.unknown().optional() })),
});

function statementsOf(policy: string, name: string) {
  try {
    return policySchema.parse(JSON.parse(policy)).Statement.map(({ Resource: _, ...statement }) => statement);
  } catch (cause) {
    throw new IntegrityError(`function ${name}: Lambda told a resource policy that cannot be read; run again`, {
      cause,
    });
  }
}

function runtimeManagementOf({ runtimeManagement }: DescribedFunction): FunctionDocument['runtimeManagement'] {
  const { UpdateRuntimeOn, RuntimeVersionArn } = runtimeManagement ?? {};
  if (UpdateRuntimeOn === undefined || UpdateRuntimeOn === 'Auto') return undefined;
  return { UpdateRuntimeOn, ...(UpdateRuntimeOn === 'Manual' ? { RuntimeVersionArn } : {}) };
}

/**
 * What may be read with less than the content's key: nothing of an environment, a policy or a command line. `name` and `versions` tell which function it
 * was and how its versions were numbered; `eventSourcesEnabled` is in the order of the document's event sources.
 */
export function attributesOf(found: DescribedFunction): Attributes {
  const { configuration, code } = found;
  const image = code.ResolvedImageUri ?? code.ImageUri;
  return {
    type: 'function',
    name: found.name,
    packageType: configuration.PackageType ?? 'Zip',
    ...(configuration.Runtime === undefined ? {} : { runtime: configuration.Runtime }),
    ...(configuration.CodeSha256 === undefined ? {} : { codeSha256: configuration.CodeSha256 }),
    ...(configuration.PackageType === 'Image' && image !== undefined ? { image } : {}),
    versions: found.versions.map(({ Version = '' }) => Version),
    eventSourcesEnabled: mappingsOf(found).map(({ enabled }) => enabled),
  };
}

/**
 * Tells every change of what the content holds. A revision stands for what Lambda keeps one of (a version's configuration, a policy), so that no value of an
 * environment, an image's command line or a policy goes into it.
 */
export function fingerprintOf(found: DescribedFunction, document: FunctionDocument, attributes: Attributes): string {
  const { latest: _, versions: __, permissions: ___, ...rest } = document;
  const revisions = [found.configuration, ...found.versions].map(({ RevisionId, CodeSha256, Version }) => [
    Version,
    RevisionId,
    CodeSha256,
  ]);
  const policies = found.policies.map(({ qualifier, revisionId }) => [qualifier, revisionId]);
  const images = [...found.images];
  return createHash('sha256')
    .update(canonicalJson(toJson({ rest, attributes, revisions, policies, images })))
    .digest('hex');
}

/** As JSON: times as text, and what is undefined absent. */
export function toJson(value: unknown): Json {
  const json: Json = JSON.parse(JSON.stringify(value));
  return json;
}

const sorted = <T>(items: readonly T[], by: (item: T) => unknown = (item) => item): T[] =>
  items
    .map((item) => ({ item, text: canonicalJson(toJson(by(item))) }))
    .toSorted((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0))
    .map(({ item }) => item);
