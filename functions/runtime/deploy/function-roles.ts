/** One role per function, with what that function does and no more. */
import type { HoldfastConfig } from '../../core/plan.ts';
import type { S3Uri } from '../../core/uri.ts';
import type { Resource, Resources, Statement } from './cloudformation.ts';
import { sandboxesOf, sourcesOf, vaultPlace } from './deployed-plan.ts';
import { FUNCTION_NAMES, type FunctionName, pascalCase } from './function-names.ts';
import {
  addToVaults,
  publishEvents,
  readKey,
  readSettings,
  readSources,
  readVaults,
  restoreIntoWork,
  useCatalogue,
  useSandbox,
  useWork,
  writeLogsAndTraces,
  writeTargets,
} from './grants.ts';

export interface RoleOptions {
  readonly stage: string;
  /** Places that a restore may write to, none of them in a vault's bucket. */
  readonly targets: readonly S3Uri[];
}

/** `<Name>Role` for each function; serverless.yml names them. */
export function functionRoles(config: HoldfastConfig, options: RoleOptions): Resources {
  const grants = grantsOf(config, options);
  return Object.fromEntries(
    FUNCTION_NAMES.map((name): [string, Resource] => [
      `${pascalCase(name)}Role`,
      {
        Type: 'AWS::IAM::Role',
        Properties: {
          Description: `Holdfast: what ${name} may do`,
          AssumeRolePolicyDocument: {
            Version: '2012-10-17',
            Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
          },
          Policies: [
            {
              PolicyName: 'holdfast',
              PolicyDocument: {
                Version: '2012-10-17',
                Statement: [...grants[name], ...writeLogsAndTraces(`${pascalCase(name)}LogGroup`)],
              },
            },
          ],
        },
      },
    ]),
  );
}

function grantsOf(config: HoldfastConfig, { stage, targets }: RoleOptions): Record<FunctionName, readonly Statement[]> {
  const plans = Object.values(config.plans);
  const sources = sourcesOf(config);
  const placesOf = (vaults: readonly string[]) => [...new Set(vaults)].map((vault) => vaultPlace(config, vault));
  const primaries = placesOf(plans.map((plan) => plan.vault));
  const replicas = placesOf(plans.flatMap((plan) => plan.replicateTo));
  const all = placesOf(Object.keys(config.vaults));
  const sandboxes = sandboxesOf(config);

  const backup = [...useWork, ...useCatalogue, ...readKey(stage, 'write')];
  const proof = [...useWork, ...useCatalogue, ...publishEvents, ...readKey(stage, 'read')];
  const bookkeeping = [...useCatalogue, ...publishEvents];
  return {
    'start-run': bookkeeping,
    'take-inventory': [...backup, ...readSources(sources), ...readSettings(sources), ...readVaults(primaries)],
    'take-snapshot': [...backup, ...readSources(sources), ...readVaults(primaries), ...addToVaults(primaries)],
    'commit-snapshot': [...backup, ...publishEvents, ...readVaults(primaries), ...addToVaults(primaries)],
    replicate: [
      ...useCatalogue,
      ...readKey(stage, 'write'),
      ...publishEvents,
      ...readVaults(all),
      ...(replicas.length === 0 ? [] : addToVaults(replicas)),
    ],
    verify: [
      ...proof,
      ...readVaults(all),
      ...useSandbox,
      ...(sandboxes.length === 0 ? [] : writeTargets(sandboxes, { settings: false })),
    ],
    restore: [...proof, ...readVaults(all), ...restoreIntoWork, ...writeTargets(targets, { settings: true })],
    'record-failure': useCatalogue,
    'finish-run': bookkeeping,
  };
}
