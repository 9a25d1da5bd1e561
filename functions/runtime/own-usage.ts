/** What this process used from now on, whatever the run is: outside of Lambda a process is at work on one run at a time. */
import type { Ports } from '../core/ports.ts';
import { sumUsage, type Usage } from '../core/usage.ts';
import { type Meter, ownMeter } from './meter.ts';

export function ownUsage(meter: Meter = ownMeter): Ports['usage'] {
  meter.take();
  let used: Usage = {};
  return {
    get: async () => {
      used = sumUsage([used, meter.take()]);
      return used;
    },
  };
}
