import { afterEach, expect, it } from 'vitest';
import { keyFromText, type PresentEntry } from '../../../functions/core/entry.ts';
import { s3Source } from '../../../functions/sources/s3.ts';
import { pieces } from '../../contracts/source.ts';
import type { Answer } from '../../fakes/loopback-server.ts';
import { type ScriptedS3, scriptS3 } from './scripted-server.ts';

let s3: ScriptedS3 | undefined;
afterEach(() => s3?.stop());

const say =
  (body: string): Answer =>
  (request, response) => {
    request.resume().on('end', () => response.writeHead(200, { etag: '"e"' }).end(body));
  };

it.each([
  ['Wed, 21 Oct 2099 07:28:00 GMT', 5],
  ['Wednesday, 21-Oct-99 07:28:00 GMT', 5],
  ['0', 5],
  ['0', 9 * 1024 * 1024],
])('sends "%s" as Expires, letter for letter and signed, with %i bytes', async (expires, sizeBytes) => {
  const content = Buffer.alloc(sizeBytes);
  const begun =
    sizeBytes < 100 ? '' : '<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>';
  const done = '<CompleteMultipartUploadResult></CompleteMultipartUploadResult>';
  s3 = await scriptS3([say(begun), say(''), say(''), say(done)]);
  const entry: PresentEntry = {
    key: keyFromText('k'),
    state: 'present',
    fingerprint: 'f',
    attributes: { type: 'object', expires },
    sha256: '',
    sizeBytes,
    extents: [],
  };
  expect(
    await s3Source(s3.client, { scheme: 's3', bucket: 'bucket', prefix: '' }).write(entry, pieces(content)),
  ).toEqual([]);
  expect(s3.requests[0]?.headers.expires).toBe(expires);
  expect(s3.requests[0]?.headers.authorization).toMatch(/SignedHeaders=[^,]*\bexpires\b/);
});
