/** What the functions in the account do not reach: a directory of this machine. Refused before anything is started there. */
import { InvalidInputError } from '../core/errors.ts';
import { getPlan, getVaultConfig, type HoldfastConfig } from '../core/plan.ts';
import { parseUri } from '../core/uri.ts';

const isOnDisk = (uri: string): boolean => parseUri(uri).scheme === 'file';

function assertReached(what: string, uri: string, mend: string): void {
  if (isOnDisk(uri))
    throw new InvalidInputError(`${what} ${uri} is a directory, which the account does not reach; ${mend}`);
}

/** @throws InvalidInputError */
export function assertTargetReached(to: string): void {
  // Here the catalogue is another one unless it is named: the mend must lead to the same recovery points.
  assertReached(
    'the target',
    to,
    `restore here, without --aws: with the table of the stack as catalogue: dynamodb://… in holdfast.yml, or after "holdfast catalogue rebuild"`,
  );
}

/** @throws InvalidInputError */
export function assertVaultReached(config: HoldfastConfig, vault: string, mend = 'leave --aws away'): void {
  assertReached(`vault ${vault}`, getVaultConfig(config, vault).url, mend);
}

/** @throws InvalidInputError naming the source or the vault of the plan that keeps it from running in the account. */
export function assertPlanReached(config: HoldfastConfig, name: string): void {
  const plan = getPlan(config, name);
  for (const { uri } of plan.sources) assertReached('the source', uri, 'leave --aws away');
  assertVaultReached(config, plan.vault);
}
