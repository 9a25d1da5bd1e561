import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { AccessDeniedError, IntegrityError, TransientError } from '../../../functions/core/errors.ts';
import { awsError } from '../../fakes/aws.ts';
import { BUCKET, etagOf, fakeExports } from '../../fixtures/dynamodb-export.ts';
import { at, collect, entriesOf, HOUR, readerOf, since, T0 } from './export-reader.ts';

const SECRET = 'a value that nobody may read';

let fake = fakeExports();
/** A cursor behind which a complete export lies, with three data files. */
let cursor = '';
let dataKey = '';
const source = () => readerOf(fake, { exportTo: `s3://${BUCKET}` });

async function complete(kind: 'full' | 'increment'): Promise<void> {
  fake = fakeExports(Array.from({ length: 30 }, (_, index) => ({ at: T0 - 60, pk: `k${index}`, value: SECRET })));
  const start = await source().beginScan(at(T0), kind === 'full' ? undefined : since(T0 - HOUR));
  cursor = start.cursor;
  await readAll();
  dataKey = [...fake.exports.values()][0]?.dataKeys[1] ?? '';
}
beforeEach(() => complete('full'));

/** How many entries there are, in one go. */
const readAll = async (): Promise<number> => entriesOf(await collect(source().scan(cursor))).length;

const keyOf = (ending: string): string => [...fake.objects.keys()].find((key) => key.endsWith(ending)) ?? '';
const bytesOf = (key: string): Buffer => fake.objects.get(key) ?? Buffer.alloc(0);
const base64Md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('base64');
const put = (key: string, bytes: Buffer | string): void => void fake.objects.set(key, Buffer.from(bytes));
const replace = (key: string, what: string | RegExp, by: string): string => {
  const text = bytesOf(key).toString().replace(what, by);
  put(key, text);
  return text;
};

/** Changes a manifest, and the sum beside it to match. */
function changeManifest(name: 'manifest-summary' | 'manifest-files', what: string | RegExp, by: string): void {
  const before = bytesOf(keyOf(`${name}.json`)).toString();
  const after = replace(keyOf(`${name}.json`), what, by);
  expect(after).not.toBe(before);
  put(keyOf(`${name}.md5`), base64Md5(Buffer.from(after)));
}

const fileLine = z.looseObject({ dataFileS3Key: z.string() });

/** Replaces a data file, and what the manifest says of its bytes to match. */
function changeData(bytes: Buffer): void {
  put(dataKey, bytes);
  const key = keyOf('manifest-files.json');
  const lines = bytesOf(key).toString().trim().split('\n');
  const changed = lines.map((line) => {
    const file = fileLine.parse(JSON.parse(line));
    if (file.dataFileS3Key !== dataKey) return `${line}\n`;
    return `${JSON.stringify({ ...file, md5Checksum: base64Md5(bytes), etag: etagOf(bytes) })}\n`;
  });
  put(key, changed.join(''));
  put(keyOf('manifest-files.md5'), base64Md5(Buffer.from(changed.join(''))));
}

/** Replaces one line of a data file. */
function changeLine(change: (line: string) => string): void {
  const [first = '', ...others] = gunzipSync(bytesOf(dataKey)).toString().split('\n');
  changeData(gzipSync([change(first), ...others].join('\n')));
}

