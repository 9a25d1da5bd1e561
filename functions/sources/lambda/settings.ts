/** What Lambda tells of a version, in the form of the request that makes it. */
import type { FunctionConfiguration, UpdateFunctionConfigurationRequest } from '@aws-sdk/client-lambda';
import { AccessDeniedError, IntegrityError } from '../../core/errors.ts';
import type { VersionSettings } from './document.ts';

/**
 * The settings of a version. What is empty is absent, and so is what names the function itself by default (its log group).
 * @throws AccessDeniedError when Lambda leaves out a part that these credentials may not decrypt.
 */
export function settingsOf(found: FunctionConfiguration, name: string): VersionSettings {
  for (const error of [found.Environment?.Error, found.ImageConfigResponse?.Error])
    if (error !== undefined)
      throw new AccessDeniedError(
        `${name}: Lambda leaves out a part of its configuration (${error.ErrorCode}); grant kms:Decrypt of the function's KMS key to these credentials`,
      );
  const { Role, VpcConfig, Environment, LoggingConfig } = found;
  if (Role === undefined) throw new IntegrityError(`${name}: Lambda told no role of the function; run again`);
  const logGroup =
    LoggingConfig?.LogGroup === `/aws/lambda/${found.FunctionName}` ? undefined : LoggingConfig?.LogGroup;
  return withoutEmpty<VersionSettings>({
    Runtime: found.Runtime,
    Role,
    Handler: found.Handler,
    Description: found.Description,
    Timeout: found.Timeout,
    MemorySize: found.MemorySize,
    PackageType: found.PackageType ?? 'Zip',
    VpcConfig:
      VpcConfig?.SubnetIds === undefined || VpcConfig.SubnetIds.length === 0
        ? undefined
        : {
            SubnetIds: VpcConfig.SubnetIds.toSorted(),
            SecurityGroupIds: VpcConfig.SecurityGroupIds?.toSorted() ?? [],
            ...(VpcConfig.Ipv6AllowedForDualStack ? { Ipv6AllowedForDualStack: true } : {}),
          },
    DeadLetterConfig: found.DeadLetterConfig?.TargetArn ? { TargetArn: found.DeadLetterConfig.TargetArn } : undefined,
    Environment:
      Object.keys(Environment?.Variables ?? {}).length === 0 ? undefined : { Variables: { ...Environment?.Variables } },
    KMSKeyArn: found.KMSKeyArn,
    TracingConfig: found.TracingConfig?.Mode === 'Active' ? { Mode: 'Active' } : undefined,
    Layers: found.Layers?.flatMap(({ Arn }) => Arn ?? []),
    FileSystemConfigs: found.FileSystemConfigs,
    ImageConfig: found.ImageConfigResponse?.ImageConfig,
    Architectures: found.Architectures,
    EphemeralStorage: found.EphemeralStorage,
    SnapStart: found.SnapStart?.ApplyOn === 'PublishedVersions' ? { ApplyOn: 'PublishedVersions' } : undefined,
    LoggingConfig: LoggingConfig === undefined ? undefined : withoutEmpty({ ...LoggingConfig, LogGroup: logGroup }),
    TenancyConfig: found.TenancyConfig,
    CapacityProviderConfig: found.CapacityProviderConfig,
    DurableConfig: found.DurableConfig,
  });
}

/** The request that makes an existing function so: what is absent is named as empty, since Lambda leaves alone what is not named. */
export function updateOf(settings: VersionSettings, FunctionName: string): UpdateFunctionConfigurationRequest {
  // Fixed when a function is made, or changed together with its code.
  const { PackageType, Architectures: _, TenancyConfig: __, ...rest } = settings;
  return {
    FunctionName,
    Description: '',
    VpcConfig: { SubnetIds: [], SecurityGroupIds: [] },
    DeadLetterConfig: { TargetArn: '' },
    Environment: { Variables: {} },
    KMSKeyArn: '',
    TracingConfig: { Mode: 'PassThrough' },
    FileSystemConfigs: [],
    // An image has neither layers nor SnapStart, and Lambda refuses a request that speaks of them.
    ...(PackageType === 'Image'
      ? { ImageConfig: { EntryPoint: [], Command: [], WorkingDirectory: '' } }
      : { Layers: [], SnapStart: { ApplyOn: 'None' } }),
    ...rest,
    LoggingConfig: { LogGroup: `/aws/lambda/${FunctionName}`, ...rest.LoggingConfig },
  };
}

/** Without the parts that are undefined, empty text, empty lists or empty objects. */
export function withoutEmpty<T extends object>(value: { readonly [K in keyof T]: T[K] | undefined }): T {
  const kept: Partial<T> = {};
  for (const name in value) {
    const part = value[name];
    if (part !== undefined && !isEmpty(part)) kept[name] = part;
  }
  return kept as T; // What is optional is left out, and what is not is never empty.
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === '') return true;
  return typeof value === 'object' && !(value instanceof Date) && Object.keys(value).length === 0;
}
