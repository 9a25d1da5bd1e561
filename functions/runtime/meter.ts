/** Counts what this process uses of what AWS bills: each attempt of each request as it is answered. */
import { isJsonObject } from '../core/typed-json.ts';
import { USAGE_KINDS, type Usage, type UsageKind } from '../core/usage.ts';
import type { Environment } from './config.ts';
import {
  bodyBytes,
  completedExport,
  itemRequest,
  kindOfRequest,
  type Message,
  regionOfHost,
  type SentCommand,
  toldByError,
  toldByOutput,
  usedKey,
} from './request-usage.ts';

export interface Meter {
  add(usage: Usage): void;
  /** Counts what the client sends from now on, and has DynamoDB tell its units. Returns the client. */
  watch<Client extends WatchedClient>(client: Client): Client;
  /** What was counted since this was asked last, or since the beginning. */
  take(): Usage;
}

export interface WatchedClient {
  readonly middlewareStack: Layers;
}

/** As the SDK's clients take them, whatever their inputs and outputs are. */
interface Layers {
  add(
    middleware: <Args extends { readonly input: object }, Result extends { readonly output: object }>(
      next: (args: Args) => Promise<Result>,
      context: SentCommand,
    ) => (args: Args) => Promise<Result>,
    options: { readonly step: 'initialize'; readonly name: string },
  ): void;
  add(
    middleware: <Args extends { readonly request: unknown }, Result extends { readonly response: unknown }>(
      next: (args: Args) => Promise<Result>,
      context: SentCommand,
    ) => (args: Args) => Promise<Result>,
    options: { readonly step: 'deserialize'; readonly name: string; readonly priority: 'low' },
  ): void;
}

/** @param environment tells whether the process is a Lambda function, and in which region */
export function meterIn(environment: Environment): Meter {
  const counts = new Map<UsageKind, number>();
  const exports = new Set<string>();
  const home = environment.AWS_LAMBDA_FUNCTION_NAME === undefined ? undefined : environment.AWS_REGION;
  const add = (usage: Usage): void => {
    for (const kind of USAGE_KINDS) {
      const amount = usage[kind] ?? 0;
      if (amount !== 0) counts.set(kind, (counts.get(kind) ?? 0) + amount);
    }
  };
  /** An export is described until it is complete, and then again by whoever goes on reading it. */
  const exportedBy = (output: object): Usage => {
    const told = completedExport(output);
    if (told === undefined || exports.has(told.arn)) return {};
    exports.add(told.arn);
    return { exportedBytes: told.bytes };
  };
  const attempt = (sent: SentCommand, request: unknown, response: unknown): void => {
    if (isMessage(request)) add(usageOfAttempt(sent, request, response, home));
  };
  return {
    add,
    take: () => {
      const taken: Usage = Object.fromEntries(counts);
      counts.clear();
      return taken;
    },
    watch: (client) => {
      client.middlewareStack.add(
        (next, sent) => async (args) => {
          askForUnits(sent, args.input);
          try {
            const result = await next(args);
            add(toldByOutput(sent, args.input, result.output));
            add(exportedBy(result.output));
            return result;
          } catch (error) {
            add(toldByError(sent, error));
            throw error;
          }
        },
        { step: 'initialize', name: 'holdfastMeter' },
      );
      client.middlewareStack.add(
        (next, sent) => async (args) => {
          let response: unknown;
          try {
            const result = await next(args);
            response = result.response;
            return result;
          } finally {
            attempt(sent, args.request, response);
          }
        },
        // Inside the retries, and nearest to the wire.
        { step: 'deserialize', name: 'holdfastMeterOfAttempts', priority: 'low' },
      );
      return client;
    },
  };
}

/** The meter of this process. */
export const ownMeter: Meter = meterIn(process.env);

function askForUnits({ clientName, commandName = '' }: SentCommand, input: object): void {
  if (clientName !== 'DynamoDBClient' || itemRequest(commandName) === undefined) return;
  if (!('ReturnConsumedCapacity' in input)) Reflect.set(input, 'ReturnConsumedCapacity', 'TOTAL');
}

/** What a service could not take (5xx) is not billed; what broke off may be. */
function usageOfAttempt(sent: SentCommand, request: Message, response: unknown, home: string | undefined): Usage {
  const answer = isAnswer(response) ? response : undefined;
  const refused = answer !== undefined && answer.statusCode >= 500;
  const sentBytes = bodyBytes(request);
  // The answer to a HEAD tells the length of a body that does not come.
  const receivedBytes = answer === undefined || request.method === 'HEAD' ? 0 : bodyBytes(answer);
  const kind = refused ? undefined : kindOfRequest(sent);
  return {
    ...(kind === undefined ? {} : { [kind]: 1 }),
    ...(answer !== undefined && sent.clientName === 'S3Client' && usedKey(answer) ? { keyRequests: 1 } : {}),
    sentBytes,
    receivedBytes,
    ...transferOf(regionOfHost(request.hostname), home, { sentBytes, receivedBytes }),
  };
}

/** Into AWS costs nothing; between its regions both ways do, and so does what leaves it. */
function transferOf(
  region: string | undefined,
  home: string | undefined,
  { sentBytes, receivedBytes }: { readonly sentBytes: number; readonly receivedBytes: number },
): Partial<Record<UsageKind, number>> {
  if (region === undefined || region === home) return {};
  return home === undefined ? { leavingBytes: receivedBytes } : { interRegionBytes: sentBytes + receivedBytes };
}

function isMessage(request: unknown): request is Message {
  return (
    isJsonObject(request) &&
    typeof request.method === 'string' &&
    typeof request.hostname === 'string' &&
    isJsonObject(request.headers)
  );
}

function isAnswer(response: unknown): response is { readonly statusCode: number } & Pick<Message, 'headers'> {
  return isJsonObject(response) && typeof response.statusCode === 'number' && isJsonObject(response.headers);
}
