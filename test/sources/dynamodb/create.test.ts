import { CreateTableCommand, DeleteTableCommand, DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { AccessDeniedError, InvalidInputError, LockedError, TransientError } from '../../../functions/core/errors.ts';
import { deleteTable, tableCreation } from '../../../functions/sources/dynamodb/create.ts';
import {
  answerAsPlain,
  attributeDefinitions,
  byState,
  byTotal,
  changes,
  clients,
  dynamoDb,
  KEY_ARN,
  keySchema,
  plain,
  refusal,
  settings,
  whole,
} from './table.ts';

let pauses: number[] = [];
const sleep = async (millis: number) => {
  pauses.push(millis);
};
const creation = (table = 'orders') => tableCreation(clients, table, { sleep });
const create = (options = { bare: false }) => creation().create(settings, options);
const missing = refusal('ResourceNotFoundException');
const created = () => dynamoDb.commandCalls(CreateTableCommand).map((call) => call.args[0].input);

/** Each description in turn, the last one from then on. */
function describeAs(...seen: readonly ('missing' | Parameters<typeof answerAsPlain>[0])[]): void {
  const stub = dynamoDb.on(DescribeTableCommand);
  const [last] = seen.slice(-1);
  for (const one of seen.slice(0, -1))
    if (one === 'missing') stub.rejectsOnce(missing);
    else stub.resolvesOnce({ Table: one });
  if (last === 'missing') stub.rejects(missing);
  else stub.resolves({ Table: last });
}

const plainInput = {
  TableName: 'orders',
  AttributeDefinitions: attributeDefinitions,
  KeySchema: keySchema,
  BillingMode: 'PAY_PER_REQUEST',
  GlobalSecondaryIndexes: [byState],
  LocalSecondaryIndexes: [byTotal],
};

beforeEach(() => {
  pauses = [];
  answerAsPlain();
  describeAs('missing', whole);
});

describe('making a table', () => {
  it('asks for its keys, indexes, billing, class, encryption and tags, and leaves the rest for after the items', async () => {
    await create();
    expect(created()).toEqual([
      {
        ...plainInput,
        TableClass: 'STANDARD_INFREQUENT_ACCESS',
        SSESpecification: { Enabled: true, SSEType: 'KMS', KMSMasterKeyId: KEY_ARN },
        Tags: settings.tags,
      },
    ]);
    expect(changes()).toEqual(['CreateTable']);
  });

  it('asks for keys alone where it is for a sandbox, with a tag that says what it is', async () => {
    await create({ bare: true });
    expect(created()).toEqual([
      {
        TableName: 'orders',
        AttributeDefinitions: attributeDefinitions.slice(0, 2),
        KeySchema: keySchema,
        BillingMode: 'PAY_PER_REQUEST',
        Tags: [{ Key: 'holdfast', Value: 'sandbox of a verification; may be deleted' }],
      },
    ]);
  });

  it('asks for the provisioned capacity of the table and of its indexes', async () => {
    const ProvisionedThroughput = { ReadCapacityUnits: 5, WriteCapacityUnits: 6 };
    const capacity = { BillingMode: 'PROVISIONED', ProvisionedThroughput };
    const globalIndexes = [{ ...byState, ProvisionedThroughput }];
    await creation().create({ ...settings, capacity, globalIndexes }, { bare: false });
    expect(created()).toMatchObject([{ ...capacity, GlobalSecondaryIndexes: globalIndexes }]);
  });

  it('makes it without class, key and tags where these are refused', async () => {
    for (const code of ['ValidationException', 'AccessDeniedException', 'KMS.NotFoundException']) {
      answerAsPlain();
      describeAs('missing', whole);
      dynamoDb.on(CreateTableCommand).rejectsOnce(refusal(code)).resolves({});
      await create();
      expect(created().at(-1)).toEqual(plainInput);
    }
  });

  it('fails where the plain table is refused too', async () => {
    describeAs('missing');
    dynamoDb.on(CreateTableCommand).rejects(refusal('ValidationException', 'no such projection'));
    await expect(create()).rejects.toThrow(InvalidInputError);
    await expect(create()).rejects.toThrow('no such projection');
    dynamoDb.on(CreateTableCommand).rejects(refusal('AccessDeniedException'));
    await expect(create()).rejects.toThrow(AccessDeniedError);
    expect(created()).toHaveLength(6);
  });

  it('does not try another table where AWS throttles', async () => {
    describeAs('missing');
    for (const code of ['ThrottlingException', 'LimitExceededException']) {
      dynamoDb.on(CreateTableCommand).rejects(refusal(code, 'too many tables at once'));
      await expect(create()).rejects.toThrow(TransientError);
    }
    expect(created()).toHaveLength(2);
  });

  it.each([
    ['holds none of a table', {}],
    ['are those of a bucket', { bucket: 'b', versioning: { Status: 'Enabled' } }],
    ['lack the keys', { ...settings, keySchema: [] }],
    [
      'have a key of an unknown type',
      { ...settings, attributeDefinitions: [{ AttributeName: 'a', AttributeType: 'X' }] },
    ],
  ])('refuses settings that %s, and says what to do', async (_, wrong) => {
    const onto = creation().create(wrong, { bare: true });
    await expect(onto).rejects.toThrow(InvalidInputError);
    await expect(onto).rejects.toThrow(/^dynamodb:\/\/orders: the snapshot does not say how .* take a snapshot with/);
    expect(dynamoDb.calls()).toEqual([]);
  });

  it('refuses whatever else a vault may hold in the place of settings, and never in another way', async () => {
    const names = Object.keys(settings);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), fc.jsonValue({ maxDepth: 3 }), async (name, value) => {
        answerAsPlain();
        describeAs('missing', whole);
        const outcome = await creation()
          .create(JSON.parse(JSON.stringify({ ...settings, [name]: value })), { bare: false })
          .catch((error: unknown) => error);
        if (outcome !== undefined) expect(outcome).toBeInstanceOf(InvalidInputError);
      }),
      { seed: 7, numRuns: 300 },
    );
  });
});

