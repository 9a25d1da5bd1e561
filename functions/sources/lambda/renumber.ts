/** A document speaks of versions by their place in it; here they get the numbers that they have in a place. Pure. */
import type { FunctionDocument } from './document.ts';

export interface Renumbered {
  readonly document: FunctionDocument;
  /** What points to a version that is not there, by name. */
  readonly left: readonly string[];
}

const PLACE = /^\d+$/;

/** What points to a version that is not there is left out, and named. */
export function renumber(document: FunctionDocument, numbers: ReadonlyMap<string, string>): Renumbered {
  const left: string[] = [];
  const numberOf = (qualifier: string): string | undefined =>
    PLACE.test(qualifier) ? numbers.get(qualifier) : qualifier;
  const requalify = <T extends { readonly qualifier: string }>(items: readonly T[], what: (item: T) => string): T[] =>
    items.flatMap((item) => {
      const qualifier = numberOf(item.qualifier);
      if (qualifier !== undefined) return { ...item, qualifier };
      left.push(`${what(item)} (its version is not here)`);
      return [];
    });
  const aliases = document.aliases.flatMap((alias) => {
    const version = numberOf(alias.version);
    const weights = Object.entries(alias.weights ?? {}).map(([place, weight]) => [numberOf(place), weight] as const);
    if (version === undefined || weights.some(([place]) => place === undefined)) {
      left.push(`alias ${alias.name} (its version is not here)`);
      return [];
    }
    return { ...alias, version, ...(alias.weights === undefined ? {} : { weights: Object.fromEntries(weights) }) };
  });
  const renumbered = {
    ...document,
    aliases,
    provisionedConcurrency: requalify(document.provisionedConcurrency, () => 'provisioned concurrency'),
    eventInvoke: requalify(document.eventInvoke, () => 'asynchronous invocation'),
    urls: requalify(document.urls, () => 'function URL'),
    permissions: requalify(document.permissions, ({ statement }) => `permission ${statement.Sid}`),
    eventSources: requalify(document.eventSources, ({ request }) => `event source ${request.EventSourceArn}`),
  };
  return { document: renumbered, left };
}
