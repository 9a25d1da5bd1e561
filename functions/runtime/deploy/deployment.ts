/** All that is derived from a plan file for one stage in one region: the part of the stack that serverless.yml does not spell out. */
import type { Json } from '../../core/entry.ts';
import { InvalidInputError } from '../../core/errors.ts';
import type { HoldfastConfig } from '../../core/plan.ts';
import type { S3Uri } from '../../core/uri.ts';
import { alarmNotices, alarmResources } from './alarms.ts';
import { logicalId, type Resources, ref } from './cloudformation.ts';
import { s3, sourcesOf } from './deployed-plan.ts';
import { functionRoles } from './function-roles.ts';
import { scheduleResources } from './schedules.ts';
import { stackAlarmResources } from './stack-alarms.ts';
import { type VaultBucket, vaultBucketResources, vaultBuckets } from './vault-buckets.ts';

export interface DeploymentOptions {
  readonly service: string;
  readonly stage: string;
  readonly region: string;
  /** Names of vaults whose buckets are there already and stay as they are. */
  readonly existingVaults: readonly string[];
  /** Places (`s3://bucket/prefix`) that a restore may write to; none named: the buckets of the sources, and the work bucket. */
  readonly restoreTargets: readonly string[];
}

export interface Deployment {
  readonly Resources: Resources;
  readonly Outputs: { readonly [name: string]: Json };
  /** What the deployer should know, a sentence each. */
  readonly notices: readonly string[];
}

/** @throws InvalidInputError when the plan and the options cannot go together. */
export function deployment(config: HoldfastConfig, options: DeploymentOptions): Deployment {
  const { service, stage, region, existingVaults } = options;
  const prefix = `${service}-${stage}`;
  const vaults = vaultBuckets(config, { region, existing: existingVaults });
  const elsewhere = vaults.filter((vault) => vault.madeBy === 'elsewhere');
  return {
    Resources: {
      ...vaultBucketResources(vaults),
      ...functionRoles(config, { stage, targets: restoreTargets(config, vaults, options) }),
      ...scheduleResources(config),
      ...alarmResources(config, { prefix, stage }),
      ...stackAlarmResources({ prefix }),
      ...subscriptions(config),
    },
    Outputs: elsewhere.length === 0 ? {} : { VaultsElsewhere: vaultsElsewhere(elsewhere) },
    notices: [
      ...elsewhere.map(
        ({ vault, bucket, region: other }) =>
          `vault "${vault}" is in ${other}: this stack makes no bucket there; make ${bucket} with a stack of its own`,
      ),
      ...alarmNotices(config),
    ],
  };
}

function vaultsElsewhere(vaults: readonly VaultBucket[]): Json {
  return {
    Description: 'Vaults in other regions, whose buckets need stacks of their own',
    Value: vaults.map(({ vault, bucket, region }) => `${vault}: s3://${bucket} (${region})`).join(', '),
  };
}

/** Whoever is to be notified by a plan hears of all alarms: there is one topic. */
function subscriptions(config: HoldfastConfig): Resources {
  const addresses = new Set(Object.values(config.plans).flatMap((plan) => plan.notify));
  return Object.fromEntries(
    [...addresses].map((address) => [
      logicalId('Subscription', address),
      {
        Type: 'AWS::SNS::Subscription',
        Properties: { TopicArn: ref('AlarmTopic'), Protocol: 'email', Endpoint: address },
      },
    ]),
  );
}

function restoreTargets(
  config: HoldfastConfig,
  vaults: readonly VaultBucket[],
  { restoreTargets: named }: DeploymentOptions,
): readonly S3Uri[] {
  const targets =
    named.length > 0 ? named.map(s3) : sourcesOf(config).map(({ scheme, bucket }) => ({ scheme, bucket, prefix: '' }));
  for (const { bucket } of targets) {
    const vault = vaults.find((candidate) => candidate.bucket === bucket);
    if (vault !== undefined)
      throw new InvalidInputError(
        `restoreTargets names ${bucket}, the bucket of vault "${vault.vault}"; a restore never writes to a vault`,
      );
  }
  return targets;
}
