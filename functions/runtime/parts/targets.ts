/** The targets of restores, each opened once. */
import { oncePerKey } from '../once-per-key.ts';
import { part } from './part.ts';
import { openReachable } from './places.ts';

export const targets = part([], () => ({ openTarget: oncePerKey(openReachable) }));
