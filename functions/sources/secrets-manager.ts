/**
 * The source `secretsmanager://prefix`. Entries are the secrets whose names begin with the prefix, literally, keyed by what follows it; their content is
 * every version that has a staging label. Secrets that are scheduled for deletion are not there.
 *
 * ListSecrets may lag some minutes behind (Secrets Manager API reference, ListSecrets): a secret that is newer may be in the next snapshot only. What was
 * written here is listed at once.
 */
import { DeleteSecretCommand, paginateListSecrets, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { KeyRange, ListedEntry } from '../core/entry.ts';
import { IntegrityError, InvalidInputError } from '../core/errors.ts';
import type { ListedTarget, OpenedEntry, SourceReader } from '../core/ports.ts';
import { formatUri, type SecretsManagerUri } from '../core/uri.ts';
import { attributesDiffer, findName, listNames } from './config-attributes.ts';
import { CHANGING, MAX_ATTEMPTS } from './config-content.ts';
import { formatVersions } from './secrets-manager/content.ts';
import { readSecret, type SecretFound } from './secrets-manager/read.ts';
import { SECRET_NAME, secretsManagerWriter } from './secrets-manager/writer.ts';
import { nameOf, refusedEntry, sendWithheld, translateWithheld } from './withheld-words.ts';

/** Reads the secrets under a URI, and writes them back. Throttles are retried as the client is set up to. */
export function secretsManagerSource(client: SecretsManagerClient, uri: SecretsManagerUri): ListedTarget {
  const written = new Set<string>();
  return { ...secretsManagerReader(client, uri, written), ...secretsManagerWriter(client, uri, written) };
}

/**
 * Deletes a secret of a sandbox at once, beyond recall; absent is success.
 * @throws InvalidInputError for a name that does not begin with `holdfast-sandbox/`.
 */
export async function deleteSecretNow(client: SecretsManagerClient, name: string): Promise<void> {
  if (!name.startsWith('holdfast-sandbox/'))
    throw new InvalidInputError(`secret ${name}: is not of a sandbox, so that it is not deleted beyond recall`);
  try {
    await sendWithheld(() =>
      client.send(new DeleteSecretCommand({ SecretId: name, ForceDeleteWithoutRecovery: true })),
    );
  } catch (error) {
    if (nameOf(error) === 'ResourceNotFoundException') return;
    throw translateWithheld(error, `secret ${name}: deleting`);
  }
}

function secretsManagerReader(
  client: SecretsManagerClient,
  uri: SecretsManagerUri,
  written: ReadonlySet<string>,
): SourceReader {
  return {
    uri: formatUri(uri),
    list: (range) => list(client, uri, range, written),
    open: (listed) => open(client, uri, listed),
    settings: async () => ({ settings: {}, notCaptured: [] }),
    attributesDiffer,
  };
}

/** Sorted in memory: an account has 500,000 secrets in a region at most (Secrets Manager quotas). */
async function* list(
  client: SecretsManagerClient,
  uri: SecretsManagerUri,
  range: KeyRange,
  written: ReadonlySet<string>,
): AsyncGenerator<readonly ListedEntry[]> {
  try {
    yield await sendWithheld(() => listNames(readNames(client, uri, written), uri.prefix, range));
  } catch (error) {
    throw translateWithheld(error, `${formatUri(uri)}: listing`);
  }
}

async function* readNames(
  client: SecretsManagerClient,
  uri: SecretsManagerUri,
  written: ReadonlySet<string>,
): AsyncGenerator<string> {
  const filter = uri.prefix === '' ? {} : { Filters: [{ Key: 'name' as const, Values: [uri.prefix] }] };
  for await (const { SecretList } of paginateListSecrets({ client, pageSize: 100 }, filter)) {
    if (SecretList === undefined)
      throw new IntegrityError(`${formatUri(uri)}: Secrets Manager answered without a list; run again`);
    for (const { Name } of SecretList) if (Name !== undefined) yield Name;
  }
  yield* written;
}

async function open(client: SecretsManagerClient, uri: SecretsManagerUri, { key }: ListedEntry): Promise<OpenedEntry> {
  const name = findName(uri.prefix, key, SECRET_NAME);
  if (name === undefined) return { state: 'gone' };
  try {
    let found: SecretFound = { state: 'changed' };
    for (let attempt = 0; attempt < MAX_ATTEMPTS && found.state === 'changed'; attempt += 1)
      found = await readSecret(client, name, { unreadableKeys: 'throw' });
    return opened(found);
  } catch (error) {
    return refusedEntry(error, `secret ${name}`);
  }
}

function opened(found: SecretFound): OpenedEntry {
  switch (found.state) {
    case 'absent':
    case 'deleted':
      return { state: 'gone' };
    case 'replica':
      return {
        state: 'unprotected',
        reason: `it is a replica of the secret in ${found.primaryRegion}; back it up there`,
      };
    case 'changed':
      return { state: 'unprotected', reason: CHANGING };
    case 'there': {
      const { attributes, fingerprint, versions } = found.secret;
      const bytes = Buffer.from(formatVersions(versions));
      return { state: 'open', fingerprint, sizeBytes: bytes.length, attributes, content: bytes };
    }
  }
}
