/**
 * What a backup by exports asks DynamoDB for: the whole table at one second, or what changed from the second of the state that is in the
 * vault. An incremental export tells, of each item, the difference between two seconds and nothing of what lay between: an item that was
 * put and deleted within the window is not in it (DynamoDB developer guide, "DynamoDB table export output format"). So a window must begin
 * exactly where the vault's state is, never earlier: an item of that state which was put after an earlier beginning and has been deleted
 * since would not be told as deleted.
 */
import * as z from 'zod';
import type { Attributes } from '../../core/entry.ts';

/** The name, among captured settings, that says how the table was read; `EXPORTED` where by exports, whose state is that of one second. */
export const ENGINE_SETTING = 'engine';
export const EXPORTED = 'export';

// DynamoDB developer guide, "Quotas", table export: an incremental export spans 15 minutes to 24 hours.
const MIN_WINDOW_SECONDS = 15 * 60;
const MAX_WINDOW_SECONDS = 24 * 60 * 60;

/** The table as it is now. */
export interface TableNow {
  readonly tableId: string;
  /** Attributes of the primary key, the partition key first. */
  readonly keyNames: readonly string[];
  /** How far back point-in-time recovery reaches; undefined when DynamoDB does not say. */
  readonly earliest: Date | undefined;
  readonly recoveryPeriodDays: number;
}

/** A window of changes: from its first second (included) to its last (excluded), in seconds of the Unix epoch. */
export interface ExportWindow {
  readonly from: number;
  readonly to: number;
}

export type ExportPlan =
  | { readonly kind: 'full'; readonly at: number; readonly because?: string }
  | {
      readonly kind: 'changes';
      /** One after the other, without a gap. */
      readonly windows: readonly ExportWindow[];
      /** Until the last window is over: it may lie ahead, since no window is shorter than 15 minutes. */
      readonly waitSeconds: number;
    };

/** @param since the newest state that is in the vault, for an increment of it. */
export function planExport(
  now: Date,
  table: TableNow,
  since?: { readonly consistentAt: string; readonly settings: Attributes },
): ExportPlan {
  const nowSeconds = Math.floor(now.getTime() / 1000);
  // A second before point-in-time recovery was on cannot be exported; that it was switched on within this second is no reason to fail.
  const earliest = table.earliest === undefined ? 0 : Math.ceil(table.earliest.getTime() / 1000);
  const full = { kind: 'full', at: Math.max(nowSeconds, earliest) } as const;
  if (since === undefined) return full;
  const because = findGap(now, table, since);
  if (because !== undefined) return { ...full, because };
  const from = Date.parse(since.consistentAt) / 1000;
  const to = Math.max(nowSeconds, from + MIN_WINDOW_SECONDS);
  return { kind: 'changes', windows: divide(from, to), waitSeconds: to - nowSeconds };
}

/** Windows of equal length, as few as may be, so that none is too short. */
function divide(from: number, to: number): readonly ExportWindow[] {
  const count = Math.ceil((to - from) / MAX_WINDOW_SECONDS);
  const edge = (index: number) => from + Math.floor(((to - from) * index) / count);
  return Array.from({ length: count }, (_, index) => ({ from: edge(index), to: edge(index + 1) }));
}

const captured = z.looseObject({
  tableId: z.string(),
  keySchema: z.array(z.looseObject({ AttributeName: z.string() })),
  [ENGINE_SETTING]: z.string().optional(),
});

/** Why the changes since a state cannot be told; undefined when they can. */
function findGap(
  now: Date,
  table: TableNow,
  since: { readonly consistentAt: string; readonly settings: Attributes },
): string | undefined {
  const at = Date.parse(since.consistentAt);
  const before = captured.safeParse(since.settings).data;
  if (before === undefined) return 'the newest snapshot does not tell of which table it is';
  if (before[ENGINE_SETTING] !== EXPORTED || at % 1000 !== 0)
    return 'the newest snapshot was not taken by an export, and is not the state of one second';
  if (before.tableId !== table.tableId) return 'the table was deleted and made again since the newest snapshot';
  if (before.keySchema.map((key) => key.AttributeName).join('\0') !== table.keyNames.join('\0'))
    return 'the table has another primary key than in the newest snapshot';
  if (at > now.getTime()) return `the newest snapshot, of ${since.consistentAt}, is later than the clock`;
  if (now.getTime() - at > table.recoveryPeriodDays * 24 * 60 * 60 * 1000)
    return `the newest snapshot, of ${since.consistentAt}, is older than the ${table.recoveryPeriodDays} days of point-in-time recovery`;
  if (table.earliest === undefined) return 'DynamoDB does not say how far back point-in-time recovery reaches';
  if (table.earliest.getTime() > at)
    return `point-in-time recovery reaches back to ${table.earliest.toISOString()} only: it was switched off and on, or shortened, after the newest snapshot, of ${since.consistentAt}`;
  return undefined;
}
