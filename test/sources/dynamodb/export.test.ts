import { beforeEach, describe, expect, it } from 'vitest';
import { AccessDeniedError, InvalidInputError, TransientError } from '../../../functions/core/errors.ts';
import { BUCKET, fakeExports } from '../../fixtures/dynamodb-export.ts';
import { at, collect, DAY, entriesOf, HOUR, readerOf, since, T0, valuesOf, wanted } from './export-reader.ts';

let fake = fakeExports();
let source = readerOf(fake);
beforeEach(() => {
  fake = fakeExports();
  fake.earliest = T0 - 30 * DAY;
  source = readerOf(fake);
});

describe('a full', () => {
  beforeEach(() => {
    fake.history = ['a', 'b', 'c', 'd', 'e'].map((pk) => ({ at: T0 - 10, pk, value: `1${pk}` }));
    fake.history.push({ at: T0, pk: 'later', value: 'x' });
  });

  it('gives every item as it was at the second that it says', async () => {
    const { start, entries } = await source.readFrom(T0);
    expect(start).toMatchObject({ consistentAt: '2026-03-10T12:00:00.000Z', changesOnly: false });
    expect(start).not.toHaveProperty('fullBecause');
    expect(valuesOf(entries)).toEqual(wanted({ a: '1a', b: '1b', c: '1c', d: '1d', e: '1e' }));
    expect(entries).toHaveLength(5);
  });

  it('asks for that second, in the format and the place that it reads', async () => {
    await source.readFrom(T0 + 0.9);
    expect(fake.started).toEqual([
      {
        TableArn: expect.stringContaining('table/orders'),
        S3Bucket: BUCKET,
        S3Prefix: 'tables',
        ExportFormat: 'DYNAMODB_JSON',
        ExportType: 'FULL_EXPORT',
        ExportTime: at(T0),
        ClientToken: expect.stringMatching(/^[0-9a-f]{32}$/),
      },
    ]);
  });

  it('waits while the export is under way', async () => {
    fake.polls = 2;
    const pages = await source.readAll((await source.beginScan(at(T0))).cursor);
    expect(pages.slice(0, 2)).toEqual([
      { entries: [], cursor: expect.any(String), waitSeconds: 30 },
      { entries: [], cursor: expect.any(String), waitSeconds: 30 },
    ]);
    expect(entriesOf(pages)).toHaveLength(5);
  });

  it('says why it is one where changes were asked for', async () => {
    fake.earliest = T0 - 60;
    const start = await source.beginScan(at(T0), since(T0 - HOUR));
    expect(start).toMatchObject({ changesOnly: false, fullBecause: expect.stringContaining('switched off and on') });
  });

  it('of an empty table ends with nothing', async () => {
    fake.history = [];
    const { entries } = await source.readFrom(T0);
    expect(entries).toEqual([]);
  });

  it('of an export without any data file ends with nothing', async () => {
    fake.history = [];
    fake.dataFiles = 0;
    expect((await source.readFrom(T0)).entries).toEqual([]);
  });

  it('takes an empty object for the file of a partition without items', async () => {
    fake.history = [];
    const { cursor } = await source.beginScan(at(T0));
    await source.readAll(cursor);
    for (const [key, bytes] of fake.objects) if (key.endsWith('.gz')) expect(bytes.length).toBeGreaterThan(0);
    fake.emptyFiles = true;
    expect((await source.readFrom(T0 + 1)).entries).toEqual([]);
  });
});

