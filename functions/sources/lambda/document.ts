/**
 * The document of a function: everything that is set on it, in the forms that Lambda's own requests take, without what only holds where and when it
 * was read (its own name and ARN, revisions, times, states). Two functions that are alike have equal documents, so that a restored one compares.
 *
 * Published versions are named by their place among those that are there, from "1": Lambda numbers them itself, and a function that is restored gets other
 * numbers than it had once a version was deleted.
 */
import type {
  AddPermissionRequest,
  CreateEventSourceMappingRequest,
  CreateFunctionRequest,
  CreateFunctionUrlConfigRequest,
  PublishLayerVersionRequest,
  PutFunctionEventInvokeConfigRequest,
  PutFunctionRecursionConfigRequest,
  PutRuntimeManagementConfigRequest,
} from '@aws-sdk/client-lambda';
import * as z from 'zod';
import { InvalidInputError, messageOf } from '../../core/errors.ts';

/** A part in the vendor's own form, given back to the API that it came from, which is its judge. */
const vendor = <T>() => z.custom<T>((value) => value !== undefined && value !== null);
const part = <T, K extends keyof T>(_: K) => vendor<NonNullable<T[K]>>().optional();
const setting = <K extends keyof CreateFunctionRequest>(name: K) => part<CreateFunctionRequest, K>(name);

const settingsSchema = z.strictObject({
  Runtime: setting('Runtime'),
  Role: z.string(),
  Handler: z.string().optional(),
  Description: z.string().optional(),
  Timeout: z.number().optional(),
  MemorySize: z.number().optional(),
  PackageType: z.enum(['Zip', 'Image']),
  VpcConfig: setting('VpcConfig'),
  DeadLetterConfig: setting('DeadLetterConfig'),
  Environment: z.strictObject({ Variables: z.record(z.string(), z.string()) }).optional(),
  KMSKeyArn: z.string().optional(),
  TracingConfig: setting('TracingConfig'),
  Layers: z.array(z.string()).optional(),
  FileSystemConfigs: setting('FileSystemConfigs'),
  ImageConfig: setting('ImageConfig'),
  Architectures: setting('Architectures'),
  EphemeralStorage: setting('EphemeralStorage'),
  SnapStart: setting('SnapStart'),
  LoggingConfig: setting('LoggingConfig'),
  TenancyConfig: setting('TenancyConfig'),
  CapacityProviderConfig: setting('CapacityProviderConfig'),
  DurableConfig: setting('DurableConfig'),
});

/** Bytes in a file of the archive; `sha256` is base64, as Lambda tells it. */
const storedSchema = z.strictObject({ file: z.string(), sha256: z.string(), sizeBytes: z.number().int().min(0) });

const versionSchema = z.strictObject({
  settings: settingsSchema,
  code: z.union([storedSchema, z.strictObject({ imageUri: z.string() })]),
});

const layerSchema = z.strictObject({
  arn: z.string(),
  /** Undefined where the layer may not be read, for the reason beside it. */
  stored: storedSchema.optional(),
  unreadable: z.string().optional(),
  Description: z.string().optional(),
  CompatibleRuntimes: part<PublishLayerVersionRequest, 'CompatibleRuntimes'>('CompatibleRuntimes'),
  CompatibleArchitectures: part<PublishLayerVersionRequest, 'CompatibleArchitectures'>('CompatibleArchitectures'),
  LicenseInfo: z.string().optional(),
});

/** An alias's name, a version, or `$LATEST`. */
const qualifier = z.string();
const versionNumber = z.string();

