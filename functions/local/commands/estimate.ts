/** `holdfast estimate PLAN`: what a plan will cost in a month. */
import type { RecoveryPoint } from '../../core/catalogue-records.ts';
import { InvalidInputError } from '../../core/errors.ts';
import {
  type AssumedSource,
  type EstimateInput,
  estimatePlan,
  type KnownSource,
  type PlanEstimate,
} from '../../core/estimate-plan.ts';
import { sourceIdOf } from '../../core/ids.ts';
import { getPlan, type HoldfastConfig, shareSchema } from '../../core/plan.ts';
import type { Ports } from '../../core/ports.ts';
import { STACK_ASSUMPTIONS } from '../../core/predict-stack.ts';
import { PRICED_REGION } from '../../core/prices.ts';
import { HOURS_PER_MONTH } from '../../core/runs-per-month.ts';
import { alarmResources } from '../../runtime/deploy/alarms.ts';
import { stackAlarmResources } from '../../runtime/deploy/stack-alarms.ts';
import { type Invocation, positional, value } from '../arguments.ts';
import type { Console } from '../console.ts';
import { EXIT } from '../failure.ts';
import { counted, plain, showBytes, showCount, showUsd, table } from '../figures.ts';
import { type CommandContext, withSession } from '../session.ts';

/** Points of a source that tell how large it is and how much changes: what one Query gives. */
const POINTS_LOOKED_AT = 100;

export async function estimateCommand(context: CommandContext): Promise<number> {
  const { console, invocation } = context;
  const name = positional(invocation, 0);
  const assumed = assumedIn(invocation);
  return withSession(context, async ({ config, ports }) => {
    const plan = getPlan(config, name);
    const known = new Map<string, KnownSource>();
    for (const { uri } of plan.sources) known.set(uri, await readKnown(uri, plan.vault, ports));
    const input = { config, plan: name, known, assumed, alarms: alarmsOf(config, name) };
    const estimate = estimatePlan(input);
    const assumptions = assumptionsOf(estimate, input);
    await console.document({ ...estimate, region: PRICED_REGION, hoursPerMonth: HOURS_PER_MONTH, assumptions });
    await print(console, estimate, assumptions);
    return EXIT.done;
  });
}

async function readKnown(uri: string, vault: string, ports: Pick<Ports, 'recoveryPoints'>): Promise<KnownSource> {
  const points: RecoveryPoint[] = [];
  const storedBytes = new Map<string, number>();
  for await (const point of ports.recoveryPoints.listBySource(sourceIdOf(uri))) {
    if (point.vault === vault && points.length < POINTS_LOOKED_AT) points.push(point);
    storedBytes.set(point.vault, (storedBytes.get(point.vault) ?? 0) + point.sizes.storedBytes);
  }
  return { points, storedBytes };
}

/** Those of the plan, and of the stack, which all plans share. */
function alarmsOf(config: HoldfastConfig, name: string): number {
  const alone = { ...config, plans: { [name]: getPlan(config, name) } };
  const scope = { prefix: 'holdfast', stage: 'any' };
  return Object.keys({ ...alarmResources(alone, scope), ...stackAlarmResources(scope) }).length;
}

const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
  PiB: 2 ** 50,
};

function assumedIn(invocation: Invocation): AssumedSource {
  const objects = value(invocation, 'objects') ?? '10000';
  if (!/^\d{1,12}$/.test(objects)) throw new InvalidInputError(`--objects "${objects}" is not a whole number`);
  const size = value(invocation, 'bytes') ?? '1GiB';
  const [, number = '', unit = 'B'] = /^(\d{1,15}(?:\.\d+)?) ?([KMGTP]iB|B)?$/.exec(size) ?? [];
  if (number === '')
    throw new InvalidInputError(`--bytes "${size}" is not a size; write a number and B, KiB, MiB, GiB or TiB`);
  const changed = shareSchema.safeParse(value(invocation, 'changed') ?? '1%');
  if (!changed.success)
    throw new InvalidInputError(
      `--changed "${value(invocation, 'changed')}" ${changed.error.issues[0]?.message ?? ''}`,
    );
  return { objects: Number(objects), bytes: Number(number) * (UNITS[unit] ?? 1), changed: changed.data };
}

