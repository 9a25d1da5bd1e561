/** Zips as Lambda gives them: under an address that is good for ten minutes (Lambda API reference, GetFunction), outside of Lambda's own API. */
import { createHash } from 'node:crypto';
import { setTimeout as after } from 'node:timers/promises';
import { translateAwsError } from '../../core/aws-errors.ts';
import { BackupError, messageOf, TransientError } from '../../core/errors.ts';

/** A zip that is expected. */
export interface ExpectedZip {
  /** SHA-256, base64. */
  readonly sha256: string;
  readonly sizeBytes: number;
  /** For messages. */
  readonly name: string;
  /** A fresh address. */
  readonly locate: () => Promise<string>;
  /** The error of bytes that are not those that were expected; `how` says in what they differ. */
  readonly mismatch: (how: string) => Promise<unknown>;
}

export type Sleep = (millis: number) => Promise<unknown>;

const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 200;
/** To the first byte, and then from piece to piece. */
const SILENCE_MS = 60_000;

/**
 * The bytes of a zip, once. A connection that breaks is resumed where it broke. Ends normally only when the bytes are those that were expected.
 * @throws TransientError when connections keep breaking; what `mismatch` gives.
 */
export async function* downloadZip(zip: ExpectedZip, sleep: Sleep = after): AsyncGenerator<Uint8Array, void> {
  const hash = createHash('sha256');
  let readBytes = 0;
  let fruitless = 0;
  for (;;) {
    const before = readBytes;
    let broken: unknown;
    try {
      for await (const bytes of requestFrom(await zip.locate(), readBytes)) {
        readBytes += bytes.byteLength;
        if (readBytes > zip.sizeBytes)
          throw await zip.mismatch(`it has more than the ${zip.sizeBytes} bytes that Lambda told`);
        hash.update(bytes);
        yield bytes;
      }
      if (readBytes === zip.sizeBytes) break;
      throw await zip.mismatch(`it has ${readBytes} bytes where Lambda told ${zip.sizeBytes}`);
    } catch (error) {
      if (!(error instanceof BrokenConnection)) throw error;
      broken = error.cause;
    }
    fruitless = readBytes > before ? 1 : fruitless + 1;
    if (fruitless > ATTEMPTS) throw brokenOff(zip, readBytes, broken);
    await sleep(FIRST_PAUSE_MS * 2 ** (fruitless - 1));
  }
  if (hash.digest('base64') !== zip.sha256)
    throw await zip.mismatch('its bytes do not have the SHA-256 that Lambda told');
}

/** The connection broke, or the store asked to come again. */
class BrokenConnection extends Error {}

async function* requestFrom(url: string, offset: number): AsyncGenerator<Uint8Array, void> {
  const silence = new AbortController();
  const listen = () => setTimeout(() => silence.abort(new BrokenConnection('silent')), SILENCE_MS);
  let timer = listen();
  try {
    const headers = offset === 0 ? undefined : { range: `bytes=${offset}-` };
    const response = await fetch(url, { signal: silence.signal, ...(headers === undefined ? {} : { headers }) });
    if (!response.ok) throw await refusal(response);
    // Whoever knows no ranges sends all of it again.
    let skip = response.status === 206 ? 0 : offset;
    for await (const piece of response.body ?? []) {
      const bytes = piece.subarray(Math.min(skip, piece.byteLength));
      skip -= piece.byteLength - bytes.byteLength;
      // Whoever takes the bytes may take long with them.
      clearTimeout(timer);
      if (bytes.byteLength > 0) yield bytes;
      timer = listen();
    }
  } catch (error) {
    // What `fetch` throws for a connection is a TypeError or the abort's reason; what is known is its own.
    if (error instanceof BackupError) throw error;
    throw new BrokenConnection(messageOf(error), { cause: causeOf(error) });
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

/** An answer that is no zip. The address may have expired, and another attempt gets a fresh one. */
async function refusal(response: Response): Promise<unknown> {
  await response.body?.cancel();
  const error = Object.assign(new Error(`it answered ${response.status}`), {
    $metadata: { httpStatusCode: response.status },
  });
  return new BrokenConnection(error.message, { cause: error });
}

/** `fetch` wraps what happened, which carries the code, in an error without one. */
function causeOf(error: unknown): unknown {
  if (error instanceof BrokenConnection) return error.cause ?? new Error('nothing came for a minute');
  return error instanceof TypeError && error.cause !== undefined ? error.cause : error;
}

function brokenOff(zip: ExpectedZip, readBytes: number, cause: unknown): unknown {
  const what = `${zip.name}: downloading from byte ${readBytes} of ${zip.sizeBytes}`;
  const known = translateAwsError(cause, what);
  if (known instanceof BackupError) return known;
  return new TransientError(`${what} broke off ${ATTEMPTS} times; try again later`, { cause });
}
