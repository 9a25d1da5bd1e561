/** Where the deployed plan comes from, and the text of it that goes into each package. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import * as z from 'zod';
import { InvalidInputError } from '../../core/errors.ts';
import { parsePlanFile } from '../plan-file.ts';
import { type DeployedPlan, deployedPlan } from './deployed-plan.ts';

/** Relative to the project: what is packaged where there is no plan yet, so that packaging can be tried at once. */
export const EXAMPLE = 'test/fixtures/holdfast.example.yml';

export interface PlanSource extends DeployedPlan {
  readonly path: string;
  /** The plan file that the functions read. */
  readonly text: string;
}

/**
 * Reads the file that `setting` names, else the project's holdfast.yml, else the example.
 * @throws InvalidInputError when there is none, when it is not a plan, or when the example would be deployed.
 */
export async function readPlanSource({
  projectFolder,
  setting,
  deploying,
}: {
  readonly projectFolder: string;
  readonly setting: string;
  readonly deploying: boolean;
}): Promise<PlanSource> {
  const path = findPlanFile(projectFolder, setting);
  const isExample = path === join(projectFolder, EXAMPLE);
  if (isExample && deploying)
    throw new InvalidInputError(
      `there is no holdfast.yml in ${projectFolder}, and the example protects nothing of yours; write one with holdfast init`,
    );
  const text = await readFile(path, 'utf8');
  const deployed = deployedPlan(parsePlanFile(text, path));
  const notices = isExample ? [`there is no holdfast.yml; the example ${EXAMPLE} is packaged`] : [];
  return { ...deployed, notices: [...notices, ...deployed.notices], path, text: packagedText(text, deployed) };
}

function findPlanFile(projectFolder: string, setting: string): string {
  if (setting !== '') {
    const named = resolve(projectFolder, setting);
    if (!existsSync(named)) throw new InvalidInputError(`there is no plan file ${named}; check the parameter config`);
    return named;
  }
  const own = join(projectFolder, 'holdfast.yml');
  return existsSync(own) ? own : join(projectFolder, EXAMPLE);
}

const rawPlanFile = z.looseObject({
  plans: z.record(z.string(), z.looseObject({ replicateTo: z.array(z.string()).optional() })),
});

/** The file as it stands, or, where something is left to the command line, written anew without that. */
function packagedText(text: string, { config, notices }: DeployedPlan): string {
  if (notices.length === 0) return text;
  const raw = rawPlanFile.parse(parse(text));
  const plans = Object.entries(raw.plans).flatMap(([name, plan]) => {
    const kept = config.plans[name];
    return kept === undefined ? [] : [[name, { ...plan, replicateTo: kept.replicateTo }] as const];
  });
  return stringify({ ...raw, plans: Object.fromEntries(plans) });
}
