/** Work on whole chunks on the threads of Node's pool, beside the caller. The bytes must not change meanwhile. */
import { constants, createZstdCompress } from 'node:zlib';
import { type Body, chooseBody, zstdOptions } from '../core/seal.ts';

/**
 * As `compress` does it. Not by `zlib.zstdCompress`, which hands the bytes over before it says that they are all: zstd then
 * copies them and takes half as long again.
 */
export function compressInBackground(plain: Uint8Array): Promise<Body> {
  return new Promise((resolve, reject) => {
    const engine = createZstdCompress({ ...zstdOptions(plain.length), flush: constants.ZSTD_e_end });
    const parts: Buffer[] = [];
    engine.on('data', (part: Buffer) => parts.push(part));
    engine.once('error', reject);
    engine.write(plain, () => {
      engine.read(); // Whatever has come out and was not handed over yet.
      // It is never ended, which would add an empty frame.
      engine.destroy();
      const [whole = Buffer.alloc(0), ...more] = parts;
      resolve(chooseBody(plain, more.length === 0 ? whole : Buffer.concat(parts)));
    });
  });
}
