/** Stopping on request: the step in hand ends in time and writes what it has; the next one does not start. */
import { EXIT, Interrupted } from './failure.ts';

/**
 * A terminal delivers Ctrl-C to every process of the group, and npm and the starter hand it on once more: what comes within this
 * time of the first is the same key press.
 */
const SAME_PRESS_MILLIS = 500;

export interface Interruption {
  /** How to go on later, set by a command that can stop between its steps; without it the first signal ends the process. */
  resume: string | undefined;
  readonly requested: boolean;
  /** @throws Interrupted once it was requested. */
  check(): void;
  /** Waits so long; no step is in hand meanwhile, so that a stop needs no second word. @throws Interrupted as soon as it is requested */
  pause(millis: number): Promise<void>;
  /** The first call asks for a stop where that is possible; one that comes later ends the process. */
  signal(): void;
}

export function interruption(options: {
  readonly say: (text: string) => void;
  readonly kill: (exitCode: number) => void;
  readonly millis: () => number;
}): Interruption {
  let firstAt: number | undefined;
  let endPause: (() => void) | undefined;
  return {
    resume: undefined,
    get requested() {
      return firstAt !== undefined;
    },
    check() {
      if (firstAt !== undefined) throw new Interrupted(`stopped; ${this.resume ?? 'start it again'}`);
    },
    async pause(millis) {
      this.check();
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, millis);
        endPause = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      endPause = undefined;
      this.check();
    },
    signal() {
      const now = options.millis();
      if (this.resume === undefined) options.kill(EXIT.interrupted);
      else if (firstAt === undefined) {
        firstAt = now;
        if (endPause !== undefined) endPause();
        else options.say(`stopping after the step in hand (once more to end at once); ${this.resume}`);
      } else if (now - firstAt > SAME_PRESS_MILLIS) options.kill(EXIT.interrupted);
    },
  };
}
