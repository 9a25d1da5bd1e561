/** GetObject as this source sends it: with the checksum, and without the SDK's failure where it does not know how to compare it. */
import {
  GetObjectCommand,
  type GetObjectCommandInput,
  type GetObjectCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';

/** Checksums that S3 keeps and the SDK cannot compute; it would refuse an object for having one. */
const UNKNOWN_CHECKSUM = /^x-amz-checksum-(sha512|xxhash\d+)$/;
/** On a range, some stores send the checksum of the whole. */
const ANY_CHECKSUM = /^x-amz-checksum-/;

export function getObject(client: S3Client, input: GetObjectCommandInput): Promise<GetObjectCommandOutput> {
  const command = new GetObjectCommand({ ...input, ChecksumMode: 'ENABLED' });
  // Last in its step, so that the SDK's own middleware, further out, never sees these headers.
  command.middlewareStack.add(withoutIdleChecksums, {
    step: 'deserialize',
    priority: 'low',
    name: 'knownChecksums',
  });
  return client.send(command);
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
