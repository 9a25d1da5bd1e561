import type { Deadline } from '../core/ports.ts';

/** Below this there is no time for another entry and for writing down what was done. */
const MARGIN_MILLIS = 1000;

/** Whether a worker must stop now and return a cursor. */
export const isOutOfTime = (deadline: Deadline): boolean => deadline.remainingMillis() < MARGIN_MILLIS;
