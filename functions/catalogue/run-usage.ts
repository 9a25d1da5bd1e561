/** What runs used, as numbers that grow where they are: the tasks of a run end side by side. */
import type { RunUsage } from '../core/catalogue-ports.ts';
import { IntegrityError } from '../core/errors.ts';
import { usageSchema } from '../core/usage.ts';
import { nameOf } from './items.ts';
import { runUsageKey } from './keys.ts';
import type { Table } from './table.ts';

export function runUsageIn(table: Table): RunUsage {
  return {
    async add(runId, usage) {
      const amounts = Object.entries(usage);
      if (amounts.length > 0) await table.addNumbers(runUsageKey(runId), amounts);
    },

    async get(runId) {
      const key = runUsageKey(runId);
      const parsed = usageSchema.safeParse(await table.numbers(key));
      if (!parsed.success)
        throw new IntegrityError(`${nameOf(key)} of the catalogue is damaged or of a newer version`, {
          cause: parsed.error,
        });
      return parsed.data;
    },
  };
}
