/** Runs, and what became of each source in them. */

import type { Runs } from '../core/catalogue-ports.ts';
import { type Run, runSchema, type SourceRun, sourceRunSchema } from '../core/catalogue-records.ts';
import { NotFoundError } from '../core/errors.ts';
import type { RunId } from '../core/ids.ts';
import type { NewItem } from './items.ts';
import { planPartition, runByPlan, runKey, runPartition, SOURCE_PREFIX, sourceRunKey } from './keys.ts';
import { decodeRecord, encodeRecord } from './records.ts';
import type { Table } from './table.ts';

export function runsIn(table: Table): Runs {
  const unknownRun = (runId: RunId) =>
    new NotFoundError(`run ${runId} is not in the catalogue`, { context: { runId } });

  async function get(runId: RunId): Promise<Run> {
    const { item } = await table.get(runKey(runId));
    if (item === undefined) throw unknownRun(runId);
    return decodeRecord(runSchema, item);
  }

  return {
    get,

    async start(run) {
      if (await table.put(itemOf(run), { kind: 'absent' })) return { run, created: true };
      return { run: await get(run.runId), created: false };
    },

    async update(run) {
      if (!(await table.put(itemOf(run), { kind: 'present' }))) throw unknownRun(run.runId);
    },

    async *listByPlan(plan) {
      for await (const item of table.query({ partition: planPartition(plan), index: 'gsi1', newestFirst: true }))
        yield decodeRecord(runSchema, item);
    },

    async putSource(source) {
      const key = sourceRunKey(source.runId, source.sourceId);
      await table.put({ ...key, record: encodeRecord(sourceRunSchema, source, key) });
    },

    async listSources(runId) {
      const sources: SourceRun[] = [];
      for await (const item of table.query({ partition: runPartition(runId), prefix: SOURCE_PREFIX }))
        sources.push(decodeRecord(sourceRunSchema, item));
      return sources;
    },
  };
}

function itemOf(run: Run): NewItem {
  const key = runKey(run.runId);
  return { ...key, ...runByPlan(run), record: encodeRecord(runSchema, run, key) };
}
