/** One role per function, with what that function does and no more. */
import type { HoldfastConfig } from '../../core/plan.ts';
import { policyOf, type Resource, type Resources, ref, type Statement } from './cloudformation.ts';
import { type ReachedPlace, vaultPlace } from './deployed-plan.ts';
import { FUNCTION_NAMES, type FunctionName, pascalCase } from './function-names.ts';
import {
  addToVaults,
  publishEvents,
  readKey,
  readVaults,
  tidyWork,
  useCatalogue,
  useWork,
  writeLogsAndTraces,
} from './grants.ts';
import { type Grant, inventorySources, restoreInto, snapshotSources, useSandboxes } from './place-grants.ts';
import { restoreIntoWork, useSandbox } from './s3-grants.ts';

export interface RoleOptions {
  readonly stage: string;
  /** Places that a restore may write to, none of them in a vault's bucket. */
  readonly targets: readonly ReachedPlace[];
  /** ARNs of roles that a restored function may be given. */
  readonly passRoles: readonly string[];
}

/** What a function may do to what is the stack's own, and to the places of the plan file. */
interface Grants {
  readonly own: readonly Statement[];
  readonly places?: readonly Grant[];
}

/**
 * `<Name>Role` for each function; serverless.yml names them. What it may do to places of other kinds than S3 stands in managed policies
 * `<Name><Kind>Policy<n>`, because there is not room for all of it in a role.
 */
export function functionRoles(config: HoldfastConfig, options: RoleOptions): Resources {
  const grants = grantsOf(config, options);
  return Object.fromEntries(FUNCTION_NAMES.flatMap((name) => rolesFor(name, grants[name])));
}

function rolesFor(name: FunctionName, { own, places = [] }: Grants): readonly (readonly [string, Resource])[] {
  const pascal = pascalCase(name);
  const roleId = `${pascal}Role`;
  const inRole = places.flatMap(({ kind, statements }) => (kind === 's3' ? statements : []));
  const role: Resource = {
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
          PolicyDocument: policyOf([...own, ...inRole, ...writeLogsAndTraces(`${pascal}LogGroup`)]),
        },
      ],
    },
  };
  const counts = new Map<string, number>();
  const apart = places
    .filter(({ kind }) => kind !== 's3')
    .map(({ kind, statements }): readonly [string, Resource] => {
      const count = (counts.get(kind) ?? 0) + 1;
      counts.set(kind, count);
      return [
        `${pascal}${KIND_IDS[kind]}Policy${count}`,
        {
          Type: 'AWS::IAM::ManagedPolicy',
          Properties: {
            Description: `Holdfast: what ${name} may do to ${kind}`,
            PolicyDocument: policyOf(statements),
            Roles: [ref(roleId)],
          },
        },
      ];
    });
  return [[roleId, role], ...apart];
}

const KIND_IDS: Readonly<Record<Grant['kind'], string>> = {
  s3: 'Objects',
  dynamodb: 'Tables',
  ssm: 'Parameters',
  secretsmanager: 'Secrets',
  lambda: 'Functions',
};

function grantsOf(
  config: HoldfastConfig,
  { stage, targets, passRoles }: RoleOptions,
): Readonly<Record<FunctionName, Grants>> {
  const plans = Object.values(config.plans);
  const placesOf = (vaults: readonly string[]) => [...new Set(vaults)].map((vault) => vaultPlace(config, vault));
  const primaries = placesOf(plans.map((plan) => plan.vault));
  const replicas = placesOf(plans.flatMap((plan) => plan.replicateTo));
  const all = placesOf(Object.keys(config.vaults));

  const backup = [...useWork, ...useCatalogue, ...readKey(stage, 'write'), ...readVaults(primaries)];
  const proof = [...useWork, ...useCatalogue, ...publishEvents, ...readKey(stage, 'read'), ...readVaults(all)];
  const bookkeeping = [...useCatalogue, ...publishEvents];
  return {
    'start-run': { own: bookkeeping },
    'take-inventory': { own: backup, places: inventorySources(config) },
    'take-snapshot': { own: [...backup, ...addToVaults(primaries)], places: snapshotSources(config) },
    'commit-snapshot': { own: [...backup, ...tidyWork('runs'), ...publishEvents, ...addToVaults(primaries)] },
    replicate: {
      own: [
        ...useCatalogue,
        ...readKey(stage, 'write'),
        ...publishEvents,
        ...readVaults(all),
        ...(replicas.length === 0 ? [] : addToVaults(replicas)),
      ],
    },
    verify: { own: [...proof, ...tidyWork('verifications'), ...useSandbox], places: useSandboxes(config) },
    restore: { own: [...proof, ...restoreIntoWork], places: restoreInto(targets, { passRoles }) },
    'record-failure': { own: useCatalogue },
    'finish-run': { own: bookkeeping },
  };
}
