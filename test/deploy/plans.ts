/** Plan files for tests of what is derived from them. */
import type { HoldfastConfig } from '../../functions/core/plan.ts';
import type { DeploymentOptions } from '../../functions/runtime/deploy/deployment.ts';
import { parsePlanFile } from '../../functions/runtime/plan-file.ts';

/** A deployment that names nothing but where it is. */
export const STACK = {
  service: 'holdfast',
  stage: 'test',
  region: 'eu-west-1',
  existingVaults: [],
  restoreTargets: [],
  passRoles: [],
} satisfies DeploymentOptions;

/** The configuration of a plan file's text. */
export const planFile = (text: string): HoldfastConfig => parsePlanFile(text, 'holdfast.yml');

/** One plan `app` of one source; `more` are further lines of the plan, `vaults` replace its one vault. */
export function onePlan({
  more = '',
  vaults = '  main: { url: "s3://the-vault" }',
  source = 's3://the-source/',
}: {
  readonly more?: string;
  readonly vaults?: string;
  readonly source?: string | object;
} = {}): HoldfastConfig {
  return planFile(`
vaults:
${vaults}
plans:
  app:
    sources: [${JSON.stringify(source)}]
    vault: main
${more
  .split('\n')
  .map((line) => `    ${line.trim()}`)
  .join('\n')}
`);
}
