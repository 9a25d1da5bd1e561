/** A GetObject for a range, read without comparing it with checksums of something else. */
import { GetObjectCommand } from '@aws-sdk/client-s3';

/**
 * Some stores send the checksum of the whole object with a range of it, and S3 itself that of the parts' checksums when a range covers all
 * of an object that was copied in parts; the SDK would take the range for damaged. Whoever asks for a range of a blob authenticates it.
 *
 * @param range inclusive at both ends, as HTTP has it.
 */
export function rangeCommand(
  at: { readonly Bucket: string; readonly Key: string },
  range: { readonly first: number; readonly last: number },
): GetObjectCommand {
  const command = new GetObjectCommand({ ...at, Range: `bytes=${range.first}-${range.last}` });
  // Last in its step, so that the SDK's own middleware, further out, never sees these headers.
  command.middlewareStack.add(withoutChecksums, { step: 'deserialize', priority: 'low', name: 'rangeChecksums' });
  return command;
}

function withoutChecksums<Args, Result extends { readonly response: unknown }>(next: (args: Args) => Promise<Result>) {
  return async (args: Args): Promise<Result> => {
    const result = await next(args);
    const { response } = result;
    if (typeof response !== 'object' || response === null || !('headers' in response)) return result;
    const { headers } = response;
    if (typeof headers !== 'object' || headers === null) return result;
    for (const name of Object.keys(headers)) if (/^x-amz-checksum-/.test(name)) Reflect.deleteProperty(headers, name);
    return result;
  };
}
