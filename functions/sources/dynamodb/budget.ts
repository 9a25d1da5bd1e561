/** A budget of capacity units: requests wait for their turn, and what an answer says that it really took is settled afterwards. */
import { setTimeout as sleepMillis } from 'node:timers/promises';

/** Time as the machine has it, or as a test gives it. */
export interface Timing {
  readonly nowMillis: () => number;
  /** @throws when the signal is aborted */
  readonly sleep: (millis: number, signal?: AbortSignal) => Promise<unknown>;
}

export const REAL_TIME: Timing = {
  nowMillis: () => performance.now(),
  sleep: (millis, signal) => sleepMillis(millis, undefined, signal === undefined ? {} : { signal }),
};

export interface Budget {
  /** Undefined: there is no limit. */
  readonly unitsPerSecond: number | undefined;
  /** Waits until so many units may be used, first come first served; more than one second's worth waits for a whole second's worth. */
  take(units: number, signal?: AbortSignal): Promise<void>;
  /** Corrects what was taken to what was used; a request that used more makes the next ones wait. */
  settle(taken: number, used: number): void;
}

const NO_LIMIT: Budget = { unitsPerSecond: undefined, take: async () => undefined, settle: () => undefined };

/** A token bucket that holds one second's worth. */
export function unitBudget(unitsPerSecond: number | undefined, timing: Timing): Budget {
  if (unitsPerSecond === undefined) return NO_LIMIT;
  let units = unitsPerSecond;
  let filledAt = timing.nowMillis();
  let turn: Promise<void> = Promise.resolve();

  const missing = (wanted: number): number => {
    const now = timing.nowMillis();
    units = Math.min(unitsPerSecond, units + ((now - filledAt) / 1000) * unitsPerSecond);
    filledAt = now;
    return Math.min(wanted, unitsPerSecond) - units;
  };
  const wait = async (wanted: number, signal: AbortSignal | undefined) => {
    for (let short = missing(wanted); short > 0; short = missing(wanted))
      // Whole milliseconds, upwards: a fraction would be slept away as none at all.
      await timing.sleep(Math.ceil((short / unitsPerSecond) * 1000), signal);
    units -= wanted;
  };
  return {
    unitsPerSecond,
    take: (wanted, signal) => {
      const taken = turn.then(() => wait(wanted, signal));
      turn = taken.catch(() => undefined); // Whoever took it is told; the next in line goes on.
      return taken;
    },
    settle: (taken, used) => {
      units += taken - used;
    },
  };
}
