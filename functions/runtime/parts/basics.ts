/** What a process has of itself. */
import { randomBytes } from 'node:crypto';
import { part } from './part.ts';

export const basics = part([], () => ({
  clock: { now: () => new Date() },
  randomBytes: (count: number) => randomBytes(count),
  progress: () => {},
}));
