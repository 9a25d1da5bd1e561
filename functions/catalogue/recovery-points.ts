/** Recovery points under their source, and the one-line state of each source. */
import * as z from 'zod';
import type { RecoveryPoints } from '../core/catalogue-ports.ts';
import { recoveryPointSchema, sourceStateSchema } from '../core/catalogue-records.ts';
import { ConflictError } from '../core/errors.ts';
import {
  ownerKey,
  POINT_PREFIX,
  pointByRun,
  pointKey,
  runPartition,
  STATES,
  sourcePartition,
  stateKey,
} from './keys.ts';
import { decodeRecord, encodeRecord } from './records.ts';
import type { Table } from './table.ts';

/** Whose a recovery point is: leads from its id to its record. */
const ownerSchema = z.object({ sourceId: recoveryPointSchema.shape.sourceId });

export function recoveryPointsIn(table: Table): RecoveryPoints {
  return {
    async put(point) {
      const id = point.recoveryPointId;
      const [owner, key] = [ownerKey(id), pointKey(point.sourceId, id)];
      const record = encodeRecord(recoveryPointSchema, point, key);
      // The owner first: a crash in between leaves a lead to nothing, which `find` takes for absent, as the lists do.
      await table.put({ ...owner, record: encodeRecord(ownerSchema, { sourceId: point.sourceId }, owner) });
      await table.put({ ...key, ...pointByRun(point.runId, id), record });
    },

    async find(id) {
      const owner = await table.get(ownerKey(id));
      if (owner.item === undefined) return undefined;
      const { sourceId } = decodeRecord(ownerSchema, owner.item);
      const { item } = await table.get(pointKey(sourceId, id));
      return item === undefined ? undefined : decodeRecord(recoveryPointSchema, item);
    },

    async *listBySource(sourceId, { oldestFirst } = {}) {
      const order = oldestFirst ? {} : { newestFirst: true as const };
      const items = table.query({ partition: sourcePartition(sourceId), prefix: POINT_PREFIX, ...order });
      for await (const item of items) yield decodeRecord(recoveryPointSchema, item);
    },

    async *listByRun(runId) {
      for await (const item of table.query({ partition: runPartition(runId), index: 'gsi1' }))
        yield decodeRecord(recoveryPointSchema, item);
    },

    async putState(state) {
      const { sourceId, token } = state;
      const key = stateKey(sourceId);
      const item = { ...key, record: encodeRecord(sourceStateSchema, state, key), token };
      if (!(await table.put(item, { kind: 'token-not-above', token })))
        throw new ConflictError(
          `the state of source ${sourceId} was written under a later lease than token ${token}; this worker lost its lease and must stop`,
          { context: { sourceId, token } },
        );
    },

    async *listStates() {
      for await (const item of table.query({ partition: STATES })) yield decodeRecord(sourceStateSchema, item);
    },
  };
}
