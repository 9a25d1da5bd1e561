/** The stacks of vaults in other regions as files: a packaging writes their templates, a deployment deploys what was written. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AwsAccount } from './aws-account.ts';
import type { Deployment } from './deployment.ts';
import { deleteStack, deployStack } from './stacks.ts';
import { regionOfTemplateFile, vaultTemplateFile } from './vault-stacks.ts';

type VaultStacks = Deployment['vaultStacks'];

/** Into the folder that the framework builds in, and which it makes anew for each packaging. */
export async function writeVaultTemplates(
  folder: string,
  { templates }: Pick<VaultStacks, 'templates'>,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [region, template] of templates)
    await writeFile(join(folder, vaultTemplateFile(region)), `${JSON.stringify(template, null, 2)}\n`);
}

/**
 * Deploys every template in the folder; yields a sentence on each stack. A region whose last vault was taken out of the plan file has no
 * template: its stack is left alone, since its bucket is data that is kept.
 * @throws InvalidInputError, ConflictError at the first stack that fails.
 */
export async function* deployVaultStacks(
  folder: string,
  { name }: Pick<VaultStacks, 'name'>,
  account: AwsAccount,
): AsyncGenerator<string> {
  for (const file of (await readdir(folder)).sort()) {
    const region = regionOfTemplateFile(file);
    if (region === undefined) continue;
    const template: unknown = JSON.parse(await readFile(join(folder, file), 'utf8'));
    const client = await account.cloudFormation(region);
    const done = await deployStack({ client, name, region }, JSON.stringify(template));
    yield `stack ${name} in ${region}: ${done}`;
  }
}

/**
 * Deletes the stacks in the regions that the plan file names; yields a sentence on each that was there. The buckets are kept. A stack in a
 * region that the plan file no longer names stays, as it stayed when the file was deployed.
 */
export async function* deleteVaultStacks(
  { name, regions }: Pick<VaultStacks, 'name' | 'regions'>,
  account: AwsAccount,
): AsyncGenerator<string> {
  for (const region of regions) {
    const client = await account.cloudFormation(region);
    if ((await deleteStack({ client, name, region })) === 'deleted')
      yield `stack ${name} in ${region}: deleted; its buckets are kept`;
  }
}
