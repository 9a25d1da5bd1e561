/**
 * The part of holdfast.yml that an AWS account can run. A directory is no place that a Lambda function can reach, so plans of directories
 * stay with the command line, and so do replicas on a disk.
 */
import { InvalidInputError } from '../../core/errors.ts';
import type { HoldfastConfig, Plan } from '../../core/plan.ts';
import { asFolder, type FileUri, type PlaceUri, parseUri, type S3Uri } from '../../core/uri.ts';
import type { ExportedTable } from './table-grants.ts';

/** A place that a Lambda function reaches. */
export type ReachedPlace = Exclude<PlaceUri, FileUri>;

export interface DeployedPlan {
  /**
   * Plans whose sources are in AWS and whose vault is in S3, without their replicas elsewhere; every vault in S3, used or not, so that a plan can be
   * removed and its recovery points stay where they can be restored from.
   */
  readonly config: HoldfastConfig;
  /** What is left to the command line, a sentence each. */
  readonly notices: readonly string[];
}

/** @throws InvalidInputError when no plan is left, or one mixes directories with other sources, or a source, a sandbox or an export lies in a vault's bucket. */
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
export function sourcesOf(config: HoldfastConfig): readonly ReachedPlace[] {
  return Object.values(config.plans).flatMap((plan) => plan.sources.map((source) => reached(source.uri)));
}

/** The places in S3 that plans name for the sandboxes of their verifications. */
export function sandboxesOf(config: HoldfastConfig): readonly S3Uri[] {
  return Object.values(config.plans).flatMap(({ verify: { sandbox } }) =>
    sandbox !== undefined && isS3(sandbox) ? [s3(sandbox)] : [],
  );
}

/** The tables that DynamoDB exports, and where to. */
export function exportsOf(config: HoldfastConfig): readonly ExportedTable[] {
  return Object.values(config.plans).flatMap((plan) =>
    plan.sources.flatMap(({ uri, engine, exportTo }) => {
      const place = parseUri(uri);
      if (place.scheme !== 'dynamodb' || engine !== 'export') return [];
      return [{ table: place.table, exportTo: exportTo === undefined ? undefined : asFolder(s3(exportTo)) }];
    }),
  );
}

/** The places of one kind. */
export function ofKind<Kind extends ReachedPlace['scheme']>(
  kind: Kind,
  places: readonly ReachedPlace[],
): readonly Extract<ReachedPlace, { scheme: Kind }>[] {
  return places.filter((place): place is Extract<ReachedPlace, { scheme: Kind }> => place.scheme === kind);
}

/** The place of a vault of the deployed plan; a vault is a folder. */
export function vaultPlace(config: HoldfastConfig, vault: string): S3Uri {
  return asFolder(s3(vaultUrl(config, vault)));
}

/** @throws InvalidInputError for a directory. */
export function reached(uri: string): ReachedPlace {
  const place = parseUri(uri);
  if (place.scheme === 'file')
    throw new InvalidInputError(`"${uri}" is on a disk, which a Lambda function does not reach; name a place in AWS`);
  return place;
}

/** @throws InvalidInputError for a place that is not in S3. */
function s3(uri: string): S3Uri {
  const place = parseUri(uri);
  if (place.scheme !== 's3') throw new InvalidInputError(`"${uri}" is not in S3; write s3://bucket/prefix`);
  return place;
}

function whyLocal(config: HoldfastConfig, name: string, plan: Plan): string | undefined {
  const onDisk = plan.sources.map((source) => source.uri).filter(isOnDisk);
  const [first] = onDisk;
  if (first !== undefined && onDisk.length < plan.sources.length)
    throw new InvalidInputError(
      `plan "${name}" mixes ${first} with sources in AWS, of which a Lambda function reaches only the latter; put its directories into a plan of their own`,
    );
  if (first !== undefined) return `its source ${first} is on a disk`;
  if (!isS3(vaultUrl(config, plan.vault))) return `its vault "${plan.vault}" is on a disk`;
  return undefined;
}

/** A function that may write to a source (restore), a sandbox (verify) or an export could write to a vault, were they in one bucket. */
function assertApart(config: HoldfastConfig): void {
  const vaultBuckets = new Map(Object.keys(config.vaults).map((name) => [vaultPlace(config, name).bucket, name]));
  const exports = exportsOf(config).flatMap(({ exportTo }) => exportTo ?? []);
  for (const { bucket, prefix } of [...ofKind('s3', [...sourcesOf(config), ...sandboxesOf(config)]), ...exports]) {
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

const isOnDisk = (uri: string): boolean => parseUri(uri).scheme === 'file';
const isS3 = (uri: string): boolean => parseUri(uri).scheme === 's3';
