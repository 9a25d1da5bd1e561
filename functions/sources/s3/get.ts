/** GetObject as this source sends it: with the checksum, and without the SDK's failure where it does not know how to compare it. */
import {
  GetObjectCommand,
  type GetObjectCommandInput,
  type GetObjectCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { SentRequest } from './plain-get.ts';

/** Checksums that S3 keeps and the SDK cannot compute; it would refuse an object for having one. */
const UNKNOWN_CHECKSUM = /^x-amz-checksum-(sha512|xxhash\d+)$/;
/** On a range, some stores send the checksum of the whole. */
const ANY_CHECKSUM = /^x-amz-checksum-/;

/** @param options.onSent Is given each request that goes out for it, the last one last. */
export function getObject(
  client: S3Client,
  input: GetObjectCommandInput,
  { onSent, signal }: { readonly onSent?: (sent: SentRequest) => void; readonly signal?: AbortSignal } = {},
): Promise<GetObjectCommandOutput> {
  const command = new GetObjectCommand({ ...input, ChecksumMode: 'ENABLED' });
  // Last in its step, so that the SDK's own middleware, further out, never sees these headers.
  command.middlewareStack.add(withoutIdleChecksums, {
    step: 'deserialize',
    priority: 'low',
    name: 'knownChecksums',
  });
  // Where the SDK has done all that it does to a request; outside of what the client has at its end, which counts requests.
  if (onSent !== undefined)
    command.middlewareStack.addRelativeTo(watch(onSent), {
      relation: 'after',
      toMiddleware: 'deserializerMiddleware',
      name: 'sentRequests',
    });
  return client.send(command, signal === undefined ? {} : { abortSignal: signal });
}

function watch(onSent: (sent: SentRequest) => void) {
  return <Args extends { readonly request: unknown }, Result>(next: (args: Args) => Promise<Result>) =>
    (args: Args): Promise<Result> => {
      onSent({ request: args.request, send: (request) => next({ ...args, request }) });
      return next(args);
    };
}

function withoutIdleChecksums<
  Args extends { readonly input: { readonly Range?: string | undefined } },
  Result extends { readonly response: unknown },
>(next: (args: Args) => Promise<Result>) {
  return async (args: Args): Promise<Result> => {
    const result = await next(args);
    const { input } = args;
    const { response } = result;
    if (typeof response === 'object' && response !== null && 'headers' in response) {
      const { headers } = response;
      const idle = input.Range === undefined ? UNKNOWN_CHECKSUM : ANY_CHECKSUM;
      if (typeof headers === 'object' && headers !== null)
        for (const name of Object.keys(headers)) if (idle.test(name)) Reflect.deleteProperty(headers, name);
    }
    return result;
  };
}