/** What the figures rest on, a sentence each. */
function assumptionsOf(estimate: PlanEstimate, { config, plan: name, assumed }: EstimateInput): readonly string[] {
  const { schedule } = getPlan(config, name);
  const unknown = estimate.sources.filter(({ from }) => from === 'assumption').length;
  const inAccount = estimate.where === 'account';
  return [
    `list prices of ${PRICED_REGION} of ${estimate.pricesAsOf}, whatever the region; no free tiers, discounts or taxes`,
    ...(unknown === 0
      ? []
      : [
          `${counted(unknown, 'source has', 'sources have')} no recovery point yet: ${showCount(assumed.objects)} entries of ${showBytes(assumed.bytes)} together are assumed for each (--objects, --bytes)`,
        ]),
    `sources stay as large as they are, and change as much between two runs as they last did; where no snapshot of the kind has told, ${assumed.changed * 100}% (--changed)`,
    'nothing is deleted from a vault yet, so that storage grows on; what is stored this month counts for half of it',
    ...((schedule?.full ?? schedule?.differential ?? schedule?.incremental) === undefined
      ? ['the plan has no schedule: one incremental a day is assumed']
      : []),
    ...(inAccount
      ? STACK_ASSUMPTIONS
      : [
          'the plan has a directory in it, so it runs on a machine of one’s own, outside of AWS, with an embedded catalogue',
        ]),
    'the plan’s own vault is in the region where it runs',
    'not counted: logs, retries, storage of the catalogue, of the work bucket and of exports, restores and drills',
  ];
}

const SOURCES = [
  { title: 'SOURCE' },
  { title: 'REQUESTS', right: true },
  { title: 'TABLES', right: true },
  { title: 'LAMBDA', right: true },
  { title: 'MACHINES', right: true },
  { title: 'TRANSFER', right: true },
  { title: 'SUM', right: true },
  { title: 'OF IT VERIFYING', right: true },
] as const;
const VAULTS = [
  { title: 'VAULT' },
  { title: 'STORED', right: true },
  { title: 'A MONTH MORE', right: true },
  { title: 'STORAGE', right: true },
] as const;

async function print(console: Console, estimate: PlanEstimate, assumptions: readonly string[]): Promise<void> {
  const { runs, sources, vaults, alarms, metrics } = estimate;
  const often = Object.entries(runs).map(([kind, times]) => `${showCount(Number(times.toFixed(1)))} ${kind}`);
  await console.line(`${estimate.plan} in a month of ${HOURS_PER_MONTH} hours: ${often.join(', ')}; figures in USD`);
  await console.line();
  const usd = (amount: number): string => showUsd(amount).replace(/ USD$/, '');
  const rows = sources.map(({ source, usd: by, totalUsd, verificationUsd }) => [
    plain(source),
    ...[by.requests, by.tables, by.lambda, by.machines, by.transfer, totalUsd, verificationUsd].map(usd),
  ]);
  await console.lines(table(SOURCES, rows, console.columns));
  await console.line();
  const kept = vaults.map((one) => [
    one.vault,
    showBytes(Math.round(one.storedBytes)),
    showBytes(Math.round(one.growthBytes)),
    usd(one.totalUsd),
  ]);
  await console.lines(table(VAULTS, kept, console.columns));
  await console.line();
  if (estimate.where === 'account') {
    await console.line(`runs besides their sources: ${showUsd(estimate.runsUsd)}`);
    await console.line(`${counted(alarms.count, 'alarm', 'alarms')}: ${showUsd(alarms.totalUsd)}`);
    await console.line(`${counted(metrics.count, 'metric', 'metrics')}: ${showUsd(metrics.totalUsd)}`);
  }
  await console.line(`sum: ${showUsd(estimate.totalUsd)} a month`);
  await console.line();
  await console.lines(['assumed:', ...assumptions.map((one) => `  - ${one}`)]);
}
