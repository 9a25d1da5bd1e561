/**
 * How AWS clients are made: bounded sockets, a limit on silence so that nothing hangs, and the SDK's own retries for throttles and
 * dropped connections. Credentials, region and `AWS_ENDPOINT_URL` are the SDK's to find.
 */
import { S3Client } from '@aws-sdk/client-s3';
import type { Environment } from './config.ts';

/** What every client is given. */
export const CLIENT_DEFAULTS = {
  retryMode: 'standard',
  maxAttempts: 6,
  requestHandler: {
    connectionTimeout: 5_000,
    // Without a byte in either direction; a slow upload goes on as long as it moves.
    socketTimeout: 60_000,
    httpsAgent: { keepAlive: true, maxSockets: 64 },
    httpAgent: { keepAlive: true, maxSockets: 64 },
  },
};

/** The S3 client for a region (the SDK's default region unless given); one per region and process. */
export type S3Clients = (region?: string) => S3Client;

export function s3Clients(environment: Environment): S3Clients {
  const clients = new Map<string, S3Client>();
  // An endpoint of one's own answers under one host name, not under one per bucket.
  const forcePathStyle = Boolean(environment.AWS_ENDPOINT_URL_S3 || environment.AWS_ENDPOINT_URL);
  return (region) => {
    const known = clients.get(region ?? '');
    if (known !== undefined) return known;
    const client = new S3Client({
      ...CLIENT_DEFAULTS,
      forcePathStyle,
      // A plan names buckets and no regions for its sources.
      followRegionRedirects: true,
      ...(region === undefined ? {} : { region }),
    });
    clients.set(region ?? '', client);
    return client;
  };
}
