/**
 * Vaults in other regions. CloudFormation makes nothing outside its own region, so that each other region with vaults gets a small stack of
 * its own, with their buckets and nothing else.
 */
import { InvalidInputError } from '../../core/errors.ts';
import type { Resources } from './cloudformation.ts';
import { type VaultBucket, vaultBucketResources } from './vault-buckets.ts';

const SUFFIX = '-vaults';

export interface VaultTemplate {
  readonly AWSTemplateFormatVersion: '2010-09-09';
  readonly Description: string;
  readonly Resources: Resources;
}

/**
 * The name of a stage's stack in each other region; `prefix` is the name of its main stack.
 * @throws InvalidInputError for a stage whose main stack could be taken for another stage's stack of vaults.
 */
export function vaultStackName(prefix: string): string {
  if (prefix.endsWith(SUFFIX))
    throw new InvalidInputError(
      `stack ${prefix} would be named as the stacks of vaults in other regions are; choose a stage that does not end in "vaults"`,
    );
  return `${prefix}${SUFFIX}`;
}

/** Regions other than the main stack's that hold vaults, whoever made their buckets. */
export function otherRegions(buckets: readonly VaultBucket[], region: string): readonly string[] {
  return [...new Set(buckets.map((bucket) => bucket.region))].filter((other) => other !== region);
}

/** By region. A region in which every bucket is there already needs none. */
export function vaultTemplates(
  buckets: readonly VaultBucket[],
  { region, prefix }: { readonly region: string; readonly prefix: string },
): ReadonlyMap<string, VaultTemplate> {
  const templates = new Map<string, VaultTemplate>();
  for (const other of otherRegions(buckets, region)) {
    const resources = vaultBucketResources(buckets.filter((bucket) => bucket.region === other));
    if (Object.keys(resources).length === 0) continue;
    templates.set(other, {
      AWSTemplateFormatVersion: '2010-09-09',
      Description: `Holdfast: buckets of the vaults that ${prefix} has in ${other}`,
      Resources: resources,
    });
  }
  return templates;
}

/** Where a packaging leaves the template, beside the main stack's. */
export const vaultTemplateFile = (region: string): string => `cloudformation-template-vaults-${region}.json`;

/** The region of a file so named; undefined for any other file. */
export function regionOfTemplateFile(file: string): string | undefined {
  return /^cloudformation-template-vaults-([a-z0-9-]+)\.json$/.exec(file)?.[1];
}
