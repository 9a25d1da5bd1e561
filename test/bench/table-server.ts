/**
 * A table of generated items behind DynamoDB's own protocol, in a process of its own so that its memory is not the reader's: `DescribeTable`
 * and `Scan`, in pages of 1 MB and in an order that is not that of keys. Says its port on standard output.
 */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';

const ITEMS = Number(process.argv[2] ?? 1_000_000);
const PAGE_BYTES = 1 << 20;

/** Item `number` of the order in which the table is read; its key tells nothing of that order. */
function itemOf(number: number): { readonly key: string; readonly text: string } {
  const hash = createHash('sha1').update(String(number)).digest('hex');
  const key = `"pk":{"S":"${hash.slice(0, 20)}"},"sk":{"N":"${number}"}`;
  const text = `{${key},"name":{"S":"customer ${number % 5000}"},"total":{"N":"${(number * 7919) % 100_000}.50"},"tags":{"SS":["new","${hash.slice(0, 6)}"]},"paid":{"BOOL":${number % 3 === 0}}}`;
  return { key: `{${key}}`, text };
}

interface Scan {
  readonly Segment?: number;
  readonly TotalSegments?: number;
  readonly Limit?: number;
  readonly ExclusiveStartKey?: { readonly sk: { readonly N: string } };
}

function scan({ Segment = 0, TotalSegments = 1, Limit = ITEMS, ExclusiveStartKey }: Scan): string {
  const end = Math.floor((ITEMS * (Segment + 1)) / TotalSegments);
  let at =
    ExclusiveStartKey === undefined
      ? Math.floor((ITEMS * Segment) / TotalSegments)
      : Number(ExclusiveStartKey.sk.N) + 1;
  const items: string[] = [];
  let [bytes, last] = [0, ''];
  for (; at < end && bytes < PAGE_BYTES && items.length < Limit; at += 1) {
    const { key, text } = itemOf(at);
    items.push(text);
    bytes += text.length;
    last = key;
  }
  const next = at < end ? `,"LastEvaluatedKey":${last}` : '';
  const capacity = `"ConsumedCapacity":{"TableName":"bench","CapacityUnits":${Math.ceil(bytes / 4096)}}`;
  return `{"Count":${items.length},"ScannedCount":${items.length},${capacity},"Items":[${items.join(',')}]${next}}`;
}

const TABLE = {
  TableName: 'bench',
  TableStatus: 'ACTIVE',
  TableArn: 'arn:aws:dynamodb:us-east-1:123456789012:table/bench',
  TableId: '00000000-0000-4000-8000-000000000000',
  CreationDateTime: 1_700_000_000,
  ItemCount: ITEMS,
  KeySchema: [
    { AttributeName: 'pk', KeyType: 'HASH' },
    { AttributeName: 'sk', KeyType: 'RANGE' },
  ],
  AttributeDefinitions: [
    { AttributeName: 'pk', AttributeType: 'S' },
    { AttributeName: 'sk', AttributeType: 'N' },
  ],
  BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
};

const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const operation = String(request.headers['x-amz-target']).split('.').at(-1);
    const input = JSON.parse(Buffer.concat(parts).toString() || '{}');
    response.setHeader('content-type', 'application/x-amz-json-1.0');
    if (operation === 'Scan') return response.end(scan(input));
    if (operation === 'DescribeTable') return response.end(JSON.stringify({ Table: TABLE }));
    response.statusCode = 400;
    response.end(JSON.stringify({ __type: 'UnknownOperationException', message: `${operation} is not known here` }));
  });
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address !== 'string') console.log(address.port);
});
