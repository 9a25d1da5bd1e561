/** Contents of parameters and secrets: small, and on their way back read to their end, which proves them, before anything is written. */
import { InvalidInputError } from '../core/errors.ts';

/** The text of a content. @throws InvalidInputError when it is none; what `content` throws passes through. */
export async function readText(content: AsyncIterable<Uint8Array>, what: string): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of content) parts.push(part);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(parts));
  } catch {
    throw new InvalidInputError(`${what}: its content is no text (UTF-8); restore it to a directory to look at it`);
  }
}

/** How often an entry is read anew when it changes in between, before it is named. */
export const MAX_ATTEMPTS = 4;
export const CHANGING = `it changed each of the ${MAX_ATTEMPTS} times that it was read; run again when it rests`;
