/** An S3 that answers as a test says, request by request. */
import type { IncomingMessage } from 'node:http';
import { S3Client } from '@aws-sdk/client-s3';
import { type Answer, startLoopback } from '../../fakes/loopback-server.ts';

export interface ScriptedS3 {
  readonly client: S3Client;
  /** The requests that came, in order. */
  readonly requests: readonly IncomingMessage[];
  stop(): Promise<void>;
}

/** Each request gets the next answer; one too many gets 400. */
export async function scriptS3(answers: readonly Answer[]): Promise<ScriptedS3> {
  const requests: IncomingMessage[] = [];
  const server = await startLoopback((request, response) => {
    const answer = answers[requests.length];
    requests.push(request);
    if (answer === undefined) response.writeHead(400).end();
    else answer(request, response);
  });
  const client = new S3Client({
    endpoint: server.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  });
  return {
    client,
    requests,
    stop: async () => {
      client.destroy();
      await server.stop();
    },
  };
}

/** Bucket owner enforced: the answer to the one question that a reader asks first. */
export const noAcls: Answer = (_, response) => {
  response.end(
    '<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>',
  );
};

export const refuse =
  (status: number, code: string, message = 'no'): Answer =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/xml' });
    response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`);
  };
