/** Machines that run in the account (`--aws`): started, followed with a line of progress, and told as those are that run here. */
import { goesOn, type OpenStack } from '../runtime/deployed-machines.ts';
import type { MachineName } from './engine-definition.ts';
import type { ExecuteOptions, Execution } from './execution.ts';
import { executionFailure } from './failure.ts';
import { showSeconds } from './figures.ts';
import type { Interruption } from './interruption.ts';
import type { Progress } from './progress.ts';

/** Much has ended within a second; what has not is looked at less often. Each look is a request that costs nothing. */
const FIRST_LOOK_MILLIS = 500;
const LOOK_MILLIS = 2_000;

/** How a session runs the machines of a deployed stack. */
export function inAccount(
  stack: Pick<OpenStack, 'start' | 'follow'>,
  interruption: Interruption,
  progress: Progress,
): Execution {
  let executionArn = '';
  return {
    where: 'account',
    async execute(machine, input, { standing } = {}) {
      interruption.check();
      interruption.resume = `${machine} may have been started in the account; "holdfast status --aws" shows what became of it`;
      try {
        executionArn = await stack.start(machine, input);
        interruption.resume = goesOn(executionArn);
        return await stack.follow(executionArn, {
          beforeLook: (look) => interruption.pause(look === 0 ? FIRST_LOOK_MILLIS : LOOK_MILLIS),
          ...(progress.visible ? { running: toldBy(progress, machine, standing) } : {}),
        });
      } finally {
        progress.clear();
        interruption.resume = undefined;
      }
    },
    failureOf: (result) => executionFailure(result, executionArn),
  };
}

/** `backup in the account: Replicate, 2 of 5 sources committed, 34 s` */
function toldBy(
  progress: Progress,
  machine: MachineName,
  standing: ExecuteOptions['standing'],
): (state: string | undefined) => Promise<void> {
  const startedAt = performance.now();
  const show = (parts: readonly (string | undefined)[]): void => {
    const told = [...parts, showSeconds((performance.now() - startedAt) / 1000)].filter((part) => part !== undefined);
    progress.show(`${machine} in the account: ${told.join(', ')}`);
  };
  show(['started']);
  return async (state) => {
    // It only adorns the line: work must not be given up because the catalogue did not answer.
    show([state, await standing?.().catch(() => undefined)]);
  };
}
