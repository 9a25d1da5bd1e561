import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HeadBucketCommand } from '@aws-sdk/client-s3';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CLIENT_DEFAULTS } from '../../functions/runtime/clients.ts';
import { s3Clients } from '../../functions/runtime/s3-clients.ts';

const servers: Server[] = [];

afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(servers.splice(0).map((server) => new Promise((done) => server.close(done))));
});

/** A server that answers with these statuses in turn; returns its URL and what it was asked for. */
async function answering(...statuses: number[]): Promise<{ readonly url: string; readonly paths: string[] }> {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url ?? '');
    response.writeHead(statuses.shift() ?? 200).end();
  });
  servers.push(server);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, paths };
}

function withCredentials(): void {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  vi.stubEnv('AWS_REGION', 'eu-west-1');
}

describe('S3 clients', () => {
  it('are made once per region', async () => {
    const clients = s3Clients({});
    expect(clients('eu-west-1')).toBe(clients('eu-west-1'));
    expect(clients('eu-west-1')).not.toBe(clients('us-east-1'));
    expect(clients()).toBe(clients());
    expect(await clients('us-east-1').config.region()).toBe('us-east-1');
  });

  it.each(['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_S3'])(
    'name the bucket in the path when %s is set, and go there',
    async (variable) => {
      const { url, paths } = await answering(200);
      withCredentials();
      vi.stubEnv(variable, url);
      await s3Clients(process.env)().send(new HeadBucketCommand({ Bucket: 'acme' }));
      expect(paths).toEqual(['/acme/']);
    },
  );

  it('name the bucket in the host name otherwise', async () => {
    expect(s3Clients({})('eu-west-1').config.forcePathStyle).toBe(false);
  });

  it('repeat a request that the service could not take', async () => {
    const { url, paths } = await answering(503, 503, 200);
    withCredentials();
    vi.stubEnv('AWS_ENDPOINT_URL', url);
    await s3Clients(process.env)().send(new HeadBucketCommand({ Bucket: 'acme' }));
    expect(paths).toHaveLength(3);
  });
});

it('gives every client a limit on silence and on its sockets', () => {
  expect(CLIENT_DEFAULTS.requestHandler.connectionTimeout).toBeGreaterThan(0);
  expect(CLIENT_DEFAULTS.requestHandler.socketTimeout).toBeGreaterThan(0);
  expect(CLIENT_DEFAULTS.requestHandler.httpsAgent.maxSockets).toBeLessThanOrEqual(100);
});
