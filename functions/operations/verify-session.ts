/** What a verification has found so far, kept in the work place between two calls of its worker. */
import * as z from 'zod';
import { type VerifyLevel, verifyLevelSchema } from '../core/catalogue-records.ts';
import { parseJson } from '../core/json.ts';
import type { WorkPlace } from '../core/ports.ts';

const count = z.number().int().nonnegative();

const sessionSchema = z.object({
  verificationId: z.string(),
  level: verifyLevelSchema,
  /** Share of the entries that is looked at, 0 to 1. */
  share: z.number(),
  startedAt: z.iso.datetime(),
  checkedEntries: count,
  checkedBytes: count,
  problems: z.array(z.string()),
  problemCount: count,
  /** True when what is wrong is in the vault, and not in the way back. */
  damaged: z.boolean(),
  /** Attribute name → entries for which the sandbox could not hold it. */
  notHeld: z.record(z.string(), count),
  /** Entries that the sandbox cannot hold, which were read and hashed instead of restored. */
  readInstead: count,
  /** Why nothing could be proven. */
  impossible: z.string().optional(),
  /** Why a lower level was taken than was asked for. */
  lowered: z.string().optional(),
});
export type VerificationSession = z.output<typeof sessionSchema>;

export function newVerification(options: {
  readonly verificationId: string;
  readonly level: VerifyLevel;
  readonly share: number;
  readonly startedAt: string;
}): VerificationSession {
  return {
    ...options,
    checkedEntries: 0,
    checkedBytes: 0,
    problems: [],
    problemCount: 0,
    damaged: false,
    notHeld: {},
    readInstead: 0,
  };
}

/** Something that is wrong in the vault itself. */
export function addDamage(session: VerificationSession, problem: string): void {
  session.damaged = true;
  addProblem(session, problem);
}

/** Something that is wrong with what came back. */
export function addProblem(session: VerificationSession, problem: string): void {
  session.problemCount += 1;
  if (session.problems.length < 100) session.problems.push(problem.slice(0, 500));
}

const nameOf = (verificationId: string, part: number): string => `verifications/${verificationId}/${part}.json`;

export const saveVerification = (work: WorkPlace, session: VerificationSession, part: number): Promise<void> =>
  work.put(nameOf(session.verificationId, part), Buffer.from(JSON.stringify(session)));

export async function loadVerification(
  work: WorkPlace,
  verificationId: string,
  part: number,
): Promise<VerificationSession> {
  const name = nameOf(verificationId, part);
  return parseJson(await work.get(name), sessionSchema, name);
}
