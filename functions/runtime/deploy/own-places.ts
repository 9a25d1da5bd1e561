/** What is the stack's own among the places that a plan file or a parameter may name: no source, no target. */
import { InvalidInputError } from '../../core/errors.ts';
import type { HoldfastConfig } from '../../core/plan.ts';
import { formatUri, overlap } from '../../core/uri.ts';
import { type ReachedPlace, sourcesOf } from './deployed-plan.ts';
import { SANDBOXES } from './place-grants.ts';

interface Stack {
  readonly service: string;
  readonly stage: string;
}

/** Parameters that begin so are Holdfast's: the keys of every stage among them. */
const PARAMETERS = '/holdfast/';

/**
 * @throws InvalidInputError for a source that is the stack's own, above all its keys: a role that backs up must not read the key that opens
 * the backups.
 */
export function assertSourcesForeign(config: HoldfastConfig, stack: Stack): void {
  for (const place of sourcesOf(config)) {
    const uri = formatUri(place);
    if (place.scheme === 'ssm' && coversKeys(place))
      throw new InvalidInputError(
        `${uri} covers the parameters below ${PARAMETERS}, among them the key that opens the backups, which no role that makes them may read; name the paths of your own parameters, each as a source of its own`,
      );
    if (isCatalogue(place, config, stack))
      throw new InvalidInputError(
        `${uri} is the catalogue of the stack itself, which every backup changes; take it out of the plan: holdfast catalogue rebuild makes it again from the vaults`,
      );
    if (isOfSandboxes(place))
      throw new InvalidInputError(
        `${uri} is where verifications put what they restore, and remove it again; name another place as a source`,
      );
  }
}

/** @throws InvalidInputError for a place that a restore could harm the stack itself in. */
export function assertTargetForeign(place: ReachedPlace, config: HoldfastConfig, stack: Stack): void {
  const uri = formatUri(place);
  const mend = 'name the places that a restore may write to in the parameter restoreTargets';
  if (place.scheme === 'ssm' && coversKeys(place))
    throw new InvalidInputError(
      `a restore into ${uri} could write over the stack's own keys below ${PARAMETERS}; ${mend}`,
    );
  if (isCatalogue(place, config, stack))
    throw new InvalidInputError(`${uri} is the catalogue of the stack itself, into which nothing is restored; ${mend}`);
  const own: ReachedPlace = { scheme: 'lambda', name: `${stack.service}-${stack.stage}-`, all: true };
  if (overlap(place, own))
    throw new InvalidInputError(
      `a restore into ${uri} could write over the stack's own functions ${formatUri(own)}; ${mend}`,
    );
}

/** In a policy the leading slash of a parameter's name does not show. */
function coversKeys({ prefix }: { readonly prefix: string }): boolean {
  const [covered, keys] = [prefix, PARAMETERS].map((name) => name.replace(/^\//, ''));
  return overlap({ scheme: 'ssm', prefix: covered ?? '' }, { scheme: 'ssm', prefix: keys ?? '' });
}

/** CloudFormation names the table after the stack; the command line's plan file may name it too. */
function isCatalogue(place: ReachedPlace, { catalogue }: HoldfastConfig, { service, stage }: Stack): boolean {
  if (place.scheme !== 'dynamodb') return false;
  return `dynamodb://${place.table}` === catalogue || place.table.startsWith(`${service}-${stage}-CatalogueTable-`);
}

function isOfSandboxes(place: ReachedPlace): boolean {
  const uri = formatUri(place);
  return SANDBOXES.some((sandbox) => uri.startsWith(formatUri(sandbox).replace(/\*$/, '')));
}
