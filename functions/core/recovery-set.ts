/**
 * A recovery set is what one run has made of the sources of its plan. These are the decisions about bringing it back whole: in which order,
 * where to, and what came of it.
 */
import type { RecoveryPoint } from './catalogue-records.ts';
import { InvalidInputError } from './errors.ts';
import { assertHolds } from './place-kinds.ts';
import { overlap, type PlaceUri, parseUri } from './uri.ts';

/** What others need comes before them: configuration, tables, data, and last the code that reads all of it. */
const RANKS: Readonly<Record<PlaceUri['scheme'], number>> = {
  ssm: 0,
  secretsmanager: 0,
  dynamodb: 1,
  s3: 2,
  file: 2,
  lambda: 3,
};

/** The sources in the order in which they are restored; those of one rank stay as they were. */
export function orderOfRestore(uris: readonly string[]): readonly string[] {
  const rankOf = (uri: string): number => RANKS[parseUri(uri).scheme];
  return uris.toSorted((a, b) => rankOf(a) - rankOf(b));
}

/** Greatest distance, in seconds, between the instants that the recovery points stand for; undefined for none. */
export function skewSeconds(points: readonly Pick<RecoveryPoint, 'consistentAt'>[]): number | undefined {
  const times = points.map((point) => Date.parse(point.consistentAt));
  return times.length === 0 ? undefined : (Math.max(...times) - Math.min(...times)) / 1000;
}

/** Where a source is restored to. URIs in the normal form. */
export interface Assignment {
  readonly source: string;
  readonly target: string;
}

/**
 * One `SOURCE=TARGET`. A URI may hold `=` itself, so the text is divided where a source of the set ends.
 *
 * @param placeFrom the normal form of a place as it was typed. @throws InvalidInputError
 */
export function parseMapping(
  text: string,
  sources: readonly string[],
  placeFrom: (typed: string) => string,
): Assignment {
  const found = [...text.matchAll(/=/g)].flatMap(({ index }) => {
    const source = findPlace(text.slice(0, index), placeFrom);
    return source !== undefined && sources.includes(source) ? [{ source, target: text.slice(index + 1) }] : [];
  });
  const [only, second] = found;
  if (!text.includes('=')) throw new InvalidInputError(`--map "${text}" is no mapping; write SOURCE=TARGET`);
  if (only === undefined)
    throw new InvalidInputError(`--map "${text}" begins with no source of the set; it has ${sources.join(', ')}`);
  if (second !== undefined)
    throw new InvalidInputError(
      `--map "${text}" can be read as a mapping of ${only.source} and of ${second.source}; restore that source by itself`,
    );
  if (only.target === '') throw new InvalidInputError(`--map "${text}" names no target; write SOURCE=TARGET`);
  return { source: only.source, target: placeFrom(only.target) };
}

function findPlace(typed: string, placeFrom: (typed: string) => string): string | undefined {
  try {
    return placeFrom(typed);
  } catch (error) {
    if (error instanceof InvalidInputError) return undefined; // The text is divided elsewhere.
    throw error;
  }
}

/**
 * A target for each source that is to be restored, in the order in which they are restored.
 *
 * @param mappings at most one for a source; one of a source that cannot be restored is passed over.
 * @throws InvalidInputError naming every source that has no target.
 */
export function assignTargets(
  sources: readonly string[],
  mappings: readonly Assignment[],
  { inPlace }: { readonly inPlace: boolean },
): readonly Assignment[] {
  const targets = new Map<string, string>();
  for (const { source, target } of mappings) {
    if (targets.has(source)) throw new InvalidInputError(`${source} is mapped twice; give one target for a source`);
    targets.set(source, target);
  }
  const unmapped = sources.filter((source) => !targets.has(source));
  if (unmapped.length > 0 && !inPlace)
    throw new InvalidInputError(
      `no target is given for ${unmapped.join(', ')}; add --map SOURCE=TARGET for each, or --in-place to restore each into its own place`,
    );
  return orderOfRestore(sources).map((source) => ({ source, target: targets.get(source) ?? source }));
}

/**
 * Looks at all targets before anything is written to one of them.
 *
 * @param vaults URLs by name.
 * @throws InvalidInputError when a target cannot hold its source's entries, or lies in another target or in a vault, or holds one.
 */
export function assertTargetsFit(assignments: readonly Assignment[], vaults: Readonly<Record<string, string>>): void {
  for (const [index, { source, target }] of assignments.entries()) {
    const uri = parseUri(target);
    assertHolds(parseUri(source), uri);
    for (const other of assignments.slice(0, index)) {
      if (other.target === target)
        throw new InvalidInputError(
          `${other.source} and ${source} have the same target ${target}; give each a place of its own`,
        );
      if (overlap(parseUri(other.target), uri))
        throw new InvalidInputError(
          `the targets ${other.target} (of ${other.source}) and ${target} (of ${source}) lie in each other; give each a place of its own`,
        );
    }
    for (const [name, url] of Object.entries(vaults))
      if (overlap(uri, parseUri(url)))
        throw new InvalidInputError(
          `the target ${target} (of ${source}) overlaps with vault ${name} (${url}); restore into a place of its own`,
        );
  }
}

/** What became of one source; `unavailable`: the set has no recovery point of it that could be restored. */
export type SourceStatus = 'succeeded' | 'dry-run' | 'partial' | 'failed' | 'unavailable';
export type SetStatus = Exclude<SourceStatus, 'unavailable'>;

/** What became of the whole: partial as soon as something was restored and something was not. */
export function setStatusOf(sources: readonly SourceStatus[]): SetStatus {
  const whole = sources.filter((status) => status === 'succeeded' || status === 'dry-run');
  if (whole.length < sources.length) return whole.length > 0 || sources.includes('partial') ? 'partial' : 'failed';
  return whole.includes('dry-run') ? 'dry-run' : 'succeeded';
}
