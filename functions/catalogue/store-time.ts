/** The store's own clock, read from the `Date` header of its answers (RFC 9110, 6.6.1; resolution 1 s). */
import type { GetItemCommand } from '@aws-sdk/client-dynamodb';

/** Watches one command; the function returned tells the time in its answer, or undefined when there was none to read. */
export function storeTimeOf(command: GetItemCommand): () => Date | undefined {
  let seen: Date | undefined;
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      seen = dateOf(result.response);
      return result;
    },
    { step: 'deserialize', name: 'holdfastStoreTime', priority: 'low' },
  );
  return () => seen;
}

function dateOf(response: unknown): Date | undefined {
  if (typeof response !== 'object' || response === null || !('headers' in response)) return undefined;
  const { headers } = response;
  if (typeof headers !== 'object' || headers === null) return undefined;
  const date = Object.entries(headers).find(([name]) => name.toLowerCase() === 'date')?.[1];
  const time = typeof date === 'string' ? Date.parse(date) : Number.NaN;
  return Number.isNaN(time) ? undefined : new Date(time);
}
