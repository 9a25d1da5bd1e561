/** The sources of the plan, each opened once. */
import { oncePerKey } from '../once-per-key.ts';
import { part } from './part.ts';
import { openReachable } from './places.ts';

export const sources = part([], () => ({ openSource: oncePerKey(openReachable) }));