async function expectDamage(named: string | RegExp): Promise<void> {
  const error: unknown = await readAll().then(
    (entries) => new Error(`read ${entries} entries as if nothing were wrong`),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(IntegrityError);
  const said = error instanceof Error ? error.message : '';
  expect(said).toContain(`s3://${BUCKET}/AWSDynamoDB/`);
  expect(said).toMatch(named);
  expect(said).not.toContain(SECRET);
}

it('an export that is whole is read to its end', async () => {
  expect(await readAll()).toBe(30);
});

it('sums that are named as the guide says are taken too', async () => {
  for (const name of ['manifest-summary', 'manifest-files']) {
    const key = keyOf(`${name}.md5`);
    put(key.replace(/md5$/, 'checksum'), bytesOf(key));
    fake.objects.delete(key);
  }
  expect(await readAll()).toBe(30);
});

describe('a missing file is found:', () => {
  it.each(['manifest-summary.json', 'manifest-summary.md5', 'manifest-files.json', 'manifest-files.md5'])(
    '%s',
    async (name) => {
      fake.objects.delete(keyOf(name));
      await expectDamage(new RegExp(`${name} is missing`));
    },
  );

  it('a data file', async () => {
    fake.objects.delete(dataKey);
    await expectDamage(/json\.gz is missing/);
  });
});

describe('a manifest is found that is', () => {
  it.each(['manifest-summary', 'manifest-files'])('%s with another sum beside it', async (name) => {
    put(keyOf(`${name}.md5`), base64Md5(Buffer.from('something else')));
    await expectDamage(new RegExp(`${name}\\.json is not what the checksum`));
  });

  it.each(['manifest-summary', 'manifest-files'])('%s with a byte changed', async (name) => {
    replace(keyOf(`${name}.json`), 'AWSDynamoDB', 'AWSDynamoDb');
    await expectDamage(new RegExp(`${name}\\.json is not what the checksum`));
  });

  it.each([
    ['another export', '"exportArn":"', '"exportArn":"x', /its export is x/],
    ['another table', '"tableId":"table-1"', '"tableId":"table-2"', /its table id is table-2/],
    ['another bucket', `"s3Bucket":"${BUCKET}"`, '"s3Bucket":"b"', /its bucket is b/],
    ['another format', 'DYNAMODB_JSON', 'ION', /its format is ION/],
    ['another second', '"exportTime":"2026-03-10T12:00:00', '"exportTime":"2026-03-10T12:00:01', /its time is/],
    ['no second at all', '"exportTime"', '"noTime"', /its time is not told/],
    ['changes', '"outputFormat"', '"exportType":"INCREMENTAL_EXPORT","outputFormat"', /its type is/],
    ['more items than DynamoDB told', '"itemCount":30', '"itemCount":31', /its number of items is 31/],
    ['no number of items', '"itemCount":30', '"itemCount":"30"', /itemCount is not as the format says/],
  ])('a summary of %s', async (_what, before, after, named) => {
    changeManifest('manifest-summary', before, after);
    await expectDamage(named);
  });

  it('no JSON', async () => {
    changeManifest('manifest-summary', '{', '');
    await expectDamage(/manifest-summary\.json: is not JSON/);
  });

  it('a list of files with a line that is none', async () => {
    changeManifest('manifest-files', 'dataFileS3Key', 'somethingElse');
    await expectDamage(/manifest-files\.json, line 1: dataFileS3Key/);
  });

  it('a list of files that lacks one', async () => {
    changeManifest('manifest-files', /^.*\n/, '');
    await expectDamage(/manifest-files\.json has 20 items, manifest-summary\.json 30/);
  });

  it('a list that has a file twice', async () => {
    changeManifest('manifest-files', /^(.*\n).*\n/, '$1$1');
    await expectDamage(/names a file twice/);
  });

  it('a list with a file from elsewhere', async () => {
    changeManifest('manifest-files', '"dataFileS3Key":"AWSDynamoDB/', '"dataFileS3Key":"elsewhere/AWSDynamoDB/');
    await expectDamage(/which is not below/);
  });
});

describe('a data file is found that', () => {
  it('has another MD5 than the manifest says', async () => {
    changeManifest('manifest-files', /"md5Checksum":"[^"]*"/, `"md5Checksum":"${base64Md5(Buffer.from('x'))}"`);
    await expectDamage(/is not what its MD5 in the manifest says/);
  });

  it('has another ETag than the manifest says', async () => {
    changeManifest('manifest-files', /"etag":"[^"]*"/, '"etag":"0123-1"');
    await expectDamage(/its ETag is/);
  });

  it('was replaced by another one', async () => {
    put(dataKey, gzipSync(gunzipSync(bytesOf(dataKey)).toString().replace('k1', 'k9')));
    await expectDamage(/its ETag is/);
  });

  it.each([1, 8, 30])('is cut off %i bytes before its end', async (missing) => {
    changeData(bytesOf(dataKey).subarray(0, -missing));
    await expectDamage(/json\.gz is not whole gzip/);
  });

  it('is cut off after nothing', async () => {
    changeData(Buffer.alloc(0));
    await expectDamage(/has 0 lines where the manifest says 10 items/);
  });

  it('has a bit flipped', async () => {
    const bytes = Buffer.from(bytesOf(dataKey));
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 6) ^ 1, bytes.length - 6);
    changeData(bytes);
    await expectDamage(/json\.gz is not whole gzip/);
  });

  it('has a line less', async () => {
    changeData(gzipSync(gunzipSync(bytesOf(dataKey)).toString().replace(/^.*\n/, '')));
    await expectDamage(/has 9 lines where the manifest says 10 items/);
  });

  it('has a line more', async () => {
    changeData(
      gzipSync(
        gunzipSync(bytesOf(dataKey))
          .toString()
          .replace(/^(.*\n)/, '$1$1'),
      ),
    );
    await expectDamage(/has more lines where the manifest says 10 items/);
  });

  it('has a line longer than an item can be, without holding all of it', async () => {
    changeData(gzipSync(Buffer.alloc((64 << 20) + 1, ' ')));
    await expectDamage(/a line of more than 67108864 bytes/);
  });

  it.each<[what: string, change: (line: string) => string, named: RegExp]>([
    ['no JSON', (line) => line.slice(0, -1), /line 1 is not JSON/],
    ['no UTF-8', (line) => line, /line 1 is not JSON in UTF-8/],
    ['empty', () => '', /line 1 is not JSON/],
    ['a list', () => '[]', /line 1 is not a JSON object/],
    ['without an item', () => '{"Keys":{"pk":{"S":"k1"}}}', /line 1 has no Item/],
    ['an item without its key', (line) => line.replace('"pk"', '"kp"'), /line 1: .*"pk" is absent/],
    ['an item that is not typed', (line) => line.replace('"value":{"S":', '"value":{"X":'), /line 1: .*"value"/],
  ])('has a line that is %s', async (what, change, named) => {
    if (what === 'no UTF-8') {
      const lines = gunzipSync(bytesOf(dataKey));
      lines.writeUInt8(0xff, lines.indexOf(SECRET));
      changeData(gzipSync(lines));
    } else changeLine(change);
    await expectDamage(named);
  });
});

