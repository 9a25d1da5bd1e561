/** One restore by the `restore` machine, here or in the account, and its report. */
import * as z from 'zod';
import type { Json } from '../core/entry.ts';
import { InvalidInputError } from '../core/errors.ts';
import type { RestoreOutput } from '../core/messages.ts';
import { flag, type Invocation, value } from './arguments.ts';
import { plain, showBytes, showCount, showSeconds } from './figures.ts';
import type { Session } from './session.ts';

/** Only what tells a report from any other text; the rest is as the operation made it. */
const reportSchema = z.looseObject({ restoreId: z.string(), status: z.string(), restored: z.number() });

/** Runs the `restore` machine; its report is the output, or the cause when it is not a whole success. */
export async function restoreTo(
  session: Session,
  input: { readonly [name: string]: Json },
  resume?: string,
): Promise<RestoreOutput> {
  const result = await session.execute('restore', input, { resume });
  if (result.status === 'SUCCEEDED') return reportFrom(result.output);
  if (result.error !== 'RestorePartial' && result.error !== 'RestoreFailed') throw session.failureOf(result);
  return reportFrom(JSON.parse(result.cause));
}

function reportFrom(value: unknown): RestoreOutput {
  // The report is the operation's own, handed through the machine as JSON.
  return reportSchema.parse(value) as unknown as RestoreOutput;
}

/** How to go on with a restore that was stopped: what was restored until then makes its target one that is not empty. */
export function resumeOf(invocation: Invocation): string {
  const refuses = (value(invocation, 'on-conflict') ?? 'fail') === 'fail';
  const again = 'go on with it by the same command';
  return refuses && !flag(invocation, 'exact') && !flag(invocation, 'dry-run') ? `${again} with --exact` : again;
}

/** The choices that a restore of one source and that of a set have in common. */
export function choicesOf(invocation: Invocation): { readonly [name: string]: Json } {
  return {
    onConflict: value(invocation, 'on-conflict') ?? 'fail',
    exact: flag(invocation, 'exact'),
    dryRun: flag(invocation, 'dry-run'),
    settings: flag(invocation, 'settings'),
  };
}

/** `--max-write-units`, a number above 0. @throws InvalidInputError */
export function writeUnitsOf(invocation: Invocation): number | undefined {
  const text = value(invocation, 'max-write-units');
  if (text === undefined) return undefined;
  const units = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || !Number.isFinite(units) || units <= 0)
    throw new InvalidInputError(`--max-write-units "${text}" is no number of write units a second above 0`);
  return units;
}

/** The report in rows of name and value, for a person. */
export function rowsOf(report: RestoreOutput): (readonly [string, string])[] {
  const would = report.status === 'dry-run' ? ' (nothing was changed: --dry-run)' : '';
  return [
    ['status', `${report.status}${would}`],
    ['recovery point', report.recoveryPointId],
    ['to', plain(report.to)],
    ['restored', `${showCount(report.restored)} (${showBytes(report.bytes)})`],
    ['skipped', showCount(report.skipped)],
    ['removed', showCount(report.removed)],
    ['failed', showCount(report.failed)],
    ['duration', showSeconds(report.measuredRtoSeconds)],
  ];
}
