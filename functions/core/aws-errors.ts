/** Turns what AWS answers into errors classed by what the caller does, by the one table of `aws-error-table.ts`. */
import {
  BY_CODE,
  BY_NAME,
  DENIED,
  NO_ENDPOINT,
  OTHER_REGION,
  type Row,
  THROTTLED,
  UNAVAILABLE,
} from './aws-error-table.ts';
import { BackupError, IntegrityError, InvalidInputError } from './errors.ts';

/** By the status, for answers without a body (HEAD) and for gateways in between, whose errors have names of their own. */
function rowByStatus(status: number | undefined): Row | undefined {
  if (status === undefined) return undefined;
  if (status === 301 || status === 307) return OTHER_REGION;
  if (status === 401 || status === 403) return DENIED;
  if (status === 429) return THROTTLED;
  return status >= 500 && status !== 501 ? UNAVAILABLE : undefined;
}

/**
 * Translates what an AWS client threw.
 *
 * @param error Anything; a `BackupError` comes back as it is.
 * @param what What was done to what, to begin the message: `s3://bucket/vault: reading packs/ab/abc…`.
 * @returns a `BackupError` whose `cause` is the error, or the error itself, untouched, when the table does not know it (what the
 * adapter alone understands, such as a lost condition, is among these).
 */
export function translateAwsError(error: unknown, what: string): unknown {
  if (error instanceof BackupError) return error;
  const shape = shapeOf(error);
  const row = rowOf(shape);
  if (row === undefined) return error;
  const [ErrorClass, meaning] = row;
  const detail = [shape.endpoint === undefined ? '' : `at ${shape.endpoint}`, shape.said].filter((part) => part !== '');
  const context = {
    ...(shape.name === undefined ? {} : { awsError: shape.name }),
    ...(shape.status === undefined ? {} : { httpStatus: shape.status }),
    ...(shape.requestId === undefined ? {} : { requestId: shape.requestId }),
  };
  return new ErrorClass(`${what}: ${meaning}${detail.length === 0 ? '' : ` (${detail.join(': ')})`}`, {
    cause: error,
    context,
  });
}

/** The HTTP status in what an AWS client threw; undefined when there was no answer. */
export function httpStatusOf(error: unknown): number | undefined {
  return shapeOf(error).status;
}

interface Shape {
  readonly name: string | undefined;
  readonly code: string | undefined;
  readonly status: number | undefined;
  readonly requestId: string | undefined;
  readonly endpoint: string | undefined;
  /** The vendor's own words: an AccessDenied names the action and the principal there. */
  readonly said: string;
}

function shapeOf(error: unknown): Shape {
  const metadata = read(error, '$metadata');
  // Node tries every address of a host and throws an AggregateError without a message of its own.
  const tried = read(error, 'errors');
  const first: unknown = Array.isArray(tried) ? tried[0] : undefined;
  const host = text(error, 'hostname') ?? text(error, 'address') ?? text(first, 'hostname') ?? text(first, 'address');
  const port = number(error, 'port') ?? number(first, 'port');
  const said = error instanceof Error ? error.message : '';
  return {
    name: text(error, 'name'),
    code: text(error, 'code') ?? text(first, 'code'),
    status: number(metadata, 'httpStatusCode'),
    requestId: text(metadata, 'requestId'),
    endpoint:
      host === undefined
        ? undefined
        : `${host.includes(':') ? `[${host}]` : host}${port === undefined ? '' : `:${port}`}`,
    said: said === '' && first instanceof Error ? first.message : said,
  };
}

function rowOf({ name, code, status, said }: Shape): Row | undefined {
  // The SDK compares the body with the checksum that S3 sent along, and throws a plain Error.
  if (name === 'Error' && said.startsWith('Checksum mismatch'))
    return [IntegrityError, 'the bytes are not those of the stored checksum; verify, then repair it from a replica'];
  if (name === 'Error' && said === 'Region is missing')
    return [InvalidInputError, 'no AWS region is set; set AWS_REGION'];
  if (name === 'Error' && said.startsWith('Region not accepted')) return NO_ENDPOINT;
  // The code first: the SDK renames a reset connection to TimeoutError.
  return BY_CODE.get(code ?? '') ?? BY_NAME.get(name ?? '') ?? rowByStatus(status);
}

function read(value: unknown, property: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, property) : undefined;
}

function text(value: unknown, property: string): string | undefined {
  const found = read(value, property);
  return typeof found === 'string' && found !== '' ? found : undefined;
}

function number(value: unknown, property: string): number | undefined {
  const found = read(value, property);
  return typeof found === 'number' ? found : undefined;
}
