/** How far a scan of exports is, and all that it must know to go on. */
import * as z from 'zod';
import { InvalidInputError } from '../../core/errors.ts';

const seconds = z.int().nonnegative();
const cursorSchema = z.object({
  table: z.object({
    arn: z.string(),
    id: z.string(),
    keySchema: z.array(z.object({ name: z.string(), type: z.enum(['S', 'N', 'B']) })).min(1),
  }),
  /** Of the scan, so that its exports are its own. */
  begunAt: z.iso.datetime(),
  /** In order of time. Without `from`, of the whole table at `to`; `arn` once it is started. */
  exports: z.array(z.object({ from: seconds.optional(), to: seconds, arn: z.string().optional() })).min(1),
  /** What is read next: a line (from 0) of a data file of an export. */
  at: z.object({ export: z.int().nonnegative(), file: z.int().nonnegative(), line: z.int().nonnegative() }),
  /** Until the time of the last export is over; waited for before anything is asked. */
  waitSeconds: z.int().nonnegative(),
  /** How often the start of an export was refused because of its time. */
  refused: z.int().nonnegative(),
});
export type ExportCursor = z.output<typeof cursorSchema>;

export const writeCursor = (cursor: ExportCursor): string => JSON.stringify(cursor);

/** @throws InvalidInputError when it is none */
export function readCursor(text: string, name: string): ExportCursor {
  try {
    return cursorSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new InvalidInputError(`${name}: this is no cursor of a scan by exports; begin the scan again`, { cause });
  }
}
