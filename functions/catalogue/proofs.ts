/** What was proven, under the recovery point that it was proven of, and what was restored. */

import type { Proofs } from '../core/catalogue-ports.ts';
import { restoreRecordSchema, verificationSchema } from '../core/catalogue-records.ts';
import { sha256Hex } from '../core/ids.ts';
import { pointPartition, RESTORES, restoreByTime, restoreKey, VERIFICATION_PREFIX, verificationKey } from './keys.ts';
import { decodeRecord, encodeRecord } from './records.ts';
import type { Table } from './table.ts';

export function proofsIn(table: Table): Proofs {
  return {
    async recordVerification(verification) {
      const { recoveryPointId: id, finishedAt } = verification;
      const text = encodeRecord(verificationSchema, verification, { pk: pointPartition(id), sk: VERIFICATION_PREFIX });
      await table.put({ ...verificationKey(id, finishedAt, sha256Hex(text).slice(0, 16)), record: text });
    },

    async *listVerifications(id) {
      const items = table.query({ partition: pointPartition(id), prefix: VERIFICATION_PREFIX, newestFirst: true });
      for await (const item of items) yield decodeRecord(verificationSchema, item);
    },

    async recordRestore(restore) {
      const key = restoreKey(restore.restoreId);
      const record = encodeRecord(restoreRecordSchema, restore, key);
      await table.put({ ...key, ...restoreByTime(restore.restoreId, restore.startedAt), record });
    },

    async *listRestores() {
      for await (const item of table.query({ partition: RESTORES, index: 'gsi1', newestFirst: true }))
        yield decodeRecord(restoreRecordSchema, item);
    },
  };
}
