/**
 * Usage is what was used of the services that AWS bills, counted in the kinds that its price lists know. Numbers only: no names, no keys.
 */
import * as z from 'zod';

export const USAGE_KINDS = [
  /** S3 requests PUT, COPY, POST and LIST. */
  's3Writes',
  /** S3 requests GET, HEAD and all others. */
  's3Reads',
  /** S3 requests DELETE and those that break off an upload. */
  's3Deletes',
  /** DynamoDB's request units, halves among them. */
  'tableReadUnits',
  'tableWriteUnits',
  /** What DynamoDB exported, as it says that it bills. */
  'exportedBytes',
  'parameterRequests',
  'secretRequests',
  /** Uses of a KMS key that an answer tells of. */
  'keyRequests',
  'events',
  /** Requests that tell how services are set up: free. */
  'otherRequests',
  /** Bodies of requests and answers whose length was told. */
  'sentBytes',
  'receivedBytes',
  /** Those of them that went from one region of AWS to another. */
  'interRegionBytes',
  /** Those that left AWS, to a process outside of it. */
  'leavingBytes',
  'lambdaCalls',
  /** Milliseconds times MiB of memory. */
  'lambdaMebibyteMillis',
  /** Steps of Step Functions' Standard workflows. */
  'transitions',
] as const;
export type UsageKind = (typeof USAGE_KINDS)[number];

/** A kind that is absent was not used. */
export type Usage = Readonly<Partial<Record<UsageKind, number>>>;
export const usageSchema = z.partialRecord(z.enum(USAGE_KINDS), z.number().nonnegative());

/** What one source of a run is expected to use: at its places wherever the run is, and of the stack where it runs in the account. */
export const predictionSchema = z.object({ places: usageSchema, stack: usageSchema });
export type Prediction = z.infer<typeof predictionSchema>;

/** The sum; kinds that come to nothing are left out. */
export function sumUsage(parts: Iterable<Usage>): Usage {
  const sum: Partial<Record<UsageKind, number>> = {};
  for (const part of parts)
    for (const kind of USAGE_KINDS) {
      const amount = part[kind] ?? 0;
      if (amount !== 0) sum[kind] = (sum[kind] ?? 0) + amount;
    }
  return sum;
}

/** As often as that. */
export function timesUsage(usage: Usage, times: number): Usage {
  return Object.fromEntries(
    USAGE_KINDS.flatMap((kind) => {
      const amount = (usage[kind] ?? 0) * times;
      return amount === 0 ? [] : [[kind, amount]];
    }),
  );
}

export const isUnused = (usage: Usage): boolean => USAGE_KINDS.every((kind) => (usage[kind] ?? 0) === 0);
