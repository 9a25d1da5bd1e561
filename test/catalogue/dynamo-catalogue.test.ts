/** The catalogue over the DynamoDB that npm has (dynalite): every request that is made of a real one, and its answers. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll } from 'vitest';
import { dynamoCatalogue } from '../../functions/catalogue/dynamo-catalogue.ts';
import { createCatalogueTable, describeCatalogue } from '../contracts/catalogue.ts';

const dynalite: (options: { readonly createTableMs: number }) => Server = createRequire(import.meta.url)('dynalite');

let server: Server;
let client: DynamoDBClient;
let tables = 0;

beforeAll(async () => {
  server = dynalite({ createTableMs: 0 }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  client = new DynamoDBClient({
    endpoint: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'testing', secretAccessKey: 'testing' },
  });
});
afterAll(async () => {
  client.destroy();
  server.close();
  await once(server, 'close');
});

describeCatalogue('the catalogue in DynamoDB', async () => {
  tables += 1;
  const tableName = `catalogue-${tables}`;
  await createCatalogueTable(client, tableName);
  return { catalogue: dynamoCatalogue(client, tableName), dispose: async () => {} };
});
