/** What a restore has done so far, kept in the work place between two calls of its worker. */
import * as z from 'zod';
import type { RecoveryPoint, RestoreRecord } from '../core/catalogue-records.ts';
import { recoveryPointSchema } from '../core/catalogue-records.ts';
import { decodeKey, type EntryKey, encodeKey } from '../core/entry.ts';
import { InvalidInputError } from '../core/errors.ts';
import { parseJson } from '../core/json.ts';
import type { RestoreInput, RestoreOutput } from '../core/messages.ts';
import type { Ports, WorkPlace } from '../core/ports.ts';
import { findRecoveryPoint } from './find-recovery-point.ts';

const count = z.number().int().nonnegative();

const sessionSchema = z.object({
  restoreId: z.string(),
  point: recoveryPointSchema,
  to: z.string(),
  /** The place was not there, and is made by this restore. Absent where an earlier Holdfast, which made no places, began it. */
  made: z.boolean().default(false),
  /** How far the target is staged, where it is looked at and lists in an order of its own. */
  staged: count.optional(),
  startedAt: z.iso.datetime(),
  restored: count,
  skipped: count,
  removed: count,
  failed: count,
  bytes: count,
  /** Attribute name → entries for which the target could not hold it. */
  notHeld: z.record(z.string(), count),
  /** Every entry that failed and why, and what else a person must know; one sentence each. */
  problems: z.array(z.string()),
});
export type RestoreSession = z.output<typeof sessionSchema>;

/**
 * `stage` comes first, where the target is looked at and lists in an order of its own; then `remove`, only for `exact`: what is in the way must be gone
 * before anything is written. `finish` is a call of its own where the target is staged, so that it can be repeated when that is removed.
 */
const PHASES = ['stage', 'remove', 'write', 'finish'] as const;
export type RestorePhase = (typeof PHASES)[number];

export interface RestoreCursor {
  readonly restoreId: string;
  readonly part: number;
  readonly phase: RestorePhase;
  readonly after: EntryKey | undefined;
}

/** Problems beyond these are counted, not kept, so that a session stays small. */
export const MAX_PROBLEMS = 10_000;

export function addProblem(session: RestoreSession, problem: string): void {
  if (session.problems.length < MAX_PROBLEMS) session.problems.push(problem);
}

export const formatCursor = ({ restoreId, part, phase, after }: RestoreCursor): string =>
  [restoreId, part, phase, after === undefined ? '' : `k${encodeKey(after)}`].join('.');

/** @throws InvalidInputError */
export function parseRestoreCursor(text: string): RestoreCursor {
  const [, restoreId, part, name, after] = /^([0-9a-f]{16})\.(\d+)\.([a-z]+)\.(?:k([\w-]*))?$/.exec(text) ?? [];
  const phase = PHASES.find((one) => one === name);
  if (restoreId === undefined || part === undefined || phase === undefined)
    throw new InvalidInputError(`"${text}" is no cursor of a restore`);
  return {
    restoreId,
    part: Number(part),
    phase,
    after: after === undefined ? undefined : decodeKey(after),
  };
}

/** Where the target's entries are staged. */
export const stagedTarget = (restoreId: string): string => `restores/${restoreId}/staged`;
const sessionName = (restoreId: string, part: number): string => `restores/${restoreId}/${part}.json`;
export const reportName = (restoreId: string): string => `restores/${restoreId}/report.json`;

export const saveSession = (work: WorkPlace, session: RestoreSession, part: number): Promise<void> =>
  work.put(sessionName(session.restoreId, part), Buffer.from(JSON.stringify(session)));

export async function loadSession(work: WorkPlace, cursor: RestoreCursor): Promise<RestoreSession> {
  const name = sessionName(cursor.restoreId, cursor.part);
  return parseJson(await work.get(name), sessionSchema, name);
}

/** A new session: the recovery point resolved, nothing done. */
export async function newSession(
  input: RestoreInput,
  ports: Pick<Ports, 'clock' | 'randomBytes' | 'recoveryPoints' | 'config'>,
): Promise<RestoreSession> {
  const point: RecoveryPoint = await findRecoveryPoint(input, ports);
  return {
    restoreId: ports.randomBytes(8).toString('hex'),
    point,
    to: input.to,
    made: false,
    startedAt: ports.clock.now().toISOString(),
    restored: 0,
    skipped: 0,
    removed: 0,
    failed: 0,
    bytes: 0,
    notHeld: {},
    problems: [],
  };
}

/** The session as the catalogue records it. */
export function recordOf(session: RestoreSession, status: RestoreRecord['status'], now: Date): RestoreRecord {
  const { restoreId, point, to, startedAt, restored, skipped, removed, failed, bytes } = session;
  return {
    restoreId,
    recoveryPointId: point.recoveryPointId,
    to,
    status,
    startedAt,
    ...(status === 'running' ? {} : { finishedAt: now.toISOString() }),
    restored,
    skipped,
    removed,
    failed,
    bytes,
    measuredRtoSeconds: (now.getTime() - Date.parse(startedAt)) / 1000,
  };
}

/** The session as the machine sees it. */
export function outputOf(
  session: RestoreSession,
  status: RestoreOutput['status'],
  now: Date,
  cursor?: string,
): RestoreOutput {
  const { restoreId, point, to, restored, skipped, removed, failed, bytes } = session;
  return {
    done: cursor === undefined,
    ...(cursor === undefined ? {} : { cursor }),
    restoreId,
    recoveryPointId: point.recoveryPointId,
    to,
    status,
    restored,
    skipped,
    removed,
    failed,
    bytes,
    measuredRtoSeconds: (now.getTime() - Date.parse(session.startedAt)) / 1000,
    problems: session.problems.slice(0, 20).map((problem) => problem.slice(0, 300)),
    reportKey: reportName(restoreId),
  };
}
