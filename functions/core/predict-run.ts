/** What a run is expected to use, source by source, and next to what it used. */
import { usdOf } from './cost.ts';
import { predictPlaces } from './predict-places.ts';
import { predictStack, RUN_USAGE } from './predict-stack.ts';
import type { SourceShape, SourceWorkload } from './source-workload.ts';
import { type Prediction, sumUsage, type Usage } from './usage.ts';

export const predictSource = (work: SourceWorkload, shape: SourceShape): Prediction => ({
  places: predictPlaces(work, shape),
  stack: predictStack(work, shape),
});

/** What a run over these sources uses in the account. */
export const usageInAccount = (sources: readonly Prediction[]): Usage =>
  sumUsage([RUN_USAGE, ...sources.flatMap(({ places, stack }) => [{ ...places, leavingBytes: 0 }, stack])]);

/** What a run uses that a process outside of AWS does, over an embedded catalogue. */
export const usageHere = (sources: readonly Prediction[]): Usage => sumUsage(sources.map(({ places }) => places));

/**
 * The USD that were expected of a run which used this: in the account or outside, of AWS or of another endpoint, whose bytes nobody bills.
 * Undefined unless something is known of every source.
 */
export function expectedUsd(sources: readonly (Prediction | undefined)[], used: Usage): number | undefined {
  const known = sources.filter((one) => one !== undefined);
  if (known.length < sources.length || known.length === 0) return undefined;
  if (used.lambdaCalls !== undefined) return usdOf(usageInAccount(known));
  const here = usageHere(known);
  return usdOf(used.leavingBytes === undefined ? { ...here, leavingBytes: 0 } : here);
}
