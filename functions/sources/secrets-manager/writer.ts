/** Writes entries back into `secretsmanager://prefix`. */
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  RestoreSecretCommand,
  type SecretsManagerClient,
  UpdateSecretCommand,
} from '@aws-sdk/client-secrets-manager';
import { type Attributes, type EntryKey, type PresentEntry, quoteKey } from '../../core/entry.ts';
import { ConflictError, InvalidInputError } from '../../core/errors.ts';
import type { SourceWriter } from '../../core/ports.ts';
import { formatUri, type SecretsManagerUri } from '../../core/uri.ts';
import { attributesDiffer, findName, planTags, present, unknownAttributes } from '../config-attributes.ts';
import { readText } from '../config-content.ts';
import { isKeyRefusal, nameOf, sendWithheld, translateRefusal } from '../withheld-words.ts';
import { type SecretAttributes, secretAttributesSchema } from './attributes.ts';
import { CURRENT, formatVersions, parseVersions, type SecretVersion, valueInput } from './content.ts';
import { describeSecret, readSecret } from './read.ts';
import { writeSettings } from './settings.ts';
import { writeVersions } from './values.ts';

/** A whole name; services that manage secrets of their own put a `!` into theirs. */
export const SECRET_NAME = /^[A-Za-z0-9/_+=.@!-]{1,512}$/;

/** Each secret takes several requests, of APIs that allow 50 a second. */
const WRITERS = 4;

/**
 * Readers never meet a half state: a new secret comes with its current value, and one that is there keeps its own until all others are in place. What is
 * equal already is not written again. A KMS key that cannot be used fails the secret: another key would give the value to others than those who were
 * to read it.
 */
export function secretsManagerWriter(
  client: SecretsManagerClient,
  uri: SecretsManagerUri,
  written: Set<string>,
): SourceWriter {
  return {
    uri: formatUri(uri),
    writers: WRITERS,
    write: async (entry, content) => {
      const job = await readJob(uri, entry, content);
      try {
        const notHeld = await writeSecret(client, job);
        written.add(job.name);
        return [...new Set([...unknownAttributes(entry.attributes, secretAttributesSchema.shape), ...notHeld])];
      } catch (error) {
        if (/^Resource(NotFound|Exists)Exception$/.test(nameOf(error))) throw conflict(job.name, error);
        if (isKeyRefusal(error)) throw keyRefused(job, error);
        throw translateRefusal(error, `secret ${job.name}: writing`);
      }
    },
    remove: async (key) => {
      const name = findName(uri.prefix, key, SECRET_NAME);
      if (name === undefined) return;
      await remove(client, name);
      written.delete(name);
    },
    finish: async () => undefined,
    applySettings: async () => [],
  };
}

interface SecretToWrite {
  readonly name: string;
  readonly wanted: SecretAttributes;
  /** What of the entry's attributes can be there: known, and not that another service manages it. */
  readonly holdable: Attributes;
  readonly versions: readonly SecretVersion[];
}

async function readJob(
  uri: SecretsManagerUri,
  { key, attributes }: PresentEntry,
  content: AsyncIterable<Uint8Array>,
): Promise<SecretToWrite> {
  const parsed = secretAttributesSchema.safeParse(attributes);
  if (!parsed.success)
    throw new InvalidInputError(`${quoteKey(key)}: is no secret; restore it to a place of its own kind`);
  const name = nameFor(uri, key);
  const versions = parseVersions(await readText(content, `secret ${name}`), `secret ${name}`);
  const unholdable = new Set([...unknownAttributes(attributes, secretAttributesSchema.shape), 'owningService']);
  const holdable = Object.fromEntries(Object.entries(attributes).filter(([attribute]) => !unholdable.has(attribute)));
  return { name, wanted: parsed.data, holdable, versions };
}

function nameFor(uri: SecretsManagerUri, key: EntryKey): string {
  const name = findName(uri.prefix, key, SECRET_NAME);
  if (name !== undefined) return name;
  throw new InvalidInputError(
    `${quoteKey(key)}: Secrets Manager has no such names; below ${formatUri(uri)} they are letters, digits and / _ + = . @ -`,
  );
}