describe('waiting for a table', () => {
  const creating = { ...whole, TableStatus: 'CREATING' as const };

  it('goes on when the new table is seen and ready', async () => {
    describeAs('missing', 'missing', creating, creating, whole);
    await create();
    expect(pauses).toEqual([1000, 2000, 4000]);
  });

  it('waits for one that another worker makes', async () => {
    describeAs(creating, creating, whole);
    await create();
    expect(changes()).toEqual([]);
  });

  it('takes one that another worker was first to make', async () => {
    dynamoDb.on(CreateTableCommand).rejects(refusal('ResourceInUseException'));
    await create();
    expect(created()).toHaveLength(1);
  });

  it('waits until one is gone that is being deleted, and makes it then', async () => {
    const deleting = { ...whole, TableStatus: 'DELETING' as const };
    describeAs(deleting, deleting, 'missing', whole);
    await create();
    expect(created()).toHaveLength(1);
    describeAs(deleting, 'missing');
    expect(await creation().isThere()).toBe(false);
  });

  it('gives up after five minutes, so that it is called again', async () => {
    for (const last of [creating, { ...whole, TableStatus: 'DELETING' as const }]) {
      pauses = [];
      describeAs(last);
      await expect(create()).rejects.toThrow(TransientError);
      const seconds = pauses.reduce((sum, millis) => sum + millis, 0) / 1000;
      expect(seconds).toBeGreaterThanOrEqual(300);
      expect(seconds).toBeLessThanOrEqual(310);
    }
  });

  it('does not wait for one whose key is out of reach', async () => {
    describeAs({ ...whole, TableStatus: 'INACCESSIBLE_ENCRYPTION_CREDENTIALS' });
    await expect(create()).rejects.toThrow(AccessDeniedError);
    expect(pauses).toEqual([]);
  });
});

describe('a table that is there', () => {
  it('is told from one that is not, and from one that cannot be asked for', async () => {
    describeAs(plain);
    expect(await creation().isThere()).toBe(true);
    describeAs('missing');
    expect(await creation().isThere()).toBe(false);
    dynamoDb.on(DescribeTableCommand).rejects(refusal('AccessDeniedException'));
    await expect(creation().isThere()).rejects.toThrow(AccessDeniedError);
  });

  it('is taken as it is when its keys fit, and nothing of it is changed', async () => {
    describeAs(plain);
    await create();
    await create({ bare: true });
    expect(changes()).toEqual([]);
  });

  it.each([
    [
      'customer (N, HASH), placedAt (N, RANGE)',
      {
        AttributeDefinitions: [
          { AttributeName: 'customer', AttributeType: 'N' as const },
          ...attributeDefinitions.slice(1, 2),
        ],
      },
    ],
    ['customer (S, HASH)', { KeySchema: keySchema.slice(0, 1) }],
    ['placedAt (N, HASH)', { KeySchema: [{ AttributeName: 'placedAt', KeyType: 'HASH' as const }] }],
  ])('is refused with the keys %s, naming both, and is left as it is', async (keys, other) => {
    describeAs({ ...plain, ...other });
    await expect(create()).rejects.toThrow(InvalidInputError);
    await expect(create({ bare: true })).rejects.toThrow(
      `dynamodb://orders: the table has the keys ${keys}, and the items of the snapshot have the keys customer (S, HASH), placedAt (N, RANGE)`,
    );
    expect(changes()).toEqual([]);
  });
});

describe('removing the table of a sandbox', () => {
  const sandbox = 'holdfast-sandbox-rp-7-0a1b2c3d';
  const remove = (table = sandbox) => deleteTable(clients, table, { sleep });

  it('deletes it', async () => {
    describeAs(plain);
    await remove();
    expect(dynamoDb.commandCalls(DeleteTableCommand)[0]?.args[0].input).toEqual({ TableName: sandbox });
  });

  it('deletes no table of another name', async () => {
    describeAs(plain);
    for (const name of ['orders', 'holdfast-sandbox', 'sandbox-holdfast-', ''])
      await expect(remove(name)).rejects.toThrow('only tables with "holdfast-sandbox-" in their names are deleted');
    expect(dynamoDb.calls()).toEqual([]);
  });

  it('takes one that is absent, or on its way out, for removed', async () => {
    describeAs('missing');
    await remove();
    describeAs({ ...plain, TableStatus: 'DELETING' });
    await remove();
    expect(changes()).toEqual([]);
    describeAs(plain);
    dynamoDb.on(DeleteTableCommand).rejects(missing);
    await remove();
  });

  it('waits for one that is being made', async () => {
    describeAs({ ...plain, TableStatus: 'CREATING' }, plain);
    await remove();
    expect(changes()).toEqual(['DeleteTable']);
    expect(pauses).toEqual([1000]);
  });

  it('never switches deletion protection off', async () => {
    describeAs({ ...plain, DeletionProtectionEnabled: true });
    await expect(remove()).rejects.toThrow(LockedError);
    expect(changes()).toEqual([]);
  });
});