describe('a change is refused that', () => {
  beforeEach(() => complete('increment'));

  it.each<[what: string, change: (line: string) => string, named: RegExp]>([
    ['has no keys', (line) => line.replace('"Keys"', '"NoKeys"'), /line 1: its Keys are not/],
    ['has no image, by which it might be a removal', (line) => line.replace('"NewImage"', '"Image"'), /neither/],
    [
      'has an image of another key',
      (line) => line.replace(/"NewImage":\{"pk":\{"S":"k/, '$&x'),
      /image of another key/,
    ],
    [
      'removes what is no item',
      (line) => line.replace('"NewImage":', '"OldImage":').replace('"value":{"S"', '"value":{"X"'),
      /line 1: .*"value"/,
    ],
  ])('%s', async (_what, change, named) => {
    changeLine(change);
    await expectDamage(named);
  });

  it.each([
    ['the whole table', '"exportType":"INCREMENTAL_EXPORT"', '"exportType":"FULL_EXPORT"', /its type is FULL_EXPORT/],
    [
      'another beginning',
      '"exportFromTime":"2026-03-10T11:00',
      '"exportFromTime":"2026-03-10T11:01',
      /its beginning is/,
    ],
    ['another end', '"exportToTime":"2026-03-10T12:00', '"exportToTime":"2026-03-10T12:01', /its time is/],
    ['other images', 'NEW_AND_OLD_IMAGES', 'NEW_IMAGE', /its view is NEW_IMAGE/],
  ])('is in an export of %s', async (_what, before, after, named) => {
    changeManifest('manifest-summary', before, after);
    await expectDamage(named);
  });
});

describe('what S3 refuses or fails at is no damage:', () => {
  it.each([
    ['AccessDenied', 403, AccessDeniedError],
    ['SlowDown', 503, TransientError],
  ])('%s', async (code, status, ErrorClass) => {
    mockClient(fake.clients.s3).on(GetObjectCommand).rejects(awsError(code, status));
    await expect(readAll()).rejects.toThrow(ErrorClass);
  });
});
