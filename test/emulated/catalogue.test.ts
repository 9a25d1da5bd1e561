import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe } from 'vitest';
import { dynamoCatalogue } from '../../functions/catalogue/dynamo-catalogue.ts';
import { createCatalogueTable, describeCatalogue } from '../contracts/catalogue.ts';
import { type Emulator, emulatorEnv, startDynamoDbLocal, startMoto } from './services.ts';

describe.each([
  ['DynamoDB Local', startDynamoDbLocal],
  ['moto', startMoto],
])('%s', (name, start) => {
  let emulator: Emulator;
  let client: DynamoDBClient;
  let tables = 0;
  beforeAll(async () => {
    emulator = await start();
    client = new DynamoDBClient({
      endpoint: emulator.endpoint,
      region: emulatorEnv.AWS_REGION,
      credentials: { accessKeyId: emulatorEnv.AWS_ACCESS_KEY_ID, secretAccessKey: emulatorEnv.AWS_SECRET_ACCESS_KEY },
    });
  });
  afterAll(async () => {
    client.destroy();
    await emulator.stop();
  });
  describeCatalogue(`the catalogue in ${name}`, async () => {
    tables += 1;
    const tableName = `catalogue-${tables}`;
    await createCatalogueTable(client, tableName);
    return { catalogue: dynamoCatalogue(client, tableName), dispose: async () => {} };
  });
});
