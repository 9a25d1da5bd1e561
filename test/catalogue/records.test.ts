import { DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, expect, test } from 'vitest';
import { dynamoCatalogue } from '../../functions/catalogue/dynamo-catalogue.ts';
import { catalogueTableDefinition } from '../../functions/catalogue/keys.ts';
import { IntegrityError, InvalidInputError } from '../../functions/core/errors.ts';
import { drain, runId, samplePoint, sampleRun, sourceId } from '../fixtures/catalogue-samples.ts';

const mock = mockClient(DynamoDBClient);
const catalogue = dynamoCatalogue(new DynamoDBClient({ region: 'us-east-1' }), 'cat');
beforeEach(() => mock.reset());

const stored = (pk: string, sk: string, record: string) => ({ pk: { S: pk }, sk: { S: sk }, record: { S: record } });

test.each([
  ['no JSON', '{"runId":'],
  ['a field short', JSON.stringify({ ...sampleRun(1), plan: undefined })],
  ['of an unknown status', JSON.stringify({ ...sampleRun(1), status: 'dreaming' })],
])('a record that is %s is an IntegrityError that names its key', async (_, record) => {
  mock.on(GetItemCommand).resolves({ Item: stored(`RUN#${runId(1)}`, 'RUN', record) });
  await expect(catalogue.runs.get(runId(1))).rejects.toBeInstanceOf(IntegrityError);
  await expect(catalogue.runs.get(runId(1))).rejects.toThrow(`RUN#${runId(1)}/RUN`);
});

test('one damaged record in a list fails the list', async () => {
  const good = samplePoint(1, 1);
  mock.on(QueryCommand).resolves({
    Items: [stored('SOURCE#1', 'POINT#1', JSON.stringify(good)), stored('SOURCE#1', 'POINT#2', '{}')],
  });
  await expect(drain(catalogue.recoveryPoints.listBySource(sourceId(1)))).rejects.toThrow('SOURCE#1/POINT#2');
});

test('a record that is not valid is refused before anything is sent, naming the field', async () => {
  const wrong = samplePoint(1, 1, {
    counts: { entries: Number.NaN, added: 0, changed: 0, removed: 0, unprotected: 0 },
  });
  await expect(catalogue.recoveryPoints.put(wrong)).rejects.toBeInstanceOf(InvalidInputError);
  await expect(catalogue.recoveryPoints.put(wrong)).rejects.toThrow('counts.entries');
  expect(mock.calls()).toHaveLength(0);
});

test('whose a recovery point is is written before the point, so that a crash in between leaves nothing half there', async () => {
  mock.on(PutItemCommand).resolvesOnce({}).rejects(new Error('killed'));
  const point = samplePoint(1, 1);
  await expect(catalogue.recoveryPoints.put(point)).rejects.toThrow('killed');
  const keys = mock
    .commandCalls(PutItemCommand)
    .map((call) => `${call.args[0].input.Item?.pk?.S}/${call.args[0].input.Item?.sk?.S}`);
  expect(keys).toEqual([
    `POINT#${point.recoveryPointId}/SOURCE`,
    `SOURCE#${point.sourceId}/POINT#${point.recoveryPointId}`,
  ]);
  mock
    .on(GetItemCommand)
    .resolvesOnce({ Item: stored('POINT#1', 'SOURCE', JSON.stringify({ sourceId: point.sourceId })) });
  mock.on(GetItemCommand).resolves({});
  expect(await catalogue.recoveryPoints.find(point.recoveryPointId)).toBeUndefined();
});

test('the table is on demand, with two indexes that hold keys only', () => {
  const definition = catalogueTableDefinition('cat');
  expect(definition.BillingMode).toBe('PAY_PER_REQUEST');
  expect(definition.GlobalSecondaryIndexes.map((index) => [index.IndexName, index.Projection.ProjectionType])).toEqual([
    ['gsi1', 'KEYS_ONLY'],
    ['gsi2', 'KEYS_ONLY'],
  ]);
});