async function writeSecret(client: SecretsManagerClient, job: SecretToWrite): Promise<readonly string[]> {
  const { name, wanted, versions } = job;
  let found = await readSecret(client, name, { unreadableKeys: 'skip' });
  if (found.state === 'deleted') {
    await sendWithheld(() => client.send(new RestoreSecretCommand({ SecretId: name })));
    found = await readSecret(client, name, { unreadableKeys: 'skip' });
  }
  switch (found.state) {
    case 'absent':
      return create(client, job);
    case 'replica':
      throw new InvalidInputError(
        `secret ${name}: is a replica of the secret in ${found.primaryRegion}; restore it there`,
      );
    case 'there': {
      const { secret } = found;
      const service = secret.attributes.owningService;
      if (service !== undefined)
        throw new InvalidInputError(`secret ${name}: is managed by ${String(service)}; change it there`);
      if (versions.length === 0 && Object.keys(secret.stages).length > 0)
        throw new InvalidInputError(`secret ${name}: has a value where it had none; remove it, then restore it again`);
      const notHeld = wanted.owningService === undefined ? [] : ['owningService'];
      const isSame = formatVersions(secret.versions) === formatVersions(versions);
      if (isSame && attributesDiffer(job.holdable, secret.attributes) === undefined) return notHeld;
      const current = secretAttributesSchema.parse(secret.attributes);
      await updateSecret(client, job, current);
      if (!isSame) notHeld.push(...(await writeVersions(client, name, versions, secret.versions)));
      return [...notHeld, ...(await writeSettings(client, name, wanted, current))];
    }
    case 'deleted':
    case 'changed':
      throw conflict(name);
  }
}

async function create(client: SecretsManagerClient, job: SecretToWrite): Promise<readonly string[]> {
  const { name, wanted, versions } = job;
  const current = versions.find(({ stages }) => stages.includes(CURRENT));
  const tags = planTags(wanted.tags).add;
  await sendWithheld(() =>
    client.send(
      new CreateSecretCommand({
        Name: name,
        Description: wanted.description,
        KmsKeyId: wanted.kmsKeyId,
        Type: wanted.externalType,
        ...(tags.length === 0 ? {} : { Tags: [...tags] }),
        ...(current === undefined ? {} : { ClientRequestToken: current.versionId, ...valueInput(current) }),
      }),
    ),
  );
  const made: SecretAttributes = { type: 'secret', tags: tags.map(({ Key, Value }) => [Key, Value] as const) };
  const isWhole = versions.length === 0 || (versions.length === 1 && current?.stages.length === 1);
  return [
    ...(wanted.owningService === undefined ? [] : ['owningService']),
    ...(isWhole || current === undefined ? [] : await writeVersions(client, name, versions, [current])),
    ...(await writeSettings(client, name, wanted, made)),
  ];
}

/** Description and key, before any value: new values are then under the right key. */
async function updateSecret(client: SecretsManagerClient, job: SecretToWrite, found: SecretAttributes): Promise<void> {
  const { name, wanted } = job;
  const changed = present({
    // Empty: none, and the default key.
    Description: wanted.description === found.description ? undefined : (wanted.description ?? ''),
    KmsKeyId: wanted.kmsKeyId === found.kmsKeyId ? undefined : (wanted.kmsKeyId ?? ''),
    Type: wanted.externalType === found.externalType ? undefined : wanted.externalType,
  });
  if (Object.keys(changed).length === 0) return;
  await sendWithheld(() => client.send(new UpdateSecretCommand({ SecretId: name, ...changed })));
}

function keyRefused({ name, wanted }: SecretToWrite, cause: unknown): InvalidInputError {
  return new InvalidInputError(
    `secret ${name}: not restored, since its KMS key ${wanted.kmsKeyId ?? 'aws/secretsmanager'} cannot be used here (${nameOf(cause)}) and another would protect it less; make a key of that id or alias, or grant kms:GenerateDataKey and kms:Decrypt on it`,
    { cause },
  );
}

/** With the default time to think again, 30 days. */
async function remove(client: SecretsManagerClient, name: string): Promise<void> {
  try {
    const described = await describeSecret(client, name);
    if (described === undefined || described.DeletedDate !== undefined) return;
    if (described.OwningService)
      throw new InvalidInputError(`secret ${name}: is managed by ${described.OwningService}; remove it there`);
    const regions = (described.ReplicationStatus ?? []).map(({ Region }) => Region).join(', ');
    if (regions !== '')
      throw new InvalidInputError(
        `secret ${name}: has replicas in ${regions}, which would be gone beyond recall; remove them, then restore again`,
      );
    await sendWithheld(() => client.send(new DeleteSecretCommand({ SecretId: name })));
  } catch (error) {
    if (nameOf(error) === 'ResourceNotFoundException') return;
    throw translateRefusal(error, `secret ${name}: removing`);
  }
}

function conflict(name: string, cause?: unknown): ConflictError {
  return new ConflictError(`secret ${name}: somebody else changed it while it was written; restore it again`, {
    cause,
  });
}
