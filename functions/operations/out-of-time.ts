import type { Deadline } from '../core/ports.ts';

/** Below this there is no time for another entry and for writing down what was done. */
const MARGIN_MILLIS = 1000;

/** Whether a worker must stop now and return a cursor. */
export const isOutOfTime = (deadline: Deadline): boolean => deadline.remainingMillis() < MARGIN_MILLIS;

/** What one call of a worker may do: it looks at the deadline once after each entry. */
export interface EntryBudget extends Deadline {
  /** Entries dealt with so far. */
  readonly entries: number;
}

/** The deadline, which is over after `maxEntries` entries too. */
export function budgetOf(deadline: Deadline, maxEntries: number): EntryBudget {
  let entries = 0;
  return {
    get entries() {
      return entries;
    },
    remainingMillis() {
      entries += 1;
      return entries < maxEntries ? deadline.remainingMillis() : 0;
    },
  };
}
