/** `holdfast status` and `holdfast catalogue rebuild`: how things stand, and the catalogue made again. */
import type { SourceState } from '../../core/catalogue-records.ts';
import type { HoldfastConfig } from '../../core/plan.ts';
import { rebuildCatalogue } from '../../operations/rebuild-catalogue.ts';
import { collect } from '../collect.ts';
import { EXIT } from '../failure.ts';
import { counted, plain, showSeconds, showTime, table } from '../figures.ts';
import { type CommandContext, withSession } from '../session.ts';

/** How one source of one plan stands. Ages are of the instant up to which changes are safe. */
export interface SourceStatus {
  readonly source: string;
  readonly plan: string;
  readonly latest?: string;
  readonly ageSeconds?: number;
  readonly latestVerified?: string;
  readonly verifiedAgeSeconds?: number;
  readonly rpoSeconds?: number;
  /** `met`, `breached`, or `none` where the plan sets no objective. A source without a verified recovery point breaches it. */
  readonly rpo: 'met' | 'breached' | 'none';
  readonly lastFailure?: SourceState['lastFailure'];
}

const HEADING = [
  { title: 'SOURCE' },
  { title: 'PLAN' },
  { title: 'LATEST', right: true },
  { title: 'VERIFIED', right: true },
  { title: 'RPO', right: true },
  { title: '' },
] as const;

export async function statusCommand(context: CommandContext): Promise<number> {
  const { console } = context;
  return withSession(context, async ({ config, ports }) => {
    const states = await collect(ports.recoveryPoints.listStates());
    const sources = sourceStatuses(config, states, ports.clock.now());
    await console.document({ sources });
    await console.lines(table(HEADING, sources.map(rowOf), console.columns));
    for (const { source, lastFailure } of sources) {
      if (lastFailure !== undefined)
        await console.line(`${plain(source)}: failed ${showTime(lastFailure.at)}: ${plain(lastFailure.reason)}`);
    }
    return EXIT.done;
  });
}

/** One line per source of each plan, and per source that only the catalogue knows. */
export function sourceStatuses(
  config: HoldfastConfig,
  states: readonly SourceState[],
  now: Date,
): readonly SourceStatus[] {
  const planned = Object.entries(config.plans).flatMap(([plan, { sources, objectives }]) =>
    sources.map(({ uri }) => ({ plan, uri, rpoSeconds: objectives.rpo })),
  );
  const gone = states
    .filter((state) => !planned.some(({ uri }) => uri === state.sourceUri))
    .map((state) => ({ plan: state.plan, uri: state.sourceUri, rpoSeconds: undefined }));
  return [...planned, ...gone].map(({ plan, uri, rpoSeconds }) => {
    const state = states.find((candidate) => candidate.sourceUri === uri);
    const ageSeconds = ageOf(state?.latestConsistentAt, now);
    const verifiedAgeSeconds = ageOf(state?.latestVerifiedConsistentAt, now);
    return {
      source: uri,
      plan,
      ...(state?.latest === undefined ? {} : { latest: state.latest }),
      ...(ageSeconds === undefined ? {} : { ageSeconds }),
      ...(state?.latestVerified === undefined ? {} : { latestVerified: state.latestVerified }),
      ...(verifiedAgeSeconds === undefined ? {} : { verifiedAgeSeconds }),
      ...(rpoSeconds === undefined ? {} : { rpoSeconds }),
      rpo: rpoState(rpoSeconds, verifiedAgeSeconds),
      ...(state?.lastFailure === undefined ? {} : { lastFailure: state.lastFailure }),
    };
  });
}

function ageOf(instant: string | undefined, now: Date): number | undefined {
  return instant === undefined ? undefined : Math.max(0, (now.getTime() - Date.parse(instant)) / 1000);
}

function rpoState(rpoSeconds: number | undefined, ageSeconds: number | undefined): SourceStatus['rpo'] {
  if (rpoSeconds === undefined) return 'none';
  return ageSeconds !== undefined && ageSeconds <= rpoSeconds ? 'met' : 'breached';
}

function rowOf(status: SourceStatus): string[] {
  const age = (seconds: number | undefined) => (seconds === undefined ? 'never' : `${showSeconds(seconds)} ago`);
  return [
    plain(status.source),
    status.plan,
    age(status.ageSeconds),
    age(status.verifiedAgeSeconds),
    status.rpoSeconds === undefined ? '-' : showSeconds(status.rpoSeconds),
    status.rpo === 'breached' ? 'BREACHED' : '',
  ];
}

export async function rebuildCommand(context: CommandContext): Promise<number> {
  const { console } = context;
  return withSession(context, async ({ ports, progress }) => {
    const { recoveryPoints, problems } = await rebuildCatalogue(ports);
    progress.clear();
    await console.document({ recoveryPoints, problems });
    await console.line(
      `the catalogue holds ${counted(recoveryPoints, 'recovery point', 'recovery points')} from the vaults`,
    );
    for (const problem of problems) await console.line(`  ${plain(problem)}`);
    return problems.length === 0 ? EXIT.done : EXIT.partial;
  });
}
