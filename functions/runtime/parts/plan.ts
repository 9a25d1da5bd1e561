/** The plan file in the function's package. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { oncePerKey } from '../once-per-key.ts';
import { parsePlanFile } from '../plan-file.ts';
import { part } from './part.ts';

/** The plan file in the folder of the package, read once. @throws InvalidInputError naming the lines of what is wrong in it. */
export const packagedPlan = oncePerKey(async (folder) => {
  const file = join(folder, 'holdfast.yml');
  return parsePlanFile(await readFile(file, 'utf8'), file);
});

export const plan = part(['LAMBDA_TASK_ROOT'], async ({ LAMBDA_TASK_ROOT }) => ({
  config: await packagedPlan(LAMBDA_TASK_ROOT),
}));
