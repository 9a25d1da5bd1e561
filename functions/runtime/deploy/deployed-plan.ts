/**
 * The part of holdfast.yml that an AWS account can run. A directory is no place that a Lambda function can reach, so plans of directories
 * stay with the command line, and so do replicas on a disk.
 */
import { InvalidInputError } from '../../core/errors.ts';
import type { HoldfastConfig, Plan } from '../../core/plan.ts';
import { asFolder, parseUri, type S3Uri } from '../../core/uri.ts';

export interface DeployedPlan {
  /**
   * Plans whose sources and vault are in S3, without their replicas elsewhere; every vault in S3, used or not, so that a plan can be
   * removed and its recovery points stay where they can be restored from.
   */
  readonly config: HoldfastConfig;
  /** What is left to the command line, a sentence each. */
  readonly notices: readonly string[];
}

/** @throws InvalidInputError when no plan is left, or one mixes directories with buckets, or a source or a sandbox lies in a vault's bucket. */
export function deployedPlan(config: HoldfastConfig): DeployedPlan {
  const notices: string[] = [];
  const plans: Record<string, Plan> = {};
  for (const [name, plan] of Object.entries(config.plans)) {
    const local = whyLocal(config, name, plan);
    if (local !== undefined) {
      notices.push(`plan "${name}" is not deployed: ${local}; run it with holdfast run ${name}`);
      continue;
    }
    const onDisk = plan.replicateTo.filter((vault) => !isS3(vaultUrl(config, vault)));
    for (const vault of onDisk)
      notices.push(
        `vault "${vault}" is not filled by the deployed plan "${name}": it is on a disk; bring it level with holdfast replicate ${name} --to ${vault}`,
      );
    plans[name] = { ...plan, replicateTo: plan.replicateTo.filter((vault) => !onDisk.includes(vault)) };
  }
  if (Object.keys(plans).length === 0) throw new InvalidInputError(`there is nothing to deploy; ${notices.join('; ')}`);
  const vaults = Object.fromEntries(Object.entries(config.vaults).filter(([, { url }]) => isS3(url)));
  const deployed = { ...config, vaults, plans };
  assertApart(deployed);
  return { config: deployed, notices };
}

/** Every source of every plan, in the plan file's order. */
export function sourcesOf(config: HoldfastConfig): readonly S3Uri[] {
  return Object.values(config.plans).flatMap((plan) => plan.sources.map((source) => s3(source.uri)));
}

/** The places in S3 that plans name for the sandboxes of their verifications. */
export function sandboxesOf(config: HoldfastConfig): readonly S3Uri[] {
  return Object.values(config.plans).flatMap(({ verify: { sandbox } }) =>
    sandbox !== undefined && isS3(sandbox) ? [s3(sandbox)] : [],
  );
}

/** The place of a vault of the deployed plan; a vault is a folder. */
export function vaultPlace(config: HoldfastConfig, vault: string): S3Uri {
  return asFolder(s3(vaultUrl(config, vault)));
}

/** @throws InvalidInputError for a place that is not in S3. */
export function s3(uri: string): S3Uri {
  const place = parseUri(uri);
  if (place.scheme !== 's3') throw new InvalidInputError(`"${uri}" is not in S3; a deployed plan reaches s3:// only`);
  return place;
}

function whyLocal(config: HoldfastConfig, name: string, plan: Plan): string | undefined {
  const onDisk = plan.sources.map((source) => source.uri).filter((uri) => !isS3(uri));
  const [first] = onDisk;
  if (first !== undefined && onDisk.length < plan.sources.length)
    throw new InvalidInputError(
      `plan "${name}" mixes ${first} with sources in S3, which no one machine can run; put its directories into a plan of their own`,
    );
  if (first !== undefined) return `its source ${first} is on a disk`;
  if (!isS3(vaultUrl(config, plan.vault))) return `its vault "${plan.vault}" is on a disk`;
  return undefined;
}

/** A function that may write to a source (restore) or a sandbox (verify) could write to a vault, were they in one bucket. */
function assertApart(config: HoldfastConfig): void {
  const vaultBuckets = new Map(Object.keys(config.vaults).map((name) => [vaultPlace(config, name).bucket, name]));
  for (const { bucket, prefix } of [...sourcesOf(config), ...sandboxesOf(config)]) {
    const vault = vaultBuckets.get(bucket);
    if (vault !== undefined)
      throw new InvalidInputError(
        `s3://${bucket}/${prefix} lies in the bucket of vault "${vault}"; give the vault a bucket of its own`,
      );
  }
}

function vaultUrl(config: HoldfastConfig, vault: string): string {
  const found = config.vaults[vault];
  if (found === undefined) throw new InvalidInputError(`there is no vault "${vault}"`);
  return found.url;
}

const isS3 = (uri: string): boolean => parseUri(uri).scheme === 's3';
