/** Cost is usage at list prices, in USD. */
import { PRICES_AS_OF, USD_EACH } from './prices.ts';
import { USAGE_KINDS, type Usage, type UsageKind } from './usage.ts';

export function usdOf(usage: Usage): number {
  return USAGE_KINDS.reduce((sum, kind) => sum + usdOfKind(usage, kind), 0);
}

export const usdOfKind = (usage: Usage, kind: UsageKind): number => (usage[kind] ?? 0) * USD_EACH[kind];

/** What a run cost, next to what was expected of it before it began. */
export interface RunCost {
  readonly predictedUsd?: number | undefined;
  readonly actualUsd: number;
  /** Month of the prices, `2026-06`. */
  readonly pricesAsOf: string;
}

export function costOfRun(usage: Usage, predictedUsd: number | undefined): RunCost {
  const cost = { actualUsd: usdOf(usage), pricesAsOf: PRICES_AS_OF };
  return predictedUsd === undefined ? cost : { ...cost, predictedUsd };
}