export const documentSchema = z.strictObject({
  format: z.literal(1),
  latest: versionSchema,
  /** The KMS key under which the code rests. */
  codeKmsKeyArn: z.string().optional(),
  /** Oldest first. */
  versions: z.array(versionSchema),
  layers: z.array(layerSchema),
  aliases: z.array(
    z.strictObject({
      name: z.string(),
      version: versionNumber,
      description: z.string().optional(),
      /** Share of the calls by version. */
      weights: z.record(versionNumber, z.number()).optional(),
    }),
  ),
  reservedConcurrency: z.number().optional(),
  provisionedConcurrency: z.array(z.strictObject({ qualifier, executions: z.number() })),
  eventSources: z.array(
    z.strictObject({
      qualifier,
      /** Without `FunctionName` and `Enabled`; a time as ISO-8601. */
      request: vendor<Omit<CreateEventSourceMappingRequest, 'FunctionName' | 'Enabled'>>(),
    }),
  ),
  eventInvoke: z.array(
    z.strictObject({
      qualifier,
      request: vendor<Omit<PutFunctionEventInvokeConfigRequest, 'FunctionName' | 'Qualifier'>>(),
    }),
  ),
  urls: z.array(
    z.strictObject({
      qualifier,
      request: vendor<Omit<CreateFunctionUrlConfigRequest, 'FunctionName' | 'Qualifier'>>(),
    }),
  ),
  permissions: z.array(
    z.strictObject({
      qualifier,
      /** A statement as the policy has it, without its `Resource`, which is the function. */
      statement: z.looseObject({ Sid: z.string() }),
    }),
  ),
  tags: z.record(z.string(), z.string()),
  codeSigningConfigArn: z.string().optional(),
  /** Undefined for what every new function has: `Auto`. */
  runtimeManagement: vendor<Omit<PutRuntimeManagementConfigRequest, 'FunctionName' | 'Qualifier'>>().optional(),
  /** Undefined for what every new function has: `Terminate`. */
  recursiveLoop: part<PutFunctionRecursionConfigRequest, 'RecursiveLoop'>('RecursiveLoop'),
});

export type FunctionDocument = z.infer<typeof documentSchema>;
export type VersionDocument = z.infer<typeof versionSchema>;
export type VersionSettings = z.infer<typeof settingsSchema>;
export type LayerDocument = z.infer<typeof layerSchema>;
export type StoredFile = z.infer<typeof storedSchema>;
export type Permission = Omit<AddPermissionRequest, 'FunctionName' | 'Qualifier'>;

/** The file of the archive that holds a document. */
export const DOCUMENT_FILE = 'configuration.json';
/** The file of the archive that holds the code of `$LATEST`. */
export const CODE_FILE = 'code.zip';

/** Reads a document that was written by `canonicalJson`. @throws InvalidInputError for anything else; no value of it is told. */
export function parseDocument(bytes: Buffer, name: string): FunctionDocument {
  const foreign = (why: string) =>
    new InvalidInputError(
      `${name}: ${DOCUMENT_FILE} is not the document of a function (${why}); restore it to a directory`,
    );
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw foreign('it is not JSON'); // The parser's own words repeat what it met.
  }
  try {
    const parsed = documentSchema.safeParse(value);
    if (parsed.success) return parsed.data;
    throw foreign(`see ${parsed.error.issues[0]?.path.join('.')}`);
  } catch (error) {
    if (error instanceof RangeError) throw foreign(messageOf(error)); // The stack is used up: nested too deeply.
    throw error;
  }
}

/** Every file that a document names, once, in the order in which the archive has them. */
export function filesOf(document: FunctionDocument): readonly StoredFile[] {
  const files = new Map<string, StoredFile>();
  for (const { code } of [document.latest, ...document.versions])
    if ('file' in code && !files.has(code.file)) files.set(code.file, code);
  for (const { stored } of document.layers) if (stored !== undefined) files.set(stored.file, stored);
  return [...files.values()];
}

/** The environment's values, which no message may repeat. */
export function secretsOf(document: FunctionDocument): readonly string[] {
  return [document.latest, ...document.versions].flatMap(({ settings }) =>
    Object.values(settings.Environment?.Variables ?? {}),
  );
}
