/** The targets of restores, each opened once. */
import { openOnce } from '../open-once.ts';
import { part } from './part.ts';
import { openReachable } from './places.ts';

export const targets = part([], () => ({ openTarget: openOnce(openReachable) }));
