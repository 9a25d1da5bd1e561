/**
 * Leases: one item a source, kept for ever, so that its token never falls. What a change rests on is read consistently, together with
 * the store's time, and written only if the item is still what was read.
 */
import * as z from 'zod';
import type { Leases } from '../core/catalogue-ports.ts';
import { type Lease, leaseSchema } from '../core/catalogue-records.ts';
import { ConflictError } from '../core/errors.ts';
import type { RunId, SourceId } from '../core/ids.ts';
import type { NewItem, PutCondition } from './items.ts';
import { LEASES, leaseKey } from './keys.ts';
import { decodeRecord, encodeRecord } from './records.ts';
import type { Table } from './table.ts';

const storedLeaseSchema = z.object({
  sourceId: leaseSchema.shape.sourceId,
  token: leaseSchema.shape.token,
  /** Absent once it was released. */
  held: leaseSchema.pick({ holder: true, expiresAt: true }).optional(),
});
type StoredLease = z.infer<typeof storedLeaseSchema>;

// A write loses only to another write on the same source; whoever loses this often is refused, and its run counts as overlapped.
const ATTEMPTS = 10;

export function leasesIn(table: Table): Leases {
  async function read(sourceId: SourceId) {
    const { item, now } = await table.get(leaseKey(sourceId));
    const stored = item === undefined ? undefined : decodeRecord(storedLeaseSchema, item);
    const condition: PutCondition =
      item === undefined ? { kind: 'absent' } : { kind: 'unchanged', record: item.record };
    return { stored, condition, now: now() };
  }

  async function take(next: (read: { stored: StoredLease | undefined; now: Date }) => Lease, sourceId: SourceId) {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const { stored, condition, now } = await read(sourceId);
      const lease = next({ stored, now });
      if (await table.put(itemOf({ sourceId, token: lease.token, held: lease }), condition)) return lease;
    }
    throw new ConflictError(
      `the lease of source ${sourceId} is fought over by several runs; start again when they have ended`,
    );
  }

  return {
    acquire: (sourceId, holder, ttlSeconds) =>
      take(({ stored, now }) => {
        const held = stored?.held;
        if (held !== undefined && held.holder !== holder && !isOver(held, now))
          throw new ConflictError(
            `source ${sourceId} is leased to run ${held.holder} until ${held.expiresAt}; wait for that run to end`,
            { context: { sourceId, holder: held.holder } },
          );
        const last = stored?.token ?? 0;
        return {
          sourceId,
          holder,
          token: held?.holder === holder ? last : last + 1,
          expiresAt: later(now, ttlSeconds),
        };
      }, sourceId),

    renew: (lease, ttlSeconds) =>
      take(({ stored, now }) => {
        if (stored?.token !== lease.token || stored.held?.holder !== lease.holder)
          throw lostTo(stored?.held?.holder, lease);
        return { ...lease, expiresAt: later(now, ttlSeconds) };
      }, lease.sourceId),

    async release({ sourceId, token }) {
      // A token belongs to one holder: a refusal means that the lease is another's by now, or was never taken.
      await table.put(itemOf({ sourceId, token }), { kind: 'token', token });
    },

    async find(sourceId) {
      const { stored, now } = await read(sourceId);
      if (stored?.held === undefined || isOver(stored.held, now)) return undefined;
      return leaseOf(stored, stored.held);
    },
  };
}

/** Every lease that was taken and not released, expired ones too; one Query. */
export async function* listHeldLeases(table: Table): AsyncGenerator<Lease> {
  for await (const item of table.query({ partition: LEASES })) {
    const stored = decodeRecord(storedLeaseSchema, item);
    if (stored.held !== undefined) yield leaseOf(stored, stored.held);
  }
}

function itemOf(stored: StoredLease): NewItem {
  const key = leaseKey(stored.sourceId);
  return { ...key, record: encodeRecord(storedLeaseSchema, stored, key), token: stored.token };
}

function leaseOf({ sourceId, token }: StoredLease, { holder, expiresAt }: NonNullable<StoredLease['held']>): Lease {
  return { sourceId, holder, token, expiresAt };
}

function lostTo(holder: RunId | undefined, { sourceId, holder: run }: Lease): ConflictError {
  const now = holder === undefined ? 'was released' : `belongs to run ${holder} now`;
  return new ConflictError(`run ${run} lost the lease of source ${sourceId}, which ${now}; start the run again`);
}

const isOver = (held: { readonly expiresAt: string }, now: Date): boolean =>
  Date.parse(held.expiresAt) <= now.getTime();
const later = (now: Date, seconds: number): string => new Date(now.getTime() + seconds * 1000).toISOString();
