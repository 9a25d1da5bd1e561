/** Keys as a person types them: UTF-8 text, with the escapes that `displayKey` prints, so that output can be pasted back. */
import { type EntryKey, keyFromBytes } from '../core/entry.ts';

/** `\xNN` is one byte and `\\` a backslash; any other backslash stands for itself. */
export function keyFromTyped(text: string): EntryKey {
  const parts: Buffer[] = [];
  for (const match of text.matchAll(/\\x([0-9a-fA-F]{2})|\\\\|\\|[^\\]+/g)) {
    const [part, byte] = match;
    if (byte !== undefined) parts.push(Buffer.from(byte, 'hex'));
    else parts.push(Buffer.from(part === '\\\\' ? '\\' : part, 'utf8'));
  }
  return keyFromBytes(Buffer.concat(parts));
}
