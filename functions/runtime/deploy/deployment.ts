/** All that is derived from a plan file for one stage in one region: the part of the stack that serverless.yml does not spell out. */
import { InvalidInputError } from '../../core/errors.ts';
import type { HoldfastConfig } from '../../core/plan.ts';
import type { S3Uri } from '../../core/uri.ts';
import { alarmNotices, alarmResources } from './alarms.ts';
import { logicalId, type Resources, ref } from './cloudformation.ts';
import { s3, sourcesOf } from './deployed-plan.ts';
import { functionRoles } from './function-roles.ts';
import { assertTemplatesWithinLimits, assertWithinLimits } from './limits.ts';
import { scheduleResources } from './schedules.ts';
import { stackAlarmResources } from './stack-alarms.ts';
import { assertStage } from './stage.ts';
import { type VaultBucket, vaultBucketResources, vaultBuckets } from './vault-buckets.ts';
import { otherRegions, type VaultTemplate, vaultStackName, vaultTemplates } from './vault-stacks.ts';

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
  /** The stacks of the vaults in other regions: all of one name. */
  readonly vaultStacks: {
    readonly name: string;
    /** Regions in which such a stack may stand, now or from an earlier deployment. */
    readonly regions: readonly string[];
    /** By region: where there is something to make. */
    readonly templates: ReadonlyMap<string, VaultTemplate>;
  };
  /** What the deployer should know, a sentence each. */
  readonly notices: readonly string[];
}

/** @throws InvalidInputError when the plan and the options cannot go together. */
export function deployment(config: HoldfastConfig, options: DeploymentOptions): Deployment {
  const { service, stage, region, existingVaults } = options;
  assertStage(options);
  const prefix = `${service}-${stage}`;
  const buckets = vaultBuckets(config, { region, existing: existingVaults });
  const resources = {
    ...vaultBucketResources(buckets.filter((bucket) => bucket.region === region)),
    ...functionRoles(config, { stage, targets: restoreTargets(config, buckets, options) }),
    ...scheduleResources(config),
    ...alarmResources(config, { prefix, stage }),
    ...stackAlarmResources({ prefix }),
    ...subscriptions(config),
  };
  const templates = vaultTemplates(buckets, { region, prefix });
  assertWithinLimits(resources, { restoreTargets: options.restoreTargets.length });
  assertTemplatesWithinLimits(templates);
  return {
    Resources: resources,
    vaultStacks: {
      name: vaultStackName(prefix),
      regions: otherRegions(buckets, region),
      templates,
    },
    notices: alarmNotices(config),
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
  buckets: readonly VaultBucket[],
  { restoreTargets: named }: DeploymentOptions,
): readonly S3Uri[] {
  const targets =
    named.length > 0 ? named.map(s3) : sourcesOf(config).map(({ scheme, bucket }) => ({ scheme, bucket, prefix: '' }));
  for (const { bucket } of targets) {
    const taken = buckets.find((candidate) => candidate.bucket === bucket);
    if (taken !== undefined)
      throw new InvalidInputError(
        `restoreTargets names ${bucket}, the bucket of vault "${taken.vaults[0]}"; a restore never writes to a vault`,
      );
  }
  return targets;
}
