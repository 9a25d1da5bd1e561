/** The S3 clients of a process: one for each region. */
import { S3Client } from '@aws-sdk/client-s3';
import { CLIENT_DEFAULTS } from './clients.ts';
import type { Environment } from './config.ts';
import { type Meter, ownMeter } from './meter.ts';

/** The S3 client for a region (the SDK's default region unless given); one per region. */
export type S3Clients = (region?: string) => S3Client;

export function s3Clients(environment: Environment, meter: Meter = ownMeter): S3Clients {
  const clients = new Map<string, S3Client>();
  return (region) => {
    const known = clients.get(region ?? '');
    if (known !== undefined) return known;
    const client = meter.watch(
      new S3Client({
        ...CLIENT_DEFAULTS,
        // An endpoint of one's own answers under one host name, not under one per bucket.
        forcePathStyle: Boolean(environment.AWS_ENDPOINT_URL_S3 || environment.AWS_ENDPOINT_URL),
        // A plan names buckets and no regions for its sources.
        followRegionRedirects: true,
        ...(region === undefined ? {} : { region }),
      }),
    );
    clients.set(region ?? '', client);
    return client;
  };
}

/** Shared by all that this process opens in S3, and made when it opens the first. */
export const ownS3Clients: S3Clients = s3Clients(process.env);
