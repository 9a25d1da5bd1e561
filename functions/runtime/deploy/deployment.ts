/** All that is derived from a plan file for one stage in one region: the part of the stack that serverless.yml does not spell out. */
import { InvalidInputError } from '../../core/errors.ts';
import type { HoldfastConfig } from '../../core/plan.ts';
import { alarmNotices, alarmResources } from './alarms.ts';
import { logicalId, type Resources, ref } from './cloudformation.ts';
import { type ReachedPlace, reached, sourcesOf } from './deployed-plan.ts';
import { functionRoles } from './function-roles.ts';
import { assertTemplatesWithinLimits, assertWithinLimits } from './limits.ts';
import { assertSourcesForeign, assertTargetForeign } from './own-places.ts';
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
  /** URIs of places that a restore may write to; none named: the sources, of those in S3 the whole buckets. The work bucket in any case. */
  readonly restoreTargets: readonly string[];
  /** ARNs of roles that a restored function may be given; none named: none. */
  readonly passRoles: readonly string[];
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
  assertSourcesForeign(config, options);
  const passRoles = options.passRoles.map(roleArn);
  const prefix = `${service}-${stage}`;
  const buckets = vaultBuckets(config, { region, existing: existingVaults });
  const resources = {
    ...vaultBucketResources(buckets.filter((bucket) => bucket.region === region)),
    ...functionRoles(config, { stage, targets: restoreTargets(config, buckets, options), passRoles }),
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
  options: DeploymentOptions,
): readonly ReachedPlace[] {
  const { restoreTargets: named } = options;
  const targets = named.length > 0 ? named.map(reached) : sourcesOf(config).map(withWholeBucket);
  for (const target of targets) {
    assertTargetForeign(target, config, options);
    const taken = buckets.find(({ bucket }) => target.scheme === 's3' && bucket === target.bucket);
    if (taken !== undefined)
      throw new InvalidInputError(
        `restoreTargets names ${taken.bucket}, the bucket of vault "${taken.vaults[0]}"; a restore never writes to a vault`,
      );
  }
  return targets;
}

const withWholeBucket = (place: ReachedPlace): ReachedPlace =>
  place.scheme === 's3' ? { ...place, prefix: '' } : place;

/** Of one role, and no pattern: who may pass a role may do what it may. */
function roleArn(text: string): string {
  if (/^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/.test(text)) return text;
  throw new InvalidInputError(
    `the parameter passRoles names "${text}", which is not the ARN of a role; write arn:aws:iam::123456789012:role/name`,
  );
}
