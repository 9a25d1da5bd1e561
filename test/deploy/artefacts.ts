/** Reading packages as Lambda does: the files of a zip, by its central directory, and the handler that they hold. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { z } from 'zod';

const END_OF_DIRECTORY = 0x06054b50;
const STORED = 0;

/** Every file of a zip by its name. APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16; no archive comment, no zip64. */
export function filesOfZip(path: string): ReadonlyMap<string, Buffer> {
  const zip = readFileSync(path);
  const end = zip.length - 22;
  if (zip.readUInt32LE(end) !== END_OF_DIRECTORY) throw new Error(`${path} does not end as a zip without comment`);
  const files = new Map<string, Buffer>();
  let at = zip.readUInt32LE(end + 16);
  for (let entry = zip.readUInt16LE(end + 10); entry > 0; entry -= 1) {
    const method = zip.readUInt16LE(at + 10);
    const packedBytes = zip.readUInt32LE(at + 20);
    const nameBytes = zip.readUInt16LE(at + 28);
    const skipped = zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
    const local = zip.readUInt32LE(at + 42);
    const name = zip.toString('utf8', at + 46, at + 46 + nameBytes);
    const data = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    const packed = zip.subarray(data, data + packedBytes);
    files.set(name, method === STORED ? Buffer.from(packed) : inflateRawSync(packed));
    at += 46 + nameBytes + skipped;
  }
  return files;
}

/**
 * Unpacks each function's zip into an empty place of its own and calls its handler there with `{}`, in a process without credentials.
 * Returns, by function, the name of the error with which it answered.
 */
export function callUnpacked(folder: string, names: readonly string[]): Readonly<Record<string, string>> {
  const place = mkdtempSync(join(tmpdir(), 'holdfast-lambda-'));
  try {
    for (const name of names) {
      mkdirSync(join(place, name));
      for (const [file, bytes] of filesOfZip(join(folder, `${name}.zip`)))
        writeFileSync(join(place, name, file), bytes);
    }
    writeFileSync(
      join(place, 'call.mjs'),
      `import { writeFileSync } from 'node:fs';
      const answers = {};
      for (const name of ${JSON.stringify(names)}) {
        const { handler } = await import('./' + name + '/index.mjs');
        const context = { functionName: name, awsRequestId: 'r', getRemainingTimeInMillis: () => 60000 };
        answers[name] = await handler({}, context).then(() => 'no error', (error) => error.name);
      }
      writeFileSync('answers.json', JSON.stringify(answers));`,
    );
    execFileSync(process.execPath, ['call.mjs'], { cwd: place, env: { AWS_REGION: 'eu-west-1' }, stdio: 'pipe' });
    return z.record(z.string(), z.string()).parse(JSON.parse(readFileSync(join(place, 'answers.json'), 'utf8')));
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}
