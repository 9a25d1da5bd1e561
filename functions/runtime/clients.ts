/**
 * How AWS clients are made: bounded sockets, a limit on silence so that nothing hangs, and the SDK's own retries for throttles and
 * dropped connections. Credentials, region and `AWS_ENDPOINT_URL` are the SDK's to find.
 */
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
