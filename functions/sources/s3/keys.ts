/** Entry keys and object keys of `s3://bucket/prefix`: an object's key is the prefix and the entry's key, joined literally. */
import { displayKey, type EntryKey, findKeyText, keyFromText, quoteKey } from '../../core/entry.ts';
import { IntegrityError, InvalidInputError } from '../../core/errors.ts';
import { formatUri, type S3Uri } from '../../core/uri.ts';

// S3 user guide, "Naming Amazon S3 objects": at most 1,024 bytes of UTF-8.
const MAX_KEY_BYTES = 1024;

/** One object in messages: `s3://bucket/prefixkey`, control characters made visible. */
export function displayObject(uri: S3Uri, key: EntryKey): string {
  return `${formatUri({ ...uri, prefix: '' })}${displayKey(keyFromText(uri.prefix))}${displayKey(key)}`;
}

/** The object's key. @throws InvalidInputError when S3 cannot hold an object under it. */
export function objectKeyOf(uri: S3Uri, key: EntryKey): string {
  const text = findKeyText(key);
  if (text === undefined)
    throw new InvalidInputError(`${quoteKey(key)}: S3 holds keys of UTF-8 only; rename it, then back it up again`);
  const objectKey = uri.prefix + text;
  const sizeBytes = Buffer.byteLength(objectKey);
  if (sizeBytes > MAX_KEY_BYTES)
    throw new InvalidInputError(
      `${quoteKey(key)}: under ${formatUri(uri)} its key has ${sizeBytes} bytes, S3 takes ${MAX_KEY_BYTES}; restore to a shorter prefix`,
    );
  if (objectKey === '')
    throw new InvalidInputError(`${formatUri(uri)}: S3 holds no object with an empty key; restore to a prefix`);
  return objectKey;
}

/** The entry's key of an object that was listed under the source's prefix. @throws IntegrityError when it does not stand there. */
export function entryKeyOf(uri: S3Uri, objectKey: string): EntryKey {
  if (!objectKey.startsWith(uri.prefix))
    throw new IntegrityError(
      `${formatUri(uri)}: the listing holds "${displayKey(keyFromText(objectKey))}", which does not start with the prefix`,
    );
  return keyFromText(objectKey.slice(uri.prefix.length));
}