describe('a scan', () => {
  it('that is begun, or gone on with, twice starts no second export', async () => {
    fake.polls = 1;
    const { cursor } = await source.beginScan(at(T0));
    await source.beginScan(at(T0));
    expect(fake.exports.size).toBe(0);
    await source.readAll(cursor);
    await source.readAll(cursor);
    expect(fake.exports.size).toBe(1);
  });

  it('of another time starts an export of its own', async () => {
    await source.readFrom(T0);
    await source.readFrom(T0 + 1);
    expect(fake.exports.size).toBe(2);
  });

  it('goes on from every cursor with exactly the rest', async () => {
    fake.dataFiles = 2;
    fake.history = Array.from({ length: 10_100 }, (_, index) => ({ at: T0 - 1, pk: `k${index}`, value: 'v' }));
    fake.history.push({ at: T0 + DAY, pk: 'k1', value: 'w' });
    const { cursor } = await source.beginScan(at(T0 + DAY + HOUR), since(T0 - HOUR));
    const pages = await source.readAll(cursor);
    expect(pages.map((page) => page.entries.length)).toEqual([5000, 50, 5000, 50, 1, 0]);
    for (const [index, page] of pages.entries()) {
      if (page.cursor === undefined) continue;
      const rest = await source.readAll(page.cursor);
      expect(rest.map(({ entries }) => entries)).toEqual(pages.slice(index + 1).map(({ entries }) => entries));
    }
  });

  it('pages by bytes where items are large', async () => {
    fake.dataFiles = 1;
    const value = 'x'.repeat(390_000);
    fake.history = Array.from({ length: 60 }, (_, index) => ({ at: T0 - 1, pk: `k${index}`, value }));
    const sizes = (await source.readAll((await source.beginScan(at(T0))).cursor)).map((page) => page.entries.length);
    expect(sizes).toEqual([44, 16]);
  });

  it('that is broken off lets go of its connection', async () => {
    fake.dataFiles = 1;
    fake.history = Array.from({ length: 20_000 }, (_, index) => ({
      at: T0 - 1,
      pk: `k${index}`,
      value: `${index ** 3}`,
    }));
    const { cursor } = await source.beginScan(at(T0));
    for await (const page of source.scan(cursor)) {
      expect(page.entries).toHaveLength(5000);
      expect(fake.bodies.at(-1)?.destroyed).toBe(false);
      break;
    }
    expect(fake.bodies.map((body) => body.destroyed)).toEqual(fake.bodies.map(() => true));
  });

  it('with a cursor that is none is refused', async () => {
    await expect(collect(source.scan('{"at":1}'))).rejects.toThrow(InvalidInputError);
  });
});

describe('it cannot begin', () => {
  it('without point-in-time recovery, and names the mend', async () => {
    fake.recovery = false;
    await expect(source.beginScan(at(T0))).rejects.toThrow(InvalidInputError);
    await expect(source.beginScan(at(T0))).rejects.toThrow(/dynamodb:\/\/orders.*switch it on, or set engine: scan/);
  });

  it.each([
    ['no place', undefined, /set exportTo: s3:\/\/bucket\/prefix/],
    ['a place that is not in S3', 'file:///exports', /exports to S3 only/],
  ])('with %s for exports', async (_what, exportTo, message) => {
    source = readerOf(fake, { exportTo });
    await expect(source.beginScan(at(T0))).rejects.toThrow(InvalidInputError);
    await expect(source.beginScan(at(T0))).rejects.toThrow(message);
  });
});

describe('an export that fails', () => {
  it.each([
    ['S3AccessDenied', AccessDeniedError, /s3:PutObject/],
    ['KmsNotFoundException', AccessDeniedError, /KMS key/],
    ['S3NoSuchBucket', InvalidInputError, /create the bucket/],
    ['UNKNOWN', TransientError, /run again/],
  ])('with %s says so in its class', async (code, ErrorClass, mend) => {
    fake.failure = { code, message: 'said DynamoDB' };
    const { cursor } = await source.beginScan(at(T0));
    await expect(source.readAll(cursor)).rejects.toThrow(ErrorClass);
    await expect(source.readAll(cursor)).rejects.toThrow(mend);
    await expect(source.readAll(cursor)).rejects.toThrow(`${code} (said DynamoDB)`);
  });
});
