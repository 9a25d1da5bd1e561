/**
 * A DynamoDB of one table on 127.0.0.1, for what a mocked client cannot show: the bytes of requests and answers. It pages, segments and
 * counts as DynamoDB does; a test may answer in its place.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { crc32 } from 'node:zlib';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { startLoopback } from './loopback-server.ts';

type Typed = { readonly [type: string]: unknown };
type Item = { readonly [name: string]: Typed };

type Write = { readonly [kind: string]: { readonly [part: string]: Item } };

/** The members of requests that the fake understands. */
interface Input {
  readonly TableName?: string;
  readonly Key?: Item;
  readonly Segment?: number;
  readonly TotalSegments?: number;
  readonly ExclusiveStartKey?: Item;
  readonly Limit?: number;
  readonly ConsistentRead?: boolean;
  readonly RequestItems?: { readonly [table: string]: readonly Write[] };
}

export interface Reply {
  readonly status?: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface SeenRequest {
  readonly operation: string;
  readonly body: string;
}

export interface FakeTableOptions {
  /** Names and types, hash key first. */
  readonly key: readonly (readonly [name: string, type: string])[];
  readonly items?: readonly Item[];
  /** Answers in place of the table, or leaves it to the table. */
  readonly script?: (request: SeenRequest, nth: number) => Reply | undefined;
  /** Which requests of a batch are left undone. */
  readonly leaveOut?: (request: Item, nth: number) => boolean;
  /** Items of a page at most, whatever the Limit. */
  readonly pageItems?: number;
  /** Of the client, 3 unless given; it waits between them. */
  readonly maxAttempts?: number;
}

export const failure = (name: string, message = 'scripted', status = 400): Reply => ({
  status,
  body: JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${name}`, message }),
});

export async function startDynamoDb(options: FakeTableOptions) {
  const requests: SeenRequest[] = [];
  const keyOf = (item: Item) => JSON.stringify(options.key.map(([name]) => item[name]));
  const items = new Map((options.items ?? []).map((item) => [keyOf(item), item]));
  const asked = new Map<string, number>();
  const nthOf = (operation: string) => {
    const nth = asked.get(operation) ?? 0;
    asked.set(operation, nth + 1);
    return nth;
  };
  const onlyKey = (item: Item) => Object.fromEntries(options.key.map(([name]) => [name, item[name]]));

  const operations: Readonly<Record<string, (input: Input, nth: number) => unknown>> = {
    DescribeTable: ({ TableName }) => ({
      Table: {
        TableName,
        TableStatus: 'ACTIVE',
        KeySchema: options.key.map(([AttributeName], at) => ({ AttributeName, KeyType: at === 0 ? 'HASH' : 'RANGE' })),
        AttributeDefinitions: options.key.map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
      },
    }),
    GetItem: ({ Key = {} }) => {
      const Item = items.get(keyOf(Key));
      return Item === undefined ? {} : { Item };
    },
    Scan: ({ Segment = 0, TotalSegments = 1, ExclusiveStartKey, Limit = 1e9, ConsistentRead = false }) => {
      const segmentOf = (key: string) => createHash('md5').update(key).digest().readUInt32BE() % TotalSegments;
      const mine = [...items].filter(([key]) => segmentOf(key) === Segment).sort(([a], [b]) => (a < b ? -1 : 1));
      const after = ExclusiveStartKey === undefined ? '' : keyOf(ExclusiveStartKey);
      const rest = mine.filter(([key]) => key > after);
      const page = rest.slice(0, Math.min(Limit, options.pageItems ?? 1e9)).map(([, item]) => item);
      const last = page.at(-1);
      const bytes = page.reduce((sum, item) => sum + JSON.stringify(item).length, 0);
      return {
        Items: page,
        Count: page.length,
        ScannedCount: page.length,
        ...(last === undefined || page.length === rest.length ? {} : { LastEvaluatedKey: onlyKey(last) }),
        ConsumedCapacity: { CapacityUnits: Math.ceil(bytes / 4096) * (ConsistentRead ? 1 : 0.5) },
      };
    },
    BatchWriteItem: ({ RequestItems }, nth) => {
      const [[table, writes] = ['', []]] = Object.entries(RequestItems ?? {});
      const keys = writes.map((write) => keyOf(write.PutRequest?.Item ?? write.DeleteRequest?.Key ?? {}));
      if (writes.length > 25 || new Set(keys).size !== keys.length) return failure('ValidationException');
      const left = writes.filter((write) =>
        options.leaveOut?.(write.PutRequest?.Item ?? write.DeleteRequest?.Key ?? {}, nth),
      );
      let units = 0;
      for (const write of writes.filter((one) => !left.includes(one))) {
        const { Item: put } = write.PutRequest ?? {};
        units += Math.ceil(JSON.stringify(write).length / 1024);
        if (put === undefined) items.delete(keyOf(write.DeleteRequest?.Key ?? {}));
        else items.set(keyOf(put), put);
      }
      return {
        UnprocessedItems: left.length === 0 ? {} : { [table]: left },
        ConsumedCapacity: [{ TableName: table, CapacityUnits: units }],
      };
    },
  };

  function reply(request: SeenRequest): Reply {
    const nth = nthOf(request.operation);
    const scripted = options.script?.(request, nth);
    if (scripted !== undefined) return scripted;
    const answer = operations[request.operation]?.(JSON.parse(request.body), nth);
    return isReply(answer) ? answer : { body: JSON.stringify(answer) };
  }

  const server = await startLoopback(async (request, response) => {
    const seen = {
      operation: String(request.headers['x-amz-target']).split('.')[1] ?? '',
      body: await bodyOf(request),
    };
    requests.push(seen);
    const { status = 200, body, headers = {} } = reply(seen);
    response.writeHead(status, {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-crc32': String(crc32(body)),
      ...headers,
    });
    response.end(body);
  });
  const client = new DynamoDBClient({
    endpoint: server.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'testing', secretAccessKey: 'testing' },
    maxAttempts: options.maxAttempts ?? 3,
  });
  return {
    client,
    requests,
    items,
    bodiesOf: (operation: string) => requests.filter((one) => one.operation === operation).map(({ body }) => body),
    stop: async () => {
      client.destroy();
      await server.stop();
    },
  };
}

export type FakeDynamoDb = Awaited<ReturnType<typeof startDynamoDb>>;

const isReply = (answer: unknown): answer is Reply =>
  typeof answer === 'object' && answer !== null && 'body' in answer && typeof answer.body === 'string';

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces).toString('utf8');
}
