/** Events on an EventBridge bus, source `holdfast`. */
import {
  type EventBridgeClient,
  PutEventsCommand,
  type PutEventsRequestEntry,
  type PutEventsResultEntry,
} from '@aws-sdk/client-eventbridge';
import { translateAwsError } from '../core/aws-errors.ts';
import { TransientError } from '../core/errors.ts';
import type { HoldfastEvent } from '../core/events.ts';
import type { EventPublisher } from '../core/ports.ts';

/** PutEvents takes 10 entries (EventBridge API reference). */
const BATCH = 10;
/** A 200 may name entries that were not taken; those alone are put again, unless the reason is one that lasts. */
const ATTEMPTS = 4;

/**
 * At least once: an entry whose answer was lost is put again.
 * @param bus its name or ARN.
 * @param pause waits before the n-th repetition (1 is the first).
 */
export function eventBridgePublisher(
  client: EventBridgeClient,
  bus: string,
  pause: (attempt: number) => Promise<void> = backOff,
): EventPublisher {
  const entryOf = (event: HoldfastEvent): PutEventsRequestEntry => ({
    EventBusName: bus,
    Source: 'holdfast',
    DetailType: event.type,
    Detail: JSON.stringify(event.detail),
  });
  const put = async (entries: PutEventsRequestEntry[]): Promise<PutEventsResultEntry[]> => {
    const what = `bus ${bus}: putting ${entries.length} events`;
    try {
      const results = (await client.send(new PutEventsCommand({ Entries: entries }))).Entries ?? [];
      const refusals = results.map((result) => translateAwsError(refusalOf(result), what));
      const lasting = refusals.find((refusal) => refusal !== undefined && !(refusal instanceof TransientError));
      if (lasting !== undefined) throw lasting;
      return results;
    } catch (error) {
      throw translateAwsError(error, what);
    }
  };
  return {
    async publish(events) {
      for (let from = 0; from < events.length; from += BATCH) {
        let left = events.slice(from, from + BATCH).map(entryOf);
        for (let attempt = 1; left.length > 0; attempt += 1) {
          const results = await put(left);
          const code = results.find((result) => result.ErrorCode !== undefined)?.ErrorCode;
          // An entry without an answer of its own counts as not taken.
          left = left.filter((_, index) => results[index]?.EventId === undefined);
          if (left.length > 0 && attempt === ATTEMPTS)
            throw new TransientError(
              `bus ${bus}: ${left.length} events were not taken (${code ?? 'no answer'}); try again later`,
            );
          if (left.length > 0) await pause(attempt);
        }
      }
    },
  };
}

/** What an answer says against an entry, as the client would throw it for a whole request; undefined for one that was taken. */
function refusalOf({ ErrorCode, ErrorMessage }: PutEventsResultEntry): Error | undefined {
  if (ErrorCode === undefined) return undefined;
  return Object.assign(new Error(ErrorMessage ?? ErrorCode), { name: ErrorCode });
}

/** Full jitter, up to 100 ms, 200 ms, 400 ms. */
function backOff(attempt: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.random() * 50 * 2 ** attempt));
}
