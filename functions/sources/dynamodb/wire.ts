/**
 * Requests and answers that carry items, as the very text on the wire. The SDK still finds the endpoint, signs, retries and names
 * errors, but neither writes nor reads an item: its own way through JavaScript objects would lose the attribute name `__proto__`.
 */
import { crc32 } from 'node:zlib';
import { BatchWriteItemCommand, type DynamoDBClient, GetItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { TransientError } from '../../core/errors.ts';
import { isJsonObject } from '../../core/typed-json.ts';
import { parseTyped } from './items.ts';

/** A successful answer, parsed but for what it holds. */
export interface RawAnswer {
  readonly body: { readonly [name: string]: unknown };
  readonly sizeBytes: number;
}

// Inside the retries and before length and signature are made of the body; the innermost step sees the answer before the SDK does.
const REQUEST_STEP = { step: 'build', name: 'holdfastRawRequest', priority: 'high' } as const;
const ANSWER_STEP = { step: 'deserialize', name: 'holdfastRawAnswer', priority: 'low' } as const;

const TELL_UNITS = '"ReturnConsumedCapacity":"TOTAL"';

/** @param body The members of the request besides `TableName`, as JSON text: `"Limit":5`. */
export async function scanRaw(
  client: DynamoDBClient,
  table: string,
  body: readonly string[],
  abortSignal?: AbortSignal,
): Promise<RawAnswer> {
  const command = new ScanCommand({ TableName: table });
  const exchange = exchangeOf(`{${[`"TableName":${JSON.stringify(table)}`, ...body, TELL_UNITS].join(',')}}`);
  command.middlewareStack.add(exchange.request, REQUEST_STEP);
  command.middlewareStack.add(exchange.answer, ANSWER_STEP);
  await client.send(command, abortSignal === undefined ? {} : { abortSignal });
  return exchange.read();
}

/** @param key Typed JSON. */
export async function getRaw(client: DynamoDBClient, table: string, key: string): Promise<RawAnswer> {
  const command = new GetItemCommand({ TableName: table, Key: {} });
  const exchange = exchangeOf(
    `{"TableName":${JSON.stringify(table)},"Key":${key},"ConsistentRead":true,${TELL_UNITS}}`,
  );
  command.middlewareStack.add(exchange.request, REQUEST_STEP);
  command.middlewareStack.add(exchange.answer, ANSWER_STEP);
  await client.send(command);
  return exchange.read();
}

/** @param requests `{"PutRequest":{"Item":…}}` or `{"DeleteRequest":{"Key":…}}`, each as JSON text. */
export async function batchWriteRaw(
  client: DynamoDBClient,
  table: string,
  requests: readonly string[],
): Promise<RawAnswer> {
  const command = new BatchWriteItemCommand({ RequestItems: { [table]: [] } });
  const items = `{${JSON.stringify(table)}:[${requests.join(',')}]}`;
  const exchange = exchangeOf(`{"RequestItems":${items},${TELL_UNITS}}`);
  command.middlewareStack.add(exchange.request, REQUEST_STEP);
  command.middlewareStack.add(exchange.answer, ANSWER_STEP);
  await client.send(command);
  return exchange.read();
}

/** The capacity units that a `ConsumedCapacity` tells. */
export function unitsOf(consumed: unknown): number | undefined {
  const units = isJsonObject(consumed) ? consumed.CapacityUnits : undefined;
  return typeof units === 'number' ? units : undefined;
}

/** Middleware that sends `body` in place of the SDK's own and keeps the answer to it. */
function exchangeOf(body: string) {
  let answered: RawAnswer | undefined;
  return {
    request:
      <Args extends { readonly request: unknown }, Result>(next: (args: Args) => Promise<Result>) =>
      (args: Args): Promise<Result> => {
        replaceBody(args.request, body);
        return next(args);
      },
    answer:
      <Args, Result extends { readonly response: unknown }>(next: (args: Args) => Promise<Result>) =>
      async (args: Args): Promise<Result> => {
        const result = await next(args);
        const { response } = result;
        // An error is the SDK's to read.
        if (!isAnswer(response) || response.statusCode >= 300) return result;
        answered = readAnswer(await gather(response.body), response.headers);
        // All that is left to the SDK is what whoever watches the client counts.
        replaceBody(response, Buffer.from(JSON.stringify({ ConsumedCapacity: answered.body.ConsumedCapacity })));
        return result;
      },
    read: (): RawAnswer => {
      if (answered === undefined) throw new TypeError('the SDK gave an answer that it did not get');
      return answered;
    },
  };
}

function readAnswer(bytes: Buffer, headers: Readonly<Record<string, unknown>>): RawAnswer {
  const sum = Object.entries(headers).find(([name]) => name.toLowerCase() === 'x-amz-crc32')?.[1];
  // DynamoDB sends the sum of each answer's bytes along (developer guide, "DynamoDB low-level API").
  if (sum !== undefined && Number(sum) !== crc32(bytes)) throw damaged('its bytes are not those of its checksum');
  let body: unknown;
  try {
    body = parseTyped(bytes, 'it');
  } catch (cause) {
    throw damaged('it is not JSON', cause);
  }
  if (!isJsonObject(body)) throw damaged('it is not an object');
  return { body, sizeBytes: bytes.length };
}

/** The SDK retries what bears this mark, as it does a connection that breaks. */
const damaged = (why: string, cause?: unknown): Error =>
  Object.assign(new TransientError(`DynamoDB's answer arrived damaged: ${why}; try again later`, { cause }), {
    $retryable: {},
  });

interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: AsyncIterable<unknown>;
}

function isAnswer(response: unknown): response is Answer {
  if (!isJsonObject(response)) return false;
  const { statusCode, headers, body } = response;
  return (
    typeof statusCode === 'number' &&
    isJsonObject(headers) &&
    typeof body === 'object' &&
    body !== null &&
    Symbol.asyncIterator in body
  );
}

async function gather(body: AsyncIterable<unknown>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) {
    if (!(piece instanceof Uint8Array)) throw new TypeError('an answer came in pieces that are not bytes');
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function replaceBody(message: unknown, body: string | Uint8Array): void {
  if (typeof message !== 'object' || message === null || !Reflect.set(message, 'body', body))
    throw new TypeError('the SDK made a request or an answer without a body');
}
