import { type EntryKey, findKeyText, quoteKey } from '../../core/entry.ts';
import { InvalidInputError } from '../../core/errors.ts';
import { formatUri, type LambdaUri } from '../../core/uri.ts';

// Lambda API reference, CreateFunction.
const NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** The function's name of a key. @throws InvalidInputError when no function can have it. */
export function functionNameOf(uri: LambdaUri, key: EntryKey): string {
  const rest = findKeyText(key);
  if (!uri.all && rest !== '')
    throw new InvalidInputError(
      `${formatUri(uri)}: it is one function, and cannot hold ${quoteKey(key)}; restore to ${formatUri({ ...uri, all: true })}`,
    );
  const name = `${uri.name}${rest ?? '\0'}`;
  if (NAME.test(name)) return name;
  throw new InvalidInputError(
    `${formatUri(uri)}: no function can have the name ${uri.name} followed by ${quoteKey(key)}; a name is 1 to 64 letters, digits, - and _`,
  );
}
